package api

import (
	"context"

	"hypernova/neutron"
	"hypernova/neutron/addressscopes"
	"hypernova/neutron/plugin"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

type scopeBody struct {
	owners
	scopeChange
	Version int `wire:"ip_version" is:"required,intish"`
}

type scopeChange struct {
	Name   opt.Of[string] `wire:"name" is:"maxlen=255"`
	Shared opt.Of[bool]   `wire:"shared" is:"boolish"`
}

// Validate checks the name.
func (in *scopeChange) Validate(api.Version) error { return checkName(in.Name) }

type scopeView struct {
	ID      string `wire:"id"`
	Name    string `wire:"name"`
	Tenant  string `wire:"tenant_id"`
	Version int    `wire:"ip_version"`
	Shared  bool   `wire:"shared"`
	Project string `wire:"project_id"`
}

func viewScope(s neutron.AddressScope) scopeView {
	return scopeView{ID: s.ID, Name: s.Name, Tenant: s.Project, Project: s.Project, Version: s.Version, Shared: s.Shared}
}

// sharedTarget is what rules know of a resource that may be shared with all projects.
func sharedTarget(project string, shared bool) policy.Target {
	return policy.Target{"project_id": project, "tenant_id": project, "shared": boolText(shared)}
}

type scopesAPI = crud[neutron.AddressScope, scopeBody, scopeChange, scopeView]

func scopesOf(p *plugin.Plugin) *scopesAPI {
	ops := addressscopes.New(p.Change, p.Quotas)
	target := func(s neutron.AddressScope) policy.Target { return sharedTarget(s.Project, s.Shared) }
	c := &scopesAPI{
		name: "address_scope", what: "AddressScope",
		rules:  rules{create: createScope, get: getScope, update: updateScope, delete: deleteScope},
		asked:  createScope,
		target: target,
		id:     func(s neutron.AddressScope) string { return s.ID },
		meta:   func(s neutron.AddressScope) neutron.Meta { return s.Meta },
		view:   viewScope,
		show:   ops.Show,
		list: func(ctx context.Context, _ *api.Request, a db.ListArgs) ([]neutron.AddressScope, error) {
			return ops.List(ctx, a)
		},
		update: func(ctx context.Context, r *api.Request, s neutron.AddressScope, in *scopeChange,
			ifRevision opt.Of[int64]) (neutron.AddressScope, error) {
			if err := guard(r, target(s), attribute{in.Shared.Has(), updateScopeShared}); err != nil {
				return s, err
			}
			return ops.Update(ctx, s.ID, addressscopes.Patch{Name: in.Name, Shared: in.Shared, IfRevision: ifRevision})
		},
		delete: func(ctx context.Context, _ *api.Request, s neutron.AddressScope, ifRevision opt.Of[int64]) error {
			return ops.Delete(ctx, s.ID, ifRevision)
		},
		listing: listing{known: filters{}.with(filters{"shared": truth, "ip_version": number})},
		scope:   audienceOf,
		extensions: []extension{
			{"address-scope", "Address scope", "Sets of subnet pools without overlapping prefixes."},
		},
	}
	c.create = c.each(func(r *api.Request, project string, in *scopeBody) (neutron.AddressScope, error) {
		s := neutron.AddressScope{Meta: neutron.Meta{Project: project}, Name: in.Name.Or(""), Version: in.Version,
			Shared: in.Shared.Or(false)}
		if s.Version != 4 && s.Version != 6 {
			return s, invalid("ip_version", "'%d' is not in [4, 6]", s.Version)
		}
		return s, guard(r, target(s), attribute{s.Shared, createScopeShared})
	}, ops.Create)
	return c
}

// audienceOf bounds a list to what the caller's project may see: its own and what is shared.
func audienceOf(r *api.Request) []db.Cond {
	return []db.Cond{db.InList("audience", []string{r.Caller.ProjectID, "*"})}
}
