package filters

import (
	"maps"
	"slices"
	"strings"

	"hypernova/nova/scheduler/snapshot"
	"hypernova/oslo/choose"
)

// aggregateScope is the scope of extra specs that aggregateSpecs reads.
const aggregateScope = "aggregate_instance_extra_specs:"

// values returns the values of a metadata key in the host's aggregates.
func values(h *snapshot.Host, key string) []string {
	var vs []string
	for _, a := range h.Aggregates {
		if v, ok := a.Metadata[key]; ok {
			vs = append(vs, v)
		}
	}
	return vs
}

// aggregateSpecs is AggregateInstanceExtraSpecsFilter: it passes hosts whose aggregates' metadata match the flavor's
// extra specs that have aggregateScope or no scope.
func aggregateSpecs(r *snapshot.Request) (check, error) {
	want := map[string]string{}
	for k, v := range r.Ask.Specs {
		if bare, ok := strings.CutPrefix(k, aggregateScope); ok {
			want[bare] = v
		} else if !strings.Contains(k, ":") {
			want[k] = v
		}
	}
	if len(want) == 0 {
		return nil, nil
	}
	keys := slices.Sorted(maps.Keys(want))
	return func(h *snapshot.Host) choose.Verdict {
		for _, k := range keys {
			have := values(h, k)
			if len(have) == 0 {
				return choose.Drop("is in no aggregate with %s", k)
			}
			if !slices.ContainsFunc(have, func(v string) bool { return Match(v, want[k]) }) {
				return choose.Drop("is in an aggregate with %s %s, %q asked", k, have[0], want[k])
			}
		}
		return choose.Pass()
	}, nil
}

// aggregateImage is AggregateImagePropertiesIsolation: it drops hosts whose aggregates' metadata have another value for
// a property of the image.
func aggregateImage(r *snapshot.Request) (check, error) {
	return func(h *snapshot.Host) choose.Verdict {
		for _, k := range slices.Sorted(maps.Keys(r.Image.Properties)) {
			v := r.Image.Properties[k]
			if have := values(h, k); len(have) > 0 && !slices.Contains(have, v) {
				return choose.Drop("is kept for images with %s %s", k, have[0])
			}
		}
		return choose.Pass()
	}, nil
}

// aggregateProjects is AggregateMultiTenancyIsolation: hosts in aggregates with filter_tenant_id* metadata are for the
// projects that are listed there.
func aggregateProjects(r *snapshot.Request) (check, error) {
	return func(h *snapshot.Host) choose.Verdict {
		var mine bool
		var kept int
		for _, a := range h.Aggregates {
			for k, v := range a.Metadata {
				if !strings.HasPrefix(k, "filter_tenant_id") {
					continue
				}
				kept++
				for p := range strings.SplitSeq(v, ",") {
					mine = mine || strings.TrimSpace(p) == r.Project
				}
			}
		}
		if kept > 0 && !mine {
			return choose.Drop("is kept for other projects")
		}
		return choose.Pass()
	}, nil
}
