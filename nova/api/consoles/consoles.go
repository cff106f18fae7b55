// Package consoles is the operations of the Compute API on the remote consoles of servers and on their tokens.
package consoles

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
func Resources(c servers.Consoles) []api.Bound {
	a := &consolesAPI{wire.ServerLoader{Servers: c.Servers}, c}
	return append(api.Bind(a, consoleOps), append(api.Bind(a, actionOps), api.Bind(a, tokenOps)...)...)
}

// consolesAPI opens consoles of servers and tells what their tokens stand for.
type consolesAPI struct {
	wire.ServerLoader
	consoles servers.Consoles
}

const actionPath = "POST /servers/{server_id}/action"

var consoleOps = api.Resource[*consolesAPI]{Name: "remote_console", Plural: "remote_consoles",
	Ops: api.Ops[*consolesAPI]{
		api.On("POST /servers/{server_id}/remote-consoles", policies.RemoteConsoles, 200, (*consolesAPI).Server,
			(*consolesAPI).create, api.Span("2.6-2.7")),
		api.On("POST /servers/{server_id}/remote-consoles", policies.RemoteConsoles, 200, (*consolesAPI).Server,
			(*consolesAPI).createWithMKS, api.Span("2.8-")),
	}}

var actionOps = api.Resource[*consolesAPI]{Name: "console", Plural: "consoles", Ops: api.Ops[*consolesAPI]{
	api.Act(actionPath, "os-getVNCConsole", policies.RemoteConsoles, 200, (*consolesAPI).Server, (*consolesAPI).vnc,
		api.Span("-2.5")),
	api.Act(actionPath, "os-getSPICEConsole", policies.RemoteConsoles, 200, (*consolesAPI).Server,
		(*consolesAPI).spice, api.Span("-2.5")),
	api.Act(actionPath, "os-getSerialConsole", policies.RemoteConsoles, 200, (*consolesAPI).Server,
		(*consolesAPI).serial, api.Span("-2.5")),
	api.Act(actionPath, "os-getRDPConsole", policies.RemoteConsoles, 200, (*consolesAPI).Server, (*consolesAPI).rdp,
		api.Span("-2.5")),
}}

var tokenOps = api.Resource[*consolesAPI]{Name: "console", Plural: "consoles", Ops: api.Ops[*consolesAPI]{
	api.Do("GET /os-console-auth-tokens/{id}", policies.ConsoleAuthTokens, 200, (*consolesAPI).token, api.SecretPath(),
		api.StrictFrom("2.99")),
}}

type remoteConsole struct {
	Protocol string `wire:"protocol" is:"required,enum=vnc|spice|serial|rdp"`
	Type     string `wire:"type" is:"required,enum=novnc|xvpvnc|spice-html5|serial|rdp-html5"`
}

type remoteConsoleWithMKS struct {
	Protocol string `wire:"protocol" is:"required,enum=vnc|spice|serial|rdp|mks"`
	Type     string `wire:"type" mv:"-2.98" is:"required,enum=novnc|xvpvnc|spice-html5|serial|rdp-html5|webmks"`
	Later    string `wire:"type" mv:"2.99-" is:"required,enum=novnc|xvpvnc|spice-html5|serial|rdp-html5|webmks|spice-direct"`
}

type remoteConsoleView struct {
	Protocol string `wire:"protocol"`
	Type     string `wire:"type"`
	URL      string `wire:"url"`
}

type vncConsole struct {
	Type string `wire:"type" is:"required,enum=novnc|xvpvnc"`
}

type spiceConsole struct {
	Type string `wire:"type" is:"required,enum=spice-html5"`
}

type serialConsole struct {
	Type string `wire:"type" is:"required,enum=serial"`
}

type consoleView struct {
	Type string `wire:"type"`
	URL  string `wire:"url"`
}

func (a *consolesAPI) open(ctx context.Context, v *nova.Server, kind string) (consoleView, error) {
	u, err := a.consoles.Open(ctx, v, nova.ConsoleType(kind))
	return consoleView{kind, u}, err
}

func (a *consolesAPI) vnc(ctx context.Context, _ *api.Request, v *nova.Server, in *vncConsole) (consoleView, error) {
	return a.open(ctx, v, in.Type)
}

func (a *consolesAPI) spice(ctx context.Context, _ *api.Request, v *nova.Server,
	in *spiceConsole) (consoleView, error) {
	return a.open(ctx, v, in.Type)
}

func (a *consolesAPI) serial(ctx context.Context, _ *api.Request, v *nova.Server,
	in *serialConsole) (consoleView, error) {
	return a.open(ctx, v, in.Type)
}

// rdpConsole is read by nobody: nova took these consoles away and still has the action.
type rdpConsole map[string]any

func (a *consolesAPI) rdp(context.Context, *api.Request, *nova.Server, *rdpConsole) (api.None, error) {
	return api.None{}, fault.Invalidf("The server could not comply with the request since it is either malformed or " +
		"otherwise incorrect.")
}

func (a *consolesAPI) create(ctx context.Context, _ *api.Request, v *nova.Server,
	in *remoteConsole) (remoteConsoleView, error) {
	// The types that a protocol has. With nova serial takes any type, and makes tokens that open nothing.
	types := map[string]nova.ConsoleType{"vnc": nova.ConsoleNoVNC, "spice": nova.ConsoleSPICE,
		"serial": nova.ConsoleSerial, "mks": nova.ConsoleMKS}
	t, known := types[in.Protocol]
	if in.Protocol == "spice" && in.Type == string(nova.ConsoleSPICEDirect) {
		t = nova.ConsoleSPICEDirect
	}
	switch {
	case !known:
		return remoteConsoleView{}, fault.Invalidf("Unavailable console type %s.", in.Protocol)
	case string(t) != in.Type:
		return remoteConsoleView{}, a.consoles.Refuse(ctx, v, t, in.Type)
	}
	u, err := a.consoles.Open(ctx, v, t)
	return remoteConsoleView{in.Protocol, in.Type, u}, err
}

func (a *consolesAPI) createWithMKS(ctx context.Context, r *api.Request, v *nova.Server,
	in *remoteConsoleWithMKS) (remoteConsoleView, error) {
	return a.create(ctx, r, v, &remoteConsole{in.Protocol, in.Type + in.Later})
}

type tokenView struct {
	Server  string      `wire:"instance_uuid"`
	Host    string      `wire:"host"`
	Port    int         `wire:"port"`
	Path    *string     `wire:"internal_access_path"`
	TLSPort opt.Of[int] `wire:"tls_port" mv:"2.99-"` // of spice-direct only
}

// token tells an operator what a token stands for. To 2.30 only the tokens of RDP consoles could be asked for.
func (a *consolesAPI) token(ctx context.Context, r *api.Request, _ *api.None) (tokenView, error) {
	if !r.AtLeast(31) {
		return tokenView{}, fault.Invalidf("The server could not comply with the request since it is either malformed " +
			"or otherwise incorrect.")
	}
	g, err := a.consoles.Grant(ctx, r.Param("id"))
	out := tokenView{Server: g.Server, Host: g.Host, Port: g.Port}
	if g.Type == nova.ConsoleSPICEDirect {
		out.TLSPort = opt.Of[int]{Set: true, Null: g.TLSPort == 0, Value: g.TLSPort}
	}
	return out, err
}
