package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"hypernova/keystone"
	"hypernova/keystone/api/policies"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

type roleView struct {
	ID          string                     `wire:"id"`
	Name        string                     `wire:"name"`
	DomainID    *string                    `wire:"domain_id"`
	Description *string                    `wire:"description"`
	Options     map[string]any             `wire:"options"`
	Links       links                      `wire:"links"`
	Extra       map[string]json.RawMessage `wire:"*"`
}

func roleViewer(r *api.Request) func(keystone.Role) roleView {
	return func(o keystone.Role) roleView {
		return roleView{o.ID, o.Name, nullable(o.DomainID), nullable(o.Description), object(o.Options),
			links{r.URL("/roles/%s", o.ID)}, o.Extra}
	}
}

type roleBody struct {
	Name        opt.Of[string]             `wire:"name" is:"minlen=1,maxlen=255,pattern=\\S"`
	DomainID    opt.Of[string]             `wire:"domain_id" is:"nullable,minlen=1,maxlen=64,pattern=^[a-zA-Z0-9-]+$"`
	Description opt.Of[string]             `wire:"description" is:"nullable,maxlen=255"`
	Options     map[string]any             `wire:"options"`
	Extra       map[string]json.RawMessage `wire:"*"`
}

type roleQuery struct {
	api.PageQuery
	Name     *string `wire:"name" filter:"name"`
	DomainID *string `wire:"domain_id"`
}

// rolesAPI answers what is asked about roles.
type rolesAPI struct {
	roleLoader
}

var roles = api.Resource[*rolesAPI]{Name: "role", Plural: "roles", Ops: api.Ops[*rolesAPI]{
	api.Do("POST /roles", nil, http.StatusCreated, (*rolesAPI).create),
	api.List("GET /roles", nil, (*rolesAPI).list),
	api.On("GET /roles/{role_id}", nil, http.StatusOK, (*rolesAPI).loadRole, (*rolesAPI).show, api.MissingShown()),
	api.On("PATCH /roles/{role_id}", nil, http.StatusOK, (*rolesAPI).loadRole, (*rolesAPI).update, api.MissingShown(),
		api.NonEmpty()),
	api.On("DELETE /roles/{role_id}", nil, http.StatusNoContent, (*rolesAPI).loadRole, (*rolesAPI).delete,
		api.MissingShown()),
}}

// implicationsAPI answers which roles imply others.
type implicationsAPI struct {
	roleLoader
}

var implications = api.Resource[*implicationsAPI]{Name: "role_inference", Plural: "role_inferences",
	Ops: api.Ops[*implicationsAPI]{
		api.On("GET /roles/{role_id}/implies", policies.ListImpliedRoles, http.StatusOK, (*implicationsAPI).loadRole,
			(*implicationsAPI).list),
		api.On("GET /roles/{role_id}/implies/{implied_id}", policies.GetImpliedRole, http.StatusOK,
			(*implicationsAPI).loadPair, (*implicationsAPI).show),
		api.On("PUT /roles/{role_id}/implies/{implied_id}", policies.CreateImpliedRole, http.StatusCreated,
			(*implicationsAPI).loadPair, (*implicationsAPI).create),
		api.On("DELETE /roles/{role_id}/implies/{implied_id}", policies.DeleteImpliedRole, http.StatusNoContent,
			(*implicationsAPI).loadPair, (*implicationsAPI).delete),
		api.List("GET /role_inferences", policies.ListRoleInferenceRules, (*implicationsAPI).listAll),
	}}

// globalOr is the rule for a role of the whole cloud, or the one for a role of a domain.
func globalOr(global, local *policy.Rule, domain string) *policy.Rule {
	if domain != "" {
		return local
	}
	return global
}

func (a *rolesAPI) create(ctx context.Context, r *api.Request, in *roleBody) (roleView, error) {
	if err := r.Require(globalOr(policies.CreateRole, policies.CreateDomainRole, in.DomainID.Or("")),
		policy.Target{"target.role.domain_id": in.DomainID.Or("")}); err != nil {
		return roleView{}, err
	}
	if !in.Name.Has() {
		return roleView{}, fault.Invalidf("'name' is a required property")
	}
	o, err := a.Roles.CreateRole(ctx, keystone.Role{Name: in.Name.Value, DomainID: in.DomainID.Or(""),
		Description: in.Description.Or(""),
		Options:     in.Options, Extra: in.Extra})
	return roleViewer(r)(o), err
}

// list shows the global roles unless a domain is named.
func (a *rolesAPI) list(ctx context.Context, r *api.Request, q *roleQuery) (api.Page[roleView], error) {
	where := like(api.Where(r, q, db.EqTo("domain_id", "")), r, "name", "domain_id")
	asked := policies.ListRoles
	if q.DomainID != nil {
		asked, where[0] = policies.ListDomainRoles, db.EqTo("domain_id", *q.DomainID)
	}
	if err := r.Require(asked, nil); err != nil {
		return api.Page[roleView]{}, err
	}
	return page(q.PageQuery, where, func(la db.ListArgs) ([]keystone.Role, error) { return a.Roles.Roles(ctx, la) },
		func(o keystone.Role) string { return o.ID }, roleViewer(r))
}

func (a *rolesAPI) show(_ context.Context, r *api.Request, o keystone.Role, _ *api.None) (roleView, error) {
	return roleViewer(r)(o), r.Require(globalOr(policies.GetRole, policies.GetDomainRole, o.DomainID), o.PolicyTarget())
}

func (a *rolesAPI) update(ctx context.Context, r *api.Request, o keystone.Role, in *roleBody) (roleView, error) {
	if err := r.Require(globalOr(policies.UpdateRole, policies.UpdateDomainRole, o.DomainID),
		o.PolicyTarget()); err != nil {
		return roleView{}, err
	}
	o, err := a.Roles.UpdateRole(ctx, o.ID, in.change)
	return roleViewer(r)(o), err
}

// change lays the body over a role.
func (in *roleBody) change(o keystone.Role) (keystone.Role, error) {
	if err := immutable(o.Options, in.Options, "role", o.ID); err != nil {
		return o, err
	}
	if in.DomainID.Set && in.DomainID.Or("") != o.DomainID {
		return o, fault.Invalidf("A role cannot be moved to another domain.")
	}
	o.Name = in.Name.Or(o.Name)
	if in.Description.Set {
		o.Description = in.Description.Or("")
	}
	if in.Options != nil {
		o.Options = in.Options
	}
	o.Extra = overlay(o.Extra, in.Extra)
	return o, nil
}

func (a *rolesAPI) delete(ctx context.Context, r *api.Request, o keystone.Role, _ *api.None) (api.None, error) {
	if err := r.Require(globalOr(policies.DeleteRole, policies.DeleteDomainRole, o.DomainID),
		o.PolicyTarget()); err != nil {
		return api.None{}, err
	}
	if err := immutable(o.Options, nil, "role", o.ID); err != nil {
		return api.None{}, err
	}
	return api.None{}, a.Roles.DeleteRole(ctx, o.ID)
}

type brief struct {
	ID    string `wire:"id"`
	Name  string `wire:"name"`
	Links links  `wire:"links"`
}

func briefOf(r *api.Request, o keystone.Role) brief {
	return brief{o.ID, o.Name, links{r.URL("/roles/%s", o.ID)}}
}

type impliesView struct {
	Prior   brief   `wire:"prior_role"`
	Implies []brief `wire:"implies"`
}

type impliedView struct {
	Prior   brief `wire:"prior_role"`
	Implied brief `wire:"implies"`
}

// pair is two roles that the path names together.
type pair struct{ prior, implied keystone.Role }

func (a *implicationsAPI) loadPair(ctx context.Context, r *api.Request) (pair, error) {
	prior, err := a.loadRole(ctx, r)
	if err != nil {
		return pair{}, err
	}
	implied, err := a.Roles.Role(ctx, r.Param("implied_id"))
	return pair{prior, implied}, err
}

func (a *implicationsAPI) list(ctx context.Context, r *api.Request, o keystone.Role, _ *api.None) (impliesView, error) {
	all, err := a.inferences(ctx, r)
	if err != nil {
		return impliesView{}, err
	}
	for _, v := range all {
		if v.Prior.ID == o.ID {
			return v, nil
		}
	}
	return impliesView{briefOf(r, o), []brief{}}, nil
}

func (a *implicationsAPI) inferences(ctx context.Context, r *api.Request) ([]impliesView, error) {
	byID, err := a.Roles.AllRoles(ctx)
	if err != nil {
		return nil, err
	}
	implied, err := a.Roles.Implied(ctx)
	if err != nil {
		return nil, err
	}
	out := []impliesView{}
	for prior, others := range implied {
		v := impliesView{Prior: briefOf(r, byID[prior])}
		for _, id := range others {
			v.Implies = append(v.Implies, briefOf(r, byID[id]))
		}
		out = append(out, v)
	}
	slices.SortFunc(out, func(x, y impliesView) int {
		if x.Prior.ID < y.Prior.ID {
			return -1
		}
		return 1
	})
	return out, nil
}

func (a *implicationsAPI) listAll(ctx context.Context, r *api.Request, _ *api.None) (api.Page[impliesView], error) {
	all, err := a.inferences(ctx, r)
	return api.Page[impliesView]{Items: all}, err
}

func (a *implicationsAPI) show(ctx context.Context, r *api.Request, p pair, _ *api.None) (impliedView, error) {
	implied, err := a.Roles.Implied(ctx)
	if err == nil && !slices.Contains(implied[p.prior.ID], p.implied.ID) {
		err = fault.NotFoundf("%s does not imply %s.", p.prior.ID, p.implied.ID)
	}
	if r.HTTP.Method == http.MethodHead {
		r.SetStatus(http.StatusNoContent)
	}
	return impliedView{briefOf(r, p.prior), briefOf(r, p.implied)}, err
}

func (a *implicationsAPI) create(ctx context.Context, r *api.Request, p pair, _ *api.None) (impliedView, error) {
	return impliedView{briefOf(r, p.prior), briefOf(r, p.implied)}, a.Roles.Imply(ctx, p.prior.ID, p.implied.ID)
}

func (a *implicationsAPI) delete(ctx context.Context, _ *api.Request, p pair, _ *api.None) (api.None, error) {
	return api.None{}, a.Roles.Unimply(ctx, p.prior.ID, p.implied.ID)
}
