package libvirt

import (
	"os"
	"path/filepath"
	"syscall"

	"hypernova/oslo/private"
)

// directIO reports whether files in dir can be opened with O_DIRECT, which QEMU's cache mode "none" needs.
func directIO(dir string) bool {
	name := filepath.Join(dir, ".direct"+madeSuffix)
	f, err := private.File(name, os.O_CREATE|os.O_WRONLY|syscall.O_DIRECT)
	if err != nil {
		_ = os.Remove(name)
		return false
	}
	defer os.Remove(name)
	return f.Close() == nil
}
