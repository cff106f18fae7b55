package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"hypernova/neutron"
	"hypernova/oslo/api"
)

type extensionView struct {
	Name        string   `wire:"name"`
	Alias       string   `wire:"alias"`
	Description string   `wire:"description"`
	Updated     string   `wire:"updated"`
	Links       []string `wire:"links"`
}

// extension is a part of the API beyond its core. Clients decide by the list of extensions what they may use, so
// each is declared beside the fields or operations that it stands for.
type extension struct{ alias, name, description string }

// general are the extensions that concern all resources.
func general() []extension {
	return []extension{
		{"filter-validation", "Filter Validation", "Unknown filters of lists are refused."},
		{"pagination", "Pagination", "Lists in pages."},
		{"project-id", "Project ID", "The project_id attribute beside tenant_id."},
		{"revision-if-match", "If-Match constraints", "Changes on the condition of a revision."},
		{"sorting", "Sorting", "Lists in order."},
		{"standard-attr-description", "Descriptions", "The description attribute of all resources."},
		{"standard-attr-revisions", "Revisions", "The revision_number attribute of all resources."},
		{"standard-attr-tag", "Tags", "Tags of networks, subnets, ports and security groups."},
		{"standard-attr-timestamp", "Timestamps", "When resources were made and changed."},
	}
}

// extensionsAPI serves the list of extensions.
type extensionsAPI struct{ views []extensionView }

// extensionsOf lists the extensions of resources and the general ones, by alias.
func extensionsOf(rs []resource) resource {
	all := general()
	for _, r := range rs {
		all = append(all, r.extensions...)
	}
	slices.SortFunc(all, func(a, b extension) int { return strings.Compare(a.alias, b.alias) })
	a := &extensionsAPI{views: views(all, func(e extension) extensionView {
		return extensionView{Alias: e.alias, Name: e.name, Description: e.description, Updated: "2024-01-01T00:00:00-00:00",
			Links: []string{}}
	})}
	return resource{bound: api.Bind(a, api.Resource[*extensionsAPI]{Name: "extension", Plural: "extensions",
		Ops: api.Ops[*extensionsAPI]{
			api.List("GET /extensions", nil, (*extensionsAPI).list),
			api.Do("GET /extensions/{alias}", nil, http.StatusOK, (*extensionsAPI).show),
		}})}
}

func (a *extensionsAPI) list(context.Context, *api.Request, *api.None) (api.Page[extensionView], error) {
	return api.Page[extensionView]{Items: a.views}, nil
}

func (a *extensionsAPI) show(_ context.Context, r *api.Request, _ *api.None) (extensionView, error) {
	for _, e := range a.views {
		if e.Alias == r.Param("alias") {
			return e, nil
		}
	}
	return extensionView{}, neutron.Missing("Extension", r.Param("alias"))
}

type link struct {
	Rel  string `json:"rel"`
	Href string `json:"href"`
}

type versionDoc struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Links  []link `json:"links"`
}

type resourceDoc struct {
	Name       string `json:"name"`
	Collection string `json:"collection"`
	Links      []link `json:"links"`
}

// root answers / with the versions there are, and the version's own address with its core resources.
func root(endpoint string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := endpoint
		if at == "" {
			at = api.Origin(r)
		}
		at = trimBase(at)
		var doc any
		if strings.TrimSuffix(strings.TrimSuffix(r.URL.Path, "/"), ".json") == base {
			var rs []resourceDoc
			for _, x := range [][2]string{{"subnet", "subnets"}, {"network", "networks"}, {"port", "ports"}} {
				rs = append(rs, resourceDoc{x[0], x[1], []link{{"self", at + base + "/" + x[1]}}})
			}
			doc = map[string]any{"resources": rs}
		} else {
			doc = map[string]any{"versions": []versionDoc{{"v2.0", "CURRENT", []link{{"self", at + base + "/"}}}}}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(doc) // the client may be gone
	})
}

func trimBase(s string) string {
	for len(s) > 0 && s[len(s)-1] == '/' {
		s = s[:len(s)-1]
	}
	if n := len(s) - len(base); n >= 0 && s[n:] == base {
		return s[:n]
	}
	return s
}
