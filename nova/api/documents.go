package api

import (
	"encoding/json"
	"net/http"
	"strings"

	"hypernova/oslo/api"
)

// documents are the version documents at /, /v2 and /v2.1.
type documents struct {
	endpoint string
	max      api.Version
}

type versionDocument struct {
	ID         string              `json:"id"`
	Status     string              `json:"status"`
	Version    string              `json:"version"`
	MinVersion string              `json:"min_version"`
	Updated    string              `json:"updated"`
	Links      []map[string]string `json:"links"`
	MediaTypes []map[string]string `json:"media-types,omitempty"`
}

func (d documents) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "405 Method Not Allowed", http.StatusMethodNotAllowed)
		return
	}
	base := strings.TrimSuffix(strings.TrimSuffix(d.endpoint, "/"), "/v2.1")
	if base == "" {
		base = api.Origin(r)
	}
	legacy := versionDocument{ID: "v2.0", Status: "SUPPORTED", Updated: "2011-01-21T11:33:21Z",
		Links: []map[string]string{{"rel": "self", "href": base + "/v2/"}}}
	v := versionDocument{ID: "v2.1", Status: "CURRENT", Version: d.max.String(), MinVersion: Oldest.String(),
		Updated: "2013-07-23T11:33:21Z",
		Links:   []map[string]string{{"rel": "self", "href": base + "/v2.1/"}}}
	var doc any = map[string]any{"versions": []versionDocument{legacy, v}}
	if path := strings.Trim(r.URL.Path, "/"); path != "" {
		media := "application/vnd.openstack.compute+json;version=2.1"
		if path == "v2" {
			v, media = legacy, "application/vnd.openstack.compute+json;version=2"
		}
		v.Links = append(v.Links, map[string]string{"rel": "describedby", "type": "text/html",
			"href": "http://docs.openstack.org/"})
		v.MediaTypes = []map[string]string{{"base": "application/json", "type": media}}
		doc = map[string]any{"version": v}
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(doc); err != nil {
		return // the client went away
	}
}
