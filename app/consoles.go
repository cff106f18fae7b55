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
	return p.consoleProxy(ctx, RoleNoVNCProxy, apiNoVNCProxy, consoles.Config{Type: nova.ConsoleNoVNC,
		Web: p.c.VNC.Web, Pages: "noVNC", Package: "novnc", Option: "[vnc] novncproxy_web"})
}

// buildSPICEProxy adds the proxy of screens by SPICE, with the pages of spice-html5 where they are installed.
func buildSPICEProxy(ctx context.Context, p *Process) error {
	return p.consoleProxy(ctx, RoleSPICEProxy, apiSPICEProxy, consoles.Config{Type: nova.ConsoleSPICE,
		Web: p.c.SPICE.Web, Pages: "spice-html5", Package: "spice-html5", Option: "[spice] html5proxy_web",
		Optional: !p.c.SPICE.Enabled})
}

// buildSerialProxy adds the proxy of serial consoles.
func buildSerialProxy(ctx context.Context, p *Process) error {
	return p.consoleProxy(ctx, RoleSerialProxy, apiSerialProxy, consoles.Config{Type: nova.ConsoleSerial})
}

// consoleProxy adds a proxy of consoles. It has no database and knows no secret: a conductor says what a token stands
// for.
func (p *Process) consoleProxy(ctx context.Context, role, api string, c consoles.Config) error {
	c.Origins, c.Sessions, c.PerServer = p.c.Console.Origins, p.c.Console.Sessions, p.c.Console.PerServer
	c.Enforce, c.Now = p.c.ConsoleAuth.Enforce, p.now
	c.Check = func(ctx context.Context, hash string) (nova.ConsoleGrant, error) {
		r, err := rpcapi.CheckConsole.Do(ctx, p.bus, "", rpcapi.CheckConsoleArgs{Hash: hash})
		return r.Grant, err
	}
	proxy := consoles.New(c)
	if missing := proxy.Missing(); missing != "" && !c.Optional {
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
	if s := p.c.SPICE; s.Enabled {
		if out[nova.ConsoleSPICE] = s.BaseURL; s.BaseURL == "" {
			out[nova.ConsoleSPICE] = p.Endpoint(apiSPICEProxy) + "/spice_auto.html"
		}
		out[nova.ConsoleSPICEDirect] = s.DirectURL
	}
	if s := p.c.Serial; s.Enabled {
		if out[nova.ConsoleSerial] = s.BaseURL; s.BaseURL == "" {
			out[nova.ConsoleSerial] = "ws" + strings.TrimPrefix(p.Endpoint(apiSerialProxy), "http") + "/"
		}
	}
	return out
}
