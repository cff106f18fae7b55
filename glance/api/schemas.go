package api

import (
	"context"
	"net/http"

	"hypernova/oslo/api"
)

// schemasAPI is the resource of the schema documents.
type schemasAPI struct {
	Formats Formats
}

var schemaOps = api.Resource[*schemasAPI]{Name: "schema", Plural: "schemas", Ops: api.Ops[*schemasAPI]{
	api.Do("GET /schemas/image", nil, http.StatusOK, (*schemasAPI).image, api.Bare()),
	api.Do("GET /schemas/images", nil, http.StatusOK, (*schemasAPI).images, api.Bare()),
	api.Do("GET /schemas/member", nil, http.StatusOK, (*schemasAPI).member, api.Bare()),
	api.Do("GET /schemas/members", nil, http.StatusOK, (*schemasAPI).members, api.Bare()),
}}

// object is an object of a JSON Schema document.
type object = map[string]any

func prop(kind any, doc string, more ...any) object {
	o := object{"type": kind, "description": doc}
	for i := 0; i < len(more); i += 2 {
		o[more[i].(string)] = more[i+1]
	}
	return o
}

var nullText = []string{"null", "string"}

const uuidPattern = "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"

func orNull(values []string) []any {
	out := []any{nil}
	for _, v := range values {
		out = append(out, v)
	}
	return out
}

func imageSchema(f Formats) object {
	nullInt := []string{"null", "integer"}
	return object{"name": "image", "additionalProperties": object{"type": "string"},
		"links": []object{{"rel": "self", "href": "{self}"}, {"rel": "enclosure", "href": "{file}"},
			{"rel": "describedby", "href": "{schema}"}},
		"properties": object{
			"id":   prop("string", "The image's identifier", "pattern", uuidPattern),
			"name": prop(nullText, "A name for people", "maxLength", 255),
			"status": prop("string", "The image's state", "readOnly", true, "enum",
				[]string{"queued", "saving", "active", "killed", "deleted", "uploading", "importing", "pending_delete",
					"deactivated"}),
			"visibility": prop("string", "Who may use the image", "enum",
				[]string{"community", "public", "private", "shared"}),
			"protected":        prop("boolean", "Whether the image is kept from being deleted"),
			"os_hidden":        prop("boolean", "Whether lists leave the image out unless asked for hidden ones"),
			"checksum":         prop(nullText, "MD5 of the data", "readOnly", true, "maxLength", 32),
			"os_hash_algo":     prop(nullText, "How os_hash_value is computed", "readOnly", true, "maxLength", 64),
			"os_hash_value":    prop(nullText, "Hash of the data, in hexadecimal", "readOnly", true, "maxLength", 128),
			"owner":            prop(nullText, "The project that the image belongs to", "maxLength", 255),
			"size":             prop(nullInt, "Size of the data in bytes", "readOnly", true),
			"virtual_size":     prop(nullInt, "Size of the disk inside in bytes", "readOnly", true),
			"container_format": prop(nullText, "What the data is wrapped in", "enum", orNull(f.Container)),
			"disk_format":      prop(nullText, "The disk's format", "enum", orNull(f.Disk)),
			"created_at":       prop("string", "When the image was made", "readOnly", true),
			"updated_at":       prop("string", "When the image was changed last", "readOnly", true),
			"tags": prop("array", "Words that go with the image", "items",
				object{"type": "string", "maxLength": 255}),
			"direct_url": prop("string", "Where the data is outside of this API", "readOnly", true),
			"min_ram":    prop("integer", "Memory that a server needs, in MiB"),
			"min_disk":   prop("integer", "Disk that a server needs, in GiB"),
			"self":       prop("string", "The image's path", "readOnly", true),
			"file":       prop("string", "The path of its data", "readOnly", true),
			"stores":     prop("string", "The stores that hold the data", "readOnly", true),
			"schema":     prop("string", "The path of this schema", "readOnly", true),
			"locations": prop("array", "Places of the data outside of this API", "items",
				object{"type": "object", "required": []string{"url", "metadata"},
					"properties": object{"url": object{"type": "string", "maxLength": 255}, "metadata": object{"type": "object"},
						"validation_data": validationData()}}),

			"kernel_id": free([]string{"null", "string"}, "The image of the kernel to start with",
				"pattern", uuidPattern),
			"ramdisk_id": free([]string{"null", "string"}, "The image of the ramdisk to start with",
				"pattern", uuidPattern),
			"instance_uuid": free("string", "The server that the image is a snapshot of; a note"),
			"architecture":  free("string", "The processor architecture that the system inside needs"),
			"os_distro":     free("string", "The short name of the distribution inside"),
			"os_version":    free("string", "The version of the system inside"),
			"description":   free("string", "What the image is, for people"),
			"cinder_encryption_key_id": free("string",
				"The key that the image, made from an encrypted volume, is sealed with"),
			"cinder_encryption_key_deletion_policy": free("string", "Whether that key goes with the image", "enum",
				[]string{"on_image_deletion", "do_not_delete"}),
		}}
}

// free is the schema of a known additional property.
func free(kind any, doc string, more ...any) object {
	o := prop(kind, doc, more...)
	o["is_base"] = false
	return o
}

func validationData() object {
	return object{"description": "What the data at the place must be", "type": "object", "additionalProperties": false,
		"required": []string{"os_hash_algo", "os_hash_value"},
		"properties": object{"checksum": prop("string", "MD5 of the data", "minLength", 32, "maxLength", 32),
			"os_hash_algo":  prop("string", "How os_hash_value is computed", "maxLength", 64),
			"os_hash_value": prop("string", "Hash of the data, in hexadecimal", "maxLength", 128)}}
}

func memberSchema() object {
	return object{"name": "member", "properties": object{
		"member_id":  prop("string", "The project"),
		"image_id":   prop("string", "The image", "pattern", uuidPattern),
		"created_at": prop("string", "When the image was shared with the project"),
		"updated_at": prop("string", "When the project answered"),
		"status":     prop("string", "What the project answered", "enum", []string{"pending", "accepted", "rejected"}),
		"schema":     object{"readOnly": true, "type": "string"},
	}}
}

func collection(name string, item object, paged bool) object {
	o := object{"name": name, "links": []object{{"rel": "describedby", "href": "{schema}"}},
		"properties": object{name: object{"type": "array", "items": item}, "schema": object{"type": "string"}}}
	if paged {
		o["links"] = []object{{"rel": "first", "href": "{first}"}, {"rel": "next", "href": "{next}"},
			{"rel": "describedby", "href": "{schema}"}}
		p := o["properties"].(object)
		p["first"], p["next"] = object{"type": "string"}, object{"type": "string"}
	}
	return o
}

func (a *schemasAPI) image(context.Context, *api.Request, *api.None) (object, error) {
	return imageSchema(a.Formats), nil
}

func (a *schemasAPI) images(context.Context, *api.Request, *api.None) (object, error) {
	return collection("images", imageSchema(a.Formats), true), nil
}

func (a *schemasAPI) member(context.Context, *api.Request, *api.None) (object, error) {
	return memberSchema(), nil
}

func (a *schemasAPI) members(context.Context, *api.Request, *api.None) (object, error) {
	return collection("members", memberSchema(), false), nil
}
