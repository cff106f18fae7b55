package app

import (
	"context"
	"strings"

	"hypernova/nova"
	"hypernova/nova/consoles"
	"hypernova/nova/rpcapi"
	"hypernova/oslo/log"
)

// buildNoVNCProxy adds the proxy of screens, with the pages of noVNC where they are installed.
func buildNoVNCProxy(ctx context.Context, p *Process) error {
	return p.consoleProxy(ctx, RoleNoVNCProxy, apiNoVNCProxy, nova.ConsoleNoVNC, p.c.VNC.Web)
}

// buildSerialProxy adds the proxy of serial consoles.
func buildSerialProxy(ctx context.Context, p *Process) error {
	return p.consoleProxy(ctx, RoleSerialProxy, apiSerialProxy, nova.ConsoleSerial, "")
}

// consoleProxy adds a proxy of consoles. It has no database and knows no secret: a conductor says what a token stands
// for.
func (p *Process) consoleProxy(ctx context.Context, role, api string, t nova.ConsoleType, web string) error {
	c := p.c.Console
	proxy := consoles.New(consoles.Config{Type: t, Web: web, Origins: c.Origins, Sessions: c.Sessions,
		PerServer: c.PerServer, Enforce: p.c.ConsoleAuth.Enforce, Now: p.now,
		Check: func(ctx context.Context, hash string) (nova.ConsoleGrant, error) {
			r, err := rpcapi.CheckConsole.Do(ctx, p.bus, "", rpcapi.CheckConsoleArgs{Hash: hash})
			return r.Grant, err
		}})
	if missing := proxy.Missing(); missing != "" {
		log.From(ctx).WarnContext(ctx, "consoles cannot be shown in a browser", "reason", missing)
	}
	return p.serve(ctx, role, api, proxy)
}

// consoleURLs are the base URLs of the proxies of the consoles that this host offers.
func (p *Process) consoleURLs() map[nova.ConsoleType]string {
	out := map[nova.ConsoleType]string{}
	if v := p.c.VNC; v.Enabled {
		if out[nova.ConsoleNoVNC] = v.BaseURL; v.BaseURL == "" {
			out[nova.ConsoleNoVNC] = p.Endpoint(apiNoVNCProxy) + "/vnc_auto.html"
		}
	}
	if s := p.c.Serial; s.Enabled {
		if out[nova.ConsoleSerial] = s.BaseURL; s.BaseURL == "" {
			out[nova.ConsoleSerial] = "ws" + strings.TrimPrefix(p.Endpoint(apiSerialProxy), "http") + "/"
		}
	}
	return out
}
