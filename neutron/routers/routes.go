package routers

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"hypernova/neutron"
	"hypernova/neutron/change"
	"hypernova/neutron/quota"
	"hypernova/neutron/store"
	"hypernova/oslo/fault"
)

// AddRoutes makes the routes of a router with more: one that it has already is not there twice.
func AddRoutes(more []neutron.HostRoute) func([]neutron.HostRoute) []neutron.HostRoute {
	return func(have []neutron.HostRoute) []neutron.HostRoute {
		out := slices.Clone(have)
		for _, r := range more {
			if !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
		return out
	}
}

// RemoveRoutes makes the routes of a router without some. One that it does not have is no error.
func RemoveRoutes(less []neutron.HostRoute) func([]neutron.HostRoute) []neutron.HostRoute {
	return func(have []neutron.HostRoute) []neutron.HostRoute {
		return slices.DeleteFunc(slices.Clone(have), func(r neutron.HostRoute) bool { return slices.Contains(less, r) })
	}
}

// checkRoutes checks the extra routes of a router against its ports and the limit of routes.
func (s *Routers) checkRoutes(ctx context.Context, tx *change.Tx, r neutron.Router) error {
	ps, err := store.PortsOfRouter(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	blocks, own, err := reach(ctx, tx, ps)
	if err != nil {
		return err
	}
	if err := connected(r.Routes, blocks, own); err != nil {
		return err
	}
	limits, err := s.Quotas.ShowIn(ctx, tx, r.Project)
	if err != nil {
		return err
	}
	if most := limits.Limits[quota.RouterRoute]; most >= 0 && int64(len(r.Routes)) > most {
		return fault.OverQuotaf("Quota exceeded for resources: ['%s'].", quota.RouterRoute).Coded("OverQuota")
	}
	return nil
}

// connected refuses routes by an address that is on none of the blocks, or that is the router's own.
func connected(routes []neutron.HostRoute, blocks []netip.Prefix, own []netip.Addr) error {
	for _, r := range routes {
		reason := ""
		switch {
		case !slices.ContainsFunc(blocks, func(p netip.Prefix) bool { return p.Contains(r.NextHop) }):
			reason = "the nexthop is not connected with router"
		case slices.Contains(own, r.NextHop):
			reason = "the nexthop is used by router"
		default:
			continue
		}
		return fault.Invalidf("Invalid format for routes: %s, %s", routesText(routes), reason).Coded("InvalidRoutes")
	}
	return nil
}

// routesText writes routes as neutron's messages do.
func routesText(routes []neutron.HostRoute) string {
	var out []string
	for _, r := range routes {
		out = append(out, fmt.Sprintf("{'destination': '%s', 'nexthop': '%s'}", r.Destination, r.NextHop))
	}
	return "[" + strings.Join(out, ", ") + "]"
}
