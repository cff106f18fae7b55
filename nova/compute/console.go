package compute

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/rpcapi"
	"hypernova/nova/virt"
	"hypernova/oslo/fault"
)

// console asks the driver where a console listens; it does not wait for operations. A type that has no proxy is
// disabled on this host.
func (m *Manager) console(ctx context.Context, a rpcapi.ConsoleArgs) (rpcapi.ConsoleReply, error) {
	proxy := m.c.Consoles[a.Type]
	if proxy == "" {
		return rpcapi.ConsoleReply{}, fault.Invalidf("Consoles of type %s are disabled on this host.", a.Type).Coded(
			nova.CodeNoConsole)
	}
	if a.Other != "" {
		return rpcapi.ConsoleReply{}, fault.Invalidf("Invalid console type %s", a.Other)
	}
	d, err := capability[virt.RemoteConsole](m.Driver)
	if err != nil {
		return rpcapi.ConsoleReply{}, err
	}
	at, err := d.ConsoleAddress(ctx, a.Server, a.Type)
	return rpcapi.ConsoleReply{Address: at, URL: proxy}, err
}
