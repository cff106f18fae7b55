package images

import (
	"io"

	"hypernova/glance"
)

// Look is look for the fuzzer.
func Look(r io.Reader, format string) (io.Reader, error) {
	out, _, err := look(r, glance.Image{DiskFormat: format, ContainerFormat: "bare"})
	return out, err
}
