package libvirt

import (
	"context"
	"encoding/hex"
	"strings"
	"time"

	wire "github.com/digitalocean/go-libvirt"

	"hypernova/nova/virt/libvirt/domain"
	"hypernova/oslo/fault"
)

const (
	pressEvery = 5 * time.Second // a booting guest ignores the power button, so it is pressed again
	pollEvery  = 100 * time.Millisecond
)

// domains asks libvirt about the domains of servers and changes them. A server's domain has the server's id as its
// UUID. All methods return fault.NotFound for a server without a domain, unless they say otherwise, and
// fault.Unavailable if libvirt does not answer in time.
type domains struct{ conn *conn }

// do calls f with the domain of a server. It blocks for at most the connection's timeout.
func (d *domains) do(ctx context.Context, id string, f func(*wire.Libvirt, wire.Domain) error) error {
	return d.doWithin(ctx, id, d.conn.timeout, f)
}

// doWithin is do with another timeout, for calls that take long, such as those that write a guest's memory.
func (d *domains) doWithin(ctx context.Context, id string, limit time.Duration,
	f func(*wire.Libvirt, wire.Domain) error) error {
	u, err := parseUUID(id)
	if err != nil {
		return unknown(id)
	}
	err = d.conn.callWithin(ctx, limit, func(lv *wire.Libvirt) error {
		dom, err := lv.DomainLookupByUUID(u)
		if err != nil {
			return err
		}
		return f(lv, dom)
	})
	if fault.Is(err, fault.NotFound) {
		return unknown(id)
	}
	return err
}

// state returns the current state of a server's domain, which may be passing.
func (d *domains) state(ctx context.Context, id string) (guest, error) {
	var s status
	err := d.do(ctx, id, func(lv *wire.Libvirt, dom wire.Domain) error {
		var err error
		s.state, s.reason, err = lv.DomainGetState(dom, 0)
		return err
	})
	if err != nil {
		return guest{}, err // a call that was given up may still be writing s
	}
	return s.guest(), nil
}

// stable waits until the state is not passing and returns it. It returns fault.Unavailable if that takes longer than
// the connection's timeout.
func (d *domains) stable(ctx context.Context, id string) (guest, error) {
	g, over, err := d.stableWithin(ctx, id, d.conn.timeout)
	if err == nil && over {
		return g, fault.Unavailablef("Server %s is still %s.", id, g.why)
	}
	return g, err
}

// stableWithin waits until the state is not passing, for at most limit. over means that it is still passing.
func (d *domains) stableWithin(ctx context.Context, id string, limit time.Duration) (g guest, over bool, err error) {
	late := time.NewTimer(limit)
	defer late.Stop()
	again := time.NewTicker(pollEvery)
	defer again.Stop()
	for {
		g, err := d.state(ctx, id)
		if err != nil || g.phase != passing {
			return g, false, err
		}
		select {
		case <-again.C:
		case <-late.C:
			return g, true, nil
		case <-ctx.Done():
			return g, false, ctx.Err()
		}
	}
}

// states returns the state of every domain of this libvirt, by UUID. It leaves out domains that libvirt is busy with.
func (d *domains) states(ctx context.Context) (map[string]guest, error) {
	var rs []wire.DomainStatsRecord
	err := d.conn.call(ctx, func(lv *wire.Libvirt) error {
		var err error
		rs, err = lv.ConnectGetAllDomainStats(nil, uint32(wire.DomainStatsState),
			uint32(wire.ConnectGetAllDomainsStatsNowait))
		return err
	})
	if err != nil {
		return nil, err
	}
	out := map[string]guest{}
	for _, r := range rs {
		var s status
		for _, p := range r.Params {
			switch n, _ := p.Value.I.(int32); p.Field {
			case wire.DomainStatsStateState:
				s.state = n
			case wire.DomainStatsStateReason:
				s.reason = n
			}
		}
		out[uuid(r.Dom.UUID)] = s.guest()
	}
	return out, nil
}

// saved reports whether libvirt has a managed save image of a server: the memory of a suspended guest.
func (d *domains) saved(ctx context.Context, id string) (bool, error) {
	has := int32(0)
	err := d.do(ctx, id, func(lv *wire.Libvirt, dom wire.Domain) error {
		var err error
		has, err = lv.DomainHasManagedSaveImage(dom, 0)
		return err
	})
	if err != nil {
		return false, err // a call that was given up may still be writing has
	}
	return has == 1, nil
}

// forgetSaved removes the managed save image of a domain, if it has one, so that the next start boots the guest.
func forgetSaved(lv *wire.Libvirt, dom wire.Domain) error {
	has, err := lv.DomainHasManagedSaveImage(dom, 0)
	if err != nil || has == 0 {
		return err
	}
	return lv.DomainManagedSaveRemove(dom, 0)
}

// belongs returns the owner mark and the folder that a server's definition in libvirt names.
func (d *domains) belongs(ctx context.Context, id string) (domain.Belonging, error) {
	text := ""
	err := d.do(ctx, id, func(lv *wire.Libvirt, dom wire.Domain) error {
		got, err := lv.DomainGetXMLDesc(dom, 0)
		text = got
		return err
	})
	if err != nil {
		return domain.Belonging{}, err
	}
	return domain.Belongs(id, text)
}

// shutdown presses the power button until the guest is off or grace is over. off is false if the guest still runs.
func (d *domains) shutdown(ctx context.Context, id string, grace time.Duration) (off bool, err error) {
	deadline := time.NewTimer(grace)
	defer deadline.Stop()
	again := time.NewTicker(pressEvery)
	defer again.Stop()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	press := func() error {
		err := d.do(ctx, id, func(lv *wire.Libvirt, dom wire.Domain) error {
			return lv.DomainShutdownFlags(dom, wire.DomainShutdownAcpiPowerBtn)
		})
		if fault.Is(err, fault.Unavailable) || ctx.Err() != nil {
			return err
		}
		return nil // refused: it is about to be off, or the caller destroys it
	}
	if err := press(); err != nil {
		return false, err
	}
	for {
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-deadline.C:
			return false, nil
		case <-again.C:
			if err := press(); err != nil {
				return false, err
			}
		case <-poll.C:
			g, err := d.state(ctx, id)
			if err != nil || !g.alive() {
				return err == nil, err
			}
		}
	}
}

// destroy ends the domain's QEMU process at once. It is no error if the domain does not run or does not exist.
func (d *domains) destroy(ctx context.Context, id string) error {
	err := d.do(ctx, id, func(lv *wire.Libvirt, dom wire.Domain) error {
		return lv.DomainDestroyFlags(dom, wire.DomainDestroyDefault)
	})
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if fault.Is(err, fault.Conflict) { // libvirt says that it does not run
		if g, serr := d.state(ctx, id); serr == nil && !g.alive() {
			return nil
		}
	}
	return err
}

// parseUUID returns a server id in libvirt's form; fault.Invalid if it is not a UUID.
func parseUUID(id string) (wire.UUID, error) {
	var u wire.UUID
	b, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	if err != nil || len(b) != len(u) {
		return u, fault.Invalidf("%q is not a server id", id)
	}
	copy(u[:], b)
	return u, nil
}

func uuid(u wire.UUID) string {
	s := hex.EncodeToString(u[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
