package api

import (
	"context"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"

	"hypernova/keystone/catalog"
	"hypernova/keystone/federation"
)

// tokenViewer shows tokens with their catalog.
type tokenViewer struct {
	Catalog    *catalog.Service
	Federation *federation.Service

	known *atomic.Pointer[surroundings]
}

func newTokenViewer(c *catalog.Service, f *federation.Service) tokenViewer {
	return tokenViewer{c, f, new(atomic.Pointer[surroundings])}
}

// surroundings is what tokens of the same epoch show alike: service providers, and the catalog of each project.
// Everything that changes it moves the epoch.
type surroundings struct {
	epoch     int64
	providers []providerEntry
	catalogs  *lru.Cache[string, []catalogView]
}

// catalogsMax bounds the catalogs that are kept, at about 3 KiB each. The least recently used leave first.
const catalogsMax = 2000

// at returns the surroundings of tokens of an epoch. The epoch was read before, so they are not older.
func (v *tokenViewer) at(ctx context.Context, epoch int64) (*surroundings, error) {
	if s := v.known.Load(); s != nil && s.epoch == epoch {
		return s, nil
	}
	all, err := v.Federation.ServiceProviders(ctx)
	if err != nil {
		return nil, err
	}
	s := &surroundings{epoch: epoch}
	for _, p := range all {
		if p.Enabled {
			s.providers = append(s.providers, providerEntry{p.ID, p.AuthURL, p.URL})
		}
	}
	if s.catalogs, err = lru.New[string, []catalogView](catalogsMax); err != nil {
		return nil, err
	}
	v.known.Store(s)
	return s, nil
}

// catalogOf returns the catalog of a project as tokens show it. Callers must not change it.
func (v *tokenViewer) catalogOf(ctx context.Context, s *surroundings, project string) ([]catalogView, error) {
	if c, ok := s.catalogs.Get(project); ok {
		return c, nil
	}
	es, err := v.Catalog.EntriesAt(ctx, s.epoch, project)
	if err != nil {
		return nil, err
	}
	c := catalogViews(es, project)
	s.catalogs.Add(project, c)
	return c, nil
}
