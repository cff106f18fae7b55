// Package api is the image service's wire room: one file per family of operations, wire types beside them.
package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"hypernova/glance"
	"hypernova/glance/images"
	"hypernova/glance/metadefs"
	"hypernova/glance/properties"
	"hypernova/glance/tasks"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// API answers the image service's operations with the verbs.
type API struct {
	Images   *images.Service
	Metadefs *metadefs.Service
	Tasks    *tasks.Service

	Protected *properties.Rules // nil: no free property is protected
}

const (
	maxLimit     = 1000
	defaultLimit = 25
)

// Handler assembles the HTTP API. Of c it needs Validator, Policy, Endpoint, Log and metrics; the rest is the image service's own.
func Handler(c api.Config, a API) http.Handler {
	c.Name, c.Base, c.Dialect, c.Links, c.StrictSlash = "glance", "/v2", api.Glance, api.LinksGlance, true
	c.MaxLimit, c.DefaultLimit = maxLimit, defaultLimit
	vs := versions(c.Endpoint)
	c.Root = vs
	h := api.New(c, &a, Resources()...)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.TrimSuffix(r.URL.Path, "/") == "/versions" {
			vs.ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// Resources are all of the image service's declared operations.
func Resources() []api.Resource[*API] {
	return []api.Resource[*API]{imageOps, dataOps, memberOps, infoOps, schemaOps, taskOps, namespaceOps, contentOps, definedTagOps, metadefSchemaOps}
}

// imageView is an image as clients see it; its free properties stand beside the named members.
type imageView struct {
	ID              string            `wire:"id"`
	Name            *string           `wire:"name"`
	Status          string            `wire:"status"`
	Visibility      string            `wire:"visibility"`
	Protected       bool              `wire:"protected"`
	Hidden          bool              `wire:"os_hidden"`
	Checksum        *string           `wire:"checksum"`
	HashAlgo        *string           `wire:"os_hash_algo"`
	HashValue       *string           `wire:"os_hash_value"`
	Owner           *string           `wire:"owner"`
	Size            *int64            `wire:"size"`
	VirtualSize     *int64            `wire:"virtual_size"`
	ContainerFormat *string           `wire:"container_format"`
	DiskFormat      *string           `wire:"disk_format"`
	Created         time.Time         `wire:"created_at"`
	Updated         time.Time         `wire:"updated_at"`
	Tags            []string          `wire:"tags"`
	MinRAM          int64             `wire:"min_ram"`
	MinDisk         int64             `wire:"min_disk"`
	Self            string            `wire:"self"`
	File            string            `wire:"file"`
	Schema          string            `wire:"schema"`
	Stores          string            `wire:"stores" omit:"empty"`
	Properties      map[string]string `wire:"*"`
}

// view shows an image with those of its free properties that the caller may know of.
func (a *API) view(r *api.Request, i images.Image) imageView {
	path := "/v2/images/" + i.ID
	v := imageView{ID: i.ID, Name: text(i.Name), Status: i.Status, Visibility: i.Visibility, Protected: i.Protected, Hidden: i.Hidden,
		Checksum: text(i.Checksum), HashAlgo: text(i.HashAlgo), HashValue: text(i.HashValue), Owner: text(i.Owner), Size: number(i.Size),
		VirtualSize: number(i.VirtualSize), ContainerFormat: text(i.ContainerFormat), DiskFormat: text(i.DiskFormat), Created: i.Created,
		Updated: i.Updated, Tags: i.Tags, MinRAM: i.MinRAM, MinDisk: i.MinDisk, Self: path, File: path + "/file", Schema: "/v2/schemas/image",
		Stores: i.Store, Properties: a.Protected.Visible(i.Properties, r.Caller)}
	if v.Tags == nil {
		v.Tags = []string{}
	}
	return v
}

// text shows what an image does not have as null.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func number(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}

func (a *API) load(ctx context.Context, r *api.Request) (images.Image, error) {
	return a.Images.Get(ctx, r.Param("image_id"))
}

// diskFormats and containerFormats are those that clients may name.
var (
	diskFormats      = []string{"ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop"}
	containerFormats = []string{"ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed"}
)

// Members that clients may not set. A name that starts with reservedSpace is the service's own.
var (
	computed = []string{"direct_url", "self", "file", "schema", "stores"}
	readOnly = []string{"created_at", "updated_at", "status", "checksum", "size", "virtual_size", "direct_url", "self", "file", "schema", "id",
		"os_hash_algo", "os_hash_value"}
	reserved = []string{"location", "deleted", "deleted_at"}
)

const reservedSpace = "os_glance"

// attribute sets one named member of an image from JSON; ok is false where the name is not an attribute but a free property.
func attribute(i *glance.Image, name string, value json.RawMessage) (ok bool, err error) {
	switch name {
	case "name":
		err = readText(name, value, 255, &i.Name)
	case "owner":
		err = readText(name, value, 255, &i.Owner)
	case "visibility":
		err = readEnum(name, value, []string{glance.Community, glance.Public, glance.Private, glance.Shared}, false, &i.Visibility)
	case "disk_format":
		err = readEnum(name, value, diskFormats, true, &i.DiskFormat)
	case "container_format":
		err = readEnum(name, value, containerFormats, true, &i.ContainerFormat)
	case "min_disk":
		err = read(name, "an integer", value, &i.MinDisk)
	case "min_ram":
		err = read(name, "an integer", value, &i.MinRAM)
	case "protected":
		err = read(name, "a boolean", value, &i.Protected)
	case "os_hidden":
		err = read(name, "a boolean", value, &i.Hidden)
	case "tags":
		err = readTags(value, &i.Tags)
	default:
		return false, nil
	}
	return true, err
}

func wrong(name, want string) error {
	return fault.Invalidf("Provided object does not match schema 'image': %s must be %s.", name, want)
}

func read[T any](name, want string, value json.RawMessage, into *T) error {
	if string(value) == "null" || json.Unmarshal(value, into) != nil {
		return wrong(name, want)
	}
	return nil
}

// readText takes null as none.
func readText(name string, value json.RawMessage, most int, into *string) error {
	if string(value) == "null" {
		*into = ""
		return nil
	}
	var s string
	if err := read(name, "a string or null", value, &s); err != nil {
		return err
	}
	if len([]rune(s)) > most || strings.ContainsRune(s, 0) {
		return fault.Invalidf("Provided object does not match schema 'image': %s is too long, at most %d characters are allowed.", name, most)
	}
	*into = s
	return nil
}

func readEnum(name string, value json.RawMessage, known []string, null bool, into *string) error {
	if null && string(value) == "null" {
		*into = ""
		return nil
	}
	var s string
	if err := read(name, "a string", value, &s); err != nil {
		return err
	}
	for _, k := range known {
		if k == s {
			*into = s
			return nil
		}
	}
	return wrong(name, "one of "+strings.Join(known, ", "))
}

func readTags(value json.RawMessage, into *[]string) error {
	var tags []string
	if err := read("tags", "a list of strings", value, &tags); err != nil {
		return err
	}
	for _, t := range tags {
		if err := checkTag(t); err != nil {
			return err
		}
	}
	*into = tags
	return nil
}

func checkTag(t string) error {
	if len([]rune(t)) > 255 || strings.ContainsRune(t, 0) {
		return fault.Invalidf("A tag has at most 255 characters.")
	}
	return nil
}

// property sets a free property, which is a text.
func property(i *glance.Image, name string, value json.RawMessage) error {
	var s string
	if err := read(name, "a string", value, &s); err != nil {
		return err
	}
	if err := propertyName(name); err != nil {
		return err
	}
	if strings.ContainsRune(s, 0) || len(s) > 65535 {
		return wrong(name, "a text of at most 65535 bytes")
	}
	if i.Properties == nil {
		i.Properties = map[string]string{}
	}
	i.Properties[name] = s
	return nil
}

func propertyName(name string) error {
	if name == "" || len([]rune(name)) > 255 || strings.ContainsRune(name, 0) {
		return fault.Invalidf("Custom property should not be greater than 255 characters.")
	}
	return nil
}
