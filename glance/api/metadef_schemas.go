package api

import (
	"context"
	"net/http"

	"hypernova/oslo/api"
)

var metadefSchemaOps = api.Bound{Name: "schema", Plural: "schemas", Ops: api.Ops[api.None]{
	document("metadefs/namespace", func() object { return namespaceSchema() }),
	document("metadefs/namespaces", func() object { return collectionOf("namespaces", namespaceSchema(), "array") }),
	document("metadefs/object", func() object { return objectSchema() }),
	document("metadefs/objects", func() object { return collectionOf("objects", objectSchema(), "array") }),
	document("metadefs/property", func() object { return propertySchema(true) }),
	document("metadefs/properties", func() object { return collectionOf("properties", propertySchema(false), "object") }),
	document("metadefs/tag", func() object { return tagSchema() }),
	document("metadefs/tags", func() object { return collectionOf("tags", tagSchema(), "array") }),
	document("metadefs/resource_type", func() object { return associationSchema() }),
	document("metadefs/resource_types", func() object {
		return collectionOf("resource_type_associations",
			associationSchema(), "array")
	}),
	document("task", func() object { return taskSchema(true) }),
	document("tasks", func() object { return collectionOf("tasks", taskSchema(false), "array") }),
}}

// document declares the operation of a schema document, which needs only a token.
func document(name string, of func() object) api.Op[api.None] {
	return api.Do("GET /schemas/"+name, nil, http.StatusOK, func(api.None, context.Context, *api.Request,
		*api.None) (object, error) {
		return of(), nil
	}, api.Bare())
}

// collectionOf returns the schema of a list with definitions at its top level.
func collectionOf(name string, item object, kind string) object {
	o := object{"name": name,
		"links": []object{{"rel": "first", "href": "{first}"}, {"rel": "next", "href": "{next}"},
			{"rel": "describedby", "href": "{schema}"}}}
	if d, ok := item["definitions"]; ok {
		o["definitions"] = d
		delete(item, "definitions")
	}
	list := object{"type": "array", "items": item}
	if kind == "object" {
		list = object{"type": "object", "additionalProperties": item}
	}
	text := object{"type": "string"}
	o["properties"] = object{name: list, "first": text, "next": text, "schema": text}
	return o
}

func computedSchema(what string, links bool) object {
	o := object{"created_at": prop("string", "When the "+what+" was made", "readOnly", true, "format", "date-time"),
		"updated_at": prop("string", "When the "+what+" was changed last", "readOnly", true, "format", "date-time")}
	if links {
		o["self"], o["schema"] = object{"readOnly": true, "type": "string"}, object{"readOnly": true, "type": "string"}
	}
	return o
}

func with(o object, more object) object {
	for k, v := range more {
		o[k] = v
	}
	return o
}

var kinds = []any{"array", "boolean", "integer", "number", "object", "string", nil}

func definitionMembers() object {
	text, texts, yes := object{"type": "string"}, object{"type": "array",
		"items": object{"type": "string"}}, object{"type": "boolean"}
	size, size0 := object{"$ref": "#/definitions/positiveInteger"}, object{"$ref": "#/definitions/positiveIntegerDefault0"}
	return object{"name": object{"type": "string", "maxLength": 80}, "title": text, "description": text,
		"operators": texts,
		"type":      object{"type": "string", "enum": kinds}, "required": object{"$ref": "#/definitions/stringArray"},
		"minimum": object{"type": "number"}, "maximum": object{"type": "number"}, "maxLength": size, "minLength": size0,
		"pattern": object{"type": "string", "format": "regex"}, "enum": object{"type": "array"}, "readonly": yes,
		"default": object{},
		"items": object{"type": "object", "properties": object{"type": object{"type": "string", "enum": kinds},
			"enum": object{"type": "array"}}},
		"maxItems": size, "minItems": size0, "uniqueItems": object{"type": "boolean", "default": false},
		"additionalItems": yes}
}

func definitions() object {
	return object{
		"positiveInteger":         object{"type": "integer", "minimum": 0},
		"positiveIntegerDefault0": object{"allOf": []object{{"$ref": "#/definitions/positiveInteger"}, {"default": 0}}},
		"stringArray":             object{"type": "array", "items": object{"type": "string"}, "uniqueItems": true},
		"property": object{"type": "object", "additionalProperties": object{"type": "object",
			"required":   []string{"title", "type"},
			"properties": definitionMembers()}},
	}
}

func namespaceSchema() object {
	one := func(ps object) object {
		return object{"type": "array", "items": object{"type": "object", "properties": ps}}
	}
	text := object{"type": "string"}
	return object{"name": "namespace", "required": []string{"namespace"}, "additionalProperties": false,
		"definitions": definitions(),
		"properties": with(computedSchema("namespace", true), object{
			"namespace":                  prop("string", "The namespace's name, which no other has", "maxLength", 80),
			"display_name":               prop("string", "A name for people", "maxLength", 80),
			"description":                prop("string", "What the namespace is for", "maxLength", 500),
			"visibility":                 prop("string", "Who may see the namespace", "enum", []string{"public", "private"}),
			"protected":                  prop("boolean", "Whether the namespace is kept from being deleted"),
			"owner":                      prop("string", "The project that the namespace belongs to", "maxLength", 255),
			"resource_type_associations": one(object{"name": text, "prefix": text, "properties_target": text}),
			"properties":                 object{"$ref": "#/definitions/property"},
			"objects": one(object{"name": text, "description": text, "required": object{"$ref": "#/definitions/stringArray"},
				"properties": object{"$ref": "#/definitions/property"}}),
			"tags": one(object{"name": text}),
		})}
}

func objectSchema() object {
	return object{"name": "object", "required": []string{"name"}, "additionalProperties": false,
		"definitions": definitions(),
		"properties": with(computedSchema("object", true), object{
			"name": object{"type": "string", "maxLength": 80}, "description": object{"type": "string"},
			"required": object{"$ref": "#/definitions/stringArray"}, "properties": object{"$ref": "#/definitions/property"}})}
}

// propertySchema returns the schema of a property with a name, or of one in a collection, where the key is the name.
func propertySchema(named bool) object {
	required := []string{"type", "title"}
	if named {
		required = append(required, "name")
	}
	d := definitions()
	delete(d, "property")
	d["stringArray"].(object)["minItems"] = 1
	return object{"name": "property", "required": required, "additionalProperties": false, "definitions": d,
		"properties": definitionMembers()}
}

func tagSchema() object {
	return object{"name": "tag", "required": []string{"name"}, "additionalProperties": false,
		"properties": with(computedSchema("tag", false), object{"name": object{"type": "string", "maxLength": 80}})}
}

func associationSchema() object {
	return object{"name": "resource_type_association", "required": []string{"name"}, "additionalProperties": false,
		"properties": with(computedSchema("association", false), object{
			"name": prop("string", "The type of resource, by the name that orchestration has for it", "maxLength",
				80),
			"prefix": prop("string",
				"What keys of the namespace begin with on this type of resource, with its separator", "maxLength", 80),
			"properties_target": prop("string",
				"Which of several sets of keys of the resource is meant, such as image or metadata", "maxLength", 80),
		})}
}

// taskSchema returns the schema of a task, or of a task in a list, which has fewer members.
func taskSchema(whole bool) object {
	ps := object{
		"id":         prop("string", "The task's identifier", "pattern", uuidPattern),
		"type":       prop("string", "What is done", "enum", []string{"import", "api_image_import", "location_import"}),
		"status":     prop("string", "How far it is", "enum", []string{"pending", "processing", "success", "failure"}),
		"owner":      prop("string", "The project that the task belongs to"),
		"image_id":   prop("string", "The image that it is done to"),
		"request_id": prop("string", "The request that began it"),
		"user_id":    prop("string", "The user who began it"),
		"expires_at": prop([]string{"null", "string"}, "When the task, having ended, is forgotten"),
		"created_at": prop("string", "When the task was made"),
		"updated_at": prop("string", "When the task was changed last"),
		"self":       object{"readOnly": true, "type": "string"},
		"schema":     object{"readOnly": true, "type": "string"},
	}
	if whole {
		ps["input"] = prop([]string{"null", "object"}, "What the task was told")
		ps["result"] = prop([]string{"null", "object"}, "What came of it")
		ps["message"] = prop("string", "What is being done, or why it failed")
	}
	return object{"name": "task", "additionalProperties": false, "properties": ps}
}
