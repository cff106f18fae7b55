package app

import (
	"context"
	"net/http"
	"net/url"

	"hypernova/app/rest"
	"hypernova/neutron/agent"
)

// SeedExternal gives a cloud of one machine its way outside, after SeedCloud: the external network public with a
// subnet for floating addresses, and the router router1 of the project demo between it and the demo network. It
// creates what is missing and leaves alone what is there. Without [bootstrap] external_cidr it does nothing.
func (c *Config) SeedExternal(ctx context.Context, admin *rest.Client) error {
	if c.Seed.ExternalCIDR == "" {
		return nil
	}
	cidr, err := c.Seed.externalNetwork()
	if err != nil {
		return err
	}
	public, err := ensure(ctx, admin, "network", "name=public&router:external=true", map[string]any{"name": "public",
		"router:external": true, "provider:network_type": "flat", "provider:physical_network": agent.ExternalNetwork})
	if err != nil {
		return err
	}
	if _, err := ensure(ctx, admin, "subnet", "network_id="+public.ID, map[string]any{"name": "public-subnet",
		"network_id": public.ID, "ip_version": 4, "cidr": cidr.String(), "gateway_ip": cidr.Addr().Next().String(),
		"enable_dhcp": false}); err != nil {
		return err
	}
	demo, there, err := first(ctx, admin, "subnet", "name=demo-subnet")
	if err != nil || !there {
		return err
	}
	router, err := ensure(ctx, admin, "router", "name=router1&project_id="+url.QueryEscape(demo.Project),
		map[string]any{"name": "router1", "project_id": demo.Project,
			"external_gateway_info": map[string]any{"network_id": public.ID}})
	if err != nil {
		return err
	}
	_, there, err = first(ctx, admin, "port", "device_id="+router.ID+"&network_id="+demo.Network)
	if err != nil || there {
		return err
	}
	return admin.Do(ctx, http.MethodPut, "network", "/v2.0/routers/"+router.ID+"/add_router_interface",
		map[string]any{"subnet_id": demo.ID}, nil)
}

// seeded is what the first content needs to know of a resource of networking.
type seeded struct {
	ID      string
	Project string `json:"project_id"`
	Network string `json:"network_id"`
}

// first finds a resource of networking by a query.
func first(ctx context.Context, admin *rest.Client, kind, query string) (seeded, bool, error) {
	have := map[string][]seeded{}
	err := admin.Do(ctx, http.MethodGet, "network", "/v2.0/"+kind+"s?"+query, nil, &have)
	if err != nil || len(have[kind+"s"]) == 0 {
		return seeded{}, false, err
	}
	return have[kind+"s"][0], true, nil
}

// ensure finds a resource of networking by a query, or makes it.
func ensure(ctx context.Context, admin *rest.Client, kind, query string, body map[string]any) (seeded, error) {
	found, there, err := first(ctx, admin, kind, query)
	if err != nil || there {
		return found, err
	}
	made := map[string]seeded{}
	err = admin.Do(ctx, http.MethodPost, "network", "/v2.0/"+kind+"s", map[string]any{kind: body}, &made)
	return made[kind], err
}
