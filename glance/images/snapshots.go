package images

import (
	"context"
	"io"

	"hypernova/glance"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
)

// Snapshots makes images of servers for compute: Records and Data with the image service's policy.
type Snapshots struct{ *Service }

var _ glance.Writer = Snapshots{}

// Create implements glance.Writer.
func (s Snapshots) Create(ctx context.Context, n glance.NewImage) (glance.Image, error) {
	i := glance.Image{ID: n.ID, Name: n.Name, Owner: projectOf(ctx), Visibility: glance.Private, DiskFormat: n.DiskFormat,
		ContainerFormat: n.ContainerFormat, MinDisk: n.MinDisk, MinRAM: n.MinRAM, Properties: n.Properties}
	if s.restricted(ctx) {
		if err := s.rights.Create(auth.From(ctx), Image{Image: i}); err != nil {
			return glance.Image{}, err
		}
	}
	out, err := s.Records.Create(ctx, Create{ID: i.ID, Name: i.Name, Owner: i.Owner, Visibility: i.Visibility,
		DiskFormat: i.DiskFormat, ContainerFormat: i.ContainerFormat, MinDisk: i.MinDisk, MinRAM: i.MinRAM,
		Properties: i.Properties})
	return out.Image, err
}

// may loads an image and asks whether the caller may do something with it.
func (s Snapshots) may(ctx context.Context, id string, rule func(Rights, *auth.Caller, Image) error) error {
	i, err := s.Records.Get(ctx, id)
	if err == nil && s.restricted(ctx) {
		if i, err = s.rights.See(auth.From(ctx), i); err == nil {
			err = rule(s.rights, auth.From(ctx), i)
		}
	}
	return err
}

// Upload implements glance.Writer.
func (s Snapshots) Upload(ctx context.Context, id string, data io.Reader, size int64) error {
	if err := s.may(ctx, id, Rights.Upload); err != nil {
		return err
	}
	return s.Data.Upload(ctx, id, data, size, "")
}

// Delete implements glance.Writer.
func (s Snapshots) Delete(ctx context.Context, id string) error {
	if err := s.may(ctx, id, Rights.Delete); err != nil {
		return err
	}
	return s.Records.Delete(ctx, id)
}

// Find implements glance.Writer.
func (s Snapshots) Find(ctx context.Context, properties map[string]string) ([]glance.Image, error) {
	q := Query{Filters: map[string]string{}, Sort: []db.SortKey{{Column: "created_at", Desc: true}}}
	for name, v := range properties {
		q.Filters[name] = v
	}
	found, err := s.Records.List(ctx, q)
	var out []glance.Image
	for _, i := range found {
		if i.Owner == projectOf(ctx) {
			out = append(out, i.Image)
		}
	}
	return out, err
}
