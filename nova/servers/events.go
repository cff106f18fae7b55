package servers

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/rpcapi"
	"hypernova/oslo/fault"
)

// ExternalEvents wakes the builds that wait for a port, and refreshes the network cache of servers. A lost wake-up is
// no error: builds also poll.
func (s *Servers) ExternalEvents(ctx context.Context, es []nova.ExternalEvent) error {
	var wake rpcapi.WakeArgs
	for _, e := range es {
		switch e.Name {
		case "network-vif-plugged", "network-vif-unplugged":
			wake.Servers = append(wake.Servers, e.Server)
			if e.Status == "failed" {
				wake.Failed = append(wake.Failed, e.Tag)
			}
		case "network-changed", "network-vif-deleted":
			if err := rpcapi.RefreshNetwork.Do(ctx, s.Bus, "", rpcapi.ServerArgs{Server: e.Server}); err != nil &&
				!fault.Is(err, fault.Unavailable) {
				return err
			}
		}
	}
	if len(wake.Servers) == 0 {
		return nil
	}
	return rpcapi.Wake.Do(ctx, s.Bus, wake)
}
