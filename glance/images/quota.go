package images

import (
	"context"

	"hypernova/glance/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Names of the registered limits of the image service, as in glance. Sizes are in MiB.
const (
	SizeTotal      = "image_size_total"
	StageTotal     = "image_stage_total"
	CountTotal     = "image_count_total"
	CountUploading = "image_count_uploading"
)

// LimitNames returns all of them.
func LimitNames() []string { return []string{SizeTotal, StageTotal, CountTotal, CountUploading} }

// Quotas looks up unified limits in the identity service. It may block on the network.
type Quotas interface {
	// Limits returns a project's limits by name. A negative limit is unlimited. Unregistered limits are missing.
	Limits(ctx context.Context, project string) (map[string]int64, error)
}

// Used is a project's usage of a resource and its limit.
type Used struct{ Usage, Limit int64 }

// Quota enforces unified limits.
type Quota struct {
	db     *db.DB
	limits Quotas // nil: none
}

// Usage returns usage and limits of the caller's project by name; empty without unified limits.
func (s *Quota) Usage(ctx context.Context) (map[string]Used, error) {
	out := map[string]Used{}
	if s.limits == nil {
		return out, nil
	}
	project := projectOf(ctx)
	limits, err := s.limits.Limits(ctx, project)
	if err != nil {
		return nil, err
	}
	u, err := store.UsageOf(ctx, s.db, project)
	for _, name := range LimitNames() {
		out[name] = Used{used(u, name), limits[name]}
	}
	return out, err
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

// allowance looks up the caller's limits, for use in a transaction that begins later; nil without unified limits.
func (s *Quota) allowance(ctx context.Context) (map[string]int64, error) {
	if s.limits == nil {
		return nil, nil
	}
	return s.limits.Limits(ctx, projectOf(ctx))
}

// within returns fault.TooLarge if the caller's project would exceed a limit with more of a resource. An unregistered
// limit counts as 0, as in oslo.limit.
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
		return fault.New(fault.TooLarge,
			"Project %s is over a limit for [Resource %s is over limit of %d due to current usage %d and delta %d]",
			project, name, limit, have, more)
	}
	return nil
}

// allows returns fault.TooLarge if data of that size (in bytes; negative: unknown) would exceed a limit of the caller's
// project.
func (s *Quota) allows(ctx context.Context, name string, size int64) error {
	limits, err := s.allowance(ctx)
	if err != nil {
		return err
	}
	return within(ctx, s.db, limits, name, max(size, 0)>>20)
}
