// Package compute implements neutron.API: the operations that nova calls.
package compute

import (
	"context"
	"slices"

	"hypernova/neutron"
	"hypernova/neutron/change"
	"hypernova/neutron/ports"
	"hypernova/neutron/quota"
	"hypernova/neutron/secgroups"
	"hypernova/neutron/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
)

// API implements neutron.API on the database of this process. It decides with the Rights of its Ports.
type API struct {
	change *change.Writer
	ports  *ports.Ports
	groups *secgroups.Groups
	quotas *quota.Quotas
	rights ports.Rights
}

var _ neutron.API = (*API)(nil)

// New makes it over the operations on ports.
func New(p *ports.Ports) *API {
	return &API{change: p.Change, ports: p, groups: p.Groups, quotas: p.Quotas, rights: p.Rights}
}

// Available lists a project's own networks and the shared ones, in order of creation.
func (a *API) Available(ctx context.Context, project string) ([]neutron.NetworkInfo, error) {
	ns, err := store.Networks(ctx, a.change.DB, db.ListArgs{
		Where: []db.Cond{
			db.InList("audience", []string{project, "*"}),
			db.Any(db.EqTo("project_id", project), db.EqTo("shared", true)),
		},
		Sort: []db.SortKey{{Column: "created_at"}},
	})
	out := make([]neutron.NetworkInfo, len(ns))
	for i, n := range ns {
		out[i] = neutron.InfoOf(n)
	}
	return out, err
}

// Network reads a network that the caller may see; fault.NotFound.
func (a *API) Network(ctx context.Context, id string) (neutron.NetworkInfo, error) {
	n, err := a.seenNetwork(ctx, a.change.DB, id)
	if err != nil {
		return neutron.NetworkInfo{}, err
	}
	return neutron.InfoOf(n), nil
}

// Port reads a port that the caller may see; fault.NotFound.
func (a *API) Port(ctx context.Context, id string) (neutron.PortInfo, error) {
	var out neutron.PortInfo
	err := a.change.DB.View(ctx, func(tx *db.Tx) error {
		p, err := store.Port(ctx, tx, id)
		if err != nil {
			return err
		}
		if !a.ports.Sees(ctx, p) {
			return neutron.Missing("Port", id)
		}
		is, err := infos(ctx, tx, []neutron.Port{p})
		if err == nil {
			out = is[0]
		}
		return err
	})
	return out, err
}

// infos adds to ports what nova needs of their networks and subnets.
func infos(ctx context.Context, q db.Querier, ps []neutron.Port) ([]neutron.PortInfo, error) {
	networks := map[string]neutron.Network{}
	subnets := map[string]neutron.Subnet{}
	out := make([]neutron.PortInfo, len(ps))
	for i, p := range ps {
		if _, ok := networks[p.Network]; !ok {
			n, err := store.Network(ctx, q, p.Network)
			if err != nil {
				return nil, err
			}
			networks[p.Network] = n
			subs, err := store.SubnetsOf(ctx, q, p.Network)
			if err != nil {
				return nil, err
			}
			for _, sub := range subs {
				subnets[sub.ID] = sub
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
	floating, err := store.FloatingIPs(ctx, q, db.ListArgs{Where: []db.Cond{db.InList("port_id", of)}})
	neutron.WithFloating(out, floating)
	return out, err
}

// SecurityGroup finds a project's group by id or name; fault.NotFound, or fault.Conflict for an ambiguous name.
func (a *API) SecurityGroup(ctx context.Context, project, idOrName string) (string, error) {
	return a.groups.Find(ctx, project, idOrName)
}

// PortsOf lists the ports of a server that the caller may see, in order of creation.
func (a *API) PortsOf(ctx context.Context, server string) ([]neutron.PortInfo, error) {
	var out []neutron.PortInfo
	err := a.change.DB.View(ctx, func(tx *db.Tx) error {
		ps, err := store.PortsOfDevice(ctx, tx, server)
		if err != nil {
			return err
		}
		hidden := func(p neutron.Port) bool { return !a.ports.Sees(ctx, p) }
		out, err = infos(ctx, tx, slices.DeleteFunc(neutron.ServerPorts(ps), hidden))
		return err
	})
	return out, err
}

// GroupNames lists the names of the security groups of servers' ports, by server.
func (a *API) GroupNames(ctx context.Context, servers []string) (map[string][]string, error) {
	out := map[string][]string{}
	if len(servers) == 0 {
		return out, nil
	}
	err := a.change.DB.View(ctx, func(tx *db.Tx) error {
		ps, err := store.DeviceGroups(ctx, tx, servers)
		if err != nil {
			return err
		}
		ps = neutron.ServerPorts(ps)
		if len(ps) == 0 {
			return nil
		}
		var ids []string
		for _, p := range ps {
			ids = append(ids, p.SecurityGroups...)
		}
		slices.Sort(ids)
		groups, err := store.Groups(ctx, tx, db.ListArgs{Where: []db.Cond{db.InList("id", slices.Compact(ids))}})
		if err != nil {
			return err
		}
		caller := auth.From(ctx)
		names := map[string]string{}
		for _, g := range groups {
			if caller.Own() || a.rights.SeesGroup(caller, g) {
				names[g.ID] = g.Name
			}
		}
		for _, p := range ps {
			for _, id := range p.SecurityGroups {
				if name, ok := names[id]; ok {
					out[p.DeviceID] = append(out[p.DeviceID], name)
				}
			}
		}
		return nil
	})
	return out, err
}

// PortQuotaFree returns how many more ports the project may have; -1 is unlimited.
func (a *API) PortQuotaFree(ctx context.Context, project string) (int, error) {
	return a.quotas.Free(ctx, a.change.DB, project, quota.Port)
}

// seenNetwork reads a network that the caller in ctx may see. A service's own request sees all.
func (a *API) seenNetwork(ctx context.Context, q db.Querier, id string) (neutron.Network, error) {
	n, err := store.Network(ctx, q, id)
	if err != nil {
		return n, err
	}
	if c := auth.From(ctx); !c.Own() && !a.rights.SeesNetwork(c, n) {
		return neutron.Network{}, neutron.Missing("Network", id)
	}
	return n, nil
}

// Show reads a security group with its rules that the caller in ctx may see; fault.NotFound. Nova's API uses it.
func (a *API) Show(ctx context.Context, id string) (neutron.SecurityGroup, error) {
	g, err := a.groups.Show(ctx, id)
	if c := auth.From(ctx); err == nil && !c.Own() && !a.rights.SeesGroup(c, g) {
		return neutron.SecurityGroup{}, neutron.Missing("SecurityGroup", id)
	}
	return g, err
}
