// Package servers is the operations of the Compute API on servers, their metadata, tags and addresses.
package servers

import (
	"context"
	"slices"

	"hypernova/neutron"
	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/api/wire"
	"hypernova/nova/flavors"
	"hypernova/nova/hosts"
	"hypernova/nova/servergroups"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
	"hypernova/oslo/clock"
	"hypernova/oslo/opt"
)

// Deps are what the operations use.
type Deps struct {
	Servers      *servers.Servers
	Flavors      *flavors.Flavors
	Hosts        *hosts.Hosts
	Networks     neutron.API
	ServerGroups *servergroups.Groups
	Now          clock.Now
}

// Resources are the operations with their receivers.
func Resources(d Deps) []api.Bound {
	loader := wire.ServerLoader{Servers: d.Servers}
	return slices.Concat(
		api.Bind(&serversAPI{loader, d.Flavors, d.Hosts, d.Networks, d.ServerGroups}, serverOps),
		api.Bind(&serversAPI{loader, d.Flavors, d.Hosts, d.Networks, d.ServerGroups}, rebuildOps),
		api.Bind(&guestAPI{loader, d.Now}, guestOps),
		api.Bind(&metadataAPI{loader}, metadataOps),
		api.Bind(&tagsAPI{loader}, tagOps),
		api.Bind(&addressesAPI{loader}, addressOps),
	)
}

// serversAPI lists, creates, shows, changes and deletes servers.
type serversAPI struct {
	wire.ServerLoader

	Flavors      *flavors.Flavors
	Hosts        *hosts.Hosts
	Networks     neutron.API
	ServerGroups *servergroups.Groups
}

var serverOps = api.Resource[*serversAPI]{Name: "server", Plural: "servers", Ops: api.Ops[*serversAPI]{
	api.List("GET /servers", policies.ServersIndex, (*serversAPI).list),
	api.List("GET /servers/detail", policies.ServersDetail, (*serversAPI).detail),
	api.Do("POST /servers", policies.ServersCreate, 202, (*serversAPI).create, api.Bare()),
	api.On("GET /servers/{server_id}", policies.ServersShow, 200, (*serversAPI).Server, (*serversAPI).show),
	api.On("PUT /servers/{server_id}", policies.ServersUpdate, 200, (*serversAPI).Server, (*serversAPI).update),
	api.On("DELETE /servers/{server_id}", policies.ServersDelete, 204, (*serversAPI).Server, (*serversAPI).delete),
}}

func (a *serversAPI) show(ctx context.Context, r *api.Request, v *nova.Server, _ *api.None) (serverView, error) {
	views, err := a.views(ctx, r, *v)
	if err != nil {
		return serverView{}, err
	}
	if views.serverGroups, err = a.groupsOf(ctx, v.ID); err != nil {
		return serverView{}, err
	}
	return views.one(v), nil
}

// groupsOf lists the ids of the server groups that a server is in: one or none.
func (a *serversAPI) groupsOf(ctx context.Context, id string) ([]string, error) {
	g, err := a.ServerGroups.Of(ctx, id)
	if err != nil || g == "" {
		return []string{}, err
	}
	return []string{g}, nil
}

type serverUpdate struct {
	Name        opt.Of[string] `wire:"name" is:"name,narrow"`
	DiskConfig  opt.Of[string] `wire:"OS-DCF:diskConfig" is:"enum=AUTO|MANUAL"`
	AccessIPv4  opt.Of[string] `wire:"accessIPv4" is:"ipv4"`
	AccessIPv6  opt.Of[string] `wire:"accessIPv6" is:"ipv6"`
	Description opt.Of[string] `wire:"description" mv:"2.19-" is:"nullable,text,pattern=^[^\\p{C}\\p{Zl}\\p{Zp}\\x{FFFF}-\\x{10FFFF}]*$"`
	Hostname    opt.Of[string] `wire:"hostname" mv:"2.90-2.93" is:"hostname,minlen=2"`
	Pinned      opt.Of[string] `wire:"pinned_availability_zone" mv:"2.104-" is:"nullable,minlen=1,maxlen=255"`
	FQDN        opt.Of[string] `wire:"hostname" mv:"2.94-" is:"minlen=1,maxlen=255,pattern=^[a-zA-Z0-9-._]*$"`
}

func (a *serversAPI) update(ctx context.Context, r *api.Request, v *nova.Server, in *serverUpdate) (any, error) {
	hostname := in.Hostname
	if in.FQDN.Set {
		hostname = in.FQDN
	}
	if in.AccessIPv6.Has() {
		in.AccessIPv6.Value = canonical(in.AccessIPv6.Value)
	}
	changed, err := a.Servers.Update(ctx, v.ID, servers.UpdateArgs{Name: in.Name, Hostname: hostname,
		AccessIPv4: in.AccessIPv4,
		AccessIPv6: in.AccessIPv6, DiskConfig: in.DiskConfig, Description: in.Description, Pinned: in.Pinned})
	if err != nil {
		return nil, err
	}
	views, err := a.views(ctx, r, changed)
	if err != nil {
		return nil, err
	}
	if views.serverGroups, err = a.groupsOf(ctx, v.ID); err != nil {
		return nil, err
	}
	if !r.AtLeast(75) {
		return views.updated(&changed), nil
	}
	return views.one(&changed), nil
}

func (a *serversAPI) delete(ctx context.Context, _ *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
	return api.None{}, servers.Trash{Servers: a.Servers}.Delete(ctx, v.ID)
}
