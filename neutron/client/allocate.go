package client

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"

	"hypernova/neutron"
	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
)

// Allocate makes or takes a server's ports and binds them to its host: what is there first, then all new ports in one call. Where that
// fails, ports that this call has taken or moved are put back as they were.
func (c *Client) Allocate(ctx context.Context, a neutron.AllocateArgs) ([]neutron.PortInfo, error) {
	own := asNova(ctx)
	have, err := c.portsOf(own, a.Server)
	if err != nil {
		return nil, err
	}
	found := make([]*port, len(a.Specs))
	var wanted []map[string]any
	for i, spec := range a.Specs {
		if found[i], err = c.match(ctx, a, spec, &have); err != nil {
			return nil, err
		}
		if found[i] != nil {
			continue
		}
		w, err := c.wish(ctx, a, spec)
		if err != nil {
			return nil, err
		}
		wanted = append(wanted, w)
	}
	var touched []port
	undo := func(err error) error {
		for _, p := range touched {
			err = errors.Join(err, c.restore(context.WithoutCancel(own), p)) // the failure may be that ctx ended
		}
		return err
	}
	for i, p := range found {
		if p == nil {
			continue
		}
		was := *p
		changed, err := c.adopt(own, a, a.Specs[i], p)
		if changed {
			touched = append(touched, was)
		}
		if err != nil {
			return nil, undo(err)
		}
	}
	made, err := c.create(ctx, wanted)
	if err != nil {
		return nil, undo(err)
	}
	ports := make([]port, len(found))
	for i, p := range found {
		if p != nil {
			ports[i] = *p
			continue
		}
		ports[i], made = made[0], made[1:]
	}
	return c.infos(ctx, ports)
}

// Judge answers what networking would refuse to the caller of the wishes for new ports, and makes nothing.
func (c *Client) Judge(ctx context.Context, a neutron.AllocateArgs) error {
	var wanted []map[string]any
	for _, spec := range a.Specs {
		if spec.Port != "" {
			continue
		}
		w, err := c.wish(ctx, a, spec)
		if err != nil {
			return err
		}
		wanted = append(wanted, w)
	}
	if len(wanted) == 0 || auth.From(ctx).Own() { // a service's own work is not judged
		return nil
	}
	_, err := send[struct{}](ctx, c, httpc.Request{Method: http.MethodPost, Path: "/ports", Header: http.Header{auth.JudgeHeader: {"true"}},
		Body: map[string]any{"ports": wanted}})
	return err
}

// create makes ports in one call, all or none; a port that could not be bound is none either.
func (c *Client) create(ctx context.Context, wanted []map[string]any) ([]port, error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	doc, err := do[struct{ Ports []port }](ctx, c, http.MethodPost, "/ports", nil, map[string]any{"ports": wanted})
	if err != nil {
		return nil, err
	}
	if len(doc.Ports) != len(wanted) {
		return nil, fault.New(fault.Internal, "neutron made %d ports of %d", len(doc.Ports), len(wanted))
	}
	for _, p := range doc.Ports {
		if p.VIFType != neutron.VIFFailed {
			continue
		}
		err := error(bindingFailed(p))
		for _, q := range doc.Ports {
			err = errors.Join(err, c.remove(context.WithoutCancel(asNova(ctx)), q.ID)) // nothing may be left, whatever became of ctx
		}
		return nil, err
	}
	return doc.Ports, nil
}

func bindingFailed(p port) *fault.Fault {
	return fault.Conflictf("Binding failed for port %s on host %s.", p.ID, p.Host).Coded("PortBindingFailed")
}

// match is the port for a spec that is there already, nil if none is; see the in-process position of the contract.
func (c *Client) match(ctx context.Context, a neutron.AllocateArgs, spec neutron.PortSpec, have *[]port) (*port, error) {
	if spec.Port != "" {
		p, err := c.seenPort(ctx, spec.Port)
		if err != nil {
			return nil, err
		}
		if p.Project != a.Project {
			return nil, neutron.Missing("Port", spec.Port)
		}
		if p.DeviceID != "" && p.DeviceID != a.Server {
			return nil, neutron.PortInUse(p.ID, p.Network, p.DeviceID)
		}
		*have = slices.DeleteFunc(*have, func(x port) bool { return x.ID == p.ID })
		return &p, nil
	}
	i := slices.IndexFunc(*have, func(p port) bool {
		return p.own().Made && p.Network == spec.Network && p.own().Tag == spec.Tag &&
			(!spec.FixedIP.IsValid() || slices.ContainsFunc(p.FixedIPs, func(f fixedIP) bool { return f.IP == spec.FixedIP }))
	})
	if i < 0 {
		return nil, nil
	}
	p := (*have)[i]
	*have = slices.Delete(*have, i, i+1)
	return &p, nil
}

// wish is the new port that a spec means.
func (c *Client) wish(ctx context.Context, a neutron.AllocateArgs, spec neutron.PortSpec) (map[string]any, error) {
	n, err := c.network(ctx, spec.Network)
	if err != nil {
		return nil, err
	}
	if auth.From(ctx).Own() && n.Project != a.Project && !n.Shared {
		return nil, neutron.Missing("Network", spec.Network) // nobody's wish is judged: then only what every member may have
	}
	w := map[string]any{"network_id": spec.Network, "project_id": a.Project, "device_id": a.Server, "device_owner": owner(a.AZ), "binding:host_id": a.Host,
		"binding:profile": port{}.with(own{Made: true, Tag: spec.Tag, DNSName: a.DNSName})}
	if spec.FixedIP.IsValid() {
		w["fixed_ips"] = []map[string]netip.Addr{{"ip_address": spec.FixedIP}}
	}
	if len(a.SecurityGroups) > 0 && n.PortSec {
		w["security_groups"] = a.SecurityGroups
	}
	return w, nil
}

func owner(az string) string {
	if az == "" {
		az = "nova"
	}
	return neutron.OwnerComputePrefix + az
}

// adopt gives a port that is there to the server and binds it to the host, if it is not already. changed reports a change, also beside an error.
func (c *Client) adopt(ctx context.Context, a neutron.AllocateArgs, spec neutron.PortSpec, p *port) (changed bool, err error) {
	o := p.own()
	o.Tag = spec.Tag
	if !o.Made && o.DNSName == "" {
		o.DNSName = a.DNSName
	}
	if p.DeviceID == a.Server && p.DeviceOwner == owner(a.AZ) && p.Host == a.Host && p.VIFType != neutron.VIFFailed && p.own() == o {
		return false, nil
	}
	q, err := c.update(ctx, *p, map[string]any{"device_id": a.Server, "device_owner": owner(a.AZ), "binding:host_id": a.Host, "binding:profile": p.with(o)})
	if err != nil {
		return false, err
	}
	*p = q
	if q.VIFType == neutron.VIFFailed && a.Host != "" {
		return true, bindingFailed(q)
	}
	return true, nil
}

// update changes a port that nobody has changed since it was read.
func (c *Client) update(ctx context.Context, p port, change map[string]any) (port, error) {
	doc, err := send[struct{ Port port }](ctx, c, httpc.Request{Method: http.MethodPut, Path: "/ports/" + url.PathEscape(p.ID), Header: ifRevision(p.Revision),
		Body: map[string]any{"port": change}})
	return doc.Port, err
}

// restore puts a port back as it was before this call took it.
func (c *Client) restore(ctx context.Context, was port) error {
	_, err := do[struct{}](ctx, c, http.MethodPut, "/ports/"+url.PathEscape(was.ID), nil, map[string]any{"port": map[string]any{
		"device_id": was.DeviceID, "device_owner": was.DeviceOwner, "binding:host_id": was.Host, "binding:profile": was.with(was.own())}})
	return err
}

func (c *Client) remove(ctx context.Context, id string) error {
	_, err := do[struct{}](ctx, c, http.MethodDelete, "/ports/"+url.PathEscape(id), nil, nil)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// Deallocate deletes the ports that Allocate made for a server and gives back the others.
func (c *Client) Deallocate(ctx context.Context, server string) error {
	ports, err := c.portsOf(ctx, server)
	if err != nil {
		return err
	}
	for _, p := range ports {
		if p.own().Made {
			err = c.remove(ctx, p.ID)
		} else {
			_, err = do[struct{}](ctx, c, http.MethodPut, "/ports/"+url.PathEscape(p.ID), nil, map[string]any{"port": map[string]any{
				"device_id": "", "device_owner": "", "binding:host_id": "", "binding:profile": p.with(own{})}})
		}
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	return nil
}
