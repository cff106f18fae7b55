package actions

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/api/wire"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
	"hypernova/oslo/opt"
)

type serverRescue struct {
	AdminPass opt.Of[string] `wire:"adminPass"`
	Image     string         `wire:"rescue_image_ref" is:"uuid"`
}

type rescueView struct {
	AdminPass opt.Of[string] `wire:"adminPass"`
}

func (a *actionsAPI) rescue(ctx context.Context, _ *api.Request, v *nova.Server, in *opt.Of[serverRescue]) (rescueView,
	error) {
	password := wire.PasswordOr(in.Value.AdminPass)
	err := servers.Disks{Servers: a.Servers}.Rescue(ctx, v.ID, in.Value.Image, password)
	return rescueView{a.AdminPass(password)}, err
}

type passwordChange struct {
	AdminPass string `wire:"adminPass" is:"required"`
}

func (a *actionsAPI) changePassword(ctx context.Context, _ *api.Request, v *nova.Server,
	in *passwordChange) (api.None, error) {
	return api.None{}, servers.Guests{Servers: a.Servers}.ChangePassword(ctx, v.ID, in.AdminPass)
}

func (a *actionsAPI) injectNetworkInfo(ctx context.Context, _ *api.Request, v *nova.Server,
	_ *api.None) (api.None, error) {
	return api.None{}, servers.Guests{Servers: a.Servers}.InjectNetworkInfo(ctx, v)
}
