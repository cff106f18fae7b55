package libvirt

import (
	"context"
	"time"

	wire "github.com/digitalocean/go-libvirt"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/oslo/fault"
)

var _ virt.Suspender = (*Driver)(nil)

// saveLimit bounds the time that libvirt takes to write a guest's memory to disk or to read it back.
const saveLimit = 10 * time.Minute

// Suspend saves the guest's memory to disk and ends its QEMU process (libvirt's managed save). It does nothing if that
// is done; fault.Conflict if the server does not run. It blocks for at most saveLimit. Destroy removes the saved
// memory.
func (d *Driver) Suspend(ctx context.Context, id string) error {
	g, _, err := d.domains.stableWithin(ctx, id, saveLimit) // an earlier call may be in progress
	if err != nil {
		return d.notRunning(id, err)
	}
	if g.phase == off {
		saved, err := d.domains.saved(ctx, id)
		if err == nil && !saved {
			err = fault.Conflictf("Server %s does not run: it is %s.", id, g.why)
		}
		return err
	}
	if !g.started() {
		return fault.Conflictf("Server %s does not run: it is %s.", id, g.why)
	}
	return d.domains.doWithin(ctx, id, saveLimit,
		func(lv *wire.Libvirt, dom wire.Domain) error { return lv.DomainManagedSave(dom, 0) })
}

// Resume starts the guest from its saved memory, or boots it if there is none. It does nothing if the guest runs.
func (d *Driver) Resume(ctx context.Context, s *nova.Spec) error {
	g, _, err := d.domains.stableWithin(ctx, s.ID, saveLimit)
	switch {
	case err == nil && g.phase == paused:
		return fault.Conflictf("Server %s is %s.", s.ID, g.why)
	case err == nil && g.started():
		return nil
	case err == nil && g.phase == off:
		if saved, err := d.domains.saved(ctx, s.ID); err != nil || saved {
			if err != nil {
				return err
			}
			return d.domains.doWithin(ctx, s.ID, saveLimit,
				func(lv *wire.Libvirt, dom wire.Domain) error { return lv.DomainCreate(dom) })
		}
	}
	return d.bootFrom(ctx, s, g, err)
}
