// Package api is identity's wire room: one file per family of resources, wire types beside their operations.
package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"hypernova/keystone"
	"hypernova/keystone/assignment"
	"hypernova/keystone/catalog"
	"hypernova/keystone/credential"
	"hypernova/keystone/delegation"
	"hypernova/keystone/federation"
	"hypernova/keystone/identity"
	"hypernova/keystone/limit"
	"hypernova/keystone/token"
	"hypernova/oslo/api"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// API answers identity's operations with the verbs.
type API struct {
	Identity *identity.Service
	Roles    *assignment.Service
	Catalog  *catalog.Service
	Tokens   *token.Service

	Delegation  *delegation.Service
	Credentials *credential.Service
	Limits      *limit.Service
	Federation  *federation.Service
	WebSSO      WebSSO
}

// maxList is how many items a list has at most.
const maxList = 10_000

// Handler assembles the HTTP API. Of c it needs Validator, Policy, Endpoint, Log and metrics; the rest is identity's own.
func Handler(c api.Config, a *API) http.Handler {
	c.Name, c.Base, c.Dialect, c.Links, c.MissingRefused = "keystone", "/v3", dialect{}, api.LinksObject, true
	// Identity's clients do not follow pages: a list is whole unless it asks for less.
	c.MaxLimit = maxList
	c.Root = discovery(c.Endpoint)
	if c.Validator != nil {
		c.Validator = withoutSigned(c.Validator)
	}
	return keystone.Used("identity", api.New(c, a, Resources()...))
}

// withoutSigned refuses tokens that stand for a signed request: they are for other services, which serve such requests, and identity itself
// gives nothing to them. They may still be asked about, and traded for another one of their kind.
func withoutSigned(v auth.Validator) auth.Validator {
	return auth.ValidatorFunc(func(ctx context.Context, text string) (*auth.Caller, error) {
		c, err := v.Validate(ctx, text)
		if err == nil && slices.Contains(c.Methods, token.MethodEC2) {
			return nil, fault.Forbiddenf("EC2 credential tokens cannot be used for authorization.")
		}
		return c, err
	})
}

// Resources are all of identity's declared operations.
func Resources() []api.Resource[*API] {
	rs := []api.Resource[*API]{tokens, domains, projects, users, groups, roles, implications, assignments, regions, services, endpoints,
		appCredentials, accessRules, trusts, credentials, ec2Credentials, signatures, revocations, registeredLimits, limits, limitModel,
		endpointGroups, endpointFilters, storedPolicies, policyLinks, domainOptions, identityProviders, protocols, mappings, serviceProviders, federatedLogins,
		clientCredentials, webLogins}
	return append(rs, grants()...)
}

type links struct {
	Self string `wire:"self"`
}

type names struct {
	ID   string `wire:"id"`
	Name string `wire:"name"`
}

// nullable shows an empty string as null, as keystone shows what a resource does not have.
func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// bools reads keystone's lax boolean filters: absent is no filter, "0" and "false" are false, anything else is true.
func boolFilter(where []db.Cond, column string, q *string) []db.Cond {
	if q == nil {
		return where
	}
	return append(where, db.EqTo(column, truth(*q)))
}

// truth reads a flag of a query: what is not plainly false is true.
func truth(q string) bool { return !slices.Contains([]string{"0", "false", "False", "no"}, q) }

func equal(where []db.Cond, column string, q *string) []db.Cond {
	if q == nil {
		return where
	}
	return append(where, db.EqTo(column, *q))
}

// page asks for one row more than fits, to know whether another page follows.
func page[N, V any](q api.PageQuery, where []db.Cond, read func(db.ListArgs) ([]N, error), id func(N) string, view func(N) V) (api.Page[V], error) {
	var out api.Page[V]
	order, err := q.Order(false)
	if err != nil {
		return out, err
	}
	if q.Limit == 0 { // of identity's lists that means all
		q.Limit = maxList
	}
	args := db.ListArgs{Where: where, Marker: q.Marker, Limit: q.Limit + 1}
	if q.Marker != "" {
		args.Scope = where // what the list does not show is no marker of it
	}
	for _, k := range order {
		args.Sort = append(args.Sort, db.SortKey{Column: k.Name, Desc: k.Desc})
	}
	rows, err := read(args)
	if err != nil {
		return out, err
	}
	if rows, out.Next = api.Paged(rows, q.Limit, id); out.Next != "" && !q.Asked.Has() { // cut by this service, not by the client's wish
		out.Extra = map[string]any{"truncated": true}
	}
	out.Items = views(rows, view)
	return out, nil
}

func views[N, V any](ns []N, view func(N) V) []V {
	out := make([]V, len(ns))
	for i, n := range ns {
		out[i] = view(n)
	}
	return out
}

// isNull tells the word null from a value among the members that keystone does not know.
func isNull(raw json.RawMessage) bool { return string(raw) == "null" }

// immutable refuses to change what an administrator has marked so, except the mark itself.
func immutable(options map[string]any, change map[string]any, kind, id string) error {
	if options["immutable"] != true {
		return nil
	}
	if v, ok := change["immutable"]; ok && v != true {
		return nil
	}
	return fault.Forbiddenf("Cannot update or delete %s %s: it is immutable.", kind, id)
}

func (a *API) loadProject(ctx context.Context, r *api.Request) (keystone.Project, error) {
	p, err := a.Identity.Project(ctx, r.Param("project_id"))
	if err == nil && p.IsDomain {
		// A domain is reached as a project, too; its facts for policies are then those of a project.
		p.DomainID = p.ID
	}
	return p, err
}

func (a *API) loadDomain(ctx context.Context, r *api.Request) (keystone.Project, error) {
	return a.Identity.Domain(ctx, r.Param("domain_id"))
}

func (a *API) loadUser(ctx context.Context, r *api.Request) (keystone.User, error) {
	return a.Identity.User(ctx, r.Param("user_id"))
}

func (a *API) loadGroup(ctx context.Context, r *api.Request) (keystone.Group, error) {
	return a.Identity.Group(ctx, r.Param("group_id"))
}

func (a *API) loadRole(ctx context.Context, r *api.Request) (keystone.Role, error) {
	return a.Roles.Role(ctx, r.Param("role_id"))
}
