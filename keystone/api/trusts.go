package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"hypernova/keystone"
	"hypernova/keystone/api/policies"
	"hypernova/keystone/delegation"
	"hypernova/keystone/identity"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

type trustView struct {
	ID            string                     `wire:"id"`
	Trustor       string                     `wire:"trustor_user_id"`
	Trustee       string                     `wire:"trustee_user_id"`
	ProjectID     *string                    `wire:"project_id"`
	Impersonation bool                       `wire:"impersonation"`
	Expires       *time.Time                 `wire:"expires_at" time:"zmicro"`
	Deleted       *time.Time                 `wire:"deleted_at" time:"zmicro"`
	RemainingUses *int64                     `wire:"remaining_uses"`
	Parent        *string                    `wire:"redelegated_trust_id"`
	Count         int64                      `wire:"redelegation_count"`
	Roles         opt.Of[[]roleView]         `wire:"roles"`
	RolesLinks    *listLinks                 `wire:"roles_links" omit:"empty"`
	Links         links                      `wire:"links"`
	Extra         map[string]json.RawMessage `wire:"*"`
}

type listLinks struct {
	Self     string  `wire:"self"`
	Next     *string `wire:"next"`
	Previous *string `wire:"previous"`
}

func trustViewer(r *api.Request) func(keystone.Trust) trustView {
	return func(t keystone.Trust) trustView {
		v := trustView{ID: t.ID, Trustor: t.TrustorID, Trustee: t.TrusteeID, ProjectID: nullable(t.ProjectID),
			Impersonation: t.Impersonation,
			Parent:        nullable(t.ParentID), Count: t.RedelegationCount, Links: links{r.URL("/OS-TRUST/trusts/%s", t.ID)},
			Extra: t.Extra}
		if !t.Expires.IsZero() {
			v.Expires = &t.Expires
		}
		if t.RemainingUses != keystone.Unlimited {
			v.RemainingUses = &t.RemainingUses
		}
		return v
	}
}

// withRoles is the view of one trust; lists leave the roles out.
func (a *trustsAPI) withRoles(ctx context.Context, r *api.Request, t keystone.Trust) (trustView, error) {
	v := trustViewer(r)(t)
	rs, err := a.rolesOf(ctx, r, t)
	v.Roles, v.RolesLinks = opt.Some(rs), &listLinks{Self: r.URL("/OS-TRUST/trusts/%s/roles", t.ID)}
	return v, err
}

func (a *trustsAPI) rolesOf(ctx context.Context, r *api.Request, t keystone.Trust) ([]roleView, error) {
	all, err := a.Roles.AllRoles(ctx)
	out := []roleView{}
	for _, id := range t.RoleIDs {
		if o, ok := all[id]; ok {
			out = append(out, roleViewer(r)(o))
		}
	}
	return out, err
}

type trustCreate struct {
	Trustor       string                     `wire:"trustor_user_id" is:"required,id,maxlen=64"`
	Trustee       string                     `wire:"trustee_user_id" is:"required,id,maxlen=64"`
	Impersonation *bool                      `wire:"impersonation" is:"required"`
	ProjectID     opt.Of[string]             `wire:"project_id" is:"nullable,maxlen=64"`
	RemainingUses opt.Of[int64]              `wire:"remaining_uses" is:"nullable,min=1"`
	Expires       opt.Of[string]             `wire:"expires_at" is:"nullable"`
	Redelegate    opt.Of[bool]               `wire:"allow_redelegation" is:"nullable"`
	Count         opt.Of[int64]              `wire:"redelegation_count" is:"nullable,min=0"`
	Roles         []roleName                 `wire:"roles"`
	Extra         map[string]json.RawMessage `wire:"*"`
}

func (c *trustCreate) PolicyTarget() policy.Target {
	return policy.Target{"target.trust.trustor_user_id": c.Trustor}
}

type trustQuery struct {
	Trustor *string `wire:"trustor_user_id" filter:"trustor_user_id"`
	Trustee *string `wire:"trustee_user_id" filter:"trustee_user_id"`
}

// trustsAPI answers what is asked about trusts.
type trustsAPI struct {
	callerToken
	roleLoader

	Identity   *identity.Service
	Delegation *delegation.Service
}

var trusts = api.Resource[*trustsAPI]{Name: "trust", Plural: "trusts", Ops: api.Ops[*trustsAPI]{
	api.Do("POST /OS-TRUST/trusts", policies.CreateTrust, http.StatusCreated, (*trustsAPI).create),
	api.ListOf("GET /OS-TRUST/trusts", nil, api.Nothing[*trustsAPI], (*trustsAPI).list),
	api.On("GET /OS-TRUST/trusts/{trust_id}", policies.GetTrust, http.StatusOK, (*trustsAPI).load, (*trustsAPI).show,
		api.MissingShown()),
	api.On("DELETE /OS-TRUST/trusts/{trust_id}", policies.DeleteTrust, http.StatusNoContent, (*trustsAPI).load,
		(*trustsAPI).delete, api.MissingShown()),
	api.ListOf("GET /OS-TRUST/trusts/{trust_id}/roles", policies.ListRolesForTrust, (*trustsAPI).load,
		(*trustsAPI).listRoles, api.EnvelopeOut("roles"), api.MissingShown()),
	api.On("GET /OS-TRUST/trusts/{trust_id}/roles/{role_id}", policies.GetRoleForTrust, http.StatusOK, (*trustsAPI).load,
		(*trustsAPI).showRole, api.EnvelopeOut("role"), api.MissingShown()),
}}

func (a *trustsAPI) load(ctx context.Context, r *api.Request) (keystone.Trust, error) {
	return a.Delegation.Trust(ctx, r.Param("trust_id"))
}

// mayTrust refuses application credentials, which never deal with trusts, and answers the trust that the caller
// itself acts by.
func (a *trustsAPI) mayTrust(ctx context.Context, r *api.Request) (string, error) {
	t, err := a.own(ctx, r)
	if err != nil {
		return "", err
	}
	if t.AppCredential.ID != "" {
		return "", fault.Forbiddenf(
			"You are not authorized to perform the requested action: Using method 'application_credential' is not allowed for managing trusts.")
	}
	return t.Trust.ID, nil
}

func (a *trustsAPI) create(ctx context.Context, r *api.Request, in *trustCreate) (trustView, error) {
	var v trustView
	via, err := a.mayTrust(ctx, r)
	if err != nil {
		return v, err
	}
	project := in.ProjectID.Or("")
	switch {
	case project != "" && len(in.Roles) == 0:
		return v, fault.Forbiddenf(
			"You are not authorized to perform the requested action: At least one role should be specified.")
	case r.Caller.UserID != in.Trustor:
		return v, fault.Forbiddenf(
			"You are not authorized to perform the requested action: The authenticated user should match the trustor.")
	}
	w := delegation.TrustWish{Redelegate: in.Redelegate.Or(false), Count: in.Count.Ptr(), Via: via,
		Trust: keystone.Trust{TrustorID: in.Trustor, TrusteeID: in.Trustee, ProjectID: project,
			Impersonation: *in.Impersonation,
			RemainingUses: in.RemainingUses.Or(keystone.Unlimited), Extra: in.Extra}}
	if w.RoleIDs, err = a.roleIDs(ctx, in.Roles); err != nil {
		return v, err
	}
	if w.Expires, err = expiry(in.Expires); err != nil {
		return v, err
	}
	if err := a.Identity.Users.EnsureRow(ctx, in.Trustee); err != nil {
		return v, err
	}
	t, err := a.Delegation.CreateTrust(ctx, w)
	if err != nil {
		return v, err
	}
	return a.withRoles(ctx, r, t)
}

// list asks one of three rules, by whose trusts are asked for.
func (a *trustsAPI) list(ctx context.Context, r *api.Request, _ api.None, q *trustQuery) (api.Page[trustView], error) {
	var out api.Page[trustView]
	asked, target := policies.ListTrusts, policy.Target{}
	switch {
	case q.Trustor != nil && *q.Trustor != "":
		asked, target["target.trust.trustor_user_id"] = policies.ListTrustsForTrustor, *q.Trustor
	case q.Trustee != nil && *q.Trustee != "":
		asked, target["target.trust.trustee_user_id"] = policies.ListTrustsForTrustee, *q.Trustee
	}
	if err := r.Require(asked, target); err != nil {
		return out, err
	}
	if _, err := a.mayTrust(ctx, r); err != nil {
		return out, err
	}
	ts, err := a.Delegation.Trusts(ctx, db.ListArgs{Where: api.Where(r, q)})
	out.Items = views(ts, trustViewer(r))
	return out, err
}

func (a *trustsAPI) show(ctx context.Context, r *api.Request, t keystone.Trust, _ *api.None) (trustView, error) {
	if _, err := a.mayTrust(ctx, r); err != nil {
		return trustView{}, err
	}
	return a.withRoles(ctx, r, t)
}

func (a *trustsAPI) delete(ctx context.Context, r *api.Request, t keystone.Trust, _ *api.None) (api.None, error) {
	if _, err := a.mayTrust(ctx, r); err != nil {
		return api.None{}, err
	}
	return api.None{}, a.Delegation.DeleteTrust(ctx, t.ID)
}

func (a *trustsAPI) listRoles(ctx context.Context, r *api.Request, t keystone.Trust,
	_ *api.None) (api.Page[roleView], error) {
	if _, err := a.mayTrust(ctx, r); err != nil {
		return api.Page[roleView]{}, err
	}
	rs, err := a.rolesOf(ctx, r, t)
	return api.Page[roleView]{Items: rs}, err
}

func (a *trustsAPI) showRole(ctx context.Context, r *api.Request, t keystone.Trust, _ *api.None) (roleView, error) {
	if _, err := a.mayTrust(ctx, r); err != nil {
		return roleView{}, err
	}
	id := r.Param("role_id")
	if !slices.Contains(t.RoleIDs, id) {
		return roleView{}, fault.NotFoundf("Could not find role: %s.", id)
	}
	o, err := a.Roles.Role(ctx, id)
	return roleViewer(r)(o), err
}
