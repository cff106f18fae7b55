package client_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hypernova/oslo/api"
	"hypernova/oslo/auth"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/httpc"
	"hypernova/oslo/policy"
	"hypernova/placement"
	placementapi "hypernova/placement/api"
	"hypernova/placement/client"
	"hypernova/placement/resources"
	"hypernova/placement/store"
)

// counted is a placement over HTTP that counts its requests. foreign hides the internal routes, as OpenStack's has
// none.
type counted struct {
	near     *resources.Service
	far      *client.Client
	requests atomic.Int64
	foreign  atomic.Bool
}

func newCounted(t testing.TB) *counted {
	t.Helper()
	e, err := policy.New(placementapi.Rules(), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &counted{near: resources.New(dbtest.Memory(t, dbtest.Migrations{Name: "placement", FS: store.Migrations()}), nil)}
	v := auth.ValidatorFunc(func(context.Context, string) (*auth.Caller, error) { return auth.Service("nova"), nil })
	h := placementapi.Handler(api.Config{Validator: v, Policy: e}, c.near)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.requests.Add(1)
		if c.foreign.Load() && strings.HasPrefix(r.URL.Path, "/hypernova/") {
			r.URL.Path = "/no/such/route"
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	c.far = client.New(httpc.New(httpc.Config{Base: s.URL, Name: "placement", Tokens: httpc.Static("t")}))
	return c
}

// host makes a provider that has VCPUs.
func (c *counted) host(t testing.TB, n int) string {
	t.Helper()
	id := fmt.Sprintf("00000000-0000-4000-8000-%012d", n)
	if _, err := c.near.EnsureProvider(t.Context(), placement.Provider{ID: id, Name: id}); err != nil {
		t.Fatal(err)
	}
	inv := map[string]placement.Inventory{}
	for _, class := range []string{placement.VCPU, placement.MemoryMB, placement.DiskGB} {
		inv[class] = placement.Inventory{Total: 64, MinUnit: 1, MaxUnit: 64, StepSize: 1, AllocationRatio: 1}
	}
	if _, err := c.near.SetInventories(t.Context(), id, 0, inv); err != nil {
		t.Fatal(err)
	}
	return id
}

// states compares what the client reads with what the service has, and returns how many requests it took.
func (c *counted) states(t *testing.T) int64 {
	t.Helper()
	before := c.requests.Load()
	got, err := c.far.States(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	took := c.requests.Load() - before
	want, err := c.near.States(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("states (-service +client):\n%s", d)
	}
	return took
}

func TestClientFollowsChangesWithOneRequest(t *testing.T) {
	t.Parallel()
	c := newCounted(t)
	ctx := t.Context()
	want := func(n int64, step string) {
		t.Helper()
		if got := c.states(t); got != n {
			t.Errorf("%s: %d requests, want %d", step, got, n)
		}
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	want(1, "nothing is there")
	a, b := c.host(t, 1), c.host(t, 2)
	want(1, "new providers")
	want(1, "nothing has changed")
	ok(c.near.Claim(ctx, placement.Allocation{Consumer: some, Project: "p", User: "u",
		Providers: map[string]placement.Resources{a: {placement.VCPU: 3}}}))
	want(1, "a claim")
	_, err := c.near.SetTraits(ctx, b, resources.Any, []string{"COMPUTE_NODE"})
	ok(err)
	_, err = c.near.SetAggregates(ctx, b, resources.Any, []string{agg})
	ok(err)
	want(1, "traits and aggregates")
	ok(c.near.Release(ctx, some))
	want(1, "a release")
	ok(c.near.DeleteProvider(ctx, a))
	want(1, "a deleted provider")
	_, err = c.near.EnsureProvider(ctx, placement.Provider{ID: a, Name: "child", Parent: b})
	ok(err)
	want(1, "a child is no root")
}

func TestForeignPlacementIsReadOverThePublicAPI(t *testing.T) {
	t.Parallel()
	c := newCounted(t)
	c.foreign.Store(true)
	id := c.host(t, 1)
	c.host(t, 2)
	if got := c.states(t); got != 1+1+2*5 {
		t.Errorf("the first time: %d requests, want the one that fails, a list and five for each provider", got)
	}
	if got := c.states(t); got != 1+2*5 {
		t.Errorf("later: %d requests, want a list and five for each provider", got)
	}
	before := c.requests.Load()
	if _, err := c.far.State(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if got := c.requests.Load() - before; got != 5 {
		t.Errorf("one state: %d requests, want 5", got)
	}
}

func TestCandidatesTakeStatesFromTheCopy(t *testing.T) {
	t.Parallel()
	c := newCounted(t)
	for n := range 5 {
		c.host(t, n)
	}
	r := placement.CandidatesRequest{
		Groups: map[string]placement.RequestGroup{"": {Resources: placement.Resources{placement.VCPU: 1}}},
	}
	want, err := c.near.Candidates(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.far.Candidates(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("candidates (-service +client):\n%s", d)
	}
	if n := c.requests.Load(); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

// BenchmarkStates reads 1,000 providers, of which one has changed, as a scheduler in another process does.
func BenchmarkStates(b *testing.B) {
	for _, foreign := range []bool{false, true} {
		b.Run(fmt.Sprintf("foreign=%v", foreign), func(b *testing.B) {
			c := newCounted(b)
			for n := range 1000 {
				c.host(b, n)
			}
			c.foreign.Store(foreign)
			if _, err := c.far.States(b.Context()); err != nil {
				b.Fatal(err)
			}
			c.requests.Store(0)
			n := 0
			for b.Loop() {
				id := fmt.Sprintf("00000000-0000-4000-8000-%012d", n%1000)
				if _, err := c.near.SetTraits(b.Context(), id, resources.Any, nil); err != nil {
					b.Fatal(err)
				}
				if _, err := c.far.States(b.Context()); err != nil {
					b.Fatal(err)
				}
				n++
			}
			b.ReportMetric(float64(c.requests.Load())/float64(n), "requests/op")
		})
	}
}
