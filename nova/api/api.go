// Package api is the Compute API v2.1 on the wire: routes, request and response types, microversions, policies. It
// speaks microversions 2.1 to 2.96.
package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"hypernova/keystone"
	"hypernova/neutron"
	"hypernova/nova"
	"hypernova/nova/flavors"
	"hypernova/nova/hosts"
	"hypernova/nova/keypairs"
	"hypernova/nova/quota"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

// Projects tells whether a project is there; keystone.API is one.
type Projects interface {
	Project(ctx context.Context, id string) (keystone.Project, error)
}

// Deps are what the handlers use.
type Deps struct {
	Servers  *servers.Servers
	Flavors  *flavors.Flavors
	Keys     *keypairs.KeyPairs
	Quotas   *quota.Quotas
	Hosts    *hosts.Hosts
	Networks neutron.API
	Groups   SecurityGroups   // nil: os-security-groups of a server is 501
	Projects Projects         // nil: a project named in a quota call is not looked up
	Now      func() time.Time // nil: the real clock
	// MaxVersion caps what is offered; zero: the newest.
	MaxVersion api.Version
}

// API is the handlers.
type API struct{ Deps }

// Newest and Oldest are the microversions this code speaks.
var (
	Oldest = api.Version{Major: 2, Minor: 1}
	Newest = api.Version{Major: 2, Minor: 96}
)

// Handler is the compute API. c carries Validator, Policy (of Rules), Endpoint, limits, log and metrics; the rest is set here.
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
	c.StrictFrom = api.Version{Major: 2, Minor: 75}
	c.Root = documents{c.Endpoint, d.MaxVersion}
	modern := api.Handler(c, resources(d)...)
	c.Endpoint = strings.TrimSuffix(strings.TrimSuffix(c.Endpoint, "/"), c.Base)
	c.Base, c.Relaxed = "/v2", true
	c.Versions = &api.Versions{Service: c.Versions.Service, Legacy: c.Versions.Legacy, Min: Oldest, Max: Oldest}
	return legacy{modern: modern, old: api.Handler(c, resources(d)...)}
}

// legacy serves what is below /v2 as clients of nova's first API know it: as 2.1 is, but nobody asks for a version or is told of one, and members of
// bodies that are not known are passed over.
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

// versionless answers without the headers that tell of versions.
type versionless struct {
	http.ResponseWriter
	begun bool
}

// WriteHeader takes the headers away and sends the others.
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

// Resources is every table, for dumps.
func Resources() []api.Bound { return resources(Deps{}) }

// resources give the tables their receivers.
func resources(d Deps) []api.Bound {
	return slices.Concat(
		api.Bind(&API{d}, serversResource, serverMetadata, serverTags, serverAddresses, serverPorts,
			serverVolumes, serverGroupsOf, serverActions, externalEvents, flavorsResource, flavorSpecs,
			flavorAccess, limitsResource, quotaSets, quotaClasses, usages, extensions),
		api.Bind(&keyPairsAPI{d.Keys}, keyPairs),
		api.Bind(&hypervisorsAPI{d.Hosts}, hypervisors),
		api.Bind(&servicesAPI{d.Hosts}, services),
		api.Bind(&zonesAPI{d.Hosts}, zones),
		api.Bind(&aggregatesAPI{d.Hosts}, aggregates),
	)
}

type link struct {
	Rel  string `wire:"rel"`
	Href string `wire:"href"`
}

// selfLinks are the two links of a thing: with the version, and the version-less bookmark.
func selfLinks(r *api.Request, path string) []link {
	return []link{{"self", r.URL(path)}, {"bookmark", r.RootURL(path)}}
}

// server loads the server of the path. One of another project does not exist for whoever is no administrator.
func (a *API) server(ctx context.Context, r *api.Request) (*nova.Server, error) {
	v, err := a.Servers.Server(ctx, r.Param("server_id"))
	return visible(r, &v, err)
}

// anyServer also loads deleted ones, where the version lets their history be read.
func (a *API) anyServer(ctx context.Context, r *api.Request) (*nova.Server, error) {
	if !r.AtLeast(21) {
		return a.server(ctx, r)
	}
	v, err := a.Servers.AnyServer(ctx, r.Param("server_id"))
	return visible(r, &v, err)
}

func visible(r *api.Request, v *nova.Server, err error) (*nova.Server, error) {
	if err == nil && v.Project != r.Caller.ProjectID && !r.Caller.Admin() {
		return nil, fault.NotFoundf("Instance %s could not be found.", r.Param("server_id"))
	}
	return v, err
}

// ofProject is a policy target that is only a project id.
type ofProject string

// PolicyTarget names the project.
func (p ofProject) PolicyTarget() policy.Target { return policy.Target{"project_id": string(p)} }

// project loads the project that the path names.
func (a *API) project(_ context.Context, r *api.Request) (ofProject, error) {
	return ofProject(r.Param("tenant_id")), nil
}

// existing refuses a project that keystone does not know.
func (a *API) existing(ctx context.Context, project string) error {
	if a.Projects == nil {
		return nil
	}
	_, err := a.Projects.Project(ctx, project)
	if fault.Is(err, fault.NotFound) {
		return fault.Invalidf("Project ID %s is not a valid project.", project)
	}
	return err
}

// orNull is a text, or null for none.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// orNullShown is a text that is shown as null where it is empty.
func orNullShown(s string) opt.Of[string] {
	if s == "" {
		return opt.Null[string]()
	}
	return opt.Some(s)
}
