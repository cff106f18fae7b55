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

// saveLimit is how long libvirt may take to write a guest's memory to disk, or to read it back.
const saveLimit = 10 * time.Minute

// Suspend has libvirt save the guest (managed save) and end it. The file is libvirt's own, and goes with the domain.
func (d *Driver) Suspend(ctx context.Context, id string) error {
	m, _, err := d.settledWithin(ctx, id, saveLimit) // an earlier call may be at it
	if err != nil {
		return d.notRunning(id, err)
	}
	if m.phase == off {
		saved, err := d.saved(ctx, id)
		if err == nil && !saved {
			err = fault.Conflictf("Server %s does not run: it is %s.", id, m.why)
		}
		return err
	}
	if !m.started() {
		return fault.Conflictf("Server %s does not run: it is %s.", id, m.why)
	}
	return d.onWithin(ctx, id, saveLimit, func(lv *wire.Libvirt, dom wire.Domain) error { return lv.DomainManagedSave(dom, 0) })
}

// Resume starts the domain as it was saved; without a saved one it boots.
func (d *Driver) Resume(ctx context.Context, s *nova.Spec) error {
	m, _, err := d.settledWithin(ctx, s.ID, saveLimit)
	switch {
	case err == nil && m.phase == frozen:
		return fault.Conflictf("Server %s is %s.", s.ID, m.why)
	case err == nil && m.started():
		return nil
	case err == nil && m.phase == off:
		if saved, err := d.saved(ctx, s.ID); err != nil || saved {
			if err != nil {
				return err
			}
			return d.onWithin(ctx, s.ID, saveLimit, func(lv *wire.Libvirt, dom wire.Domain) error { return lv.DomainCreate(dom) })
		}
	}
	return d.bootFrom(ctx, s, m, err)
}

// saved reports whether libvirt keeps the memory of a server that does not run.
func (d *Driver) saved(ctx context.Context, id string) (bool, error) {
	has := int32(0)
	err := d.on(ctx, id, func(lv *wire.Libvirt, dom wire.Domain) error {
		var err error
		has, err = lv.DomainHasManagedSaveImage(dom, 0)
		return err
	})
	if err != nil {
		return false, err // a call that was given up may still be writing has
	}
	return has == 1, nil
}

// forgetSaved drops what was saved of a domain, so that the next start is a boot.
func forgetSaved(lv *wire.Libvirt, dom wire.Domain) error {
	has, err := lv.DomainHasManagedSaveImage(dom, 0)
	if err != nil || has == 0 {
		return err
	}
	return lv.DomainManagedSaveRemove(dom, 0)
}
