package api

import (
	"encoding/json"
	"net/http"
	"strings"

	"hypernova/oslo/api"
)

type version struct {
	ID      string              `json:"id"`
	Status  string              `json:"status"`
	Updated string              `json:"updated"`
	Links   []map[string]string `json:"links"`
	Media   []map[string]string `json:"media-types"`
}

// discovery answers the version documents at / and /v3, which need no token.
func discovery(endpoint string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		base := strings.TrimSuffix(endpoint, "/")
		if base == "" {
			base = api.Origin(r)
		}
		v := version{ID: "v3.14", Status: "stable", Updated: "2020-04-07T00:00:00Z",
			Links: []map[string]string{{"rel": "self", "href": base + "/v3/"}},
			Media: []map[string]string{{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}}}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Vary", "X-Auth-Token")
		var doc any = map[string]any{"version": v}
		if strings.Trim(r.URL.Path, "/") == "" {
			w.Header().Set("Location", base+"/v3/")
			w.WriteHeader(http.StatusMultipleChoices)
			doc = map[string]any{"versions": map[string]any{"values": []version{v}}}
		}
		if r.Method != http.MethodHead {
			json.NewEncoder(w).Encode(doc)
		}
	})
}
