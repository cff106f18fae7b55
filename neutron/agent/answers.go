package agent

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	"hypernova/neutron"
)

var metadataAt = netip.AddrPortFrom(netip.AddrFrom4([4]byte{169, 254, 169, 254}), 80)

// answers are the servers of one network's namespace.
type answers struct {
	network atomic.Pointer[neutron.HostNetwork] // the state of the moment

	ctx    context.Context // the life of the servers, which end together
	cancel context.CancelFunc
	all    sync.WaitGroup
	names  []string // of the servers, set before anybody else knows them
}

func newAnswers(ctx context.Context, n neutron.HostNetwork) *answers {
	a := &answers{}
	a.network.Store(&n)
	a.ctx, a.cancel = context.WithCancel(ctx)
	return a
}

func (a *answers) state() neutron.HostNetwork { return *a.network.Load() }

// run starts a server; when one ends before its time, the others end with it and the next pass starts them anew.
func (a *answers) run(log *slog.Logger, what string, serve func(ctx context.Context) error) {
	a.names = append(a.names, what)
	a.all.Go(func() {
		defer a.cancel()
		if err := contained(a.ctx, what, serve); err != nil && a.ctx.Err() == nil {
			log.Warn("server on a network ended", "what", what, "network", a.state().ID, "error", err.Error())
		}
	})
}

// what names the servers.
func (a *answers) what() string { return strings.Join(a.names, ", ") }

func (a *answers) ended() bool { return a.ctx.Err() != nil }

// stop ends the servers and waits for them.
func (a *answers) stop() {
	a.cancel()
	a.all.Wait()
}
