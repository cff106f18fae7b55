// Package imagetest is an image service in memory for tests of compute.
package imagetest

import (
	"context"
	"io"
	"maps"
	"slices"
	"sync"

	"hypernova/glance"
	"hypernova/oslo/fault"
)

// Images keeps images that tests of compute make. It knows no callers: everybody sees all of them.
type Images struct {
	mu     sync.Mutex
	images []glance.Image // the oldest first
	data   map[string][]byte
	// FailUpload is the error of uploads; nil: none.
	FailUpload error
}

var _ glance.Writer = (*Images)(nil)

// Create implements glance.Writer.
func (g *Images) Create(_ context.Context, n glance.NewImage) (glance.Image, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.at(n.ID) >= 0 {
		return glance.Image{}, fault.Conflictf("image %s exists", n.ID)
	}
	i := glance.Image{ID: n.ID, Name: n.Name, Status: glance.Queued, DiskFormat: n.DiskFormat,
		ContainerFormat: n.ContainerFormat, MinDisk: n.MinDisk, MinRAM: n.MinRAM, Properties: maps.Clone(n.Properties)}
	g.images = append(g.images, i)
	return i, nil
}

// Image returns an image; fault.NotFound.
func (g *Images) Image(_ context.Context, id string) (glance.Image, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n := g.at(id); n >= 0 {
		return g.images[n], nil
	}
	return glance.Image{}, fault.NotFoundf("no image %s", id)
}

// Upload implements glance.Writer.
func (g *Images) Upload(_ context.Context, id string, data io.Reader, size int64) error {
	b, err := io.ReadAll(data)
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.at(id)
	switch {
	case err != nil:
		return err
	case g.FailUpload != nil:
		return g.FailUpload
	case n < 0:
		return fault.NotFoundf("no image %s", id)
	case g.images[n].Status != glance.Queued:
		return fault.Conflictf("image %s is %s", id, g.images[n].Status)
	case int64(len(b)) != size:
		return fault.Invalidf("image %s: %d bytes of %d", id, len(b), size)
	}
	if g.data == nil {
		g.data = map[string][]byte{}
	}
	g.images[n].Status, g.images[n].Size, g.data[id] = glance.Active, size, b
	return nil
}

// Delete implements glance.Writer.
func (g *Images) Delete(_ context.Context, id string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.at(id)
	if n < 0 {
		return fault.NotFoundf("no image %s", id)
	}
	g.images = slices.Delete(g.images, n, n+1)
	return nil
}

// Find implements glance.Writer.
func (g *Images) Find(_ context.Context, properties map[string]string) ([]glance.Image, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []glance.Image
	for _, i := range slices.Backward(g.images) {
		match := true
		for name, v := range properties {
			match = match && i.Properties[name] == v
		}
		if match {
			out = append(out, i)
		}
	}
	return out, nil
}

// All are the images, the oldest first.
func (g *Images) All() []glance.Image {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.images)
}

func (g *Images) at(id string) int {
	return slices.IndexFunc(g.images, func(i glance.Image) bool { return i.ID == id })
}
