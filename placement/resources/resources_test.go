package resources_test

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
	"hypernova/placement"
	"hypernova/placement/resources"
	"hypernova/placement/store"
)

var schema = dbtest.Migrations{Name: "placement", FS: store.Migrations()}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func offer(total int64) placement.Inventory {
	return placement.Inventory{Total: total, MinUnit: 1, MaxUnit: total, StepSize: 1, AllocationRatio: 1}
}

func host(t testing.TB, s *resources.Service, name string, vcpus int64) placement.Provider {
	t.Helper()
	p := must[placement.Provider](t)(s.EnsureProvider(t.Context(), placement.Provider{ID: "id-" + name, Name: name}))
	p.Generation = must[int64](t)(s.SetInventories(t.Context(), p.ID, p.Generation, map[string]placement.Inventory{
		placement.VCPU: offer(vcpus), placement.MemoryMB: offer(1024)}))
	return p
}

func claim(consumer, on string, vcpus int64) placement.Allocation {
	return placement.Allocation{Consumer: consumer, Project: "p", User: "u", Type: "INSTANCE",
		Providers: map[string]placement.Resources{on: {placement.VCPU: vcpus}}}
}

func TestProviderLife(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx, s := t.Context(), resources.New(d, nil)
		h := host(t, s, "h", 4)
		renamed := placement.Provider{ID: h.ID, Name: "renamed"}
		if got := must[placement.Provider](t)(s.EnsureProvider(ctx, renamed)); got.Name != "renamed" {
			t.Errorf("got %+v", got)
		}
		if _, err := s.EnsureProvider(ctx, placement.Provider{ID: "other", Name: "renamed"}); !fault.Is(err, fault.Conflict) {
			t.Errorf("taken name: %v", err)
		}
		if _, err := s.SetTraits(ctx, h.ID, 0, []string{"HW_CPU_X86_AVX"}); fault.Of(err) == nil ||
			fault.Of(err).Code != placement.CodeConcurrent {
			t.Errorf("old generation: %v", err)
		}
		g := must[int64](t)(s.SetTraits(ctx, h.ID, h.Generation, []string{"HW_CPU_X86_AVX", "COMPUTE_NODE"}))
		if _, err := s.SetTraits(ctx, h.ID, g, []string{"NONSENSE"}); !fault.Is(err, fault.Invalid) {
			t.Errorf("unknown trait: %v", err)
		}
		must[int64](t)(s.SetAggregates(ctx, h.ID, g, []string{"a"}))
		got := must[placement.ProviderState](t)(s.State(ctx, h.ID))
		if len(got.Traits) != 2 || len(got.Aggregates) != 1 || got.Inventories[placement.VCPU].Total != 4 ||
			got.Generation != 3 {
			t.Errorf("state: %+v", got)
		}
		if err := s.Claim(ctx, claim("c", h.ID, 3)); err != nil {
			t.Fatal(err)
		}
		if err := s.Claim(ctx, claim("c", h.ID, 3)); err != nil {
			t.Errorf("the same claim again: %v", err)
		}
		if err := s.Claim(ctx, claim("c", h.ID, 2)); fault.Of(err) == nil || fault.Of(err).Code != placement.CodeConcurrent {
			t.Errorf("another claim of the same consumer: %v", err)
		}
		if err := s.Claim(ctx, claim("d", h.ID, 2)); !fault.Is(err, fault.Conflict) {
			t.Errorf("too much: %v", err)
		}
		if err := s.DeleteProvider(ctx, h.ID); !fault.Is(err, fault.Conflict) {
			t.Errorf("delete in use: %v", err)
		}
		if _, err := s.SetInventories(ctx, h.ID, resources.Any, nil); fault.Of(err) == nil ||
			fault.Of(err).Code != placement.CodeInventory {
			t.Errorf("inventory in use: %v", err)
		}
		a := must[placement.Allocation](t)(s.Allocations(ctx, "c"))
		if a.Generation == nil || a.Providers[h.ID][placement.VCPU] != 3 {
			t.Errorf("allocations: %+v", a)
		}
		if got := must[[]string](t)(s.Consumers(ctx, h.ID)); !slices.Equal(got, []string{"c"}) {
			t.Errorf("consumers: %v", got)
		}
		for range 2 {
			if err := s.Release(ctx, "c"); err != nil {
				t.Errorf("release: %v", err)
			}
			if err := s.DeleteProvider(ctx, h.ID); err != nil {
				t.Errorf("delete: %v", err)
			}
		}
		if got := must[[]placement.ProviderState](t)(s.States(ctx)); len(got) != 0 {
			t.Errorf("left: %v", got)
		}
	}, schema)
}

func TestRacingClaimsNeverOversubscribe(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := resources.New(d, nil)
		const hosts, room, clients, each = 3, 5, 8, 4
		for i := range hosts {
			host(t, s, fmt.Sprint("h", i), room)
		}
		var won atomic.Int64
		var wg sync.WaitGroup
		for c := range clients {
			wg.Go(func() {
				mine := resources.New(d, nil) // as another process would
				for n := range each {
					for h := range hosts { // alternates, as the scheduler has
						err := mine.Claim(t.Context(), claim(fmt.Sprint("c", c, "-", n), fmt.Sprint("id-h", (c+n+h)%hosts), 1))
						if err == nil {
							won.Add(1)
							break
						}
						if !fault.Is(err, fault.Conflict) {
							t.Errorf("claim: %v", err)
						}
					}
				}
			})
		}
		wg.Wait()
		var used int64
		for _, p := range must[[]placement.ProviderState](t)(s.States(t.Context())) {
			if p.Used[placement.VCPU] > room {
				t.Errorf("%s is oversubscribed: %d", p.Name, p.Used[placement.VCPU])
			}
			used += p.Used[placement.VCPU]
		}
		if won.Load() != hosts*room || used != hosts*room {
			t.Errorf("%d claims won, %d used, want %d", won.Load(), used, hosts*room)
		}
	}, schema)
}

// TestCopyInMemoryIsTheDatabase runs random changes through two services and compares what each shows with a fresh one.
func TestCopyInMemoryIsTheDatabase(t *testing.T) {
	t.Parallel()
	d := dbtest.Memory(t, schema)
	two := []*resources.Service{resources.New(d, nil), resources.New(d, nil)} // they live through all checks
	names := []string{"a", "b", "c", "d"}
	consumers := []string{"x", "y", "z"}
	rapid.Check(t, func(rt *rapid.T) {
		empty(rt, t, two[0], names, consumers)
		for range rapid.IntRange(1, 15).Draw(rt, "steps") {
			s := rapid.SampledFrom(two).Draw(rt, "service")
			id := rapid.SampledFrom(names).Draw(rt, "provider")
			ctx := t.Context()
			var err error
			switch rapid.IntRange(0, 6).Draw(rt, "what") {
			case 0:
				_, err = s.EnsureProvider(ctx, placement.Provider{ID: id, Name: "n" + id})
			case 1:
				err = s.DeleteProvider(ctx, id)
			case 2:
				_, err = s.SetInventories(
					ctx,
					id,
					resources.Any,
					map[string]placement.Inventory{placement.VCPU: offer(rapid.Int64Range(1, 9).Draw(rt, "n"))},
				)
			case 3:
				_, err = s.SetTraits(ctx, id, resources.Any, subset(rt, []string{"COMPUTE_NODE", "HW_CPU_X86_AVX"}))
			case 4:
				_, err = s.SetAggregates(ctx, id, resources.Any, subset(rt, []string{"g1", "g2"}))
			case 5:
				err = s.Claims.Set(
					ctx,
					[]resources.Change{
						{Allocation: claim(rapid.SampledFrom(consumers).Draw(rt, "consumer"), id, 2), AnyGeneration: true},
					},
				)
			case 6:
				err = s.Release(ctx, rapid.SampledFrom(consumers).Draw(rt, "consumer"))
			}
			if err != nil && fault.KindOf(err) == fault.Internal {
				rt.Fatal(err)
			}
			want := must[[]*resources.Provider](t)(resources.New(d, nil).Providers.List(ctx))
			for _, s := range two {
				got := must[[]*resources.Provider](t)(s.Providers.List(ctx))
				if fmt.Sprint(values(got)) != fmt.Sprint(values(want)) {
					rt.Fatalf("got  %v\nwant %v", values(got), values(want))
				}
			}
			sumsAgree(rt, t, two[0], want, consumers)
		}
	})
}

func empty(rt *rapid.T, t *testing.T, s *resources.Service, names, consumers []string) {
	for _, c := range consumers {
		if err := s.Release(t.Context(), c); err != nil {
			rt.Fatal(err)
		}
	}
	for _, n := range names {
		if err := s.DeleteProvider(t.Context(), n); err != nil {
			rt.Fatal(err)
		}
	}
}

func subset(t *rapid.T, of []string) []string {
	return slices.DeleteFunc(slices.Clone(of), func(s string) bool { return rapid.Bool().Draw(t, s) })
}

func values(ps []*resources.Provider) []placement.ProviderState {
	var out []placement.ProviderState
	for _, p := range ps {
		out = append(out, p.ProviderState)
	}
	return out
}

// sumsAgree checks the invariant: what is used is what is held.
func sumsAgree(rt *rapid.T, t *testing.T, s *resources.Service, all []*resources.Provider, consumers []string) {
	held := map[string]int64{}
	for _, c := range consumers {
		for id, r := range must[placement.Allocation](t)(s.Allocations(t.Context(), c)).Providers {
			held[id] += r[placement.VCPU]
		}
	}
	for _, p := range all {
		if p.Used[placement.VCPU] != held[p.ID] || p.Used[placement.VCPU] > 0 && p.Inventories[placement.VCPU].Total == 0 {
			rt.Fatalf("%s: used %d, held %d", p.ID, p.Used[placement.VCPU], held[p.ID])
		}
	}
}

func TestTreesAreKept(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx, s := t.Context(), resources.New(d, nil)
		for _, p := range []placement.Provider{
			{ID: "r", Name: "r"}, {ID: "c", Name: "c", Parent: "r"}, {ID: "g", Name: "g", Parent: "c"}, {ID: "q", Name: "q"},
		} {
			must[resources.Provider](t)(s.Providers.Create(ctx, p))
		}
		if err := s.Providers.Delete(ctx, "c"); fault.Of(err) == nil || fault.Of(err).Code != placement.CodeParent {
			t.Errorf("delete a parent: %v", err)
		}
		parent := "q"
		if _, err := s.Providers.Update(ctx, "c", "c", &parent, false); !fault.Is(err, fault.Invalid) {
			t.Errorf("re-parent where not allowed: %v", err)
		}
		must[resources.Provider](t)(s.Providers.Update(ctx, "c", "c", &parent, true))
		if g := must[resources.Provider](t)(s.Providers.Get(ctx, "g")); g.Root != "q" {
			t.Errorf("the grandchild stayed behind: %+v", g.Provider)
		}
		circle := "g"
		if _, err := s.Providers.Update(ctx, "q", "q", &circle, true); !fault.Is(err, fault.Invalid) {
			t.Errorf("circle: %v", err)
		}
		if got := must[[]placement.ProviderState](t)(s.States(ctx)); len(got) != 2 {
			t.Errorf("roots: %v", got)
		}
	}, schema)
}

func TestReshapeMovesInventoryWithItsAllocations(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx, s := t.Context(), resources.New(d, nil)
		host(t, s, "h", 4)
		must[resources.Provider](t)(s.Providers.Create(ctx, placement.Provider{ID: "numa", Name: "numa", Parent: "id-h"}))
		if err := s.Claim(ctx, claim("c", "id-h", 3)); err != nil {
			t.Fatal(err)
		}
		h, a := must[placement.ProviderState](t)(s.State(ctx, "id-h")), must[placement.Allocation](t)(s.Allocations(ctx, "c"))
		rest := maps.Clone(h.Inventories)
		delete(rest, placement.VCPU)
		a.Providers = map[string]placement.Resources{"numa": {placement.VCPU: 3}}
		err := s.Claims.Reshape(ctx, map[string]resources.Offer{"id-h": {Generation: h.Generation, Inventories: rest},
			"numa": {
				Inventories: map[string]placement.Inventory{placement.VCPU: offer(4)},
			}}, []resources.Change{{Allocation: a}})
		if err != nil {
			t.Fatal(err)
		}
		n := must[placement.ProviderState](t)(s.State(ctx, "numa"))
		h = must[placement.ProviderState](t)(s.State(ctx, "id-h"))
		if n.Used[placement.VCPU] != 3 || h.Used[placement.VCPU] != 0 || h.Inventories[placement.VCPU].Total != 0 {
			t.Errorf("got %+v and %+v", n, h)
		}
	}, schema)
}

func BenchmarkStates(b *testing.B) {
	d := dbtest.Memory(b, schema)
	s := resources.New(d, nil)
	for i := range 1000 {
		host(b, s, fmt.Sprint(i), 64)
	}
	b.Run("unchanged", func(b *testing.B) {
		for b.Loop() {
			must[[]placement.ProviderState](b)(s.States(b.Context()))
		}
	})
	b.Run("claim and read", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n++
			c := fmt.Sprint("c", n)
			if err := s.Claim(b.Context(), claim(c, fmt.Sprint("id-", n%1000), 1)); err != nil {
				b.Fatal(err)
			}
			must[[]placement.ProviderState](b)(s.States(b.Context()))
			if err := s.Release(b.Context(), c); err != nil {
				b.Fatal(err)
			}
		}
	})
}
