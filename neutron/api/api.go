// Package api is the Networking API v2.0 on the wire: routes, request and response types, policies. Each resource
// has a file with its wire types and its declaration. A resource that the caller may not see answers 404; an
// operation on a visible one that he may not use answers 403.
package api

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"hypernova/neutron"
	"hypernova/neutron/agentserver"
	"hypernova/neutron/plugin"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

// base is where the API's version lives.
const base = "/v2.0"

// Handler makes the handler of networking. Of c it needs Validator and Policy (of Rules); Endpoint, AuthURI,
// MaxLimit, Log and Metrics are optional.
func Handler(c api.Config, p *plugin.Plugin, a *agentserver.Server) http.Handler {
	c.Name, c.Base, c.Dialect, c.Links, c.FieldSelection = "neutron", base, dialect{}, api.LinksBoth, true
	c.Askers = true
	c.Root, c.FormatSuffix = root(c.Endpoint), true
	if c.MaxLimit <= 0 {
		c.MaxLimit = api.Unbounded
	}
	return api.Handler(c, bind(p, a)...)
}

// Resources are all of the declared operations.
func Resources() []api.Bound { return bind(&plugin.Plugin{}, nil) }

func bind(p *plugin.Plugin, a *agentserver.Server) []api.Bound {
	var out []api.Bound
	rs := resources(p, a)
	for _, r := range append(rs, extensionsOf(rs)) {
		out = append(out, r.bound...)
	}
	return out
}

// resources are the resources of the API, a line each. With an empty plugin they only describe themselves.
func resources(p *plugin.Plugin, a *agentserver.Server) []resource {
	return []resource{
		networksOf(p).resource(networkRules()...),
		subnetsOf(p).resource(),
		subnetPoolResource(p),
		scopesOf(p).resource(createScope, createScopeShared, getScope, updateScope, updateScopeShared, deleteScope),
		portsOf(p).resource(portRules()...),
		routerResource(p),
		l3AgentsOf(p, a),
		floatingsOf(p).resource(createFloatingIP, createFloatingIPAddress, getFloatingIP, updateFloatingIP,
			deleteFloatingIP),
		floatingPoolsOf(p),
		forwardingsOf(p),
		availabilityOf(p),
		groupsOf(p).resource(),
		rulesOf(p).resource(),
		quotasOf(p),
		agentsOf(a),
		zonesOf(),
	}
}

// stamps are the members that stamp every view.
type stamps struct {
	Tags     []string  `wire:"tags"`
	Revision int64     `wire:"revision_number"`
	Created  time.Time `wire:"created_at"`
	Updated  time.Time `wire:"updated_at"`
}

func stampsOf(m neutron.Meta) stamps {
	tags := m.Tags
	if tags == nil {
		tags = []string{}
	}
	return stamps{Tags: tags, Revision: m.Revision, Created: m.Created, Updated: m.Updated}
}

// owners are the two names of the project that a request may give.
type owners struct {
	Project opt.Of[string] `wire:"project_id" is:"maxlen=255"`
	Tenant  opt.Of[string] `wire:"tenant_id" is:"maxlen=255"`
}

// project is the owner of what is made: the caller's own project, or another one where the caller is an
// administrator.
func (o owners) project(r *api.Request) (string, error) {
	want := o.Project.Or(o.Tenant.Or(r.Caller.ProjectID))
	if o.Project.Has() && o.Tenant.Has() && o.Project.Value != o.Tenant.Value {
		return "", fault.Invalidf("'project_id' and 'tenant_id' do not match")
	}
	if want != r.Caller.ProjectID && !r.Allowed(ruleAdmin, nil) && !r.Allowed(ruleService, nil) {
		return "", fault.Invalidf(
			"Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires admin privileges")
	}
	if want == "" {
		return "", fault.Invalidf("Running without keystone AuthN requires that tenant_id is specified")
	}
	return want, nil
}

// attribute is a member of a request that a rule of its own guards.
type attribute struct {
	given bool
	rule  *policy.Rule
}

// guard asks for the rules of the attributes that a request gives.
func guard(r *api.Request, t policy.Target, as ...attribute) error {
	for _, a := range as {
		if !a.given {
			continue
		}
		if err := r.Require(a.rule, t); err != nil {
			return err
		}
	}
	return nil
}

// all reports whether lists read every project's resources for the caller: administrators' and services'. What of it
// he sees is then up to the rule of the list.
func all(r *api.Request) bool { return r.Allowed(ruleAdmin, nil) || r.Allowed(ruleService, nil) }

// ifMatch is the revision on which a change is conditional: If-Match: revision_number=5.
func ifMatch(r *api.Request) (opt.Of[int64], error) {
	h := strings.TrimSpace(r.HTTP.Header.Get("If-Match"))
	if h == "" {
		return opt.Of[int64]{}, nil
	}
	n, err := strconv.ParseInt(strings.Trim(strings.TrimPrefix(h, "revision_number="), `"`), 10, 64)
	if err != nil || !strings.HasPrefix(h, "revision_number=") {
		return opt.Of[int64]{}, neutron.BadInput("'%s' in If-Match is not revision_number=<number>", h)
	}
	return opt.Some(n), nil
}

// failed gives errors the statuses that their kind does not have.
func failed(err error) error {
	if f := fault.Of(err); f != nil && f.Code == "RevisionNumberConstraintFailed" {
		return api.WithStatus(http.StatusPreconditionFailed, err)
	}
	return err
}

func boolText(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
