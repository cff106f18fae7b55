// Package client is the client of networking, over HTTP, for nova-compute and nova-api in other processes. It calls
// with a service's token, which must hold the service role, and sends along the user whose wish it is, so that
// networking judges by that user's rights.
package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"hypernova/neutron"
	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
)

// TokenSource gives the token to call with. It may block on the network.
type TokenSource interface {
	Token(ctx context.Context) (string, error)
}

// Client is the contract over HTTP.
type Client struct{ http *httpc.Client }

var _ neutron.API = (*Client)(nil)

// New makes a client of the service at base, with or without the API's version at its end.
func New(base string, tokens TokenSource) *Client {
	u, err := url.JoinPath(base, "/")
	if err == nil && len(u) > 0 && u[len(u)-1] == '/' {
		base = u[:len(u)-1]
	}
	if len(base) < 5 || base[len(base)-5:] != "/v2.0" {
		base += "/v2.0"
	}
	return &Client{http: httpc.New(httpc.Config{Base: base, Name: "neutron", Tokens: tokens, Asker: true})}
}

// do is one call; a quota that is used up keeps its kind.
func do[Out any](ctx context.Context, c *Client, method, path string, query url.Values, body any) (Out, error) {
	return send[Out](ctx, c, httpc.Request{Method: method, Path: path, Query: query, Body: body})
}

func send[Out any](ctx context.Context, c *Client, r httpc.Request) (Out, error) {
	out, err := httpc.Do[Out](ctx, c.http, r)
	if f := fault.Of(err); f != nil && f.Code == "OverQuota" {
		err = &fault.Fault{Kind: fault.OverQuota, Msg: f.Msg, Code: f.Code, Err: f.Err}
	}
	return out, err
}

// list reads a whole collection.
func list[T any](ctx context.Context, c *Client, plural string, query url.Values) ([]T, error) {
	doc, err := do[map[string]json.RawMessage](ctx, c, http.MethodGet, "/"+plural, query, nil)
	if err != nil {
		return nil, err
	}
	var out []T
	if err := json.Unmarshal(doc[wireName(plural)], &out); err != nil {
		return nil, fault.New(fault.Internal, "neutron's list of %s", plural).Because(err)
	}
	return out, nil
}

func wireName(plural string) string {
	if plural == "security-groups" {
		return "security_groups"
	}
	return plural
}

// Available lists a project's own networks and the shared ones.
func (c *Client) Available(ctx context.Context, project string) ([]neutron.NetworkInfo, error) {
	ctx = asNova(ctx) // the question is about a project, not about the caller
	own, err := list[network](ctx, c, "networks", url.Values{"project_id": {project}, "sort_key": {"created_at"},
		"sort_dir": {"asc"}})
	if err != nil {
		return nil, err
	}
	shared, err := list[network](ctx, c, "networks", url.Values{"shared": {"true"}, "sort_key": {"created_at"},
		"sort_dir": {"asc"}})
	if err != nil {
		return nil, err
	}
	var out []neutron.NetworkInfo
	for _, n := range own {
		out = append(out, neutron.InfoOf(n.value()))
	}
	for _, n := range shared {
		if n.Project != project {
			out = append(out, neutron.InfoOf(n.value()))
		}
	}
	return out, nil
}

// Network is a network that the caller may see.
func (c *Client) Network(ctx context.Context, id string) (neutron.NetworkInfo, error) {
	n, err := c.network(ctx, id)
	if err != nil {
		return neutron.NetworkInfo{}, err
	}
	return neutron.InfoOf(n), nil
}

// asNova is ctx with compute's own rights, for what is its business and for what it looks up on the way.
func asNova(ctx context.Context) context.Context { return auth.With(ctx, auth.Service("nova")) }

func (c *Client) network(ctx context.Context, id string) (neutron.Network, error) {
	doc, err := do[struct{ Network network }](ctx, c, http.MethodGet, "/networks/"+url.PathEscape(id), nil, nil)
	return doc.Network.value(), err
}

// seenPort is a port that the caller may see, with the members that only services may see.
func (c *Client) seenPort(ctx context.Context, id string) (neutron.Port, error) {
	get := func(ctx context.Context) (neutron.Port, error) {
		doc, err := do[struct{ Port port }](ctx, c, http.MethodGet, "/ports/"+url.PathEscape(id), nil, nil)
		return doc.Port.value(), err
	}
	if !auth.From(ctx).Own() {
		if _, err := get(ctx); err != nil {
			return neutron.Port{}, err
		}
	}
	return get(asNova(ctx))
}

// Port is a port that the caller may see.
func (c *Client) Port(ctx context.Context, id string) (neutron.PortInfo, error) {
	p, err := c.seenPort(ctx, id)
	if err != nil {
		return neutron.PortInfo{}, err
	}
	infos, err := c.infos(ctx, []neutron.Port{p})
	if err != nil {
		return neutron.PortInfo{}, err
	}
	return infos[0], nil
}

// SecurityGroup finds a project's group by id or name.
func (c *Client) SecurityGroup(ctx context.Context, project, idOrName string) (string, error) {
	type group struct {
		ID      string `json:"id"`
		Project string `json:"project_id"`
	}
	named, err := list[group](ctx, c, "security-groups", url.Values{"project_id": {project}, "name": {idOrName},
		"fields": {"id", "project_id"}})
	if err != nil {
		return "", err
	}
	if len(named) > 1 {
		return "", fault.Conflictf("Multiple security groups found matching '%s'. Use an ID to be more specific.",
			idOrName).Coded("NoUniqueMatch")
	}
	if len(named) == 1 {
		return named[0].ID, nil
	}
	doc, err := do[struct {
		Group group `json:"security_group"`
	}](ctx, c, http.MethodGet, "/security-groups/"+url.PathEscape(idOrName), nil, nil)
	if err == nil && doc.Group.Project != project {
		err = neutron.Missing("SecurityGroup", idOrName)
	}
	return doc.Group.ID, err
}

// PortsOf lists those of a server's ports that the caller may see, in order of creation.
func (c *Client) PortsOf(ctx context.Context, server string) ([]neutron.PortInfo, error) {
	ps, err := c.portsOf(asNova(ctx), server)
	if err != nil {
		return nil, err
	}
	if !auth.From(ctx).Own() {
		seen, err := c.portsOf(ctx, server)
		if err != nil {
			return nil, err
		}
		ps = slices.DeleteFunc(ps, func(p neutron.Port) bool {
			return !slices.ContainsFunc(seen, func(s neutron.Port) bool { return s.ID == p.ID })
		})
	}
	return c.infos(ctx, neutron.ServerPorts(ps))
}

func (c *Client) portsOf(ctx context.Context, server string) ([]neutron.Port, error) {
	ps, err := list[port](ctx, c, "ports",
		url.Values{"device_id": {server}, "sort_key": {"created_at"}, "sort_dir": {"asc"}})
	return values(ps, port.value), err
}

// values converts wire types to networking's types.
func values[W, V any](ws []W, value func(W) V) []V {
	out := make([]V, len(ws))
	for i, w := range ws {
		out[i] = value(w)
	}
	return out
}

// infos reads the networks and subnets of ports, with compute's own rights, and makes compute's form of them all.
func (c *Client) infos(ctx context.Context, ps []neutron.Port) ([]neutron.PortInfo, error) {
	ctx = asNova(ctx)
	networks, subnets := map[string]neutron.Network{}, map[string]neutron.Subnet{}
	out := make([]neutron.PortInfo, len(ps))
	for i, p := range ps {
		if _, ok := networks[p.Network]; !ok {
			n, err := c.network(ctx, p.Network)
			if err != nil {
				return nil, err
			}
			networks[p.Network] = n
			subs, err := list[subnet](ctx, c, "subnets",
				url.Values{"network_id": {p.Network}, "sort_key": {"created_at"}, "sort_dir": {"asc"}})
			if err != nil {
				return nil, err
			}
			for _, s := range subs {
				subnets[s.ID] = s.value()
			}
		}
		out[i] = neutron.PortInfoOf(p, networks[p.Network], subnets)
	}
	if len(ps) == 0 {
		return out, nil
	}
	of := make([]string, len(ps))
	for i, p := range ps {
		of[i] = p.ID
	}
	floating, err := listOf[floatingIP](ctx, c, "floatingips", "port_id", of, nil)
	neutron.WithFloating(out, values(floating, floatingIP.value))
	return out, err
}

// batch is how many ids one request asks for: longer ones do not fit in a URL.
const batch = 50

// listOf reads the things of a collection that have one of the values in a member.
func listOf[T any](ctx context.Context, c *Client, plural, member string, values []string, more url.Values) ([]T,
	error) {
	var all []T
	for some := range slices.Chunk(values, batch) {
		query := url.Values{member: some}
		for k, v := range more {
			query[k] = v
		}
		found, err := list[T](ctx, c, plural, query)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// GroupNames are the names of the security groups that servers' ports have now.
func (c *Client) GroupNames(ctx context.Context, servers []string) (map[string][]string, error) {
	found, err := listOf[port](asNova(ctx), c, "ports", "device_id", servers, url.Values{"sort_key": {"created_at"}})
	if err != nil {
		return nil, err
	}
	ps := neutron.ServerPorts(values(found, port.value))
	var ids []string
	for _, p := range ps {
		ids = append(ids, p.SecurityGroups...)
	}
	slices.Sort(ids)
	groups, err := listOf[group](ctx, c, "security-groups", "id", slices.Compact(ids),
		url.Values{"fields": {"id", "name", "project_id"}})
	if err != nil {
		return nil, err
	}
	names := map[string]string{} // of those groups that the caller may see
	for _, g := range groups {
		names[g.ID] = g.Name
	}
	out := map[string][]string{}
	for _, p := range ps {
		for _, id := range p.SecurityGroups {
			if name, ok := names[id]; ok {
				out[p.DeviceID] = append(out[p.DeviceID], name)
			}
		}
	}
	return out, nil
}

// PortQuotaFree is how many more ports the project may have; -1 is unlimited.
func (c *Client) PortQuotaFree(ctx context.Context, project string) (int, error) {
	ctx = asNova(ctx)
	doc, err := do[struct {
		Quota map[string]struct{ Limit, Used int }
	}](ctx, c, http.MethodGet, "/quotas/"+url.PathEscape(project)+"/details", nil, nil)
	q, ok := doc.Quota["port"]
	switch {
	case err != nil:
		return 0, err
	case !ok || q.Limit < 0:
		return -1, nil
	}
	return max(0, q.Limit-q.Used), nil
}

// ifRevision makes a change conditional on the revision that was read.
func ifRevision(n int64) http.Header {
	return http.Header{"If-Match": {"revision_number=" + strconv.FormatInt(n, 10)}}
}
