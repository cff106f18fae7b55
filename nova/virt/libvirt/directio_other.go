//go:build !linux

package libvirt

// directIO is false: this system has no O_DIRECT.
func directIO(string) bool { return false }
