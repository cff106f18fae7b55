package proxies

import (
	"context"
	"net/http"
	"net/url"

	"hypernova/nova/api/policies"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
)

// networksAPI proxies networks in the form of nova-network, of which only the ID and the name have a meaning.
type networksAPI struct{ networks *httpc.Client }

var networkOps = api.Resource[*networksAPI]{Name: "network", Plural: "networks", Ops: api.Ops[*networksAPI]{
	api.List("GET /os-networks", policies.NetworksList, (*networksAPI).list, api.Span(proxied), api.LooseQuery()),
	api.Do("GET /os-networks/{id}", policies.NetworksShow, http.StatusOK, (*networksAPI).show, api.Span(proxied),
		api.LooseQuery()),
}}

type network struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// fields that are null; the second list is for administrators only.
var (
	networkNulls = []string{"cidr", "netmask", "gateway", "broadcast", "dns1", "dns2", "cidr_v6", "gateway_v6",
		"netmask_v6"}
	networkAdminNulls = []string{"created_at", "updated_at", "deleted_at", "deleted", "injected", "bridge", "vlan",
		"vpn_public_address", "vpn_public_port", "vpn_private_address", "dhcp_start", "project_id", "host",
		"bridge_interface", "multi_host", "priority", "rxtx_base", "mtu", "dhcp_server", "enable_dhcp", "share_address"}
)

type networkView struct {
	Members map[string]any `wire:"*"`
}

func viewOfNetwork(r *api.Request, n network) networkView {
	v := networkView{map[string]any{"id": n.ID, "label": n.Name}}
	nulls := networkNulls
	if r.Caller.Admin() {
		nulls = append(nulls[:len(nulls):len(nulls)], networkAdminNulls...)
	}
	for _, name := range nulls {
		v.Members[name] = nil
	}
	return v
}

func (a *networksAPI) all(ctx context.Context) ([]network, error) {
	out, err := httpc.Do[struct{ Networks []network }](ctx, a.networks, httpc.Request{Path: "/v2.0/networks",
		Query: url.Values{"fields": {"id", "name"}}})
	return out.Networks, err
}

func (a *networksAPI) one(ctx context.Context, r *api.Request) (network, error) {
	out, err := httpc.Do[struct{ Network network }](ctx, a.networks,
		httpc.Request{Path: "/v2.0/networks/" + url.PathEscape(r.Param("id"))})
	return out.Network, worded(err, fault.NotFound, "Network not found")
}

func (a *networksAPI) list(ctx context.Context, r *api.Request, _ *api.None) (api.Page[networkView], error) {
	ns, err := a.all(ctx)
	p := api.Page[networkView]{}
	for _, n := range ns {
		p.Items = append(p.Items, viewOfNetwork(r, n))
	}
	return p, err
}

func (a *networksAPI) show(ctx context.Context, r *api.Request, _ *api.None) (networkView, error) {
	n, err := a.one(ctx, r)
	return viewOfNetwork(r, n), err
}

// tenantNetworksAPI proxies networks in the form that projects managed their own ones with.
type tenantNetworksAPI struct{ networksAPI }

var tenantNetworkOps = api.Resource[*tenantNetworksAPI]{Name: "network", Plural: "networks",
	Ops: api.Ops[*tenantNetworksAPI]{
		api.List("GET /os-tenant-networks", policies.TenantNetworksList, (*tenantNetworksAPI).list, api.Span(proxied),
			api.LooseQuery()),
		api.Do("GET /os-tenant-networks/{id}", policies.TenantNetworksShow, http.StatusOK,
			(*tenantNetworksAPI).show, api.Span(proxied), api.LooseQuery()),
	}}

type tenantNetworkView struct {
	ID    string `wire:"id"`
	CIDR  string `wire:"cidr"`
	Label string `wire:"label"`
}

// viewOfTenantNetwork has the text None for a CIDR, as nova does.
func viewOfTenantNetwork(n network) tenantNetworkView { return tenantNetworkView{n.ID, "None", n.Name} }

func (a *tenantNetworksAPI) list(ctx context.Context, _ *api.Request, _ *api.None) (api.Page[tenantNetworkView],
	error) {
	ns, err := a.all(ctx)
	p := api.Page[tenantNetworkView]{}
	for _, n := range ns {
		p.Items = append(p.Items, viewOfTenantNetwork(n))
	}
	return p, err
}

func (a *tenantNetworksAPI) show(ctx context.Context, r *api.Request, _ *api.None) (tenantNetworkView, error) {
	n, err := a.one(ctx, r)
	return viewOfTenantNetwork(n), err
}
