package client

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"

	"hypernova/neutron"
	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
)

// AddGroup gives a security group to all ports of a server, one after another; see neutron.API. If it fails, the ports
// that have it get their former groups.
func (c *Client) AddGroup(ctx context.Context, server, group string) error {
	return c.regroup(ctx, server, group, neutron.WithGroup)
}

// RemoveGroup takes a security group from all ports of a server, one after another; see neutron.API.
func (c *Client) RemoveGroup(ctx context.Context, server, group string) error {
	return c.regroup(ctx, server, group, neutron.WithoutGroup)
}

func (c *Client) regroup(ctx context.Context, server, group string,
	groups func(server, group string, ports []neutron.Port) (map[string][]string, error)) error {
	ps, err := c.serverPorts(ctx, server)
	if err != nil {
		return err
	}
	changes, err := groups(server, group, ps)
	if err != nil {
		return err
	}
	var done []neutron.Port
	for _, p := range ps {
		ids, ok := changes[p.ID]
		if !ok {
			continue
		}
		if err = c.edit(ctx, p, map[string]any{"security_groups": ids}); err != nil {
			break
		}
		done = append(done, p)
	}
	if err == nil {
		return nil
	}
	undo := context.WithoutCancel(asNova(ctx)) // the cause may be that ctx ended
	for _, p := range done {
		p.Revision = 0
		err = errors.Join(err, c.edit(undo, p, map[string]any{"security_groups": p.SecurityGroups}))
	}
	return err
}

// edit changes members of a port if it is as it was read; a revision of 0 is any.
func (c *Client) edit(ctx context.Context, p neutron.Port, members map[string]any) error {
	r := httpc.Request{Method: http.MethodPut, Path: "/ports/" + url.PathEscape(p.ID),
		Body: map[string]any{"port": members}}
	if p.Revision > 0 {
		r.Header = ifRevision(p.Revision)
	}
	_, err := send[struct{}](ctx, c, r)
	return err
}

// AddFixedIP gives a free address of a network to the server's port on it; see neutron.API.
func (c *Client) AddFixedIP(ctx context.Context, server, network string) error {
	ps, err := c.serverPorts(ctx, server)
	if err != nil {
		return err
	}
	n, err := c.network(ctx, network)
	if err != nil {
		return err
	}
	for _, p := range ps {
		if p.Network != n.ID {
			continue
		}
		for _, id := range n.Subnets {
			ips := append(fixedIPsOf(p.FixedIPs), map[string]string{"subnet_id": id})
			err := c.edit(ctx, p, map[string]any{"fixed_ips": ips})
			if err == nil {
				return nil
			}
			if k := fault.KindOf(err); k != fault.Conflict && k != fault.Invalid {
				return err
			}
		}
	}
	return fault.NotFoundf("No port of server %s on network %s can have another address.", server, network)
}

// RemoveFixedIP takes an address from the server's port; see neutron.API.
func (c *Client) RemoveFixedIP(ctx context.Context, server string, ip netip.Addr) error {
	ps, err := c.serverPorts(ctx, server)
	if err != nil {
		return err
	}
	for _, p := range ps {
		rest := slices.DeleteFunc(slices.Clone(p.FixedIPs), func(f neutron.FixedIP) bool { return f.IP == ip })
		if len(rest) < len(p.FixedIPs) {
			return c.edit(ctx, p, map[string]any{"fixed_ips": fixedIPsOf(rest)})
		}
	}
	return fault.NotFoundf("No port of server %s has the address %s.", server, ip)
}

func fixedIPsOf(ips []neutron.FixedIP) []map[string]string {
	out := make([]map[string]string, len(ips))
	for i, f := range ips {
		out[i] = map[string]string{"subnet_id": f.Subnet, "ip_address": f.IP.String()}
	}
	return out
}

// serverPorts reads the ports of a server that the caller may see.
func (c *Client) serverPorts(ctx context.Context, server string) ([]neutron.Port, error) {
	ps, err := c.portsOf(ctx, server)
	return neutron.ServerPorts(ps), err
}
