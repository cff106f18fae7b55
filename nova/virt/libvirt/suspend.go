package libvirt

import (
	"context"
	"strconv"
	"time"

	wire "github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"

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
			port, err := d.serials.take(ctx)
			if err != nil {
				return err
			}
			return d.domains.doWithin(ctx, s.ID, saveLimit, func(lv *wire.Libvirt, dom wire.Domain) error {
				if err := moveSerial(lv, dom, port); err != nil {
					return err
				}
				return lv.DomainCreate(dom)
			})
		}
	}
	return d.bootFrom(ctx, s, g, err)
}

// moveSerial gives a suspended guest another port for its serial console: the one that it had was free meanwhile. It
// does nothing to a guest without such a console, or if port is 0.
func moveSerial(lv *wire.Libvirt, dom wire.Domain, port int) error {
	text, err := lv.DomainManagedSaveGetXMLDesc(dom, wire.DomainXMLSecure)
	if err != nil {
		return err
	}
	var x libvirtxml.Domain
	if err := x.Unmarshal(text); err != nil {
		return err
	}
	if port == 0 || serialPort(&x) == 0 {
		return nil
	}
	for _, s := range x.Devices.Serials {
		if s.Source != nil && s.Source.TCP != nil && s.Source.TCP.Mode == "bind" {
			s.Source.TCP.Service = strconv.Itoa(port)
		}
	}
	if text, err = x.Marshal(); err != nil {
		return err
	}
	return lv.DomainManagedSaveDefineXML(dom, wire.OptString{text}, 0)
}
