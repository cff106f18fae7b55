package api

import (
	"context"
	"maps"
	"net/http"

	"hypernova/keystone"
	"hypernova/keystone/api/policies"
	"hypernova/oslo/api"
	"hypernova/oslo/policy"
)

// grant is a role, who gets it and on what, as the path names them.
type grant struct {
	keystone.Grant
	facts policy.Target
}

func (g grant) PolicyTarget() policy.Target { return g.facts }

// grantsAPI gives roles to users and groups and takes them away.
type grantsAPI struct {
	directoryLoader
	roleLoader
}

// grants are the paths of all combinations of actor and target, each with its inherited form where there is one.
func grants() []api.Resource[*grantsAPI] {
	var out []api.Resource[*grantsAPI]
	for _, target := range []string{keystone.OnProject, keystone.OnDomain, keystone.OnSystem} {
		for _, actor := range []string{keystone.OfUser, keystone.OfGroup} {
			base := "/" + target + "s/{" + target + "_id}/" + actor + "s/{" + actor + "_id}/roles"
			if target == keystone.OnSystem {
				base = "/system/" + actor + "s/{" + actor + "_id}/roles"
			}
			out = append(out, grantOps(target, actor, base, "", false))
			if target != keystone.OnSystem {
				out = append(out, grantOps(target, actor, "/OS-INHERIT"+base, "/inherited_to_projects", true))
			}
		}
	}
	return out
}

// grantRules guard the grants of one kind of actor on one kind of target.
type grantRules struct{ list, check, create, revoke *policy.Rule }

func grantOps(target, actor, base, tail string, inherited bool) api.Resource[*grantsAPI] {
	rules := grantRules{policies.ListGrants, policies.CheckGrant, policies.CreateGrant, policies.RevokeGrant}
	switch {
	case target == keystone.OnSystem && actor == keystone.OfUser:
		rules = grantRules{policies.ListSystemGrantsForUser, policies.CheckSystemGrantForUser,
			policies.CreateSystemGrantForUser, policies.RevokeSystemGrantForUser}
	case target == keystone.OnSystem:
		rules = grantRules{policies.ListSystemGrantsForGroup, policies.CheckSystemGrantForGroup,
			policies.CreateSystemGrantForGroup, policies.RevokeSystemGrantForGroup}
	}
	load := func(a *grantsAPI, ctx context.Context, r *api.Request) (grant, error) {
		return a.load(ctx, r, target, actor, inherited)
	}
	one := base + "/{role_id}" + tail
	ops := api.Ops[*grantsAPI]{
		api.On("GET "+one, rules.check, http.StatusNoContent, load, (*grantsAPI).check),
		api.On("PUT "+one, rules.create, http.StatusNoContent, load, (*grantsAPI).create),
		api.On("DELETE "+one, rules.revoke, http.StatusNoContent, load, (*grantsAPI).revoke),
	}
	if !inherited || target == keystone.OnDomain { // keystone lists what is inherited from domains only
		ops = append(ops, api.ListOf("GET "+base+tail, rules.list, load, (*grantsAPI).list))
	}
	return api.Resource[*grantsAPI]{Name: "role", Plural: "roles", Ops: ops}
}

func (a *grantsAPI) load(ctx context.Context, r *api.Request, target, actor string, inherited bool) (grant, error) {
	g := grant{keystone.Grant{Actor: actor, Target: target, TargetID: target, Inherited: inherited},
		policy.Target{"target.role.domain_id": ""}}
	add := func(id string, t api.Targeter, err error) (string, error) {
		if err == nil {
			maps.Copy(g.facts, t.PolicyTarget())
		}
		return id, err
	}
	var err error
	switch target {
	case keystone.OnProject:
		p, e := a.loadProject(ctx, r)
		if e == nil && p.IsDomain {
			g.facts["target.project.domain_id"] = p.ID
		}
		g.TargetID, err = add(p.ID, p, e)
	case keystone.OnDomain:
		p, e := a.loadDomain(ctx, r)
		g.TargetID, err = add(p.ID, p, e)
	}
	if err != nil {
		return g, err
	}
	if actor == keystone.OfUser {
		u, e := a.loadUser(ctx, r)
		g.ActorID, err = add(u.ID, u, e)
	} else {
		u, e := a.loadGroup(ctx, r)
		g.ActorID, err = add(u.ID, u, e)
	}
	if err != nil || r.Param("role_id") == "" {
		return g, err
	}
	role, err := a.loadRole(ctx, r)
	g.RoleID = role.ID
	g.facts["target.role.name"] = role.Name
	g.facts["target.role.domain_id"] = role.DomainID
	return g, err
}

func (a *grantsAPI) list(ctx context.Context, r *api.Request, g grant, _ *api.None) (api.Page[roleView], error) {
	held, err := a.Roles.Direct(ctx, g.Grant)
	return api.Page[roleView]{Items: views(held, roleViewer(r))}, err
}

func (a *grantsAPI) check(ctx context.Context, _ *api.Request, g grant, _ *api.None) (api.None, error) {
	return api.None{}, a.Roles.Check(ctx, g.Grant)
}

func (a *grantsAPI) create(ctx context.Context, _ *api.Request, g grant, _ *api.None) (api.None, error) {
	return api.None{}, a.Roles.Grant(ctx, g.Grant)
}

func (a *grantsAPI) revoke(ctx context.Context, _ *api.Request, g grant, _ *api.None) (api.None, error) {
	return api.None{}, a.Roles.Revoke(ctx, g.Grant)
}
