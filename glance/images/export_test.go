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

// CountLocations is countLocations for tests.
func (s *Service) CountLocations(n, before int) error { return s.countLocations(n, before) }
