package api

import (
	"context"
	"time"

	"hypernova/oslo/api"
	"hypernova/placement/api/policies"
	"hypernova/placement/resources"
)

// tagsAPI answers which aggregates and traits a provider has.
type tagsAPI struct{ providerLoader }

// tags are a provider's aggregates and traits.
var tags = api.Resource[*tagsAPI]{Name: "tag", Plural: "tags", Ops: api.Ops[*tagsAPI]{
	api.On("GET /resource_providers/{uuid}/aggregates", policies.ResourceProvidersAggregatesList, 200, (*tagsAPI).load,
		(*tagsAPI).listAggregates, api.Bare(), api.Span("1.1-")),
	api.On("PUT /resource_providers/{uuid}/aggregates", policies.ResourceProvidersAggregatesUpdate, 200, (*tagsAPI).load,
		(*tagsAPI).setAggregatesPlain, api.Bare(), api.Span("1.1-1.18")),
	api.On("PUT /resource_providers/{uuid}/aggregates", policies.ResourceProvidersAggregatesUpdate, 200, (*tagsAPI).load,
		(*tagsAPI).setAggregates, api.Bare(), api.Span("1.19-")),
	api.On("GET /resource_providers/{uuid}/traits", policies.ResourceProvidersTraitsList, 200, (*tagsAPI).load,
		(*tagsAPI).listTraits, api.Bare(), api.Span("1.6-")),
	api.On("PUT /resource_providers/{uuid}/traits", policies.ResourceProvidersTraitsUpdate, 200, (*tagsAPI).load,
		(*tagsAPI).setTraits, api.Bare(), api.Span("1.6-")),
	api.On("DELETE /resource_providers/{uuid}/traits", policies.ResourceProvidersTraitsDelete, 204, (*tagsAPI).load,
		(*tagsAPI).deleteTraits, api.Span("1.6-")),
}}

type aggregatesView struct {
	Aggregates []string `wire:"aggregates"`
	Generation int64    `wire:"resource_provider_generation" mv:"1.19-"`
}

type aggregatesBody struct {
	Aggregates []string `wire:"aggregates" is:"required,unique,each(uuid)"`
	Generation int64    `wire:"resource_provider_generation" is:"required"`
}

func (a *tagsAPI) listAggregates(_ context.Context, r *api.Request, p resources.Provider,
	_ *api.None) (aggregatesView, error) {
	fresh(r, time.Time{})
	return aggregatesView{list(p.Aggregates), p.Generation}, nil
}

// list is never null on the wire.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// plainList is a body that is a list of UUIDs and nothing else.
type plainList []string

// Validate checks the elements, which have no tag of their own.
func (l *plainList) Validate(api.Version) error { return uuids(*l) }

func (a *tagsAPI) setAggregatesPlain(ctx context.Context, r *api.Request, p resources.Provider,
	in *plainList) (aggregatesView, error) {
	if err := in.Validate(r.Version); err != nil {
		return aggregatesView{}, err
	}
	return a.putAggregates(ctx, r, p, resources.Keep, *in)
}

func (a *tagsAPI) setAggregates(ctx context.Context, r *api.Request, p resources.Provider,
	in *aggregatesBody) (aggregatesView, error) {
	return a.putAggregates(ctx, r, p, max(in.Generation, 0), in.Aggregates)
}

func (a *tagsAPI) putAggregates(ctx context.Context, r *api.Request, p resources.Provider, generation int64,
	all []string) (aggregatesView, error) {
	for i := range all {
		all[i] = dashed(all[i])
	}
	next, err := a.s.SetAggregates(ctx, p.ID, generation, all)
	if err != nil {
		return aggregatesView{}, err
	}
	fresh(r, time.Time{})
	return aggregatesView{list(all), next}, nil
}

type providerTraitsView struct {
	Traits     []string `wire:"traits"`
	Generation int64    `wire:"resource_provider_generation"`
}

type providerTraitsBody struct {
	Traits     []string `wire:"traits" is:"required,unique,each(minlen=1,maxlen=255)"`
	Generation int64    `wire:"resource_provider_generation" is:"required"`
}

func (a *tagsAPI) listTraits(_ context.Context, r *api.Request, p resources.Provider,
	_ *api.None) (providerTraitsView, error) {
	fresh(r, p.Updated)
	return providerTraitsView{list(p.Traits), p.Generation}, nil
}

func (a *tagsAPI) setTraits(ctx context.Context, r *api.Request, p resources.Provider,
	in *providerTraitsBody) (providerTraitsView, error) {
	next, err := a.s.SetTraits(ctx, p.ID, max(in.Generation, 0), in.Traits)
	if err != nil {
		return providerTraitsView{}, err
	}
	fresh(r, time.Time{})
	return providerTraitsView{list(in.Traits), next}, nil
}

func (a *tagsAPI) deleteTraits(ctx context.Context, _ *api.Request, p resources.Provider,
	_ *api.None) (api.None, error) {
	_, err := a.s.SetTraits(ctx, p.ID, resources.Any, nil)
	return api.None{}, err
}
