package api

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

const actionPath = "POST /servers/{server_id}/action"

var serversResource = api.Resource[*API]{Name: "server", Plural: "servers", Ops: api.Ops[*API]{
	api.List("GET /servers", policyServersIndex, (*API).listServers),
	api.List("GET /servers/detail", policyServersDetail, (*API).detailServers),
	api.Do("POST /servers", policyServersCreate, 202, (*API).createServer, api.Bare()),
	api.On("GET /servers/{server_id}", policyServersShow, 200, (*API).server, (*API).showServer),
	api.On("PUT /servers/{server_id}", policyServersUpdate, 200, (*API).server, (*API).updateServer),
	api.On("DELETE /servers/{server_id}", policyServersDelete, 204, (*API).server, (*API).deleteServer),

	api.Act(actionPath, "os-start", policyServersStart, 202, (*API).server, act(nova.StartServer)),
	api.Act(actionPath, "os-stop", policyServersStop, 202, (*API).server, act(nova.StopServer)),
	api.Act(actionPath, "reboot", policyServersReboot, 202, (*API).server, (*API).reboot),
	api.Act(actionPath, "pause", policyPause, 202, (*API).server, act(nova.PauseServer)),
	api.Act(actionPath, "unpause", policyUnpause, 202, (*API).server, act(nova.UnpauseServer)),
	api.Act(actionPath, "suspend", policySuspend, 202, (*API).server, act(nova.SuspendServer)),
	api.Act(actionPath, "resume", policyResume, 202, (*API).server, act(nova.ResumeServer)),
	api.Act(actionPath, "lock", policyLock, 202, (*API).server, (*API).lock, api.Span("-2.72")),
	api.Act(actionPath, "lock", policyLock, 202, (*API).server, (*API).lockWithReason, api.Span("2.73-")),
	api.Act(actionPath, "unlock", policyUnlock, 202, (*API).server, (*API).unlock),
	api.Act(actionPath, "forceDelete", policyForceDelete, 202, (*API).server, (*API).deleteServer),
	api.Act(actionPath, "os-getConsoleOutput", policyConsoleOutput, 200, (*API).server, (*API).consoleOutput, api.Bare()),
	api.Act(actionPath, "os-resetState", policyResetState, 202, (*API).server, (*API).resetState),
}}

func (a *API) showServer(ctx context.Context, r *api.Request, v *nova.Server, _ *api.None) (serverView, error) {
	views, err := a.serverViews(ctx, r, *v)
	if err != nil {
		return serverView{}, err
	}
	out := views.detail(v)
	out.ServerGroups = opt.Some([]string{})
	return out, nil
}

type serverUpdate struct {
	Name        opt.Of[string] `wire:"name" is:"name,narrow"`
	DiskConfig  opt.Of[string] `wire:"OS-DCF:diskConfig" is:"enum=AUTO|MANUAL"`
	AccessIPv4  opt.Of[string] `wire:"accessIPv4" is:"ipv4"`
	AccessIPv6  opt.Of[string] `wire:"accessIPv6" is:"ipv6"`
	Description opt.Of[string] `wire:"description" mv:"2.19-" is:"nullable,text,pattern=^[^\\p{C}\\p{Zl}\\p{Zp}\\x{FFFF}-\\x{10FFFF}]*$"`
	Hostname    opt.Of[string] `wire:"hostname" mv:"2.90-2.93" is:"hostname,minlen=2"`
	FQDN        opt.Of[string] `wire:"hostname" mv:"2.94-" is:"minlen=1,maxlen=255,pattern=^[a-zA-Z0-9-._]*$"`
}

func (a *API) updateServer(ctx context.Context, r *api.Request, v *nova.Server, in *serverUpdate) (any, error) {
	hostname := in.Hostname
	if in.FQDN.Set {
		hostname = in.FQDN
	}
	if in.AccessIPv6.Has() {
		in.AccessIPv6.Value = canonical(in.AccessIPv6.Value)
	}
	changed, err := a.Servers.Update(ctx, v.ID, servers.UpdateArgs{Name: in.Name, Hostname: hostname, AccessIPv4: in.AccessIPv4,
		AccessIPv6: in.AccessIPv6, DiskConfig: in.DiskConfig, Description: in.Description})
	if err != nil {
		return nil, err
	}
	views, err := a.serverViews(ctx, r, changed)
	if err != nil {
		return nil, err
	}
	if !r.AtLeast(75) {
		return views.updated(&changed), nil
	}
	out := views.detail(&changed)
	out.ServerGroups = opt.Some([]string{})
	return out, nil
}

func (a *API) deleteServer(ctx context.Context, _ *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
	return api.None{}, a.Servers.Delete(ctx, v.ID)
}

// act is the handler of an action of the table that takes no arguments.
func act(x nova.ServerAction) func(*API, context.Context, *api.Request, *nova.Server, *api.None) (api.None, error) {
	return func(a *API, ctx context.Context, _ *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
		return api.None{}, a.Servers.Act(ctx, v.ID, x)
	}
}

type serverReboot struct {
	Type string `wire:"type" is:"required,enum=HARD|Hard|hard|SOFT|Soft|soft"`
}

func (a *API) reboot(ctx context.Context, _ *api.Request, v *nova.Server, in *serverReboot) (api.None, error) {
	x := nova.RebootServer
	if in.Type[0] == 'H' || in.Type[0] == 'h' {
		x = nova.HardRebootServer
	}
	return api.None{}, a.Servers.Act(ctx, v.ID, x)
}

func (a *API) lock(ctx context.Context, _ *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
	return api.None{}, a.Servers.Lock(ctx, v.ID, "")
}

type serverLock struct {
	Reason string `wire:"locked_reason" is:"minlen=1,maxlen=255"`
}

func (a *API) lockWithReason(ctx context.Context, _ *api.Request, v *nova.Server, in *opt.Of[serverLock]) (api.None, error) {
	return api.None{}, a.Servers.Lock(ctx, v.ID, in.Value.Reason)
}

func (a *API) unlock(ctx context.Context, r *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
	if v.Locked && v.LockedBy == "admin" {
		if err := r.Require(policyUnlockOverride, v.PolicyTarget()); err != nil {
			return api.None{}, err
		}
	}
	return api.None{}, a.Servers.Unlock(ctx, v.ID)
}

type consoleLength struct {
	Length opt.Of[int] `wire:"length" is:"digits,nullable,min=-1"`
}

type consoleView struct {
	Output string `wire:"output"`
}

func (a *API) consoleOutput(ctx context.Context, _ *api.Request, v *nova.Server, in *consoleLength) (consoleView, error) {
	b, err := a.Servers.ConsoleLog(ctx, v, in.Length.Or(-1))
	if fault.Is(err, fault.NotFound) {
		return consoleView{}, fault.NotFoundf("Unable to get console")
	}
	return consoleView{printable(b)}, err
}

// printable drops the characters of a console that have no place in a document.
func printable(b []byte) string {
	out := make([]rune, 0, len(b))
	for _, c := range string(b) {
		if c >= 0x20 && c != 0x7f && c != 0xFFFD || c == '\n' || c == '\t' || c == '\r' {
			out = append(out, c)
		}
	}
	return string(out)
}

type stateReset struct {
	State string `wire:"state" is:"required,enum=active|error"`
}

func (a *API) resetState(ctx context.Context, _ *api.Request, v *nova.Server, in *stateReset) (api.None, error) {
	return api.None{}, a.Servers.ResetState(ctx, v.ID, in.State == "active")
}
