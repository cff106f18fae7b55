package actions

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
	"hypernova/oslo/opt"
)

func (a *actionsAPI) shelve(ctx context.Context, _ *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
	return api.None{}, servers.Shelves{Servers: a.Servers}.Shelve(ctx, v.ID)
}

func (a *actionsAPI) unshelve(ctx context.Context, _ *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
	return api.None{}, servers.Shelves{Servers: a.Servers}.Unshelve(ctx, v.ID, servers.UnshelveArgs{})
}

type zoneChoice struct {
	Zone string `wire:"availability_zone" is:"required,name"`
}

func (a *actionsAPI) unshelveInZone(ctx context.Context, _ *api.Request, v *nova.Server,
	in *opt.Of[zoneChoice]) (api.None, error) {
	var args servers.UnshelveArgs
	if in.Has() {
		args.Zone = opt.Some(in.Value.Zone)
	}
	return api.None{}, servers.Shelves{Servers: a.Servers}.Unshelve(ctx, v.ID, args)
}

type placeChoice struct {
	Zone opt.Of[string] `wire:"availability_zone" is:"nullable"`
	Host string         `wire:"host"`
}

func (a *actionsAPI) unshelveAt(ctx context.Context, r *api.Request, v *nova.Server,
	in *opt.Of[placeChoice]) (api.None, error) {
	return api.None{}, servers.Shelves{Servers: a.Servers}.Unshelve(ctx, v.ID, servers.UnshelveArgs{
		Zone: in.Value.Zone, Host: in.Value.Host,
		MayHost: func() error { return r.Require(policies.ShelveUnshelveToHost, v.PolicyTarget()) }})
}
