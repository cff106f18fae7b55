// Package api is placement's wire room: microversions 1.0 to 1.39, one file per family of resources.
package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/placement/providers"
)

// API answers placement's operations with the verbs.
type API struct{ s *providers.Service }

// Min and Max are the microversions served.
var (
	minVersion = api.Version{Major: 1, Minor: 0}
	maxVersion = api.Version{Major: 1, Minor: 39}
)

// Handler assembles the HTTP API. Of c it needs Validator, Policy, Endpoint, Log and metrics; the rest is placement's own.
func Handler(c api.Config, s *providers.Service) http.Handler {
	c.Name, c.Base, c.Dialect, c.Links, c.StrictQuery, c.StrictSlash = "placement", "", api.Placement, api.LinksNone, true, true
	c.Versions = &api.Versions{Service: "placement", Min: minVersion, Max: maxVersion}
	if c.MaxBody == 0 {
		c.MaxBody = 16 << 20 // a reshape names every allocation of a provider
	}
	c.Root = http.HandlerFunc(discovery)
	return api.New(c, &API{s}, Resources()...)
}

// Resources are all of placement's declared operations.
func Resources() []api.Resource[*API] {
	return []api.Resource[*API]{resourceProviders, inventories, tags, names, resourceClasses, consumers, searches}
}

type link struct {
	Rel  string `wire:"rel"`
	Href string `wire:"href"`
}

// discovery answers the version document, which needs no token.
func discovery(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	v := map[string]any{"id": "v" + minVersion.String(), "min_version": minVersion.String(), "max_version": maxVersion.String(),
		"status": "CURRENT", "links": []map[string]string{{"rel": "self", "href": ""}}}
	if r.Method == http.MethodHead {
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"versions": []any{v}}) // the client may be gone
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
func (a *API) load(ctx context.Context, r *api.Request) (providers.Provider, error) {
	id := r.Param("uuid")
	if !ids.IsUUID(id) {
		return providers.Provider{}, fault.NotFoundf("No resource provider with uuid %s found.", id)
	}
	return a.s.Provider(ctx, dashed(id))
}

func path(p providers.Provider, below ...string) string {
	return strings.Join(append([]string{"/resource_providers/" + p.ID}, below...), "/")
}
