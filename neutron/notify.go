package neutron

import "context"

// ServerEvent is a change of a server's port that compute waits for or shows.
type ServerEvent struct {
	Name   string // network-vif-plugged, network-vif-deleted or network-changed
	Server string
	Port   string
	Status string // of network-vif-plugged: completed or failed
}

// Notifier notifies compute of changes of servers' ports; nova calls them external events. Networking calls it after
// the commit of a change, with its own rights. It may block on the network. A notification may be lost or repeated:
// compute also reads ports at intervals.
type Notifier interface {
	Notify(ctx context.Context, events []ServerEvent) error
}
