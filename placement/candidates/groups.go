package candidates

import (
	"slices"

	"hypernova/placement"
)

// single lists the providers that serve a suffixed group alone.
func (s *search) single(t *tree, g *placement.RequestGroup) []option {
	within := s.treeOf(g.InTree)
	if g.InTree != "" && within == nil {
		return nil
	}
	var out []option
	try := func(n *node) {
		if within != nil && n.tree != within || !n.serves(g) {
			return
		}
		o := option{on: []*node{n}}
		for class, amount := range g.Resources {
			o.parts = append(o.parts, part{n, class, amount})
		}
		out = append(out, o)
	}
	for _, n := range t.members {
		try(n)
	}
	for _, n := range t.shared {
		try(n)
	}
	return out
}

// treeOf is the tree of the provider, nil if there is no such provider.
func (s *search) treeOf(id string) *tree {
	if n := s.x.byID[id]; n != nil {
		return n.tree
	}
	return nil
}

// serves says whether the provider has all that a suffixed group asks for.
func (n *node) serves(g *placement.RequestGroup) bool {
	for class, amount := range g.Resources {
		if !n.has(class, amount) {
			return false
		}
	}
	for _, any := range g.Required {
		if !hasAny(n.traits, any) {
			return false
		}
	}
	for _, any := range g.MemberOf {
		if !hasAny(n.aggs, any) {
			return false
		}
	}
	return !hasAny(n.traits, g.Forbidden) && !hasAny(n.aggs, g.ForbiddenAggregates)
}

func (n *node) has(class string, amount int64) bool {
	inv, ok := n.Inventories[class]
	return ok && inv.Fits(amount, n.Used[class])
}

func hasAny(have map[string]bool, any []string) bool {
	return slices.ContainsFunc(any, func(s string) bool { return have[s] })
}

func hasEach(have map[string]bool, all [][]string) bool {
	for _, any := range all {
		if !hasAny(have, any) {
			return false
		}
	}
	return true
}

// spread lists the ways to serve the unsuffixed group: one provider per class.
func (s *search) spread(t *tree, g *placement.RequestGroup) []option {
	within := s.treeOf(g.InTree)
	if g.InTree != "" && within != t {
		return nil
	}
	if len(t.members) == 1 && len(t.shared) == 0 {
		return s.alone(t.root, g)
	}
	classes := make([]string, 0, len(g.Resources))
	for class := range g.Resources {
		classes = append(classes, class)
	}
	slices.Sort(classes)
	able := make([][]*node, len(classes))
	for i, class := range classes {
		for _, n := range t.members {
			if n.has(class, g.Resources[class]) && n.mayServe(t, g) {
				able[i] = append(able[i], n)
			}
		}
		for _, n := range t.shared {
			if g.InTree == "" && n.has(class, g.Resources[class]) && n.mayShare(t, g) {
				able[i] = append(able[i], n)
			}
		}
		if len(able[i]) == 0 {
			return nil
		}
	}
	spare := s.patience / 2 // what is chosen here must be combined yet
	s.patience -= spare
	out := s.product(g, classes, able, nil, nil)
	s.patience = max(s.patience, 0) + spare
	return out
}

// alone is spread for a tree of one, which most are.
func (s *search) alone(n *node, g *placement.RequestGroup) []option {
	for class, amount := range g.Resources {
		if !n.has(class, amount) {
			return nil
		}
	}
	if len(g.Resources) == 0 || !n.mayServe(n.tree, g) || !hasEach(n.traits, g.Required) {
		return nil
	}
	o := option{on: []*node{n}, parts: make([]part, 0, len(g.Resources))}
	for class, amount := range g.Resources {
		o.parts = append(o.parts, part{n, class, amount})
	}
	return []option{o}
}

// mayServe is what the unsuffixed group asks of each provider of the tree; the root's aggregates count for all.
func (n *node) mayServe(t *tree, g *placement.RequestGroup) bool {
	if hasAny(n.traits, g.Forbidden) || hasAny(n.aggs, g.ForbiddenAggregates) ||
		hasAny(t.root.aggs, g.ForbiddenAggregates) {
		return false
	}
	return hasEach(n.aggs, g.MemberOf) || hasEach(t.root.aggs, g.MemberOf)
}

// mayShare is what it asks of a provider of another tree: that must be in the aggregates itself.
func (n *node) mayShare(t *tree, g *placement.RequestGroup) bool {
	return n.mayServe(t, g) && hasEach(n.aggs, g.MemberOf)
}

// product chooses a provider for each class and keeps the choices that have the required traits together.
func (s *search) product(g *placement.RequestGroup, classes []string, able [][]*node, chosen []*node,
	out []option) []option {
	if len(chosen) < len(classes) {
		for _, n := range able[len(chosen)] {
			if s.tire(1) {
				return out
			}
			out = s.product(g, classes, able, append(chosen, n), out)
		}
		return out
	}
	if len(classes) == 0 || s.tire(keeping) {
		return out
	}
	for _, any := range g.Required {
		if !slices.ContainsFunc(chosen, func(n *node) bool { return hasAny(n.traits, any) }) {
			return out
		}
	}
	var o option
	for i, n := range chosen {
		o.parts = append(o.parts, part{n, classes[i], g.Resources[classes[i]]})
		if !slices.Contains(o.on, n) {
			o.on = append(o.on, n)
		}
	}
	return append(out, o)
}
