package flavors

import (
	"context"
	"strings"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/api/wire"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/policy"
)

// accessAPI reads and changes which projects may use a private flavor.
type accessAPI struct {
	flavorLoader
	wire.ProjectLoader
}

func accessFor(rule *policy.Rule) func(*accessAPI, context.Context, *api.Request) (nova.Flavor, error) {
	return func(a *accessAPI, ctx context.Context, r *api.Request) (nova.Flavor, error) {
		return a.loadFor(ctx, r, rule)
	}
}

var accessOps = api.Resource[*accessAPI]{Name: "flavor_access", Plural: "flavor_access", Ops: api.Ops[*accessAPI]{
	api.On("GET /flavors/{flavor_id}/os-flavor-access", policies.FlavorAccess, 200, accessFor(policies.FlavorAccess),
		(*accessAPI).list),
	api.Act("POST /flavors/{flavor_id}/action", "addTenantAccess", policies.FlavorAccessAddTenantAccess, 200,
		accessFor(policies.FlavorAccessAddTenantAccess), (*accessAPI).allow),
	api.Act("POST /flavors/{flavor_id}/action", "removeTenantAccess", policies.FlavorAccessRemoveTenantAccess, 200,
		accessFor(policies.FlavorAccessRemoveTenantAccess), (*accessAPI).deny),
}}

type accessView struct {
	Flavor  string `wire:"flavor_id"`
	Project string `wire:"tenant_id"`
}

type access struct {
	Project string `wire:"tenant" is:"required,minlen=1,maxlen=255"`
}

func accessOf(f *nova.Flavor) []accessView {
	var out []accessView
	for _, p := range f.Projects {
		out = append(out, accessView{f.ID, p})
	}
	return out
}

func (a *accessAPI) list(_ context.Context, _ *api.Request, f nova.Flavor, _ *api.None) ([]accessView, error) {
	if f.Public {
		return nil, fault.NotFoundf("Access list not available for public flavors.")
	}
	return accessOf(&f), nil
}

func (a *accessAPI) allow(ctx context.Context, r *api.Request, f nova.Flavor, in *access) ([]accessView, error) {
	if f.Public && r.AtLeast(7) {
		return nil, fault.Conflictf("Can not add access to a public flavor.")
	}
	if err := a.CheckProject(ctx, in.Project); err != nil {
		return nil, err
	}
	f, err := a.Flavors.Allow(ctx, f.ID, in.Project)
	return accessOf(&f), err
}

func (a *accessAPI) deny(ctx context.Context, _ *api.Request, f nova.Flavor, in *access) ([]accessView, error) {
	// A project that is gone can be taken from the list too.
	if err := a.CheckProject(ctx, in.Project); err != nil && !fault.Is(err, fault.Invalid) {
		return nil, err
	}
	f, err := a.Flavors.Deny(ctx, f.ID, strings.TrimSpace(in.Project))
	return accessOf(&f), err
}
