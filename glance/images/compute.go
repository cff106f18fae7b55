package images

import (
	"context"
	"io"

	"hypernova/glance"
	"hypernova/glance/backend"
	"hypernova/glance/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
)

// Rights applies the image service's policy to requests that compute makes in a user's name.
type Rights interface {
	// See returns the image with the properties that the caller may read. fault.NotFound if the caller may not see it.
	See(c *auth.Caller, i Image) (Image, error)
	// Create, Upload and Delete return fault.Forbidden if the caller may not do that.
	Create(c *auth.Caller, i Image) error
	Upload(c *auth.Caller, i Image) error
	Delete(c *auth.Caller, i Image) error
	// Download returns fault.Forbidden if the caller may not read the image's data.
	Download(c *auth.Caller, i Image) error
}

// Image implements glance.API: Records.Get with the image service's policy.
func (s *Service) Image(ctx context.Context, id string) (glance.Image, error) {
	i, err := s.Records.Get(ctx, id)
	if err == nil && s.restricted(ctx) {
		i, err = s.rights.See(auth.From(ctx), i)
	}
	return i.Image, err
}

// restricted reports whether the policy applies to the caller. It does not apply to compute's own requests.
func (s *Service) restricted(ctx context.Context) bool {
	c := auth.From(ctx)
	return s.rights != nil && (c == nil || !c.Own())
}

// downloadable loads an image whose data the caller may read, by its state and by the policy.
func (s *Service) downloadable(ctx context.Context, id string) (store.Record, error) {
	if s.restricted(ctx) {
		i, err := s.Records.Get(ctx, id)
		if err != nil {
			return store.Record{}, err
		}
		if i, err = s.rights.See(auth.From(ctx), i); err != nil {
			return store.Record{}, err
		}
		if err := s.rights.Download(auth.From(ctx), i); err != nil {
			return store.Record{}, err
		}
	}
	return readable(ctx, s.db, id)
}

// Open implements glance.API: it opens the data of an image, checked as in Data.Read. The caller closes it.
func (s *Service) Open(ctx context.Context, id string) (glance.Image, io.ReadCloser, error) {
	r, err := s.downloadable(ctx, id)
	if err != nil {
		return r.Image, nil, err
	}
	data, err := s.Data.open(ctx, r, 0, r.Size)
	return r.Image, data, err
}

// Path implements glance.Local: the file with an image's data if one of its stores is a file system.
func (s *Service) Path(ctx context.Context, id string) (string, error) {
	r, err := s.downloadable(ctx, id)
	if err != nil {
		return "", err
	}
	for _, c := range s.Stores.weighed(r) {
		b, err := s.Stores.backend(c.Store)
		if err != nil {
			return "", err
		}
		if l, ok := b.(backend.Local); ok {
			return l.Path(ctx, c.Key)
		}
	}
	return "", fault.New(fault.NotImplemented, "No store of image %s keeps files.", id)
}
