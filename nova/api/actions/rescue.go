package actions

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/api/wire"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
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

// onlyNull is the body of an action that takes null and nothing else.
type onlyNull = opt.Of[nothing]

type nothing struct{}

// UnmarshalJSON refuses what is not null: null needs no reader.
func (*nothing) UnmarshalJSON(raw []byte) error {
	return fault.Invalidf("%s is not of type 'null'", raw)
}

func (a *actionsAPI) crashDump(ctx context.Context, _ *api.Request, v *nova.Server, _ *onlyNull) (api.None, error) {
	return api.None{}, a.Servers.Act(ctx, v.ID, nova.CrashDumpServer)
}
