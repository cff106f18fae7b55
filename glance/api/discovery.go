package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"hypernova/glance/api/policies"
	"hypernova/glance/images"
	"hypernova/oslo/api"
)

// spoken returns the minor versions of the API, newest first. Some exist only with an image cache.
func spoken(caching bool) []int {
	out := []int{17, 15}
	if caching {
		out = []int{18, 17, 16, 15, 14}
	}
	return append(out, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
}

type version struct {
	ID     string              `json:"id"`
	Status string              `json:"status"`
	Links  []map[string]string `json:"links"`
}

// versions serves the version document without authentication: 300 at the root, 200 at /versions.
func versions(endpoint string, caching bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(endpoint, "/"), "/v2"), "/")
		if base == "" {
			base = api.Origin(r)
		}
		var vs []version
		for n, minor := range spoken(caching) {
			status := "SUPPORTED"
			if n == 0 {
				status = "CURRENT"
			}
			vs = append(vs, version{ID: fmt.Sprintf("v2.%d", minor), Status: status,
				Links: []map[string]string{{"rel": "self", "href": base + "/v2/"}}})
		}
		w.Header().Set("Content-Type", "application/json")
		if strings.TrimSuffix(r.URL.Path, "/") != "/versions" {
			w.WriteHeader(http.StatusMultipleChoices)
		}
		if r.Method != http.MethodHead {
			_ = json.NewEncoder(w).Encode(map[string]any{"versions": vs}) // a client that hung up has lost nothing
		}
	})
}

// infoAPI is the resource of import methods, stores and usage.
type infoAPI struct {
	Images *images.Service
}

var infoOps = api.Resource[*infoAPI]{Name: "info", Plural: "info", Ops: api.Ops[*infoAPI]{
	api.Do("GET /info/import", nil, http.StatusOK, (*infoAPI).imports, api.Bare()),
	api.Do("GET /info/stores", nil, http.StatusOK, (*infoAPI).stores, api.Bare()),
	api.Do("GET /info/stores/detail", policies.StoresInfoDetail, http.StatusOK, (*infoAPI).storesDetail, api.Bare()),
	api.Do("GET /info/usage", nil, http.StatusOK, (*infoAPI).usage, api.Bare()),
}}

type importInfo struct {
	Methods struct {
		Description string   `wire:"description"`
		Type        string   `wire:"type"`
		Value       []string `wire:"value"`
	} `wire:"import-methods"`
}

func (a *infoAPI) imports(context.Context, *api.Request, *api.None) (importInfo, error) {
	var out importInfo
	out.Methods.Description, out.Methods.Type, out.Methods.Value = "Import methods available.", "array", append([]string{},
		a.Images.Imports.Methods()...)
	return out, nil
}

type storeView struct {
	ID          string          `wire:"id"`
	Description string          `wire:"description" omit:"empty"`
	Default     string          `wire:"default" omit:"empty"`
	ReadOnly    string          `wire:"read-only" omit:"empty"`
	Type        string          `wire:"type" omit:"empty"`
	Weight      *int            `wire:"weight" omit:"empty"`
	Properties  *map[string]any `wire:"properties" omit:"empty"`
}

type storeList struct {
	Stores []storeView `wire:"stores"`
}

func (a *infoAPI) stores(context.Context, *api.Request, *api.None) (storeList, error) {
	out := storeList{Stores: []storeView{}}
	for n, s := range a.Images.Stores.All() {
		v := storeView{ID: s.ID, Description: s.Description}
		if n == 0 {
			v.Default = "true"
		}
		if s.ReadOnly() {
			v.ReadOnly = "true"
		}
		out.Stores = append(out.Stores, v)
	}
	return out, nil
}

func (a *infoAPI) storesDetail(ctx context.Context, r *api.Request, in *api.None) (storeList, error) {
	out, err := a.stores(ctx, r, in)
	for n, s := range a.Images.Stores.All() {
		v := &out.Stores[n]
		if s.Properties == nil {
			s.Properties = map[string]any{}
		}
		v.Type, v.Weight, v.Properties = s.Type, &s.Weight, &s.Properties
	}
	return out, err
}

type usageView struct {
	Usage map[string]usageOf `wire:"usage"`
}

type usageOf struct {
	Usage int64 `wire:"usage"`
	Limit int64 `wire:"limit"`
}

// usage returns usage and limits of the caller's project; empty without unified limits.
func (a *infoAPI) usage(ctx context.Context, _ *api.Request, _ *api.None) (usageView, error) {
	out := usageView{Usage: map[string]usageOf{}}
	all, err := a.Images.Quota.Usage(ctx)
	for name, u := range all {
		out.Usage[name] = usageOf{u.Usage, u.Limit}
	}
	return out, err
}
