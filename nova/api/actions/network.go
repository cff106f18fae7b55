package actions

import (
	"context"
	"net/netip"
	"strings"

	"hypernova/nova"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// lastAddressVersion is the span of the actions on addresses, which clients make in networking since.
var lastAddressVersion = api.Span("-2.43")

type groupName struct {
	Name string `wire:"name" is:"required,minlen=1"`
}

// Validate rejects a name of blanks.
func (g *groupName) Validate(api.Version) error {
	if strings.TrimSpace(g.Name) == "" {
		return fault.Invalidf("Security group name cannot be empty")
	}
	return nil
}

func (a *actionsAPI) addGroup(ctx context.Context, _ *api.Request, v *nova.Server, in *groupName) (api.None, error) {
	return api.None{}, servers.Interfaces{Servers: a.Servers}.AddGroup(ctx, v, in.Name)
}

func (a *actionsAPI) removeGroup(ctx context.Context, _ *api.Request, v *nova.Server,
	in *groupName) (api.None, error) {
	return api.None{}, servers.Interfaces{Servers: a.Servers}.RemoveGroup(ctx, v, in.Name)
}

type fixedIPAdd struct {
	Network string `wire:"networkId" is:"required,intish,minlen=1,maxlen=36"`
}

func (a *actionsAPI) addFixedIP(ctx context.Context, _ *api.Request, v *nova.Server,
	in *fixedIPAdd) (api.None, error) {
	return api.None{}, servers.Interfaces{Servers: a.Servers}.AddFixedIP(ctx, v, in.Network)
}

type addressRemove struct {
	Address string `wire:"address" is:"required,ip"`
}

func (a *actionsAPI) removeFixedIP(ctx context.Context, _ *api.Request, v *nova.Server,
	in *addressRemove) (api.None, error) {
	ip := netip.MustParseAddr(in.Address) // checked when it was read
	return api.None{}, servers.Interfaces{Servers: a.Servers}.RemoveFixedIP(ctx, v, ip)
}
