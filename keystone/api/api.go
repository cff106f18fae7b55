// Package api is the Identity API v3 on the wire: routes, request and response types, policies.
package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"hypernova/keystone"
	"hypernova/keystone/api/policies"
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
	"hypernova/oslo/policy"
)

// Deps is the operations that the handlers call.
type Deps struct {
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

// Handler assembles the HTTP API. Of c it needs Validator, Policy, Endpoint, Log and metrics; the rest is identity's
// own.
func Handler(c api.Config, d Deps) http.Handler {
	c.Name, c.Base, c.Dialect, c.Links, c.MissingRefused = "keystone", "/v3", dialect{}, api.LinksObject, true
	// Identity's clients do not follow pages: a list is whole unless it asks for less.
	c.MaxLimit = maxList
	c.Root = discovery(c.Endpoint)
	if c.Validator != nil {
		c.Validator = withoutSigned(c.Validator)
	}
	return keystone.Used("identity", api.Handler(c, resources(d)...))
}

// withoutSigned refuses tokens that stand for a signed request: they are for other services, which serve such
// requests, and identity itself gives nothing to them. They may still be asked about, and traded for another one of
// their kind.
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
func Resources() []api.Bound { return resources(Deps{}) }

// Rules are the declared policy rules, for the enforcer and for documents.
func Rules() []*policy.Rule { return policies.Rules() }

// resources give each resource a receiver with the operations that it calls.
func resources(d Deps) []api.Bound {
	var (
		directory = directoryLoader{d.Identity}
		roleIn    = roleLoader{d.Roles}
		catalogIn = catalogLoader{d.Catalog}
		providers = providerLoader{d.Federation}
		caller    = callerToken{d.Tokens}
		scopes    = scopeFinder{d.Identity, d.Roles, d.Tokens}
		viewer    = newTokenViewer(d.Catalog, d.Federation)
	)
	return slices.Concat(
		api.Bind(&tokensAPI{scopes, viewer}, tokens),
		api.Bind(&domainsAPI{directory}, domains),
		api.Bind(&projectsAPI{directory, d.Roles}, projects),
		api.Bind(&usersAPI{directory, scopes}, users),
		api.Bind(&groupsAPI{directory}, groups),
		api.Bind(&rolesAPI{roleIn}, roles),
		api.Bind(&implicationsAPI{roleIn}, implications),
		api.Bind(&assignmentsAPI{d.Identity, d.Roles}, assignments),
		api.Bind(&grantsAPI{directory, roleIn}, grants()...),
		api.Bind(&regionsAPI{catalogIn}, regions),
		api.Bind(&servicesAPI{catalogIn}, services),
		api.Bind(&endpointsAPI{catalogIn}, endpoints),
		api.Bind(&endpointGroupsAPI{directory, catalogIn}, endpointGroups),
		api.Bind(&endpointFiltersAPI{directory, catalogIn}, endpointFilters),
		api.Bind(&storedPoliciesAPI{catalogIn}, storedPolicies),
		api.Bind(&policyLinksAPI{catalogIn}, policyLinks),
		api.Bind(&appCredentialsAPI{caller, roleIn, d.Delegation}, appCredentials),
		api.Bind(&accessRulesAPI{caller, d.Delegation}, accessRules),
		api.Bind(&trustsAPI{caller, roleIn, d.Identity, d.Delegation}, trusts),
		api.Bind(&credentialsAPI{caller, d.Credentials}, credentials),
		api.Bind(&ec2API{caller, d.Identity, d.Credentials}, ec2Credentials),
		api.Bind(&signaturesAPI{viewer, d.Tokens, d.Credentials}, signatures),
		api.Bind(&revocationsAPI{directory, caller}, revocations),
		api.Bind(&registeredLimitsAPI{d.Limits}, registeredLimits),
		api.Bind(&limitsAPI{d.Identity, d.Limits}, limits, limitModel),
		api.Bind(&domainOptionsAPI{directory}, domainOptions),
		api.Bind(&identityProvidersAPI{providers}, identityProviders),
		api.Bind(&protocolsAPI{providers}, protocols),
		api.Bind(&mappingsAPI{d.Federation}, mappings),
		api.Bind(&serviceProvidersAPI{d.Federation}, serviceProviders),
		api.Bind(&federatedLoginsAPI{scopes, viewer}, federatedLogins),
		api.Bind(&clientCredentialsAPI{d.Tokens}, clientCredentials),
		api.Bind(&webLoginsAPI{d.WebSSO, d.Federation, d.Tokens}, webLogins),
	)
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

// page reads a page of a list that the client may sort, and tells with "truncated" where this service cut it without
// the client's wish.
func page[N, V any](q api.PageQuery, where []db.Cond, read func(db.ListArgs) ([]N, error), id func(N) string,
	view func(N) V) (api.Page[V], error) {
	order, err := q.OrderBy(false, nil)
	if err != nil {
		return api.Page[V]{}, err
	}
	args := db.ListArgs{Where: where, Sort: order, Marker: q.Marker, Limit: q.Rows()}
	if q.Marker != "" {
		args.Scope = where // a row outside of the list is no marker of it
	}
	rows, err := read(args)
	if err != nil {
		return api.Page[V]{}, err
	}
	out := api.PageOf(q.Window, rows, id, view)
	if out.Next != "" && !q.Asked.Has() {
		out.Extra = map[string]any{"truncated": true}
	}
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
