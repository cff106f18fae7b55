package ports

import (
	"context"

	"hypernova/neutron"
	"hypernova/neutron/change"
	"hypernova/neutron/store"
	"hypernova/oslo/fault"
)

// Wired records an agent's report: the ports that the host carries become ACTIVE, those that it cannot carry DOWN.
// Ports that are not bound to the host are ignored. It is idempotent.
func (p *Ports) Wired(ctx context.Context, host string, up, down []string, reasons map[string]string) error {
	return p.Change.Do(ctx, func(tx *change.Tx) error {
		for _, id := range up {
			if err := wired(ctx, tx, host, id, neutron.StatusActive, "completed"); err != nil {
				return err
			}
		}
		for _, id := range down {
			p.Change.Log.WarnContext(ctx, "port not wired", "port", id, "host", host, "reason", reasons[id])
			if err := wired(ctx, tx, host, id, neutron.StatusDown, "failed"); err != nil {
				return err
			}
		}
		return nil
	})
}

func wired(ctx context.Context, tx *change.Tx, host, id, status, outcome string) error {
	p, err := store.Port(ctx, tx, id)
	if fault.Is(err, fault.NotFound) || err == nil && p.Host != host {
		return nil
	}
	if err != nil {
		return err
	}
	changed, err := store.SetPortStatus(ctx, tx, id, host, status, tx.Now())
	if err != nil {
		return err
	}
	// A port that is switched off is DOWN as requested: that is no failure.
	if changed && outcome == "completed" || outcome == "failed" && p.AdminUp {
		tx.Event("network-vif-plugged", p, outcome)
	}
	return nil
}
