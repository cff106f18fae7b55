// Package attachments is the operations of the Compute API on what is attached to a server: ports, volumes and the
// security groups of its ports.
package attachments

import (
	"context"
	"slices"

	"hypernova/neutron"
	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/api/wire"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// Deps are what the operations use.
type Deps struct {
	Servers  *servers.Servers
	Networks neutron.API
	Groups   SecurityGroups // nil: os-security-groups of a server is 501
}

// Resources are the operations with their receivers.
func Resources(d Deps) []api.Bound {
	loader := wire.ServerLoader{Servers: d.Servers}
	return slices.Concat(
		api.Bind(&interfacesAPI{loader, d.Networks}, interfaceOps),
		api.Bind(&volumesAPI{loader}, volumeOps),
		api.Bind(&groupsAPI{loader, d.Networks, d.Groups}, groupOps),
	)
}

// interfacesAPI shows the ports of a server.
type interfacesAPI struct {
	wire.ServerLoader

	Networks neutron.API
}

var interfaceOps = api.Resource[*interfacesAPI]{Name: "interfaceAttachment", Plural: "interfaceAttachments",
	Ops: api.Ops[*interfacesAPI]{
		api.ListOf("GET /servers/{server_id}/os-interface", policies.AttachInterfacesList, (*interfacesAPI).Server,
			(*interfacesAPI).list),
		api.On("GET /servers/{server_id}/os-interface/{port_id}", policies.AttachInterfacesShow, 200, (*interfacesAPI).Server,
			(*interfacesAPI).show),
	}}

type portView struct {
	Port     string        `wire:"port_id"`
	Network  string        `wire:"net_id"`
	MAC      string        `wire:"mac_addr"`
	State    string        `wire:"port_state"`
	FixedIPs []fixedIPView `wire:"fixed_ips"`
	Tag      *string       `wire:"tag" mv:"2.70-"`
}

type fixedIPView struct {
	Subnet string `wire:"subnet_id"`
	IP     string `wire:"ip_address"`
}

func viewOfPort(p neutron.PortInfo) portView {
	out := portView{Port: p.ID, Network: p.Network, MAC: p.MAC, State: p.Status, Tag: wire.OrNull(p.Tag)}
	for _, f := range p.FixedIPs {
		out.FixedIPs = append(out.FixedIPs, fixedIPView{f.Subnet, f.IP.String()})
	}
	return out
}

func (a *interfacesAPI) list(ctx context.Context, _ *api.Request, v *nova.Server,
	_ *api.None) (api.Page[portView], error) {
	ports, err := a.Networks.PortsOf(ctx, v.ID)
	p := api.Page[portView]{Items: make([]portView, len(ports))}
	for i := range ports {
		p.Items[i] = viewOfPort(ports[i])
	}
	return p, err
}

func (a *interfacesAPI) show(ctx context.Context, r *api.Request, v *nova.Server, _ *api.None) (portView, error) {
	ports, err := a.Networks.PortsOf(ctx, v.ID)
	for _, p := range ports {
		if p.ID == r.Param("port_id") {
			return viewOfPort(p), err
		}
	}
	if err == nil {
		err = fault.NotFoundf("Port ID %s could not be found.", r.Param("port_id"))
	}
	return portView{}, err
}
