// Package binding binds ports to hosts: it asks ML2's mechanism drivers in their configured order.
package binding

import (
	"context"
	"log/slog"
	"time"

	"hypernova/neutron"
	"hypernova/neutron/change"
	"hypernova/neutron/ml2"
	"hypernova/neutron/store"
	"hypernova/oslo/clock"
)

// Deps are what a Binder uses.
type Deps struct {
	Mechanisms []ml2.Mechanism // in the order in which they are asked
	Down       time.Duration   // an agent without a heartbeat for longer cannot carry ports
	Now        clock.Now
	Log        *slog.Logger
}

// Binder binds ports.
type Binder struct{ Deps }

// New makes a Binder.
func New(d Deps) *Binder { return &Binder{d} }

// Bind binds a port to its host and enters the driver's answer into p, which the caller writes. why is empty if a
// driver accepted; otherwise it is the last driver's reason, and p is marked as binding_failed.
func (b *Binder) Bind(ctx context.Context, tx *change.Tx, n neutron.Network, p *neutron.Port) (why string, err error) {
	agents, err := store.AgentsOn(ctx, tx, p.Host)
	if err != nil {
		return "", err
	}
	args := ml2.BindArgs{Port: *p, Host: p.Host, Segment: ml2.Segment{Type: n.Type, Physical: n.Physical, ID: n.Segment}}
	for _, a := range agents {
		args.Agents = append(args.Agents, ml2.Agent{Type: a.Type, Alive: a.AliveAt(b.Now(), b.Down)})
	}
	why = "no mechanism is configured"
	for _, m := range b.Mechanisms {
		bound, ok, reason := m.Bind(ctx, args)
		if !ok {
			why = reason
			continue
		}
		p.VIFType, p.VIFDetails, p.Status = bound.VIFType, bound.Details, neutron.StatusDown
		if bound.Wired {
			p.Status = neutron.StatusActive
			tx.Event("network-vif-plugged", *p, "completed")
		}
		return "", nil
	}
	p.VIFType, p.VIFDetails, p.Status = neutron.VIFFailed, nil, neutron.StatusDown
	b.Log.WarnContext(ctx, "port not bound", "port", p.ID, "host", p.Host, "reason", why)
	return why, nil
}

// Unbind removes a port from its host. The caller writes the port.
func Unbind(p *neutron.Port) {
	p.Host, p.VIFType, p.VIFDetails, p.Status = "", neutron.VIFUnbound, nil, neutron.StatusDown
}
