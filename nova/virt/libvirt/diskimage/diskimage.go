// Package diskimage says what the data of an image really is before QEMU reads it, and refuses data that would make QEMU open other files of
// the host, or fail on it.
package diskimage

import (
	"io"
	"strings"

	"hypernova/oslo/diskformat"
	"hypernova/oslo/fault"
)

// Info is what a header says.
type Info struct {
	Format      string // as package diskformat names it
	VirtualSize int64  // of a qcow2 only
}

// Inspect reads what an image is. Data that refers to other files, is an encrypted qcow2, is of several formats at once or makes no sense is
// fault.Invalid, with the reason.
func Inspect(r io.ReaderAt, size int64) (Info, error) {
	i, err := diskformat.Inspect(r, size)
	switch {
	case err != nil:
		return Info{}, err
	case i.Danger != "":
		return Info{}, fault.Invalidf("The image data is refused: %s.", i.Danger)
	case i.Format == "":
		return Info{}, fault.Invalidf("The image data is refused: it is of several formats at once: %s.", strings.Join(i.Formats, ", "))
	case i.Encrypted:
		return Info{}, fault.Invalidf("The image data is refused: the qcow2 is encrypted.")
	}
	out := Info{Format: i.Format}
	if i.Format == diskformat.QCOW2 {
		out.VirtualSize = i.Virtual
	}
	return out, nil
}

// Runs answers with the format by which QEMU reads the data of an image that is said to be declared and whose data is found; empty where they
// disagree, as nova decides it: a raw disk may have a partition table, an ISO and the parts of an Amazon image are read as raw.
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
