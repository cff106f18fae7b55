// Package diskimage detects the format of an image's data before QEMU reads it, and rejects data with which QEMU would
// open other files of the host or fail.
package diskimage

import (
	"io"
	"strings"

	"hypernova/oslo/diskformat"
	"hypernova/oslo/fault"
)

// Info is the result of Inspect.
type Info struct {
	Format      string // as package diskformat names it
	VirtualSize int64  // in bytes; 0 unless it is a qcow2
}

// Inspect detects the format of an image. It returns fault.Invalid with the reason if the data refers to other files,
// is an encrypted qcow2, matches several formats, or is malformed.
func Inspect(r io.ReaderAt, size int64) (Info, error) {
	i, err := diskformat.Inspect(r, size)
	switch {
	case err != nil:
		return Info{}, err
	case i.Danger != "":
		return Info{}, fault.Invalidf("The image data is refused: %s.", i.Danger)
	case i.Format == "":
		return Info{}, fault.Invalidf("The image data is refused: it is of several formats at once: %s.",
			strings.Join(i.Formats, ", "))
	case i.Encrypted:
		return Info{}, fault.Invalidf("The image data is refused: the qcow2 is encrypted.")
	}
	out := Info{Format: i.Format}
	if i.Format == diskformat.QCOW2 {
		out.VirtualSize = i.Virtual
	}
	return out, nil
}

// Runs returns the format with which QEMU reads an image whose disk_format is declared and whose data has the format
// found. It is empty if they do not match. The rules are nova's: a raw disk may have a partition table; ISO images and
// the parts of Amazon images are read as raw.
func Runs(declared, found string) string {
	switch declared {
	case "ami", "aki", "ari":
		if found == diskformat.Raw || found == diskformat.GPT {
			return diskformat.Raw
		}
	case diskformat.Raw:
		if found == diskformat.Raw || found == diskformat.GPT {
			return diskformat.Raw
		}
	case diskformat.ISO:
		if found == diskformat.ISO {
			return diskformat.Raw
		}
	case diskformat.QCOW2, diskformat.VDI, diskformat.VHDX, diskformat.VHD:
		if found == declared {
			return declared
		}
	}
	return ""
}
