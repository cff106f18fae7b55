// Package api is the Placement API on the wire, microversions 1.0 to 1.39.
package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/policy"
	"hypernova/placement/api/policies"
	"hypernova/placement/resources"
)

// providerLoader loads the provider of a path.
type providerLoader struct{ s *resources.Service }

// Min and Max are the microversions served.
var (
	minVersion = api.Version{Major: 1, Minor: 0}
	maxVersion = api.Version{Major: 1, Minor: 39}
)

// Handler assembles the HTTP API. Of c it needs Validator, Policy, Endpoint, Log and metrics; the rest is placement's
// own.
func Handler(c api.Config, s *resources.Service) http.Handler {
	c.Name, c.Base, c.Dialect, c.Links, c.StrictQuery, c.StrictSlash, c.Exacting = "placement", "", dialect{},
		api.LinksNone, true, true, true
	c.Versions = &api.Versions{Service: "placement", Min: minVersion, Max: maxVersion, Zero: true}
	if c.MaxBody == 0 {
		c.MaxBody = 16 << 20 // a reshape names every allocation of a provider
	}
	return api.Handler(c, append(bind(s), api.Bind(&changesAPI{providerLoader{s}}, internal)...)...)
}

// Resources are all of placement's declared operations.
func Resources() []api.Bound { return bind(nil) }

// Rules are the declared policy rules, for the enforcer and for documents.
func Rules() []*policy.Rule { return policies.Rules() }

// bind gives each resource a receiver with the operations.
func bind(s *resources.Service) []api.Bound {
	loader := providerLoader{s}
	return slices.Concat(
		api.Bind(&providersAPI{loader}, resourceProviders),
		api.Bind(&inventoriesAPI{loader}, inventories),
		api.Bind(&tagsAPI{loader}, tags),
		api.Bind(&traitsAPI{s}, names),
		api.Bind(&classesAPI{s}, resourceClasses),
		api.Bind(&consumersAPI{s}, consumers),
		api.Bind(&searchesAPI{s}, searches),
		[]api.Bound{root},
	)
}

var root = api.Bound{Name: "version", Plural: "versions", Ops: api.Ops[api.None]{
	api.Do("GET /", nil, http.StatusOK, discovery, api.NoAuth(), api.Bare()),
}}

type link struct {
	Rel  string `wire:"rel"`
	Href string `wire:"href"`
}

type version struct {
	ID     string `wire:"id"`
	Max    string `wire:"max_version"`
	Min    string `wire:"min_version"`
	Status string `wire:"status"`
	Links  []link `wire:"links"`
}

type versionsView struct {
	Versions []version `wire:"versions"`
}

// discovery answers the version document, which needs no token.
func discovery(_ api.None, _ context.Context, r *api.Request, _ *api.None) (versionsView, error) {
	fresh(r, time.Time{})
	return versionsView{[]version{{"v" + minVersion.String(), maxVersion.String(), minVersion.String(), "CURRENT",
		[]link{{"self", ""}}}}}, nil
}

// fresh says when what is answered last changed, where the version has that; a zero time is now.
func fresh(r *api.Request, at time.Time) {
	if !r.AtLeast(15) {
		return
	}
	if at.IsZero() {
		at = time.Now()
	}
	r.SetHeader("Last-Modified", at.UTC().Format(http.TimeFormat))
	r.SetHeader("Cache-Control", "no-cache")
}

// dashed is a UUID in its usual form.
func dashed(s string) string {
	s = strings.ToLower(strings.ReplaceAll(s, "-", ""))
	if len(s) != 32 {
		return s
	}
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// load is the provider of the path.
func (a *providerLoader) load(ctx context.Context, r *api.Request) (resources.Provider, error) {
	id := r.Param("uuid")
	if !ids.IsUUID(id) {
		return resources.Provider{}, fault.NotFoundf("No resource provider with uuid %s found.", id)
	}
	return a.s.Providers.Get(ctx, dashed(id))
}

func path(p resources.Provider, below ...string) string {
	return strings.Join(append([]string{"/resource_providers/" + p.ID}, below...), "/")
}
