package images

import (
	"io"

	"hypernova/glance/signature"
	"hypernova/glance/store"
)

// signed lets data pass to where it is kept, and answers how it is verified once all of it has passed. An image without a signature
// verifies always; a signature that cannot be checked refuses the data before anything of it is read.
func (s *Service) signed(r store.Record, data io.Reader) (io.Reader, func() error, error) {
	if !signature.Claimed(r.Properties) {
		return data, func() error { return nil }, nil
	}
	v, err := signature.New(r.Properties, s.trusted, s.now())
	if err != nil {
		return nil, nil, err
	}
	return io.TeeReader(data, v), v.Verify, nil
}
