package api

import (
	"context"
	"slices"
	"time"

	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
	"hypernova/placement"
	"hypernova/placement/api/policies"
	"hypernova/placement/resources"
)

// providersAPI answers what is asked about providers.
type providersAPI struct{ providerLoader }

var resourceProviders = api.Resource[*providersAPI]{Name: "resource_provider", Plural: "resource_providers",
	Ops: api.Ops[*providersAPI]{
		api.List("GET /resource_providers", policies.ResourceProvidersList, (*providersAPI).list),
		api.Do("POST /resource_providers", policies.ResourceProvidersCreate, 201, (*providersAPI).createSilently, api.Bare(),
			api.Span("1.0-1.19")),
		api.Do("POST /resource_providers", policies.ResourceProvidersCreate, 200, (*providersAPI).createShown, api.Bare(),
			api.Span("1.20-")),
		api.On("GET /resource_providers/{uuid}", policies.ResourceProvidersShow, 200, (*providersAPI).load,
			(*providersAPI).show, api.Bare()),
		api.On("PUT /resource_providers/{uuid}", policies.ResourceProvidersUpdate, 200, (*providersAPI).load,
			(*providersAPI).update, api.Bare()),
		api.On("DELETE /resource_providers/{uuid}", policies.ResourceProvidersDelete, 204, (*providersAPI).load,
			(*providersAPI).delete),
		api.On("GET /resource_providers/{uuid}/usages", policies.ResourceProvidersUsages, 200, (*providersAPI).load,
			(*providersAPI).usages, api.Bare()),
		api.On("GET /resource_providers/{uuid}/allocations", policies.ResourceProvidersAllocationsList, 200,
			(*providersAPI).load, (*providersAPI).allocations, api.Bare()),
	}}

type providerBody struct {
	Name   string         `wire:"name" is:"required,maxlen=200"`
	UUID   opt.Of[string] `wire:"uuid" is:"uuid"`
	Parent opt.Of[string] `wire:"parent_provider_uuid" mv:"1.14-" is:"nullable,uuid"`
}

type providerEdit struct {
	Name   string         `wire:"name" is:"required,maxlen=200"`
	Parent opt.Of[string] `wire:"parent_provider_uuid" mv:"1.14-" is:"nullable,uuid"`
}

type providerView struct {
	UUID       string  `wire:"uuid"`
	Name       string  `wire:"name"`
	Generation int64   `wire:"generation"`
	Parent     *string `wire:"parent_provider_uuid" mv:"1.14-"`
	Root       string  `wire:"root_provider_uuid" mv:"1.14-"`
	Links      []link  `wire:"links"`
}

func viewOf(r *api.Request, p resources.Provider) providerView {
	v := providerView{UUID: p.ID, Name: p.Name, Generation: p.Generation, Root: p.Root}
	if p.Parent != "" {
		v.Parent = &p.Parent
	}
	v.Links = append(v.Links, link{"self", path(p)})
	for _, l := range []struct {
		since int
		name  string
	}{{0, "inventories"}, {0, "usages"}, {1, "aggregates"}, {6, "traits"}, {11, "allocations"}} {
		if r.AtLeast(l.since) {
			v.Links = append(v.Links, link{l.name, path(p, l.name)})
		}
	}
	return v
}

type providersQuery struct {
	Name      *string  `wire:"name"`
	UUID      *string  `wire:"uuid" is:"uuid"`
	MemberOf  []string `wire:"member_of" mv:"1.3-"`
	Resources *string  `wire:"resources" mv:"1.4-"`
	InTree    *string  `wire:"in_tree" mv:"1.14-" is:"uuid"`
	Required  []string `wire:"required" mv:"1.18-"`
}

func (a *providersAPI) list(ctx context.Context, r *api.Request, q *providersQuery) (api.Page[providerView], error) {
	g, err := a.filterOf(ctx, r, q)
	if err != nil {
		return api.Page[providerView]{}, err
	}
	all, err := a.s.Providers.List(ctx)
	if err != nil {
		return api.Page[providerView]{}, err
	}
	root := ""
	if q.InTree != nil {
		p, err := a.s.Providers.Get(ctx, dashed(*q.InTree))
		if err != nil && !fault.Is(err, fault.NotFound) {
			return api.Page[providerView]{}, err
		}
		root = p.Root // an unknown provider is in no tree
	}
	var newest time.Time
	views := []providerView{}
	for _, p := range all {
		if q.Name != nil && p.Name != *q.Name || q.UUID != nil && p.ID != dashed(*q.UUID) || q.InTree != nil &&
			p.Root != root || !fits(p, g) {
			continue
		}
		if p.Updated.After(newest) {
			newest = p.Updated
		}
		views = append(views, viewOf(r, *p))
	}
	fresh(r, newest)
	return api.Page[providerView]{Items: views}, nil
}

func (a *providersAPI) filterOf(ctx context.Context, r *api.Request,
	q *providersQuery) (placement.RequestGroup, error) {
	var g placement.RequestGroup
	var err error
	if q.Resources != nil {
		if g.Resources, err = resourcesOf(*q.Resources); err != nil {
			return g, err
		}
	}
	if g.Required, g.Forbidden, err = traitsOf(r, q.Required); err != nil {
		return g, err
	}
	if g.MemberOf, g.ForbiddenAggregates, err = aggregatesOf(r, "", q.MemberOf); err != nil {
		return g, err
	}
	for class := range g.Resources {
		if err := a.s.Names.CheckClasses(ctx, []string{class}); err != nil {
			return g, err
		}
	}
	return g, a.s.Names.CheckTraits(ctx, slices.Concat(append(g.Required, g.Forbidden)...))
}

// fits says whether one provider has all that the filter asks for.
func fits(p *resources.Provider, g placement.RequestGroup) bool {
	for class, amount := range g.Resources {
		inv, ok := p.Inventories[class]
		if !ok || !inv.Fits(amount, p.Used[class]) {
			return false
		}
	}
	return meetsEach(p.Traits, g.Required) && meetsEach(p.Aggregates, g.MemberOf) && !meets(p.Traits, g.Forbidden) &&
		!meets(p.Aggregates, g.ForbiddenAggregates)
}

func meets(have, any []string) bool {
	return slices.ContainsFunc(any, func(s string) bool { return slices.Contains(have, s) })
}

func meetsEach(have []string, all [][]string) bool {
	return !slices.ContainsFunc(all, func(any []string) bool { return !meets(have, any) })
}

func (a *providersAPI) create(ctx context.Context, r *api.Request, in *providerBody) (resources.Provider, error) {
	p := placement.Provider{Name: in.Name}
	if in.UUID.Has() {
		p.ID = dashed(in.UUID.Value)
	}
	if in.Parent.Has() {
		p.Parent = dashed(in.Parent.Value)
	}
	made, err := a.s.Providers.Create(ctx, p)
	if err == nil {
		r.SetHeader("Location", r.URL(path(made)))
	}
	return made, err
}

func (a *providersAPI) createSilently(ctx context.Context, r *api.Request, in *providerBody) (api.None, error) {
	_, err := a.create(ctx, r, in)
	return api.None{}, err
}

func (a *providersAPI) createShown(ctx context.Context, r *api.Request, in *providerBody) (providerView, error) {
	p, err := a.create(ctx, r, in)
	if err != nil {
		return providerView{}, err
	}
	fresh(r, p.Updated)
	return viewOf(r, p), nil
}

func (a *providersAPI) show(_ context.Context, r *api.Request, p resources.Provider,
	_ *api.None) (providerView, error) {
	fresh(r, p.Updated)
	return viewOf(r, p), nil
}

func (a *providersAPI) update(ctx context.Context, r *api.Request, p resources.Provider,
	in *providerEdit) (providerView, error) {
	var parent *string
	if in.Parent.Set {
		to := ""
		if in.Parent.Has() {
			to = dashed(in.Parent.Value)
		}
		parent = &to
	}
	p, err := a.s.Providers.Update(ctx, p.ID, in.Name, parent, r.AtLeast(37))
	if err != nil {
		return providerView{}, err
	}
	fresh(r, p.Updated)
	return viewOf(r, p), nil
}

func (a *providersAPI) delete(ctx context.Context, _ *api.Request, p resources.Provider,
	_ *api.None) (api.None, error) {
	return api.None{}, a.s.Providers.Delete(ctx, p.ID)
}

type usagesView struct {
	Generation int64               `wire:"resource_provider_generation"`
	Usages     placement.Resources `wire:"usages"`
}

func (a *providersAPI) usages(_ context.Context, r *api.Request, p resources.Provider,
	_ *api.None) (usagesView, error) {
	fresh(r, time.Time{})
	return usagesView{p.Generation, p.Used}, nil
}

type heldView struct {
	Generation  int64                 `wire:"resource_provider_generation"`
	Allocations map[string]holderView `wire:"allocations"`
}

type holderView struct {
	Resources  placement.Resources `wire:"resources"`
	Generation int64               `wire:"consumer_generation" mv:"1.28-"`
}

func (a *providersAPI) allocations(ctx context.Context, r *api.Request, p resources.Provider,
	_ *api.None) (heldView, error) {
	held, err := a.s.Claims.OnProvider(ctx, p.ID)
	if err != nil {
		return heldView{}, err
	}
	v := heldView{p.Generation, map[string]holderView{}}
	for id, h := range held {
		v.Allocations[id] = holderView{h.Resources, h.Generation}
	}
	fresh(r, time.Time{})
	return v, nil
}
