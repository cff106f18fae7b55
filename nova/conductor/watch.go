package conductor

import (
	"context"
	"time"

	"hypernova/nova/rpcapi"
	"hypernova/nova/store"
	"hypernova/oslo/service"
)

// Networking notifies compute of most changes of ports, and a notification may be lost. So the conductor reads the
// networks of all servers again, healAtOnce servers every healEvery.
const (
	healEvery  = time.Minute
	healAtOnce = 100
)

// healNetworks reads the networks of the next servers again, and begins anew after the last.
func (c *agentCalls) healNetworks(ctx context.Context) error {
	ids, err := store.PlacedServers(ctx, c.DB, c.healed, healAtOnce)
	if err != nil {
		return err
	}
	c.healed = ""
	for _, id := range ids {
		if err := c.refreshNetwork(ctx, rpcapi.ServerArgs{Server: id}); err != nil {
			return err
		}
	}
	if len(ids) == healAtOnce {
		c.healed = ids[len(ids)-1]
	}
	return nil
}

// askSilent sends a request to the pulse URL of each service whose heartbeats do not arrive, and notes the result.
func (c *agentCalls) askSilent(ctx context.Context) error {
	all, err := store.Services(ctx, c.DB, "", "")
	if err != nil {
		return err
	}
	now := c.Now()
	var silent []service.Silent
	for i := range all {
		s := &all[i]
		if !s.Seen.IsZero() && now.Sub(s.Seen) > c.c.DownTime {
			silent = append(silent, service.Silent{ID: s.ID, Host: s.Host, Binary: s.Binary, Pulse: s.Pulse, Note: s.Note,
				Seen: s.Seen})
		}
	}
	return service.AskSilent(ctx, silent, func(ctx context.Context, s service.Silent, found string) error {
		return store.NoteService(ctx, c.DB, s.ID, found, s.Seen)
	})
}
