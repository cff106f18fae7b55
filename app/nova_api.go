package app

import (
	"context"
	"strconv"
	"strings"
	"time"

	novaapi "hypernova/nova/api"
	"hypernova/nova/api/proxies"
	"hypernova/nova/metadata"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
	"hypernova/oslo/service"
)

func buildNovaAPI(ctx context.Context, p *Process) error {
	v, err := p.nova.operations(ctx)
	if err != nil {
		return err
	}
	nets, err := p.neutron.api(ctx)
	if err != nil {
		return err
	}
	groups, err := p.neutron.securityGroups(ctx)
	if err != nil {
		return err
	}
	projects, err := p.keystone.projects(ctx)
	if err != nil {
		return err
	}
	most, err := microversion(p.c.NovaAPI.MaxMicro)
	if err != nil {
		return err
	}
	if err := p.listeners.listen(ctx, apiNova); err != nil {
		return err
	}
	c, err := p.apiConfig(ctx, "nova", apiNova)
	if err != nil {
		return err
	}
	c.MaxLimit = p.c.NovaAPI.MaxLimit
	deps := novaapi.Deps{Servers: v.servers, Flavors: v.flavors, Keys: v.keys, Quotas: v.quotas, ServerGroups: v.groups,
		Hosts: v.hosts, Networks: nets, Groups: groups, Proxied: p.nova.proxied(), Projects: projects, Now: p.now,
		MaxVersion: most, ConsoleTTL: time.Duration(p.c.ConsoleAuth.TTL) * time.Second}
	if err := p.serve(ctx, RoleNovaAPI, apiNova, novaapi.Handler(c, deps)); err != nil {
		return err
	}
	if p.c.Default.ReclaimAfter > 0 {
		p.upkeep("nova-reclaim", service.Periodic{Name: "reclaim_queued_deletes", Spacing: time.Minute,
			Fn: servers.Trash{Servers: v.servers}.Reclaim})
	}
	return p.nova.buildMetadata(ctx, v)
}

// microversion reads "2.90"; empty is the newest.
func microversion(text string) (api.Version, error) {
	if text == "" {
		return api.Version{}, nil
	}
	major, minor, ok := strings.Cut(text, ".")
	x, err1 := strconv.Atoi(major)
	y, err2 := strconv.Atoi(minor)
	v := api.Version{Major: x, Minor: y}
	if !ok || err1 != nil || err2 != nil || v.Less(novaapi.Oldest) || novaapi.Newest.Less(v) {
		return api.Version{}, fault.Invalidf("[api] max_microversion: %q is not one of %s to %s", text, novaapi.Oldest,
			novaapi.Newest)
	}
	return v, nil
}

// buildMetadata adds the service that guests read about themselves from, by way of the network agents.
func (n *novaParts) buildMetadata(ctx context.Context, v *novaOperations) error {
	p := n.p
	secret, err := n.metadataSecret()
	if err != nil {
		return err
	}
	return p.serve(ctx, "nova-metadata", apiMetadata, metadata.New(metadata.Config{Domain: p.c.NovaAPI.DHCPDomain,
		Secret: secret}, servers.Guests{Servers: v.servers}, p.o.Log))
}

// proxied are the services that operations of old versions ask with the user's token.
func (x *novaParts) proxied() proxies.Services {
	client := func(name, base string) *httpc.Client {
		return httpc.New(httpc.Config{Base: base, Name: name, Tokens: proxies.UserToken{}})
	}
	return proxies.Services{Images: client(apiGlance, x.p.Endpoint(apiGlance)+"/v2"),
		Networks: client(apiNeutron, strings.TrimSuffix(x.p.Endpoint(apiNeutron), "/v2.0")), Pool: x.p.c.NovaNetworks.Pool}
}
