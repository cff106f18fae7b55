package api

import (
	"context"
	"maps"
	"slices"

	"hypernova/oslo/api"
	"hypernova/oslo/policy"
	"hypernova/placement"
	"hypernova/placement/api/policies"
	"hypernova/placement/resources"
)

// changesAPI serves Hypernova's own processes in other places. Its routes are no part of the Placement API, and
// placement/client works without them. They need the rules of the reads that they replace.
type changesAPI struct{ providerLoader }

var internal = api.Resource[*changesAPI]{Name: "change", Plural: "changes", Ops: api.Ops[*changesAPI]{
	api.Do("GET /hypernova/provider_changes", policies.ResourceProvidersList, 200, (*changesAPI).changes, api.Bare()),
	api.On("GET /hypernova/providers/{uuid}", policies.ResourceProvidersShow, 200, (*changesAPI).load, (*changesAPI).show,
		api.Bare()),
}}

// stateRules are the rules of the parts of a provider's state.
func stateRules() []*policy.Rule {
	return []*policy.Rule{policies.ResourceProvidersInventoriesList, policies.ResourceProvidersUsages,
		policies.ResourceProvidersTraitsList, policies.ResourceProvidersAggregatesList}
}

type changesQuery struct {
	Since string `wire:"since"`
}

type changesView struct {
	Mark  string            `wire:"mark"`
	Parts []changedPartView `wire:"parts"`
}

type changedPartView struct {
	ID        int64       `wire:"id"`
	Whole     bool        `wire:"whole"`
	Providers []stateView `wire:"providers"`
}

type stateView struct {
	UUID        string               `wire:"uuid"`
	Name        string               `wire:"name"`
	Parent      string               `wire:"parent" omit:"empty"`
	Root        string               `wire:"root"`
	Generation  int64                `wire:"generation"`
	Inventories []stateInventoryView `wire:"inventories"`
	Traits      []string             `wire:"traits"`
	Aggregates  []string             `wire:"aggregates"`
}

type stateInventoryView struct {
	Class    string  `wire:"class"`
	Total    int64   `wire:"total"`
	Reserved int64   `wire:"reserved"`
	MinUnit  int64   `wire:"min_unit"`
	MaxUnit  int64   `wire:"max_unit"`
	StepSize int64   `wire:"step_size"`
	Ratio    float64 `wire:"allocation_ratio"`
	Used     int64   `wire:"used"`
}

func stateOf(p placement.ProviderState) stateView {
	v := stateView{UUID: p.ID, Name: p.Name, Parent: p.Parent, Root: p.Root, Generation: p.Generation,
		Inventories: make(
			[]stateInventoryView,
			0,
			len(p.Inventories),
		), Traits: list(p.Traits), Aggregates: list(p.Aggregates)}
	for _, class := range slices.Sorted(maps.Keys(p.Inventories)) {
		i := p.Inventories[class]
		v.Inventories = append(v.Inventories, stateInventoryView{class, i.Total, i.Reserved, i.MinUnit, i.MaxUnit,
			i.StepSize, i.AllocationRatio, p.Used[class]})
	}
	return v
}

func allowed(r *api.Request) error {
	for _, rule := range stateRules() {
		if err := r.Require(rule, policy.Target{}); err != nil {
			return err
		}
	}
	return nil
}

func (a *changesAPI) changes(ctx context.Context, r *api.Request, q *changesQuery) (changesView, error) {
	if err := allowed(r); err != nil {
		return changesView{}, err
	}
	c, err := a.s.Providers.Changes(ctx, q.Since)
	if err != nil {
		return changesView{}, err
	}
	v := changesView{c.Mark, make([]changedPartView, len(c.Parts))}
	for i, part := range c.Parts {
		v.Parts[i] = changedPartView{part.ID, part.Whole, make([]stateView, len(part.Providers))}
		for j, p := range part.Providers {
			v.Parts[i].Providers[j] = stateOf(p)
		}
	}
	return v, nil
}

func (a *changesAPI) show(_ context.Context, r *api.Request, p resources.Provider, _ *api.None) (stateView, error) {
	return stateOf(p.ProviderState), allowed(r)
}
