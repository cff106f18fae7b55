package conductor

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/rpcapi"
	"hypernova/nova/store"
	"hypernova/oslo/fault"
)

// checkConsole returns what a console token stands for. The token holds while its server is on its host, its guest
// runs, and the guest's console listens where it did when the token was made: a port may belong to another guest since.
func (c *agentCalls) checkConsole(ctx context.Context, a rpcapi.CheckConsoleArgs) (rpcapi.CheckConsoleReply, error) {
	g, err := store.Console(ctx, c.DB, a.Hash, c.Now())
	if fault.Is(err, fault.NotFound) {
		return rpcapi.CheckConsoleReply{}, noConsole()
	}
	if err != nil {
		return rpcapi.CheckConsoleReply{}, err
	}
	f, err := store.PlacementOf(ctx, c.DB, g.Server)
	switch {
	case fault.Is(err, fault.NotFound):
		return rpcapi.CheckConsoleReply{}, noConsole()
	case err != nil:
		return rpcapi.CheckConsoleReply{}, err
	case f.Deleted || f.Host == "" || f.State.Task == nova.Deleting || f.State.Task == nova.Migrating:
		return rpcapi.CheckConsoleReply{}, noConsole()
	}
	now, err := rpcapi.Console.Do(ctx, c.Bus, f.Host, rpcapi.ConsoleArgs{Server: g.Server, Type: g.Type})
	switch {
	case fault.Is(err, fault.Unavailable):
		return rpcapi.CheckConsoleReply{}, err
	case err != nil || now.Address != g.ConsoleAddress:
		return rpcapi.CheckConsoleReply{}, noConsole()
	}
	return rpcapi.CheckConsoleReply{Grant: g}, nil
}

func noConsole() error {
	return fault.NotFoundf("The token of this console does not hold, or not any more.")
}
