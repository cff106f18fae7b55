package neutron

import (
	"maps"
	"slices"
)

// Section names a part of a host's state that has a revision of its own. The empty Section is the whole state.
type Section string

// NetworkSection is the section of a network: its entry in HostState.Networks.
func NetworkSection(id string) Section { return Section("network:" + id) }

// GroupSection is the section of a security group: its entry in HostState.Groups.
func GroupSection(id string) Section { return Section("group:" + id) }

// Revisions are revisions by section. They are compared for equality only.
type Revisions map[Section]int64

// Merge returns s with those of its sections that changed holds replaced. The result has exactly the sections that
// wanted names, in the order of a whole state: by id. ok is false if one is in neither state; then a whole state is
// needed.
func (s HostState) Merge(changed HostState, wanted Revisions) (merged HostState, ok bool) {
	merged.Revision = changed.Revision
	var all int
	merged.Networks, all = mergeBy(s.Networks, changed.Networks, wanted,
		func(n HostNetwork) Section { return NetworkSection(n.ID) })
	groups := 0
	merged.Groups, groups = mergeBy(s.Groups, changed.Groups, wanted,
		func(g HostGroup) Section { return GroupSection(g.ID) })
	routers := 0
	merged.Routers, routers = mergeBy(s.Routers, changed.Routers, wanted,
		func(r HostRouter) Section { return RouterSection(r.ID) })
	return merged, all+groups+routers == len(wanted)
}

// mergeBy returns the wanted sections, in order, and their number. A changed section takes precedence.
func mergeBy[T any](had, changed []T, wanted Revisions, section func(T) Section) ([]T, int) {
	found := map[Section]T{}
	for _, all := range [][]T{had, changed} {
		for _, v := range all {
			if _, ok := wanted[section(v)]; ok {
				found[section(v)] = v
			}
		}
	}
	var out []T
	for _, name := range slices.Sorted(maps.Keys(found)) {
		out = append(out, found[name])
	}
	return out, len(out)
}
