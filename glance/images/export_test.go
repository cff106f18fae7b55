package images

import (
	"context"
	"io"
	"log/slog"
	"net/netip"

	"hypernova/glance"
	"hypernova/glance/store"
)

// Look examines data as that of a bare image, and answers with what was stored of it and the size of the disk inside.
func Look(r io.Reader, format string, how Inspection) ([]byte, int64, error) {
	s := &intake{inspection: how, log: slog.New(slog.DiscardHandler)}
	w, err := s.inspect(r, glance.Image{DiskFormat: format, ContainerFormat: "bare"})
	if err != nil {
		return nil, -1, err
	}
	b, err := io.ReadAll(w)
	if err != nil {
		return b, -1, err
	}
	return b, w.virtual(int64(len(b))), w.complete()
}

// CountLocations is Limits.locations for tests.
func (s *Service) CountLocations(n, before int) error {
	return s.Locations.intake.limits.locations(n, before)
}

// Progress and ImportArgs are the stored forms of an import.
type (
	Progress   = progress
	ImportArgs = importArgs
)

// ImportKind is the kind of imports' tasks.
var ImportKind = importKind

// Attempt begins an attempt of an image's import with a fence.
func (s *Imports) Attempt(ctx context.Context, image string, fence int64) error {
	r, err := store.Image(ctx, s.db, image)
	if err != nil {
		return err
	}
	run := &importRun{Imports: s, fence: fence}
	run.args.Image, run.args.Task = image, r.Properties[importTask]
	return run.begin(ctx)
}

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
