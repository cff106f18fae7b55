package app

import (
	"crypto/sha256"
	"encoding/binary"
	"path/filepath"
)

// owner is the number of this cloud on this machine: it marks the devices, namespaces and filter tables that the
// network agent makes, so that several clouds can share a machine. It follows from the state folder, which no two of
// them have in common.
func (c *Config) owner() uint32 {
	if c.ownerIs != 0 {
		return c.ownerIs
	}
	dir := c.Default.StatePath
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	sum := sha256.Sum256([]byte(dir))
	return binary.BigEndian.Uint32(sum[:4])>>1 | 1 // a link's group is signed in places, and 0 is everybody's
}
