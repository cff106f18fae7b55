// Package actions is the operations of the Compute API that are POST /servers/{server_id}/action.
package actions

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/api/wire"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

// Resources are the operations with their receiver.
func Resources(s *servers.Servers) []api.Bound {
	return api.Bind(&actionsAPI{wire.ServerLoader{Servers: s}}, actionOps)
}

// actionsAPI performs actions on a server.
type actionsAPI struct{ wire.ServerLoader }

const actionPath = "POST /servers/{server_id}/action"

var actionOps = api.Resource[*actionsAPI]{Name: "server", Plural: "servers", Ops: api.Ops[*actionsAPI]{
	api.Act(actionPath, "os-start", policies.ServersStart, 202, (*actionsAPI).Server, act(nova.StartServer)),
	api.Act(actionPath, "os-stop", policies.ServersStop, 202, (*actionsAPI).Server, act(nova.StopServer)),
	api.Act(actionPath, "reboot", policies.ServersReboot, 202, (*actionsAPI).Server, (*actionsAPI).reboot),
	api.Act(actionPath, "pause", policies.PauseServerPause, 202, (*actionsAPI).Server, act(nova.PauseServer)),
	api.Act(actionPath, "unpause", policies.PauseServerUnpause, 202, (*actionsAPI).Server, act(nova.UnpauseServer)),
	api.Act(actionPath, "suspend", policies.SuspendServerSuspend, 202, (*actionsAPI).Server, act(nova.SuspendServer)),
	api.Act(actionPath, "resume", policies.SuspendServerResume, 202, (*actionsAPI).Server, act(nova.ResumeServer)),
	api.Act(actionPath, "rescue", policies.Rescue, 200, (*actionsAPI).Server, (*actionsAPI).rescue, api.Bare()),
	api.Act(actionPath, "unrescue", policies.Unrescue, 202, (*actionsAPI).Server, act(nova.UnrescueServer)),
	api.Act(actionPath, "changePassword", policies.AdminPassword, 202, (*actionsAPI).Server,
		(*actionsAPI).changePassword),
	api.Act(actionPath, "trigger_crash_dump", policies.ServersTriggerCrashDump, 202, (*actionsAPI).Server,
		(*actionsAPI).crashDump, api.Span("2.17-")),
	api.Act(actionPath, "createImage", policies.ServersCreateImage, 202, (*actionsAPI).Server,
		(*actionsAPI).createImage, api.Bare()),
	api.Act(actionPath, "createBackup", policies.CreateBackup, 202, (*actionsAPI).Server, (*actionsAPI).createBackup,
		api.Bare()),
	api.Act(actionPath, "shelve", policies.ShelveShelve, 202, (*actionsAPI).Server, (*actionsAPI).shelve),
	api.Act(actionPath, "shelveOffload", policies.ShelveShelveOffload, 202, (*actionsAPI).Server,
		act(nova.OffloadServer)),
	api.Act(actionPath, "unshelve", policies.ShelveUnshelve, 202, (*actionsAPI).Server, (*actionsAPI).unshelve,
		api.Span("-2.76")),
	api.Act(actionPath, "unshelve", policies.ShelveUnshelve, 202, (*actionsAPI).Server, (*actionsAPI).unshelveInZone,
		api.Span("2.77-2.90")),
	api.Act(actionPath, "unshelve", policies.ShelveUnshelve, 202, (*actionsAPI).Server, (*actionsAPI).unshelveAt,
		api.Span("2.91-")),
	api.Act(actionPath, "injectNetworkInfo", policies.AdminActionsInjectNetworkInfo, 202, (*actionsAPI).Server,
		(*actionsAPI).injectNetworkInfo),
	api.Act(actionPath, "addSecurityGroup", policies.SecurityGroupsAdd, 202, (*actionsAPI).Server,
		(*actionsAPI).addGroup),
	api.Act(actionPath, "removeSecurityGroup", policies.SecurityGroupsRemove, 202, (*actionsAPI).Server,
		(*actionsAPI).removeGroup),
	api.Act(actionPath, "addFixedIp", policies.MultinicAdd, 202, (*actionsAPI).Server, (*actionsAPI).addFixedIP,
		lastAddressVersion),
	api.Act(actionPath, "removeFixedIp", policies.MultinicRemove, 202, (*actionsAPI).Server,
		(*actionsAPI).removeFixedIP, lastAddressVersion),
	api.Act(actionPath, "lock", policies.LockServerLock, 202, (*actionsAPI).Server, (*actionsAPI).lock, api.Span("-2.72")),
	api.Act(actionPath, "lock", policies.LockServerLock, 202, (*actionsAPI).Server, (*actionsAPI).lockWithReason,
		api.Span("2.73-")),
	api.Act(actionPath, "unlock", policies.LockServerUnlock, 202, (*actionsAPI).Server, (*actionsAPI).unlock),
	api.Act(actionPath, "restore", policies.DeferredDeleteRestore, 202, (*actionsAPI).Server, (*actionsAPI).restore),
	api.Act(actionPath, "forceDelete", policies.DeferredDeleteForce, 202, (*actionsAPI).Server, (*actionsAPI).delete),
	api.Act(actionPath, "os-getConsoleOutput", policies.ConsoleOutput, 200, (*actionsAPI).Server,
		(*actionsAPI).consoleOutput, api.Bare()),
	api.Act(actionPath, "os-resetState", policies.AdminActionsResetState, 202, (*actionsAPI).Server,
		(*actionsAPI).resetState),
}}

func (a *actionsAPI) delete(ctx context.Context, _ *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
	return api.None{}, a.Servers.Delete(ctx, v.ID)
}

func (a *actionsAPI) restore(ctx context.Context, _ *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
	return api.None{}, servers.Trash{Servers: a.Servers}.Restore(ctx, v.ID)
}

// act is the handler of an action of the table that takes no arguments.
func act(x nova.ServerAction) func(*actionsAPI, context.Context, *api.Request, *nova.Server,
	*api.None) (api.None, error) {
	return func(a *actionsAPI, ctx context.Context, _ *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
		return api.None{}, a.Servers.Act(ctx, v.ID, x)
	}
}

type serverReboot struct {
	Type string `wire:"type" is:"required,enum=HARD|Hard|hard|SOFT|Soft|soft"`
}

func (a *actionsAPI) reboot(ctx context.Context, _ *api.Request, v *nova.Server, in *serverReboot) (api.None, error) {
	x := nova.RebootServer
	if in.Type[0] == 'H' || in.Type[0] == 'h' {
		x = nova.HardRebootServer
	}
	return api.None{}, a.Servers.Act(ctx, v.ID, x)
}

func (a *actionsAPI) lock(ctx context.Context, _ *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
	return api.None{}, a.Servers.Lock(ctx, v.ID, "")
}

type serverLock struct {
	Reason string `wire:"locked_reason" is:"minlen=1,maxlen=255"`
}

func (a *actionsAPI) lockWithReason(ctx context.Context, _ *api.Request, v *nova.Server,
	in *opt.Of[serverLock]) (api.None, error) {
	return api.None{}, a.Servers.Lock(ctx, v.ID, in.Value.Reason)
}

func (a *actionsAPI) unlock(ctx context.Context, r *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
	if servers.LockedByOther(ctx, v) {
		if err := r.Require(policies.LockServerUnlockUnlockOverride, v.PolicyTarget()); err != nil {
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

func (a *actionsAPI) consoleOutput(ctx context.Context, _ *api.Request, v *nova.Server,
	in *consoleLength) (consoleView, error) {
	b, err := a.Servers.ConsoleLog(ctx, v, in.Length.Or(-1))
	if fault.Is(err, fault.NotFound) {
		return consoleView{}, fault.NotFoundf("Unable to get console")
	}
	return consoleView{printable(b)}, err
}

// printable drops the control characters of console output that JSON documents do not have.
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

func (a *actionsAPI) resetState(ctx context.Context, _ *api.Request, v *nova.Server, in *stateReset) (api.None, error) {
	return api.None{}, a.Servers.ResetState(ctx, v.ID, in.State == "active")
}
