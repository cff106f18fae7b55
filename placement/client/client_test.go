package client_test

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/oslo/api"
	"hypernova/oslo/auth"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
	"hypernova/oslo/policy"
	"hypernova/placement"
	placementapi "hypernova/placement/api"
	"hypernova/placement/client"
	"hypernova/placement/resources"
	"hypernova/placement/store"
)

const (
	one   = "00000000-0000-4000-8000-000000000001"
	two   = "00000000-0000-4000-8000-000000000002"
	some  = "00000000-0000-4000-8000-00000000000a"
	agg   = "00000000-0000-4000-8000-0000000000aa"
	other = "00000000-0000-4000-8000-00000000000b"
)

func pair(t *testing.T) (placement.API, placement.API) {
	e, err := policy.New(placementapi.Rules(), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := resources.New(dbtest.Memory(t, dbtest.Migrations{Name: "placement", FS: store.Migrations()}), nil)
	v := auth.ValidatorFunc(func(context.Context, string) (*auth.Caller, error) { return auth.Service("nova"), nil })
	h := httptest.NewServer(placementapi.Handler(api.Config{Validator: v, Policy: e}, s))
	t.Cleanup(h.Close)
	return s, client.New(httpc.New(httpc.Config{Base: h.URL, Name: "placement", Tokens: httpc.Static("t")}))
}

// TestClientIsTheService writes through the client and compares what it reads with what the service itself says.
func TestClientIsTheService(t *testing.T) {
	t.Parallel()
	near, far := pair(t)
	ctx := t.Context()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	inv := map[string]placement.Inventory{
		placement.VCPU: {Total: 8, MinUnit: 1, MaxUnit: 16, StepSize: 1, AllocationRatio: 2},
	}
	for _, id := range []string{one, two} {
		for range 2 {
			p, err := far.EnsureProvider(ctx, placement.Provider{ID: id, Name: "h" + id})
			ok(err)
			if p.ID != id || p.Root != id {
				t.Errorf("provider: %+v", p)
			}
		}
		g, err := far.SetInventories(ctx, id, 0, inv)
		ok(err)
		g, err = far.SetTraits(ctx, id, g, []string{"COMPUTE_NODE"})
		ok(err)
		_, err = far.SetAggregates(ctx, id, g, []string{agg})
		ok(err)
	}
	claim := placement.Allocation{
		Consumer:  some,
		Project:   "p",
		User:      "u",
		Type:      "INSTANCE",
		Providers: map[string]placement.Resources{one: {placement.VCPU: 15}},
	}
	for range 2 {
		ok(far.Claim(ctx, claim))
	}
	claim.Consumer = other
	if err := far.Claim(ctx, claim); !fault.Is(err, fault.Conflict) {
		t.Errorf("too much: %v", err)
	}
	if _, err := far.SetTraits(ctx, one, 0, nil); fault.Of(err) == nil || fault.Of(err).Code != placement.CodeConcurrent {
		t.Errorf("old generation: %v", err)
	}
	if err := far.DeleteProvider(ctx, one); !fault.Is(err, fault.Conflict) {
		t.Errorf("delete in use: %v", err)
	}
	compare(t, near, far)
	for range 2 {
		ok(far.Release(ctx, some))
		ok(far.DeleteProvider(ctx, one))
	}
	if _, err := far.State(ctx, one); !fault.Is(err, fault.NotFound) {
		t.Errorf("deleted: %v", err)
	}
}

func compare(t *testing.T, near, far placement.API) {
	t.Helper()
	same := func(what string, read func(placement.API) (any, error)) {
		t.Helper()
		want, err := read(near)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		got, err := read(far)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-service +client):\n%s", what, d)
		}
	}
	ctx := t.Context()
	same("state", func(a placement.API) (any, error) { return a.State(ctx, one) })
	same("states", func(a placement.API) (any, error) { return a.States(ctx) })
	same("allocations", func(a placement.API) (any, error) { return a.Allocations(ctx, some) })
	same("no allocations", func(a placement.API) (any, error) { return a.Allocations(ctx, other) })
	same("consumers", func(a placement.API) (any, error) { return a.Consumers(ctx, one) })
	r := placement.CandidatesRequest{
		GroupPolicy:   "none",
		Limit:         10,
		RootRequired:  []string{"COMPUTE_NODE"},
		RootForbidden: []string{"HW_CPU_X86_AVX"},
		Groups: map[string]placement.RequestGroup{
			"": {
				Resources: placement.Resources{placement.VCPU: 2},
				Required:  [][]string{{"COMPUTE_NODE", "HW_CPU_X86_AVX"}},
				Forbidden: []string{"HW_CPU_X86_VMX"},
			},
			"_1": {
				Resources:           placement.Resources{placement.VCPU: 1},
				MemberOf:            [][]string{{agg, some}},
				ForbiddenAggregates: []string{other},
				InTree:              two,
			}},
	}
	same("candidates", func(a placement.API) (any, error) { return a.Candidates(ctx, r) })
}
