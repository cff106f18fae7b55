package images

import (
	"context"

	"hypernova/glance/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// What the identity service keeps limits of, by its names for them. Sizes are in MiB.
const (
	SizeTotal      = "image_size_total"
	StageTotal     = "image_stage_total"
	CountTotal     = "image_count_total"
	CountUploading = "image_count_uploading"
)

// LimitNames are all of them.
func LimitNames() []string { return []string{SizeTotal, StageTotal, CountTotal, CountUploading} }

// Quotas is the identity service's limits. It may block on the network.
type Quotas interface {
	// Limits are what a project may have of each resource, by name; negative is unlimited. What nobody registered is missing.
	Limits(ctx context.Context, project string) (map[string]int64, error)
}

// Used is what a project has of a resource, and may have.
type Used struct{ Usage, Limit int64 }

// Usage is what the caller's project has and may have, by resource; nothing where no limits are kept.
func (s *Service) Usage(ctx context.Context) (map[string]Used, error) {
	out := map[string]Used{}
	if s.quotas == nil {
		return out, nil
	}
	project := projectOf(ctx)
	limits, err := s.quotas.Limits(ctx, project)
	if err != nil {
		return nil, err
	}
	u, err := store.UsageOf(ctx, s.db, project)
	for _, name := range LimitNames() {
		out[name] = Used{used(u, name), limits[name]}
	}
	return out, err
}

func projectOf(ctx context.Context) string {
	if c := auth.From(ctx); c != nil {
		return c.ProjectID
	}
	return ""
}

func used(u store.Usage, name string) int64 {
	switch name {
	case SizeTotal:
		return u.Stored >> 20
	case StageTotal:
		return u.Staged >> 20
	case CountTotal:
		return u.Images
	}
	return u.Uploading
}

// allowance is the caller's limits, looked up before a transaction begins; nil where none are kept.
func (s *Service) allowance(ctx context.Context) (map[string]int64, error) {
	if s.quotas == nil {
		return nil, nil
	}
	return s.quotas.Limits(ctx, projectOf(ctx))
}

// within refuses more of a resource than the caller's project may have: fault.TooLarge. A resource nobody registered a limit of is not
// to be had at all, as everywhere that unified limits are.
func within(ctx context.Context, q db.Querier, limits map[string]int64, name string, more int64) error {
	limit := limits[name]
	if limits == nil || limit < 0 {
		return nil
	}
	project := projectOf(ctx)
	u, err := store.UsageOf(ctx, q, project)
	if err != nil {
		return err
	}
	if have := used(u, name); have+more > limit {
		return fault.New(fault.TooLarge, "Project %s is over a limit for [Resource %s is over limit of %d due to current usage %d and delta %d]",
			project, name, limit, have, more)
	}
	return nil
}

// has refuses data of an announced size (negative: not known) that the caller's project has no room for.
func (s *Service) has(ctx context.Context, name string, size int64) error {
	limits, err := s.allowance(ctx)
	if err != nil {
		return err
	}
	return within(ctx, s.db, limits, name, max(size, 0)>>20)
}

// countLocations refuses more places of an image's data than one may have, unless there were as many before.
func (s *Service) countLocations(n, before int) error {
	if most := s.limits.Locations; most >= 0 && n > max(most, before) {
		return fault.New(fault.TooLarge, "The limit has been exceeded on the number of allowed image locations. Attempted: %d, Maximum: %d", n, most)
	}
	return nil
}
