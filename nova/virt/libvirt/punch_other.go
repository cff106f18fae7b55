//go:build !linux

package libvirt

import (
	"errors"
	"os"
)

func punch(*os.File, int64) error { return errors.ErrUnsupported }
