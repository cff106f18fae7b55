package resources_test

import (
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
	"hypernova/placement"
	"hypernova/placement/resources"
)

// follower keeps a copy of all providers by their changes alone.
type follower struct {
	mark  string
	parts map[int64]map[string]placement.ProviderState
}

func (f *follower) follow(t *testing.T, s *resources.Service) {
	t.Helper()
	c := must[placement.Changes](t)(s.Providers.Changes(t.Context(), f.mark))
	f.mark = c.Mark
	for _, p := range c.Parts {
		if p.Whole || f.parts[p.ID] == nil {
			f.parts[p.ID] = map[string]placement.ProviderState{}
		}
		for _, v := range p.Providers {
			f.parts[p.ID][v.ID] = v
		}
	}
}

func (f *follower) all() map[string]placement.ProviderState {
	out := map[string]placement.ProviderState{}
	for _, p := range f.parts {
		maps.Copy(out, p)
	}
	return out
}

// A reader that follows the changes while several processes write misses none, also of those that commit out of order.
func TestChangesMissNothingOfConcurrentWriters(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := resources.New(d, nil)
		const hosts, writers, each = 6, 4, 12
		for i := range hosts {
			host(t, s, fmt.Sprint("h", i), 100)
		}
		var writing sync.WaitGroup
		for w := range writers {
			writing.Go(func() {
				mine := resources.New(d, nil) // as another process
				for n := range each {
					id, consumer := fmt.Sprint("id-h", (w+n)%hosts), fmt.Sprint("c", w)
					var err error
					switch n % 4 {
					case 0:
						err = mine.Claims.Set(t.Context(), []resources.Change{{Allocation: claim(consumer, id, 1), AnyGeneration: true}})
					case 1:
						_, err = mine.SetTraits(t.Context(), id, resources.Any, []string{"COMPUTE_NODE"})
					case 2:
						extra := fmt.Sprint("extra", w)
						_, err = mine.EnsureProvider(t.Context(), placement.Provider{ID: extra, Name: extra, Parent: id})
					case 3:
						err = mine.DeleteProvider(t.Context(), fmt.Sprint("extra", w))
					}
					if err != nil && !fault.Is(err, fault.Conflict) {
						t.Errorf("writer %d: %v", w, err)
					}
				}
			})
		}
		done := make(chan struct{})
		go func() { writing.Wait(); close(done) }()
		f := &follower{parts: map[int64]map[string]placement.ProviderState{}}
		reader := resources.New(d, nil)
		for running := true; running; {
			select {
			case <-done:
				running = false
			default:
			}
			f.follow(t, reader)
		}
		want := map[string]placement.ProviderState{}
		for _, p := range must[[]*resources.Provider](t)(resources.New(d, nil).Providers.List(t.Context())) {
			want[p.ID] = p.ProviderState
		}
		if diff := cmp.Diff(want, f.all()); diff != "" {
			t.Errorf("the follower differs (-database +follower):\n%s", diff)
		}
	}, schema)
}

func TestMarksThatAreNotUnderstoodReturnAll(t *testing.T) {
	t.Parallel()
	s := resources.New(dbtest.Memory(t, schema), nil)
	host(t, s, "h", 1)
	first := must[placement.Changes](t)(s.Providers.Changes(t.Context(), ""))
	if c := must[placement.Changes](t)(s.Providers.Changes(t.Context(), first.Mark)); len(c.Parts) != 0 {
		t.Errorf("nothing has changed, but %d parts", len(c.Parts))
	}
	for _, mark := range []string{"", "nonsense", "AA", first.Mark[:len(first.Mark)-1], first.Mark + "AAAA"} {
		c := must[placement.Changes](t)(s.Providers.Changes(t.Context(), mark))
		n := 0
		for _, p := range c.Parts {
			n += len(p.Providers)
			if !p.Whole {
				t.Errorf("mark %q: part %d is not whole", mark, p.ID)
			}
		}
		if n != 1 {
			t.Errorf("mark %q: %d providers, want 1", mark, n)
		}
	}
}
