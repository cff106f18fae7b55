package images

import (
	"context"
	"io"
	"net/netip"

	"hypernova/glance"
)

// Look is look for the fuzzer.
func Look(r io.Reader, format string) (io.Reader, error) {
	out, _, err := look(r, glance.Image{DiskFormat: format, ContainerFormat: "bare"})
	return out, err
}

// CountLocations is countLocations for tests.
func (s *Service) CountLocations(n, before int) error { return s.countLocations(n, before) }

// Reachable says whether web-download may connect to an address.
func Reachable(a netip.Addr) bool { return newWeb(WebConfig{}).reachable(a) }

// Fetch opens a URI of which nothing was checked before, as if its name meant something else by now.
func Fetch(ctx context.Context, c WebConfig, uri string) (io.ReadCloser, int64, error) {
	return newWeb(c).open(ctx, uri)
}

// Disguised says whether a host is an address in another form.
func Disguised(host string) bool { return disguised(host) }

// OpenWeb reads a part of what is at a URL.
func OpenWeb(ctx context.Context, c WebConfig, url string, offset, length int64) (io.ReadCloser, error) {
	return webStore{newWeb(c)}.Open(ctx, url, offset, length)
}
