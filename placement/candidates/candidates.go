// Package candidates computes allocation candidates.
//
// A way is found for an anchor, which is a root provider. Its groups are served by the providers of the anchor's
// tree, and by sharing providers: those with the trait MISC_SHARES_VIA_AGGREGATE that are in an aggregate with any
// provider of the tree. A suffixed group is served by one provider that has everything; the unsuffixed group by one
// provider per resource class, which together have the required traits. An aggregate of the root counts for the whole
// tree in the unsuffixed group.
package candidates

import (
	"slices"
	"strings"

	"hypernova/oslo/fault"
	"hypernova/placement"
)

// Sharing is the trait of providers whose inventory others may use.
const Sharing = "MISC_SHARES_VIA_AGGREGATE"

// Index is a set of providers, arranged for searching. It is not changed after New.
type Index struct {
	byID  map[string]*node
	roots []*node // ordered by id
}

type node struct {
	placement.ProviderState
	traits map[string]bool
	aggs   map[string]bool
	tree   *tree
}

type tree struct {
	root    *node
	members []*node // ordered by id
	shared  []*node // sharing providers of other trees that serve this one
}

// New arranges the providers. A provider whose root is not among them is a tree of its own.
func New(states []placement.ProviderState) *Index {
	x := &Index{byID: make(map[string]*node, len(states))}
	var sharing []*node
	for _, s := range states {
		n := &node{ProviderState: s}
		if len(s.Traits) > 0 {
			n.traits = setOf(s.Traits)
		}
		if len(s.Aggregates) > 0 {
			n.aggs = setOf(s.Aggregates)
		}
		x.byID[s.ID] = n
		if n.traits[Sharing] {
			sharing = append(sharing, n)
		}
	}
	for _, s := range states {
		n := x.byID[s.ID]
		root := x.byID[s.Root]
		if root == nil {
			root = n
		}
		if root.tree == nil {
			root.tree = &tree{root: root}
			x.roots = append(x.roots, root)
		}
		n.tree = root.tree
		n.tree.members = append(n.tree.members, n)
	}
	byID := func(a, b *node) int { return strings.Compare(a.ID, b.ID) }
	slices.SortFunc(x.roots, byID)
	slices.SortFunc(sharing, byID)
	for _, r := range x.roots {
		slices.SortFunc(r.tree.members, byID)
	}
	x.share(sharing)
	return x
}

// share finds the trees that each sharing provider serves.
func (x *Index) share(sharing []*node) {
	if len(sharing) == 0 {
		return
	}
	byAgg := map[string][]*node{}
	for _, s := range sharing {
		for a := range s.aggs {
			byAgg[a] = append(byAgg[a], s)
		}
	}
	for _, r := range x.roots {
		t := r.tree
		for _, m := range t.members {
			for a := range m.aggs {
				for _, s := range byAgg[a] {
					if s.tree != t && !slices.Contains(t.shared, s) {
						t.shared = append(t.shared, s)
					}
				}
			}
		}
		slices.SortFunc(t.shared, func(a, b *node) int { return strings.Compare(a.ID, b.ID) })
	}
}

func setOf(list []string) map[string]bool {
	m := make(map[string]bool, len(list))
	for _, s := range list {
		m[s] = true
	}
	return m
}

// part is a use of one provider: how much of a class.
type part struct {
	on     *node
	class  string
	amount int64
}

// option is one way to serve one group.
type option struct {
	parts []part
	on    []*node // the providers, each once
}

// search is one request at work.
type search struct {
	x        *Index
	r        placement.CandidatesRequest
	suffixes []string // ordered; the groups
	out      placement.Candidates
	at       *tree           // the anchor's
	seen     map[string]bool // ways that another anchor may find too
	trees    map[*tree]bool
	patience int // how much may still be tried
}

// What a search may cost: options that are tried, ways that are kept. The groups of one request can be put on the
// providers of one tree in more ways than anybody can wait for.
const (
	patience    = 5_000_000
	perProvider = 100 // more for each provider that there is
	keeping     = 50  // what a way costs that is kept, in options that are tried
)

// tire takes what something costs, and says whether there is no patience left.
func (s *search) tire(cost int) bool {
	s.patience -= cost
	return s.patience < 0
}

// Find answers the ways in the order of their anchors' ids, at most r.Limit of them where that is set, and the state
// of every provider in the trees they touch. Where the groups can be combined in too many ways, it answers those that
// it has found until then; fault.Invalid if there are none.
func (x *Index) Find(r placement.CandidatesRequest) (placement.Candidates, error) {
	s := &search{x: x, r: r, seen: map[string]bool{}, trees: map[*tree]bool{},
		patience: patience + perProvider*len(x.byID)}
	for suffix := range r.Groups {
		s.suffixes = append(s.suffixes, suffix)
	}
	slices.Sort(s.suffixes)
	if len(s.suffixes) > 0 {
		for _, root := range x.roots {
			if s.anchor(root) || s.tire(1) {
				break
			}
		}
	}
	if s.patience < 0 && len(s.out.Requests) == 0 {
		return placement.Candidates{},
			fault.Invalidf("The groups of the request can be combined in more ways than can be tried.")
	}
	s.out.Providers = map[string]placement.ProviderState{}
	for t := range s.trees {
		for _, m := range t.members {
			s.out.Providers[m.ID] = m.ProviderState
		}
	}
	return s.out, nil
}

// anchor adds the ways of one anchor; true when there are enough, or too many to try.
func (s *search) anchor(root *node) bool {
	for _, t := range s.r.RootRequired {
		if !root.traits[t] {
			return false
		}
	}
	for _, t := range s.r.RootForbidden {
		if root.traits[t] {
			return false
		}
	}
	s.at = root.tree
	options := make([][]option, len(s.suffixes))
	for i, suffix := range s.suffixes {
		if s.tire(1) {
			return true
		}
		g := s.r.Groups[suffix]
		if suffix == "" {
			options[i] = s.spread(root.tree, &g)
		} else {
			options[i] = s.single(root.tree, &g)
		}
		if len(options[i]) == 0 {
			return false
		}
	}
	return s.combine(options, nil)
}

// combine tries every option of the next group on top of the chosen ones.
func (s *search) combine(options [][]option, chosen []option) bool {
	if len(chosen) == len(options) {
		return s.add(chosen)
	}
	for _, o := range options[len(chosen)] {
		if s.tire(1 + len(chosen)) {
			return true
		}
		if s.fitsBeside(chosen, o) && s.combine(options, append(chosen, o)) {
			return true
		}
	}
	return false
}

// fitsBeside says whether the option goes with what is chosen before: capacity, and different providers where groups
// are to be isolated.
func (s *search) fitsBeside(chosen []option, o option) bool {
	if s.r.GroupPolicy == "isolate" && s.suffixes[len(chosen)] != "" {
		for i, c := range chosen {
			if s.suffixes[i] != "" && c.on[0] == o.on[0] {
				return false
			}
		}
	}
	for _, p := range o.parts {
		sum := p.amount
		for _, c := range chosen {
			for _, q := range c.parts {
				if q.on == p.on && q.class == p.class {
					sum += q.amount
				}
			}
		}
		if sum == p.amount {
			continue // it fits alone
		}
		inv := p.on.Inventories[p.class]
		if sum > inv.MaxUnit || p.on.Used[p.class]+sum > inv.Capacity() {
			return false
		}
	}
	return true
}

func (s *search) add(chosen []option) bool {
	if s.tire(keeping) {
		return true
	}
	if !s.subtrees(chosen) || s.r.Flat && !flat(chosen) {
		return false
	}
	if !s.own(chosen) {
		if k := s.key(chosen); s.seen[k] {
			return false // the same way was found for another anchor
		} else {
			s.seen[k] = true
		}
	}
	c := placement.Candidate{Allocations: make(map[string]placement.Resources, 1), Mappings: make(map[string][]string,
		len(chosen))}
	for i, o := range chosen {
		ids := make([]string, len(o.on))
		for n, on := range o.on {
			ids[n] = on.ID
		}
		slices.Sort(ids)
		c.Mappings[s.suffixes[i]] = ids
		for _, p := range o.parts {
			res := c.Allocations[p.on.ID]
			if res == nil {
				res = make(placement.Resources, len(o.parts))
				c.Allocations[p.on.ID] = res
			}
			res[p.class] += p.amount
		}
	}
	s.out.Requests = append(s.out.Requests, c)
	for _, o := range chosen {
		for _, p := range o.parts {
			s.trees[p.on.tree] = true
		}
	}
	return s.r.Limit > 0 && len(s.out.Requests) >= s.r.Limit
}

// own says whether the way touches what the anchor's tree alone can use: no other anchor can find it then.
func (s *search) own(chosen []option) bool {
	return slices.ContainsFunc(chosen, func(o option) bool {
		return slices.ContainsFunc(o.on, func(n *node) bool { return n.tree == s.at && !n.traits[Sharing] })
	})
}

// key tells one way from another.
func (s *search) key(chosen []option) string {
	var key []string
	for i, o := range chosen {
		for _, p := range o.parts {
			key = append(key, s.suffixes[i]+"\x00"+p.class+"\x00"+p.on.ID)
		}
		if len(o.parts) == 0 {
			key = append(key, s.suffixes[i]+"\x00\x00"+o.on[0].ID)
		}
	}
	slices.Sort(key)
	return strings.Join(key, "\x01")
}

// subtrees says whether, for each set of groups that wants it, one of its providers is above or the same as all the
// others.
func (s *search) subtrees(chosen []option) bool {
	for _, set := range s.r.SameSubtree {
		var on []*node
		for i, o := range chosen {
			if slices.Contains(set, s.suffixes[i]) {
				on = append(on, o.on...)
			}
		}
		if !slices.ContainsFunc(on, func(top *node) bool {
			return !slices.ContainsFunc(on, func(n *node) bool { return !s.x.below(n, top) })
		}) {
			return false
		}
	}
	return true
}

// below says whether n is top or has it among its parents.
func (x *Index) below(n, top *node) bool {
	for range len(x.byID) + 1 {
		if n == top {
			return true
		}
		if n = x.byID[n.Parent]; n == nil {
			return false
		}
	}
	return false // parents in a circle
}

func flat(chosen []option) bool {
	used := map[*tree]*node{}
	for _, o := range chosen {
		for _, p := range o.parts {
			if other := used[p.on.tree]; other != nil && other != p.on {
				return false
			}
			used[p.on.tree] = p.on
		}
	}
	return true
}
