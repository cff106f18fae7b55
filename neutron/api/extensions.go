package api

import (
	"context"
	"encoding/json"
	"net/http"
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

// extensions are the parts of the API beyond its core that are served here, and no others: clients decide by this list what they may use.
func extensions() []extensionView {
	var out []extensionView
	for _, e := range [][3]string{
		{"agent", "Agents", "Records of the agents on the hosts."},
		{"allowed-address-pairs", "Allowed Address Pairs", "Further addresses that a port may send from."},
		{"availability_zone", "Availability Zone", "Zones that agents are in."},
		{"binding", "Port Binding", "Where and how a port is carried."},
		{"external-net", "External Networks", "The router:external attribute of networks."},
		{"filter-validation", "Filter Validation", "Unknown filters of lists are refused."},
		{"ip-substring-filtering", "IP Substring Filtering", "Ports by a part of their addresses."},
		{"net-mtu", "Network MTU", "The mtu attribute of networks."},
		{"net-mtu-writable", "Network MTU (writable)", "The mtu attribute of networks can be chosen."},
		{"network_availability_zone", "Network Availability Zone", "Hints for the zones of networks."},
		{"pagination", "Pagination", "Lists in pages."},
		{"port-security", "Port Security", "Anti-spoofing and filtering can be switched off."},
		{"project-id", "Project ID", "The project_id attribute beside tenant_id."},
		{"provider", "Provider Network", "What networks are on the wire."},
		{"quota_details", "Quota Details", "Use beside limits."},
		{"quotas", "Quotas", "Limits of projects."},
		{"revision-if-match", "If-Match constraints", "Changes on the condition of a revision."},
		{"security-group", "Security Groups", "Allowances for ports' traffic."},
		{"security-groups-normalized-cidr", "Normalized CIDR", "The prefix of a rule without host bits."},
		{"sorting", "Sorting", "Lists in order."},
		{"standard-attr-description", "Descriptions", "The description attribute of all resources."},
		{"standard-attr-revisions", "Revisions", "The revision_number attribute of all resources."},
		{"standard-attr-tag", "Tags", "Tags of networks, subnets, ports and security groups."},
		{"standard-attr-timestamp", "Timestamps", "When resources were made and changed."},
		{"stateful-security-group", "Stateful Security Groups", "Groups that do not track connections."},
		{"tag-ports-during-bulk-creation", "Tags of new ports", "Ports are made with tags."},
	} {
		out = append(out, extensionView{Alias: e[0], Name: e[1], Description: e[2], Updated: "2024-01-01T00:00:00-00:00", Links: []string{}})
	}
	return out
}

func extensionResource() api.Resource[*API] {
	return api.Resource[*API]{Name: "extension", Plural: "extensions", Ops: api.Ops[*API]{
		api.List("GET /extensions", nil, (*API).listExtensions),
		api.Do("GET /extensions/{alias}", nil, http.StatusOK, (*API).showExtension),
	}}
}

func (a *API) listExtensions(context.Context, *api.Request, *api.None) (api.Page[extensionView], error) {
	return api.Page[extensionView]{Items: extensions()}, nil
}

func (a *API) showExtension(_ context.Context, r *api.Request, _ *api.None) (extensionView, error) {
	for _, e := range extensions() {
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
