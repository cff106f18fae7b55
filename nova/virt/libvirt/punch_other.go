//go:build !linux

package libvirt

import (
	"errors"
	"os"
)

// punch is not possible on this system.
func punch(*os.File, int64) error { return errors.ErrUnsupported }
