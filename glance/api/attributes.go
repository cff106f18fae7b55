package api

import (
	"encoding/json"
	"regexp"
	"strings"

	"hypernova/glance"
	"hypernova/oslo/fault"
)

// Formats are the disk and container formats that clients may set; an empty list is the default.
type Formats struct{ Disk, Container []string }

func (f Formats) filled() Formats {
	if len(f.Disk) == 0 {
		f.Disk = []string{"ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop"}
	}
	if len(f.Container) == 0 {
		f.Container = []string{"ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed"}
	}
	return f
}

// Members that clients may not set. Names with the prefix reservedSpace are the service's own.
var (
	computed = []string{"direct_url", "self", "file", "schema", "stores"}
	readOnly = []string{"created_at", "updated_at", "status", "checksum", "size", "virtual_size", "direct_url", "self",
		"file", "schema", "id",
		"os_hash_algo", "os_hash_value"}
	reserved = []string{"location", "deleted", "deleted_at"}
)

const reservedSpace = "os_glance"

// attribute sets one named member of an image from JSON; ok is false if the name is an additional property.
func (f Formats) attribute(i *glance.Image, name string, value json.RawMessage) (ok bool, err error) {
	switch name {
	case "name":
		err = readText(name, value, 255, &i.Name)
	case "owner":
		err = readText(name, value, 255, &i.Owner)
	case "visibility":
		err = readEnum(name, value, []string{glance.Community, glance.Public, glance.Private, glance.Shared}, false,
			&i.Visibility)
	case "disk_format":
		err = readEnum(name, value, f.Disk, true, &i.DiskFormat)
	case "container_format":
		err = readEnum(name, value, f.Container, true, &i.ContainerFormat)
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

// readText reads a text or null, which is "".
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
	var each []json.RawMessage
	if err := read("tags", "a list of strings", value, &each); err != nil {
		return err
	}
	tags := make([]string, len(each))
	for i, t := range each {
		if err := read("tags", "a list of strings", t, &tags[i]); err != nil {
			return err
		}
		if err := checkTag(tags[i]); err != nil {
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

// property sets an additional property, which is a text.
func property(i *glance.Image, name string, value json.RawMessage) error {
	var s string
	if !nullableProperty(name) || string(value) != "null" {
		if err := read(name, "a string", value, &s); err != nil {
			return err
		}
		if s == "" && nullableProperty(name) {
			return wrong(name, "a UUID or null")
		}
	}
	if err := propertyName(name); err != nil {
		return err
	}
	if strings.ContainsRune(s, 0) || len(s) > 65535 {
		return wrong(name, "a text of at most 65535 bytes")
	}
	if err := wellKnown(name, s); err != nil {
		return err
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

// dashedUUID matches a UUID with dashes in either case, as glance's schema does.
var dashedUUID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// nullableProperty reports whether an additional property may be null. Null is stored as an empty text, which such a
// property cannot have otherwise.
func nullableProperty(name string) bool { return name == "kernel_id" || name == "ramdisk_id" }

// shown converts additional properties to their form in a response.
func shown(properties map[string]string) map[string]*string {
	out := make(map[string]*string, len(properties))
	for name, value := range properties {
		out[name] = &value
		if value == "" && nullableProperty(name) {
			out[name] = nil
		}
	}
	return out
}

// wellKnown checks the additional properties that glance's schema describes.
func wellKnown(name, value string) error {
	switch name {
	case "kernel_id", "ramdisk_id":
		if value != "" && !dashedUUID.MatchString(value) {
			return wrong(name, "a UUID")
		}
	case "cinder_encryption_key_deletion_policy":
		if value != "on_image_deletion" && value != "do_not_delete" {
			return wrong(name, "one of on_image_deletion, do_not_delete")
		}
	}
	return nil
}
