package proxies

import (
	"cmp"
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/api/wire"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
	"hypernova/oslo/opt"
)

// floatingAPI proxies floating IPs.
type floatingAPI struct {
	networks *httpc.Client
	pool     string // Options.Pool
}

var floatingOps = api.Resource[*floatingAPI]{Name: "floating_ip", Plural: "floating_ips", Ops: api.Ops[*floatingAPI]{
	api.List("GET /os-floating-ips", policies.FloatingIPsList, (*floatingAPI).list, api.Span(proxied), api.LooseQuery()),
	api.Do("POST /os-floating-ips", policies.FloatingIPsCreate, http.StatusOK, (*floatingAPI).create, api.Span(proxied),
		api.EnvelopeIn("")),
	api.Do("GET /os-floating-ips/{id}", policies.FloatingIPsShow, http.StatusOK, (*floatingAPI).show, api.Span(proxied),
		api.LooseQuery()),
	api.Do("DELETE /os-floating-ips/{id}", policies.FloatingIPsDelete, http.StatusAccepted, (*floatingAPI).remove,
		api.Span(proxied)),
}}

// floatingPoolsAPI lists external networks by their names.
type floatingPoolsAPI struct{ floatingAPI }

var floatingPoolOps = api.Resource[*floatingPoolsAPI]{Name: "floating_ip_pool", Plural: "floating_ip_pools",
	Ops: api.Ops[*floatingPoolsAPI]{
		api.List("GET /os-floating-ip-pools", policies.FloatingIPPools, (*floatingPoolsAPI).list, api.Span(proxied),
			api.LooseQuery()),
	}}

// floatingActionsAPI associates floating IPs with servers.
type floatingActionsAPI struct {
	wire.ServerLoader
	floatingAPI
}

const actionPath = "POST /servers/{server_id}/action"

// lastAddressVersion is the last version of the actions on addresses, which clients make in networking since.
const lastAddressVersion = "-2.43"

var floatingActionOps = api.Resource[*floatingActionsAPI]{Name: "server", Plural: "servers",
	Ops: api.Ops[*floatingActionsAPI]{
		api.Act(actionPath, "addFloatingIp", policies.FloatingIPsAdd, http.StatusAccepted,
			(*floatingActionsAPI).Server, (*floatingActionsAPI).add, api.Span(lastAddressVersion)),
		api.Act(actionPath, "removeFloatingIp", policies.FloatingIPsRemove, http.StatusAccepted,
			(*floatingActionsAPI).Server, (*floatingActionsAPI).disassociate, api.Span(lastAddressVersion)),
	}}

// floating is a floating IP as the Networking API shows it.
type floating struct {
	ID      string  `json:"id"`
	IP      string  `json:"floating_ip_address"`
	Network string  `json:"floating_network_id"`
	Fixed   *string `json:"fixed_ip_address"`
	Port    *string `json:"port_id"`
	Details *struct {
		Device string `json:"device_id"`
	} `json:"port_details"`
	Revision int64 `json:"revision_number"`
}

// server is the server whose port the floating IP stands for, or nil.
func (f floating) server() *string {
	if f.Port == nil || f.Details == nil || f.Details.Device == "" {
		return nil
	}
	return &f.Details.Device
}

type floatingView struct {
	ID     string  `wire:"id"`
	IP     string  `wire:"ip"`
	Pool   string  `wire:"pool" is:"nullable"`
	Fixed  *string `wire:"fixed_ip"`
	Server *string `wire:"instance_id"`
}

func viewOfFloating(f floating, pools map[string]string) floatingView {
	return floatingView{f.ID, f.IP, cmp.Or(pools[f.Network], f.Network), f.Fixed, f.server()}
}

// pools are the names of external networks by id.
func (a *floatingAPI) pools(ctx context.Context) (map[string]string, error) {
	out, err := httpc.Do[struct{ Networks []network }](ctx, a.networks, httpc.Request{Path: "/v2.0/networks",
		Query: url.Values{"fields": {"id", "name"}, "router:external": {"true"}}})
	names := map[string]string{}
	for _, n := range out.Networks {
		names[n.ID] = cmp.Or(n.Name, n.ID)
	}
	return names, err
}

// find lists the project's floating IPs that match a query.
func (a *floatingAPI) find(ctx context.Context, query url.Values) ([]floating, error) {
	out, err := httpc.Do[struct {
		IPs []floating `json:"floatingips"`
	}](ctx, a.networks, httpc.Request{Path: "/v2.0/floatingips", Query: query})
	return out.IPs, err
}

func (a *floatingAPI) one(ctx context.Context, id string) (floating, error) {
	out, err := httpc.Do[struct {
		IP floating `json:"floatingip"`
	}](ctx, a.networks, httpc.Request{Path: "/v2.0/floatingips/" + url.PathEscape(id)})
	return out.IP, worded(err, fault.NotFound, "Floating IP not found for ID %s", id)
}

func (a *floatingAPI) list(ctx context.Context, r *api.Request, _ *api.None) (api.Page[floatingView], error) {
	p := api.Page[floatingView]{}
	ips, err := a.find(ctx, url.Values{"tenant_id": {r.Caller.ProjectID}})
	if err != nil {
		return p, err
	}
	pools, err := a.pools(ctx)
	for _, f := range ips {
		p.Items = append(p.Items, viewOfFloating(f, pools))
	}
	return p, err
}

func (a *floatingAPI) show(ctx context.Context, r *api.Request, _ *api.None) (floatingView, error) {
	f, err := a.one(ctx, r.Param("id"))
	if err != nil {
		return floatingView{}, err
	}
	pools, err := a.pools(ctx)
	return viewOfFloating(f, pools), err
}

type floatingCreate struct {
	Pool   opt.Of[string] `wire:"pool" is:"nullable"`
	Others map[string]any `wire:"*"`
}

func (a *floatingAPI) create(ctx context.Context, _ *api.Request, in *floatingCreate) (floatingView, error) {
	pools, err := a.pools(ctx)
	if err != nil {
		return floatingView{}, err
	}
	want := cmp.Or(in.Pool.Value, a.pool)
	id, err := poolOf(pools, want)
	if err != nil {
		return floatingView{}, err
	}
	out, err := httpc.Do[struct {
		IP floating `json:"floatingip"`
	}](ctx, a.networks, httpc.Request{Method: http.MethodPost, Path: "/v2.0/floatingips",
		Body: map[string]any{"floatingip": map[string]string{"floating_network_id": id}}})
	if f := fault.Of(err); f != nil && f.Code == "IpAddressGenerationFailure" {
		return floatingView{}, fault.NotFoundf("No more floating IPs in pool %s.", want).Because(err)
	}
	if f := fault.Of(err); f != nil && f.Code == "OverQuota" {
		return floatingView{}, fault.Forbiddenf("IP allocation over quota in pool %s.", want).Because(err)
	}
	return viewOfFloating(out.IP, pools), reworded(err, fault.Conflict, fault.Invalid)
}

// poolOf finds a pool by its id or its name. Faults: NotFound, Conflict for several of the name.
func poolOf(pools map[string]string, want string) (string, error) {
	if pools[want] != "" {
		return want, nil
	}
	id := ""
	for net, name := range pools {
		switch {
		case name != want:
		case id != "":
			return "", fault.Conflictf("Multiple floating IP pools matches found for name '%s'", want)
		default:
			id = net
		}
	}
	if id == "" {
		return "", fault.NotFoundf("Floating IP pool not found.")
	}
	return id, nil
}

func (a *floatingAPI) remove(ctx context.Context, r *api.Request, _ *api.None) (api.None, error) {
	id := r.Param("id")
	_, err := httpc.Do[struct{}](ctx, a.networks,
		httpc.Request{Method: http.MethodDelete, Path: "/v2.0/floatingips/" + url.PathEscape(id)})
	return api.None{}, worded(err, fault.NotFound, "Floating IP not found for ID %s", id)
}

type poolView struct {
	Name string `wire:"name"`
}

func (a *floatingPoolsAPI) list(ctx context.Context, _ *api.Request, _ *api.None) (api.Page[poolView], error) {
	pools, err := a.pools(ctx)
	p := api.Page[poolView]{}
	for _, name := range pools {
		p.Items = append(p.Items, poolView{name})
	}
	slices.SortFunc(p.Items, func(x, y poolView) int { return cmp.Compare(x.Name, y.Name) })
	return p, err
}

type floatingAdd struct {
	Address string `wire:"address" is:"required,ip"`
	Fixed   string `wire:"fixed_address" is:"ip"`
}

// add has a floating IP stand for an address of the server: the one that is named, or the first of IPv4.
func (a *floatingActionsAPI) add(ctx context.Context, _ *api.Request, v *nova.Server,
	in *floatingAdd) (api.None, error) {
	fixed, err := fixedOf(v, in)
	if err != nil {
		return api.None{}, err
	}
	f, err := a.byAddress(ctx, in.Address)
	if err != nil {
		return api.None{}, err
	}
	err = a.associate(ctx, f, map[string]any{"port_id": fixed.Port, "fixed_ip_address": fixed.IP})
	switch fault.KindOf(err) {
	case fault.Conflict, fault.Invalid, fault.NotFound:
		return api.None{}, fault.Invalidf("Unable to associate floating IP %s to fixed IP %s for instance %s. Error: %s",
			in.Address, fixed.IP, v.ID, fault.Message(err)).Because(err)
	}
	return api.None{}, err
}

// fixedOf chooses the address of a server that a floating IP stands for.
func fixedOf(v *nova.Server, in *floatingAdd) (nova.Address, error) {
	var fixed, four []nova.Address
	for _, x := range v.Addresses {
		if x.Type != "fixed" || x.Port == "" {
			continue
		}
		fixed = append(fixed, x)
		if x.Version == 4 {
			four = append(four, x)
		}
	}
	if len(fixed) == 0 {
		return nova.Address{}, fault.Invalidf("No fixed IPs associated to instance")
	}
	if in.Fixed != "" {
		want := netip.MustParseAddr(in.Fixed) // checked when it was read
		for _, x := range fixed {
			if ip, err := netip.ParseAddr(x.IP); err == nil && ip == want {
				return x, nil
			}
		}
		return nova.Address{}, fault.Invalidf("Specified fixed address not assigned to instance")
	}
	if len(four) == 0 {
		return nova.Address{}, fault.Invalidf("Unable to associate floating IP %s to any fixed IPs for instance %s. "+
			"Instance has no fixed IPv4 addresses to associate.", in.Address, v.ID)
	}
	return four[0], nil
}

type floatingRemove struct {
	Address string `wire:"address" is:"required,ip"`
}

func (a *floatingActionsAPI) disassociate(ctx context.Context, _ *api.Request, v *nova.Server,
	in *floatingRemove) (api.None, error) {
	var err error
	for range 5 { // tries; of a conflict the floating IP has changed since it was read
		var f floating
		if f, err = a.byAddress(ctx, in.Address); err != nil {
			return api.None{}, err
		}
		if of := f.server(); of == nil || *of != v.ID {
			return api.None{}, fault.Conflictf("Floating IP %s is not associated with instance %s.", in.Address, v.ID)
		}
		if err = a.associate(ctx, f, map[string]any{"port_id": nil}); !fault.Is(err, fault.Conflict) {
			break
		}
	}
	return api.None{}, err
}

// byAddress finds a floating IP. Faults: NotFound, Conflict for several.
func (a *floatingAPI) byAddress(ctx context.Context, address string) (floating, error) {
	ip := netip.MustParseAddr(address) // checked when it was read
	ips, err := a.find(ctx, url.Values{"floating_ip_address": {ip.String()}})
	switch {
	case err != nil:
		return floating{}, err
	case len(ips) == 0:
		return floating{}, fault.NotFoundf("floating IP not found")
	case len(ips) > 1:
		return floating{}, fault.Conflictf("Multiple floating IPs are found for address %s.", address)
	}
	return ips[0], nil
}

// associate changes members of a floating IP. fault.Conflict if it is no longer as it was read.
func (a *floatingAPI) associate(ctx context.Context, f floating, members map[string]any) error {
	_, err := httpc.Do[struct{}](ctx, a.networks, httpc.Request{Method: http.MethodPut,
		Path: "/v2.0/floatingips/" + url.PathEscape(f.ID), Body: map[string]any{"floatingip": members},
		Header: http.Header{"If-Match": {"revision_number=" + strconv.FormatInt(f.Revision, 10)}}})
	return err
}
