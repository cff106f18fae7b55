// Package api is the Compute API v2.1 on the wire: routes, request and response types, microversions, policies. It
// speaks microversions 2.1 to 2.104.
package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"hypernova/neutron"
	"hypernova/nova/api/actions"
	"hypernova/nova/api/attachments"
	consolesapi "hypernova/nova/api/consoles"
	"hypernova/nova/api/events"
	"hypernova/nova/api/extensions"
	flavorsapi "hypernova/nova/api/flavors"
	"hypernova/nova/api/gone"
	hostsapi "hypernova/nova/api/hosts"
	"hypernova/nova/api/instanceactions"
	keypairsapi "hypernova/nova/api/keypairs"
	"hypernova/nova/api/migrations"
	"hypernova/nova/api/policies"
	"hypernova/nova/api/proxies"
	"hypernova/nova/api/quotas"
	groupsapi "hypernova/nova/api/servergroups"
	serversapi "hypernova/nova/api/servers"
	"hypernova/nova/api/usage"
	"hypernova/nova/api/wire"
	"hypernova/nova/flavors"
	"hypernova/nova/hosts"
	"hypernova/nova/keypairs"
	"hypernova/nova/quota"
	"hypernova/nova/servergroups"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
	"hypernova/oslo/policy"
)

// Deps are what the operations use.
type Deps struct {
	Servers      *servers.Servers
	Flavors      *flavors.Flavors
	Keys         *keypairs.KeyPairs
	Quotas       *quota.Quotas
	ServerGroups *servergroups.Groups
	Hosts        *hosts.Hosts
	Networks     neutron.API
	Groups       SecurityGroups   // nil: os-security-groups of a server is 501
	Proxied      proxies.Services // asked by operations of old versions
	Projects     wire.Projects    // nil: a project named in a quota call is not looked up
	ConsoleTTL   time.Duration    // how long tokens of consoles hold; 0: 10 minutes
	Now          func() time.Time // nil: the real clock
	// MaxVersion caps what is offered; zero: the newest.
	MaxVersion api.Version
}

// SecurityGroups finds the security groups of servers' ports.
type SecurityGroups = attachments.SecurityGroups

// Newest and Oldest are the microversions this code speaks.
var (
	Oldest = api.Version{Major: 2, Minor: 1}
	Newest = api.Version{Major: 2, Minor: 104}
)

// Handler is the compute API. c carries Validator, Policy (of Rules), Endpoint, limits, log and metrics; the rest is
// set here.
func Handler(c api.Config, d Deps) http.Handler {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.MaxVersion == (api.Version{}) || Newest.Less(d.MaxVersion) {
		d.MaxVersion = Newest
	}
	c.Name, c.Base, c.ProjectInPath, c.Dialect, c.Links = "nova", "/v2.1", true, dialect{}, api.LinksList
	c.RequestIDHeader = "X-Compute-Request-Id"
	c.Versions = &api.Versions{Service: "compute", Legacy: "X-OpenStack-Nova-API-Version", Min: Oldest, Max: d.MaxVersion}
	c.StrictSlash = true
	c.StrictFrom = api.Version{Major: 2, Minor: 102} // some operations are strict from earlier on
	c.Root = documents{c.Endpoint, d.MaxVersion}
	modern := api.Handler(c, resources(d)...)
	c.Endpoint = strings.TrimSuffix(strings.TrimSuffix(c.Endpoint, "/"), c.Base)
	c.Base, c.Relaxed = "/v2", true
	c.Versions = &api.Versions{Service: c.Versions.Service, Legacy: c.Versions.Legacy, Min: Oldest, Max: Oldest}
	return proxies.KeepToken(legacy{modern: modern, old: api.Handler(c, resources(d)...)})
}

// legacy serves the paths below /v2 in the form of nova's first API: like 2.1, but without version headers in
// requests and answers, and with unknown members of bodies ignored.
type legacy struct{ modern, old http.Handler }

func (l legacy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/v2" && !strings.HasPrefix(r.URL.Path, "/v2/") {
		l.modern.ServeHTTP(w, r)
		return
	}
	r = r.Clone(r.Context())
	for _, name := range versionHeaders() {
		r.Header.Del(name)
	}
	l.old.ServeHTTP(&versionless{ResponseWriter: w}, r)
}

func versionHeaders() []string {
	return []string{"OpenStack-API-Version", "X-OpenStack-Nova-API-Version"}
}

// versionless removes the version headers from an answer.
type versionless struct {
	http.ResponseWriter
	begun bool
}

// WriteHeader removes the headers and sends the others.
func (v *versionless) WriteHeader(status int) {
	if !v.begun {
		v.begun = true
		for _, name := range append(versionHeaders(), "Vary") {
			v.Header().Del(name)
		}
	}
	v.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the body.
func (v *versionless) Write(b []byte) (int, error) {
	if !v.begun {
		v.WriteHeader(http.StatusOK)
	}
	return v.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (v *versionless) Unwrap() http.ResponseWriter { return v.ResponseWriter }

// Resources lists all operations, for documents and tests. Their receivers are empty.
func Resources() []api.Bound { return resources(Deps{}) }

// Rules lists the policy rules.
func Rules() []*policy.Rule { return policies.Rules() }

func resources(d Deps) []api.Bound {
	return slices.Concat(
		serversapi.Resources(serversapi.Deps{Servers: d.Servers, Flavors: d.Flavors, Hosts: d.Hosts,
			Networks: d.Networks, ServerGroups: d.ServerGroups, Now: d.Now}),
		actions.Resources(d.Servers),
		consolesapi.Resources(servers.Consoles{Servers: d.Servers, TTL: d.ConsoleTTL}),
		instanceactions.Resources(d.Servers),
		attachments.Resources(attachments.Deps{Servers: d.Servers, Networks: d.Networks, Groups: d.Groups}),
		events.Resources(d.Servers),
		flavorsapi.Resources(d.Flavors, d.Projects),
		keypairsapi.Resources(d.Keys),
		groupsapi.Resources(d.ServerGroups),
		quotas.Resources(d.Quotas, d.Projects),
		usage.Resources(d.Servers, d.Hosts, d.Now),
		hostsapi.Resources(d.Hosts),
		migrations.Resources(d.Servers),
		extensions.Resources(),
		proxies.Resources(proxies.Deps{Services: d.Proxied, Servers: d.Servers, Quotas: d.Quotas}),
		gone.Resources(),
	)
}
