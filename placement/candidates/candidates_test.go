package candidates_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"hypernova/oslo/fault"
	"hypernova/placement"
	"hypernova/placement/candidates"
)

var (
	classes = []string{"VCPU", "DISK_GB", "VGPU"}
	traits  = []string{"T1", "T2", candidates.Sharing}
	aggs    = []string{"A1", "A2"}
)

func subset(t *rapid.T, label string, of []string) []string {
	var out []string
	for _, s := range of {
		if rapid.IntRange(0, 2).Draw(t, label+s) == 0 {
			out = append(out, s)
		}
	}
	return out
}

func world(t *rapid.T) []placement.ProviderState {
	n := rapid.IntRange(1, 6).Draw(t, "providers")
	var all []placement.ProviderState
	for i := range n {
		s := placement.ProviderState{Provider: placement.Provider{ID: fmt.Sprint("p", i), Root: fmt.Sprint("p", i)},
			Inventories: map[string]placement.Inventory{}, Used: placement.Resources{},
			Traits: subset(t, "trait", traits), Aggregates: subset(t, "agg", aggs)}
		if i > 0 && rapid.Bool().Draw(t, "child") {
			parent := all[rapid.IntRange(0, i-1).Draw(t, "parent")]
			s.Parent, s.Root = parent.ID, parent.Root
		}
		for _, c := range subset(t, "class", classes) {
			total := rapid.Int64Range(1, 6).Draw(t, "total")
			s.Inventories[c] = placement.Inventory{Total: total, Reserved: rapid.Int64Range(0, 1).Draw(t, "reserved"),
				MinUnit: 1,
				MaxUnit: rapid.Int64Range(1, 6).Draw(t, "max"), StepSize: rapid.Int64Range(1, 2).Draw(t, "step"),
				AllocationRatio: 1}
			s.Used[c] = rapid.Int64Range(0, total).Draw(t, "used")
		}
		all = append(all, s)
	}
	return all
}

func anyOf(t *rapid.T, label string, of []string) [][]string {
	var out [][]string
	for range rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, label) {
		if s := subset(t, label, of); len(s) > 0 {
			out = append(out, s)
		}
	}
	return out
}

func request(t *rapid.T) placement.CandidatesRequest {
	r := placement.CandidatesRequest{Groups: map[string]placement.RequestGroup{},
		GroupPolicy:  rapid.SampledFrom([]string{"none", "isolate"}).Draw(t, "policy"),
		RootRequired: subset(t, "root", traits[:1]), Flat: rapid.IntRange(0, 3).Draw(t, "flat") == 0}
	for _, suffix := range []string{"", "1", "2"} {
		if suffix != "1" && rapid.Bool().Draw(t, "skip") {
			continue
		}
		g := placement.RequestGroup{Resources: placement.Resources{}, Required: anyOf(t, "required", traits),
			MemberOf: anyOf(t, "member", aggs)}
		if rapid.IntRange(0, 3).Draw(t, "forbid") == 0 {
			g.Forbidden, g.ForbiddenAggregates = subset(t, "forbidden", traits), subset(t, "not member", aggs)
		}
		if rapid.IntRange(0, 5).Draw(t, "in tree") == 0 {
			g.InTree = "p0"
		}
		for _, c := range classes {
			if rapid.IntRange(0, 2).Draw(t, "ask "+c) == 0 {
				g.Resources[c] = rapid.Int64Range(1, 3).Draw(t, "amount")
			}
		}
		if len(g.Resources) == 0 && suffix == "" {
			g.Resources["VCPU"] = 1
		}
		r.Groups[suffix] = g
	}
	if rapid.IntRange(0, 3).Draw(t, "subtree") == 0 {
		r.SameSubtree = [][]string{{"1", "2"}}
	}
	return r
}

// brute tries every provider for every class of every group, and asks the whole list of conditions of each.
type brute struct {
	all []placement.ProviderState
	r   placement.CandidatesRequest
	out map[string]bool
}

// slot is a class of a group, or a group without any.
type slot struct{ suffix, class string }

func (b *brute) find() {
	var slots []slot
	for suffix, g := range b.r.Groups {
		if len(g.Resources) == 0 {
			slots = append(slots, slot{suffix, ""})
		}
		for c := range g.Resources {
			slots = append(slots, slot{suffix, c})
		}
	}
	for _, root := range b.all {
		if root.Parent == "" {
			b.try(root, slots, make([]int, 0, len(slots)))
		}
	}
}

func (b *brute) try(root placement.ProviderState, slots []slot, chosen []int) {
	if len(chosen) < len(slots) {
		for i := range b.all {
			if b.reachable(root, b.all[i]) {
				b.try(root, slots, append(chosen, i))
			}
		}
		return
	}
	if b.good(root, slots, chosen) {
		b.out[b.key(slots, chosen)] = true
	}
}

func (b *brute) key(slots []slot, chosen []int) string {
	var parts []string
	for i, s := range slots {
		parts = append(parts, s.suffix+"/"+s.class+"/"+b.all[chosen[i]].ID)
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

func meet(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

func meetEach(a []string, all [][]string) bool {
	return !slices.ContainsFunc(all, func(any []string) bool { return !meet(a, any) })
}

func (b *brute) reachable(root, p placement.ProviderState) bool {
	if p.Root == root.ID {
		return true
	}
	return slices.Contains(p.Traits, candidates.Sharing) &&
		slices.ContainsFunc(b.all, func(m placement.ProviderState) bool {
			return m.Root == root.ID && meet(m.Aggregates, p.Aggregates)
		})
}

func (b *brute) good(root placement.ProviderState, slots []slot, chosen []int) bool {
	for _, t := range b.r.RootRequired {
		if !slices.Contains(root.Traits, t) {
			return false
		}
	}
	of := map[string][]placement.ProviderState{} // group → providers
	sums := map[string]int64{}
	for i, s := range slots {
		p, g := b.all[chosen[i]], b.r.Groups[s.suffix]
		of[s.suffix] = append(of[s.suffix], p)
		if meet(p.Traits, g.Forbidden) || meet(p.Aggregates, g.ForbiddenAggregates) {
			return false
		}
		if g.InTree != "" && p.Root != b.byID(g.InTree).Root {
			return false
		}
		if s.suffix == "" {
			if g.InTree != "" && root.ID != b.byID(g.InTree).Root || meet(root.Aggregates, g.ForbiddenAggregates) {
				return false
			}
			if !meetEach(p.Aggregates, g.MemberOf) && (p.Root != root.ID || !meetEach(root.Aggregates, g.MemberOf)) {
				return false
			}
		} else if !meetEach(p.Aggregates, g.MemberOf) || !meetEach(p.Traits, g.Required) {
			return false
		}
		if s.class == "" {
			continue
		}
		inv, ok := p.Inventories[s.class]
		amount := g.Resources[s.class]
		sums[p.ID+s.class] += amount
		if !ok || !inv.Fits(amount, p.Used[s.class]) || sums[p.ID+s.class] > inv.MaxUnit ||
			p.Used[s.class]+sums[p.ID+s.class] > inv.Capacity() {
			return false
		}
	}
	return b.together(of)
}

func (b *brute) together(of map[string][]placement.ProviderState) bool {
	alone := map[string]bool{}
	trees := map[string]string{}
	for suffix, ps := range of {
		var have []string
		for _, p := range ps {
			have = append(have, p.Traits...)
			if suffix != "" && p.ID != ps[0].ID {
				return false // one provider for the whole group
			}
			if len(b.r.Groups[suffix].Resources) > 0 && b.r.Flat {
				if other, ok := trees[p.Root]; ok && other != p.ID {
					return false
				}
				trees[p.Root] = p.ID
			}
		}
		if suffix == "" && !meetEach(have, b.r.Groups[""].Required) {
			return false
		}
		if suffix != "" && b.r.GroupPolicy == "isolate" {
			if alone[ps[0].ID] {
				return false
			}
			alone[ps[0].ID] = true
		}
	}
	for _, set := range b.r.SameSubtree {
		var ps []placement.ProviderState
		for _, s := range set {
			ps = append(ps, of[s]...)
		}
		top := slices.ContainsFunc(ps, func(top placement.ProviderState) bool {
			return !slices.ContainsFunc(ps, func(p placement.ProviderState) bool { return !b.below(p.ID, top.ID) })
		})
		if !top {
			return false
		}
	}
	return true
}

func (b *brute) byID(id string) placement.ProviderState {
	return b.all[slices.IndexFunc(b.all, func(p placement.ProviderState) bool { return p.ID == id })]
}

func (b *brute) below(id, top string) bool {
	for ; id != ""; id = b.byID(id).Parent {
		if id == top {
			return true
		}
	}
	return false
}

// keyOf writes a candidate as the reference does.
func keyOf(r placement.CandidatesRequest, all []placement.ProviderState, c placement.Candidate) []string {
	var parts [][]string
	for suffix, on := range c.Mappings {
		g := r.Groups[suffix]
		if len(g.Resources) == 0 {
			parts = append(parts, []string{suffix + "//" + on[0]})
		}
		for class := range g.Resources {
			var alts []string
			for _, id := range on {
				if _, ok := c.Allocations[id][class]; ok {
					alts = append(alts, suffix+"/"+class+"/"+id)
				}
			}
			parts = append(parts, alts)
		}
	}
	keys := [][]string{nil}
	for _, alts := range parts {
		var next [][]string
		for _, k := range keys {
			for _, a := range alts {
				next = append(next, append(slices.Clone(k), a))
			}
		}
		keys = next
	}
	var out []string
	for _, k := range keys {
		slices.Sort(k)
		out = append(out, strings.Join(k, " "))
	}
	return out
}

func TestFindAgreesWithTryingEverything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all, r := world(t), request(t)
		b := &brute{all, r, map[string]bool{}}
		b.find()
		got, err := candidates.New(all).Find(r)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Requests) != len(b.out) {
			t.Fatalf("got %d ways, want %d:\n%v\n%v", len(got.Requests), len(b.out), got.Requests,
				slices.Sorted(maps.Keys(b.out)))
		}
		for _, c := range got.Requests {
			if !slices.ContainsFunc(keyOf(r, all, c), func(k string) bool { return b.out[k] }) {
				t.Fatalf("%v is not among %v", c, slices.Sorted(maps.Keys(b.out)))
			}
			for id := range c.Allocations {
				if _, ok := got.Providers[id]; !ok {
					t.Fatalf("%s has no state", id)
				}
			}
		}
	})
}

func TestLimit(t *testing.T) {
	t.Parallel()
	x := candidates.New(hosts(50))
	r := placement.CandidatesRequest{Groups: map[string]placement.RequestGroup{
		"": {Resources: placement.Resources{placement.VCPU: 1}}}, Limit: 7}
	got, err := x.Find(r)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Requests) != 7 || len(got.Providers) != 7 {
		t.Errorf("got %d ways and %d providers", len(got.Requests), len(got.Providers))
	}
}

// A request that can be put together in more ways than there are atoms is answered all the same.
func TestARequestThatNobodyCanTryToTheEnd(t *testing.T) {
	t.Parallel()
	inv := placement.Inventory{Total: 1, MinUnit: 1, MaxUnit: 1, StepSize: 1, AllocationRatio: 1}
	const devices = 24
	all := []placement.ProviderState{{Provider: placement.Provider{ID: "host", Root: "host"}}}
	classes := placement.Resources{}
	for i := range devices {
		all = append(all, placement.ProviderState{Provider: placement.Provider{ID: fmt.Sprint("device", i), Root: "host",
			Parent: "host"}, Inventories: map[string]placement.Inventory{}})
		classes[fmt.Sprint("CUSTOM_", i)] = 1
		for j := range devices {
			all[i+1].Inventories[fmt.Sprint("CUSTOM_", j)] = inv
		}
	}
	x := candidates.New(all)
	groups := func(n int) map[string]placement.RequestGroup {
		out := map[string]placement.RequestGroup{}
		for i := range n {
			out[fmt.Sprint("_", i)] = placement.RequestGroup{Resources: placement.Resources{"CUSTOM_0": 1}}
		}
		return out
	}
	for _, c := range []struct {
		name string
		r    placement.CandidatesRequest
		most int // ways; 0: the request is refused
	}{
		{"one group too many", placement.CandidatesRequest{Groups: groups(devices + 1), GroupPolicy: "isolate", Limit: 10},
			0},
		{"as many groups as devices", placement.CandidatesRequest{Groups: groups(devices), GroupPolicy: "isolate", Limit: 10},
			10},
		{"all ways", placement.CandidatesRequest{Groups: groups(devices)}, 200_000},
		{"all ways of many classes",
			placement.CandidatesRequest{Groups: map[string]placement.RequestGroup{"": {Resources: classes}}}, 200_000},
	} {
		got, err := x.Find(c.r)
		if n := len(got.Requests); c.most == 0 && !fault.Is(err, fault.Invalid) || c.most > 0 &&
			(err != nil || n == 0 || n > c.most) {
			t.Errorf("%s: %d ways, %v", c.name, n, err)
		}
	}
}

func hosts(n int) []placement.ProviderState {
	var all []placement.ProviderState
	for i := range n {
		id := fmt.Sprintf("host%05d", i)
		inv := placement.Inventory{Total: 64, MinUnit: 1, MaxUnit: 64, StepSize: 1, AllocationRatio: 4}
		all = append(all, placement.ProviderState{Provider: placement.Provider{ID: id, Name: id, Root: id},
			Inventories: map[string]placement.Inventory{placement.VCPU: inv, placement.MemoryMB: {Total: 1 << 18, MinUnit: 1,
				MaxUnit: 1 << 18, StepSize: 1, AllocationRatio: 1}, placement.DiskGB: inv},
			Used: placement.Resources{placement.VCPU: int64(i % 64)}, Traits: []string{"HW_CPU_X86_AVX"}})
	}
	return all
}

func BenchmarkFind10000(b *testing.B) {
	x := candidates.New(hosts(10_000))
	for _, limit := range []int{1000, 0} {
		b.Run(fmt.Sprint("limit", limit), func(b *testing.B) {
			r := placement.CandidatesRequest{Limit: limit, Groups: map[string]placement.RequestGroup{"": {
				Resources: placement.Resources{placement.VCPU: 2, placement.MemoryMB: 4096, placement.DiskGB: 20},
				Required:  [][]string{{"HW_CPU_X86_AVX"}}}}}
			for b.Loop() {
				if got, err := x.Find(r); err != nil || len(got.Requests) == 0 {
					b.Fatal("nothing found")
				}
			}
		})
	}
}
