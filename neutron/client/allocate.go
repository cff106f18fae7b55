package client

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"

	"hypernova/neutron"
	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
	"hypernova/oslo/opt"
)

// Allocate makes or takes a server's ports and binds them to its host: first ports that exist, then all new ones in one
// request. If it fails, ports that this call has taken or moved are put back as they were.
func (c *Client) Allocate(ctx context.Context, a neutron.AllocateArgs) (_ []neutron.PortInfo, err error) {
	own := asNova(ctx)
	have, err := c.portsOf(own, a.Server)
	if err != nil {
		return nil, err
	}
	ports, wanted, err := c.match(ctx, a, a.Free(have))
	if err != nil {
		return nil, err
	}
	var taken []neutron.Port // as they were
	defer func() {
		if err == nil {
			return
		}
		for _, was := range taken {
			// The cause may be that ctx ended.
			_, undo := c.bind(context.WithoutCancel(own), was, opt.Of[int64]{})
			err = errors.Join(err, undo)
		}
	}()
	for i, spec := range a.Specs {
		was := ports[i]
		if was.ID == "" {
			continue
		}
		adopted, changed := a.Adopt(was, spec)
		if !changed {
			continue
		}
		adopted.Host = a.Host
		if ports[i], err = c.bind(own, adopted, opt.Some(was.Revision)); err != nil {
			return nil, err
		}
		taken = append(taken, was)
		if ports[i].VIFType == neutron.VIFFailed && a.Host != "" {
			return nil, neutron.BindingFailed(ports[i], "")
		}
	}
	made, err := c.create(ctx, wanted)
	if err != nil {
		return nil, err
	}
	for i := range ports {
		if ports[i].ID == "" {
			ports[i], made = made[0], made[1:]
		}
	}
	return c.infos(ctx, ports)
}

// match finds the ports that exist for the specs of a, and the new ones to make for the others: their places among the
// ports are empty.
func (c *Client) match(ctx context.Context, a neutron.AllocateArgs, have []neutron.Port) (
	ports []neutron.Port, wanted []map[string]any, err error) {
	ports = make([]neutron.Port, len(a.Specs))
	for i, spec := range a.Specs {
		if spec.Port == "" {
			var found bool
			if ports[i], found = spec.Take(&have); !found {
				w, err := c.wish(ctx, a, spec)
				if err != nil {
					return nil, nil, err
				}
				wanted = append(wanted, w)
			}
			continue
		}
		if ports[i], err = c.seenPort(ctx, spec.Port); err != nil {
			return nil, nil, err
		}
		if err := a.Usable(ports[i]); err != nil {
			return nil, nil, err
		}
		have = slices.DeleteFunc(have, func(p neutron.Port) bool { return p.ID == spec.Port })
	}
	return ports, wanted, nil
}

// CheckAllocate returns the refusal that the caller would get for the new ports of a, and makes nothing. A service's
// own work is not refused.
func (c *Client) CheckAllocate(ctx context.Context, a neutron.AllocateArgs) error {
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
	if len(wanted) == 0 || auth.From(ctx).Own() {
		return nil
	}
	_, err := send[struct{}](ctx, c, httpc.Request{Method: http.MethodPost, Path: "/ports",
		Header: http.Header{auth.CheckOnlyHeader: {"true"}}, Body: map[string]any{"ports": wanted}})
	return err
}

// create makes ports in one request, all or none. If one cannot be bound, all are deleted.
func (c *Client) create(ctx context.Context, wanted []map[string]any) ([]neutron.Port, error) {
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
	ports := values(doc.Ports, port.value)
	i := slices.IndexFunc(ports, func(p neutron.Port) bool { return p.VIFType == neutron.VIFFailed })
	if i < 0 {
		return ports, nil
	}
	err = neutron.BindingFailed(ports[i], "")
	for _, p := range ports {
		err = errors.Join(err, c.remove(context.WithoutCancel(asNova(ctx)), p.ID)) // even if ctx has ended
	}
	return nil, err
}

// wish is the body of the new port that a spec means.
func (c *Client) wish(ctx context.Context, a neutron.AllocateArgs, spec neutron.PortSpec) (map[string]any, error) {
	n, err := c.network(ctx, spec.Network)
	if err != nil {
		return nil, err
	}
	if auth.From(ctx).Own() && n.Project != a.Project && !n.Shared {
		// Without a user whose rights decide, a project gets no more than every member may have.
		return nil, neutron.Missing("Network", spec.Network)
	}
	w := map[string]any{"network_id": spec.Network, "project_id": a.Project}
	maps.Copy(w, bindingOf(neutron.Port{DeviceID: a.Server, DeviceOwner: a.Owner(), Host: a.Host, Made: true,
		Tag: spec.Tag, DNSName: a.DNSName}))
	if spec.FixedIP.IsValid() {
		w["fixed_ips"] = []map[string]netip.Addr{{"ip_address": spec.FixedIP}}
	}
	if len(a.SecurityGroups) > 0 && n.PortSecurity {
		w["security_groups"] = a.SecurityGroups
	}
	return w, nil
}

// bind writes a port's device, host and profile. With a revision it fails if the port has another one.
func (c *Client) bind(ctx context.Context, p neutron.Port, revision opt.Of[int64]) (neutron.Port, error) {
	r := httpc.Request{Method: http.MethodPut, Path: "/ports/" + url.PathEscape(p.ID),
		Body: map[string]any{"port": bindingOf(p)}}
	if revision.Has() {
		r.Header = ifRevision(revision.Value)
	}
	doc, err := send[struct{ Port port }](ctx, c, r)
	return doc.Port.value(), err
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
		if err := c.giveUp(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// DeallocatePort deletes one port that Allocate made for a server, or gives it back.
func (c *Client) DeallocatePort(ctx context.Context, server, port string) error {
	p, err := c.seenPort(asNova(ctx), port)
	if fault.Is(err, fault.NotFound) || err == nil && p.DeviceID != server {
		return nil
	}
	if err != nil {
		return err
	}
	return c.giveUp(ctx, p)
}

// giveUp deletes a server's port if Allocate made it, and otherwise gives it back. A port that is gone is no error.
func (c *Client) giveUp(ctx context.Context, p neutron.Port) error {
	if p.Made {
		return c.remove(ctx, p.ID)
	}
	p.DeviceID, p.DeviceOwner, p.Host, p.Tag, p.DNSName = "", "", "", "", ""
	_, err := c.bind(ctx, p, opt.Of[int64]{})
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// Unbind takes a server's ports off their host.
func (c *Client) Unbind(ctx context.Context, server string) error {
	ports, err := c.portsOf(ctx, server)
	if err != nil {
		return err
	}
	for _, p := range ports {
		if p.Host == "" {
			continue
		}
		p.Host = ""
		if _, err := c.bind(ctx, p, opt.Of[int64]{}); err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	return nil
}
