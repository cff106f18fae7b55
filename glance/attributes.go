package glance

// Named reports whether a member of an image's document is an attribute of images and not an additional property.
func Named(member string) bool {
	switch member {
	case "id", "name", "owner", "status", "visibility", "disk_format", "container_format", "checksum", "os_hash_algo",
		"os_hash_value", "size",
		"virtual_size", "min_disk", "min_ram", "protected", "os_hidden", "tags", "created_at", "updated_at", "self", "file",
		"schema", "stores",
		"direct_url", "locations":
		return true
	}
	return false
}
