//go:build !linux

package libvirt

func directIO(string) bool { return false }
