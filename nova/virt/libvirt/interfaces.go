package libvirt

import (
	"context"
	"errors"
	"strings"
	"time"

	wire "github.com/digitalocean/go-libvirt"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/nova/virt/libvirt/domain"
	"hypernova/oslo/fault"
)

var _ virt.InterfacePlugger = (*Driver)(nil)

// AttachInterface adds a NIC to the guest, if it runs or is paused, and to its definition.
func (x guests) AttachInterface(ctx context.Context, s *nova.Spec, n *nova.NIC) error {
	xml, err := domain.Interface(x.d.hostConfig(), s, *n)
	if err != nil {
		return err
	}
	g, err := x.d.domains.stable(ctx, s.ID)
	if fault.Is(err, fault.NotFound) {
		return x.defined(s.ID) // prepared: the first start has it
	}
	if err != nil {
		return err
	}
	return x.d.domains.do(ctx, s.ID, func(lv *wire.Libvirt, dom wire.Domain) error {
		for _, at := range places(g) {
			has, err := at.has(lv, dom, n)
			if err != nil {
				return err
			}
			if has {
				continue
			}
			if err := lv.DomainAttachDeviceFlags(dom, xml, uint32(at.affect)); err != nil {
				return err
			}
		}
		return nil
	})
}

// DetachInterface removes a NIC from the definition and from the guest. It asks a guest that does not give the NIC back
// again, as often and for as long as the configuration says.
func (x guests) DetachInterface(ctx context.Context, s *nova.Spec, n *nova.NIC) error {
	xml, err := domain.Interface(x.d.hostConfig(), s, *n)
	if err != nil {
		return err
	}
	g, err := x.d.domains.stable(ctx, s.ID)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, at := range places(g) {
		if err := x.unplug(ctx, s.ID, n, xml, at); err != nil {
			return err
		}
	}
	return nil
}

func (x guests) unplug(ctx context.Context, id string, n *nova.NIC, xml string, at place) error {
	for range max(1, x.d.c.DetachAttempts) {
		has := false
		err := x.d.domains.do(ctx, id, func(lv *wire.Libvirt, dom wire.Domain) error {
			found, err := at.has(lv, dom, n)
			if err != nil || !found {
				return err
			}
			has = true
			return ignoreMissing(lv.DomainDetachDeviceFlags(dom, xml, uint32(at.affect)))
		})
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if fault.Is(err, fault.Unavailable) || ctx.Err() != nil {
			return err
		}
		if err == nil && !has {
			return nil
		}
		gone, err := x.unplugged(ctx, id, n, at)
		if err != nil || gone {
			return err
		}
	}
	return fault.Conflictf("The guest of server %s did not give back the NIC of port %s.", id, n.ID)
}

// unplugged waits until a NIC is gone, for as long as one attempt may take.
func (x guests) unplugged(ctx context.Context, id string, n *nova.NIC, at place) (bool, error) {
	late := time.NewTimer(x.d.c.DetachTimeout)
	defer late.Stop()
	again := time.NewTicker(pollEvery)
	defer again.Stop()
	for {
		has := false
		err := x.d.domains.do(ctx, id, func(lv *wire.Libvirt, dom wire.Domain) (err error) {
			has, err = at.has(lv, dom, n)
			return err
		})
		if fault.Is(err, fault.NotFound) {
			return true, nil
		}
		if err != nil || !has {
			return err == nil, err
		}
		select {
		case <-again.C:
		case <-late.C:
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// place is one of the two definitions of a domain: that of the guest that runs, and that of the next start.
type place struct {
	affect wire.DomainModificationImpact
	look   wire.DomainXMLFlags
}

// places are those that a domain has: a guest that does not run has only the second.
func places(g guest) []place {
	next := place{wire.DomainAffectConfig, wire.DomainXMLInactive}
	if !g.started() {
		return []place{next}
	}
	return []place{next, {wire.DomainAffectLive, 0}}
}

func (p place) has(lv *wire.Libvirt, dom wire.Domain, n *nova.NIC) (bool, error) {
	xml, err := lv.DomainGetXMLDesc(dom, p.look)
	return strings.Contains(strings.ToLower(xml), "<mac address='"+strings.ToLower(n.MAC)+"'/>"), err
}

// ignoreMissing passes an error unless it says that the device is gone.
func ignoreMissing(err error) error {
	var le wire.Error
	if errors.As(err, &le) && wire.ErrorNumber(le.Code) == wire.ErrDeviceMissing {
		return nil
	}
	return err
}

// defined returns fault.NotFound for a server that has no folder.
func (x guests) defined(id string) error {
	has, err := x.d.folders.has(id)
	if err == nil && !has {
		err = unknown(id)
	}
	return err
}
