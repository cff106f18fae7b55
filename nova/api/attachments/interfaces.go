package attachments

import (
	"context"
	"net/netip"

	"hypernova/neutron"
	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/api/wire"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// interfacesAPI shows, attaches and detaches the ports of a server.
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
		api.On("POST /servers/{server_id}/os-interface", policies.AttachInterfacesCreate, 200, (*interfacesAPI).Server,
			(*interfacesAPI).attach, api.EnvelopeIn("")),
		api.On("DELETE /servers/{server_id}/os-interface/{port_id}", policies.AttachInterfacesDelete, 202,
			(*interfacesAPI).Server, (*interfacesAPI).detach),
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
	return a.port(ctx, v.ID, r.Param("port_id"))
}

// port shows one port of a server. As with nova, another server's port is found for those who may see it, and refused.
func (a *interfacesAPI) port(ctx context.Context, server, id string) (portView, error) {
	ports, err := a.Networks.PortsOf(ctx, server)
	if err != nil {
		return portView{}, err
	}
	for _, p := range ports {
		if p.ID == id {
			return viewOfPort(p), nil
		}
	}
	_, err = a.Networks.Port(ctx, id)
	switch {
	case err == nil:
		err = fault.NotFoundf("Instance %s does not have a port with id %s", server, id)
	case fault.Is(err, fault.NotFound):
		err = fault.NotFoundf("Port id %s could not be found.", id)
	}
	return portView{}, err
}

// attachBody may be empty: then the server gets a port on the only network that its project has.
type attachBody struct {
	Interface interfaceAttach `wire:"interfaceAttachment"`
}

type interfaceAttach struct {
	Network  string        `wire:"net_id" is:"uuid"`
	Port     string        `wire:"port_id" is:"uuid"`
	FixedIPs []attachFixed `wire:"fixed_ips" is:"minitems=1,maxitems=1"`
	Tag      string        `wire:"tag" mv:"2.49-" is:"minlen=1,maxlen=60,pattern=^[^,/]*$"`
}

type attachFixed struct {
	IP string `wire:"ip_address" is:"required,ip"`
}

func (a *interfacesAPI) attach(ctx context.Context, r *api.Request, v *nova.Server,
	body *attachBody) (portView, error) {
	in := &body.Interface
	args := servers.AttachArgs{NICRequest: nova.NICRequest{Port: in.Port, Network: in.Network, Tag: in.Tag},
		External: r.Allowed(policies.NetworkAttachExternalNetwork, nil)}
	switch {
	case in.Network != "" && in.Port != "":
		return portView{}, fault.Invalidf("Must not input both network_id and port_id")
	case len(in.FixedIPs) > 0 && in.Network == "":
		return portView{}, fault.Invalidf("Must input network_id when request IP address")
	case len(in.FixedIPs) > 0:
		args.FixedIP = netip.MustParseAddr(in.FixedIPs[0].IP) // checked when it was read
	}
	port, err := servers.Interfaces{Servers: a.Servers}.Attach(ctx, v.ID, args)
	if err != nil {
		return portView{}, err
	}
	return a.port(ctx, v.ID, port)
}

func (a *interfacesAPI) detach(ctx context.Context, r *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
	return api.None{}, servers.Interfaces{Servers: a.Servers}.Detach(ctx, v.ID, r.Param("port_id"))
}
