package conductor

import (
	"context"
	"errors"
	"slices"
	"time"

	"hypernova/neutron"
	"hypernova/nova"
	"hypernova/nova/network"
	"hypernova/nova/rpcapi"
	"hypernova/nova/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/placement"
)

// claimRounds is how often hosts are chosen anew when all that were named have been filled by others meanwhile.
const claimRounds = 5

// alternates is how many hosts the scheduler names, so that a lost race costs no new decision.
const alternates = 3

// errMoved is what an operator did with a host between its choice and its being written down.
var errMoved = errors.New("the host was deleted, or went to another availability zone")

// claim chooses a host, claims its resources and records both with the server. A host with which an operator did
// something meanwhile is given back, and another one chosen.
func (b *building) claim(ctx context.Context, at *attempt) error {
	fresh := false
	for moved, round := 0, 0; moved < claimRounds; round++ {
		var err error
		if at.Choice, err = b.choose(ctx, fresh); err != nil {
			return err
		}
		b.point("claimed")
		placed := b.place(ctx, at)
		switch {
		case errors.Is(placed, errMoved):
			moved++
		case !errors.Is(placed, errGroup):
			return placed
		}
		if err := b.Placement.Release(ctx, b.a.Server); err != nil {
			return err
		}
		if err := b.refusedByGroup(placed, round); err != nil {
			return err
		}
		fresh = true
	}
	return fault.New(fault.NoValidHost,
		"No valid host was found. Every host that fitted was changed by an operator meanwhile.").Because(errMoved)
}

// place writes the chosen host down. It is serialised with what operators do with hosts: they see the server, or it
// sees what they did.
func (b *building) place(ctx context.Context, at *attempt) error {
	return b.DB.Tx(ctx, func(tx *db.Tx) error {
		if err := b.stands(ctx, tx, &at.Choice); err != nil {
			return err
		}
		if err := b.checkGroup(ctx, tx, at.Choice.Host); err != nil {
			return err
		}
		err := b.taken(ctx, tx, b.moves.place, store.Change{Host: &at.Choice.Host, Node: &at.Choice.Node,
			Zone: &at.Choice.Zone, LaunchedOn: &at.Choice.Host})
		if err != nil {
			return err
		}
		err = store.StartEvent(ctx, tx, b.a.Server, b.request, b.event, at.Choice.Host, b.Now())
		if err != nil {
			return err
		}
		return b.journal.ahead(ctx, tx)
	})
}

// stands is errMoved where a host is not any more what was chosen.
func (b *building) stands(ctx context.Context, tx *db.Tx, h *nova.Choice) error {
	_, err := store.ServiceOf(ctx, tx, h.Host, nova.BinaryCompute)
	if fault.Is(err, fault.NotFound) {
		return errMoved
	}
	if err != nil {
		return err
	}
	as, err := store.Aggregates(ctx, tx)
	if err == nil && nova.ZoneOf(h.Host, as, b.c.DefaultZone) != h.Zone {
		err = errMoved
	}
	return err
}

// choose asks for a host and claims what the server needs of it; fresh does not take the scheduler's memory for an
// answer.
func (b *building) choose(ctx context.Context, fresh bool) (nova.Choice, error) {
	q := b.a.Request
	q.Fresh = q.Fresh || fresh
	q.Exclude, q.Limit = append(slices.Clone(q.Exclude), b.journal.hosts()...), alternates
	var last error
	for range claimRounds {
		sel, err := b.Scheduler.Select(ctx, q)
		if fault.Is(err, fault.NoValidHost) && b.journal.waits(b.Queue.Now()) < b.c.BuildWait && b.mayComeBack(ctx, q) {
			b.journal.forgive()
			err = fault.Unavailablef("No host that would do can be reached.").Because(err)
		}
		if err != nil {
			return nova.Choice{}, err
		}
		for _, h := range sel.Hosts {
			last = b.Placement.Claim(ctx, placement.Allocation{Consumer: b.a.Server, Project: q.Project, User: q.User,
				Type:      "INSTANCE",
				Providers: map[string]placement.Resources{h.Provider: h.Resources}})
			if last == nil {
				return h, nil
			}
			if !fault.Is(last, fault.Conflict) {
				return nova.Choice{}, last
			}
			// The claim may also be refused because an interrupted run of this step has claimed already.
			if err := b.Placement.Release(ctx, b.a.Server); err != nil {
				return nova.Choice{}, err
			}
		}
		q.Fresh = true
	}
	return nova.Choice{}, fault.New(fault.NoValidHost,
		"No valid host was found. Every host that fitted was filled by others meanwhile.").Because(last)
}

// unclaim releases the resources and takes the host off the server.
func (b *building) unclaim(ctx context.Context, at *attempt) error {
	if err := b.Placement.Release(asNova(ctx), b.a.Server); err != nil {
		return err
	}
	b.point("released")
	return b.DB.Tx(ctx, func(tx *db.Tx) error {
		change := store.Change{Host: ptr(""), Node: ptr(""), Zone: ptr(""), LaunchedOn: ptr(""), Ports: &[]nova.NIC{}}
		if b.shelved != nil {
			change.LaunchedOn, change.Ports = nil, nil
		}
		_, _, err := store.Move(ctx, tx, b.a.Server, b.moves.again, change, b.Now())
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		return err // a refusal is a deletion that took the server meanwhile: it knows the host from the row
	})
}

// network makes the ports by the rights of who asked for the server, bound to the host.
func (b *building) network(ctx context.Context, at *attempt) error {
	v := b.current
	if b.shelved != nil {
		ctx = asNova(ctx) // the ports are the server's already
	} else {
		ctx = b.asAsker(ctx)
	}
	ports, err := b.Networks.Allocate(ctx, neutron.AllocateArgs{Server: v.ID, Project: v.Project,
		Host: at.Choice.Host, AZ: at.Choice.Zone,
		Specs: network.Specs(b.a.NICs), SecurityGroups: b.a.SecurityGroups, DNSName: v.Hostname})
	at.Ports = network.NICs(ports)
	return err
}

func (b *building) unnetwork(ctx context.Context, _ *attempt) error {
	if b.shelved != nil {
		return b.Networks.Unbind(asNova(ctx), b.a.Server)
	}
	return b.Networks.Deallocate(asNova(ctx), b.a.Server)
}

// prepare has the host fetch the image, by the rights of who asked for the server, and make disks while the ports come
// up. The first failure ends the other.
func (b *building) prepare(ctx context.Context, at *attempt) error {
	if err := b.names(ctx); err != nil {
		return err
	}
	spec := b.spec(at)
	whole := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	prepared := make(chan error, 1) // one result, also when nobody waits for it any more
	go func() {
		_, err := rpcapi.Prepare.Do(b.asAsker(ctx), b.Bus, at.Choice.Host, rpcapi.SpecArgs{Spec: spec})
		if err != nil {
			cancel(err)
		}
		prepared <- answered(err)
	}()
	var err error
	at.Ports, err = b.plugged(ctx, at.Ports)
	if err != nil {
		cancel(err)
	}
	if perr := <-prepared; perr != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return perr
	}
	if err != nil {
		return err
	}
	b.journal.arrived()
	return b.spawns(whole, at)
}

// spawns records that the host is about to start the guest.
func (b *building) spawns(ctx context.Context, at *attempt) error {
	waited := b.journal.rec.Told != "" && b.journal.rec.Since.IsZero() // it waits no longer
	if waited {
		b.journal.rec.Told = ""
	}
	err := b.DB.Tx(ctx, func(tx *db.Tx) error {
		if waited {
			if err := store.NoteEvent(ctx, tx, b.a.Server, b.request, b.event, store.Outcome{Host: at.Choice.Host},
				b.Now()); err != nil {
				return err
			}
		}
		if err := b.taken(ctx, tx, b.moves.spawn, store.Change{Ports: &at.Ports}); err != nil {
			return err
		}
		return b.journal.ahead(ctx, tx)
	})
	b.spawning = err == nil
	return err
}

func (b *building) unprepare(ctx context.Context, at *attempt) error {
	unreachable, err := b.destroy(ctx, at.Choice.Host, b.a.Server)
	if err != nil || !unreachable {
		return err
	}
	return b.DB.Tx(ctx, func(tx *db.Tx) error { return b.cleanUpLater(ctx, tx, at.Choice.Host, b.a.Server) })
}

// plugged waits until every port is active: at each hint, and now and then without one. It answers the ports as they
// are then.
func (w *work) plugged(ctx context.Context, ports []nova.NIC) ([]nova.NIC, error) {
	if down(ports) == "" {
		return ports, nil
	}
	timeout := time.NewTimer(w.c.VIFTimeout)
	defer timeout.Stop()
	poll := time.NewTicker(w.c.VIFPoll)
	defer poll.Stop()
	for {
		now, err := w.Networks.PortsOf(ctx, w.server)
		if err == nil {
			ports = refreshed(ports, network.NICs(now))
		}
		port := down(ports)
		if port == "" {
			return ports, nil
		}
		if w.waiter.hasFailed(port) && !w.c.VIFNotFatal {
			return ports, fault.New(fault.Internal, "Virtual Interface creation failed").Coded("nova.vif").Because(
				errors.New("plugging of port " + port + " failed"))
		}
		select {
		case <-w.waiter.woken:
		case <-poll.C:
		case <-ctx.Done():
			return ports, context.Cause(ctx)
		case <-timeout.C:
			if w.c.VIFNotFatal {
				return ports, nil
			}
			return ports, fault.New(fault.Internal, "Virtual Interface creation failed: port %s did not become active within %s",
				port, w.c.VIFTimeout).Coded("nova.vif")
		}
	}
}

// down is a port that must come up and has not.
func down(ports []nova.NIC) string {
	for _, p := range ports {
		if p.AdminUp && p.Status != "ACTIVE" {
			return p.ID
		}
	}
	return ""
}

// refreshed is the same ports in the same order, as they are now; what Allocate alone said is kept.
func refreshed(ports, now []nova.NIC) []nova.NIC {
	out := append([]nova.NIC(nil), ports...)
	for _, n := range network.Merge(ports, now) {
		for i := range out {
			if out[i].ID == n.ID {
				out[i] = n
			}
		}
	}
	return out
}

// spawn starts the guest.
func (b *building) spawn(ctx context.Context, at *attempt) error {
	if !b.spawning { // this run begins here
		if err := b.names(ctx); err != nil {
			return err
		}
		if err := b.spawns(ctx, at); err != nil {
			return err
		}
	}
	b.spawning = false
	r, err := rpcapi.Spawn.Do(ctx, b.Bus, at.Choice.Host, rpcapi.SpecArgs{Spec: b.spec(at)})
	at.Power = r.Power
	if err != nil {
		return answered(err)
	}
	f, err := store.PlacementOf(ctx, b.DB, b.a.Server)
	if err == nil && (f.Deleted || !b.owns(&f)) { // what runs now is not wanted any more: it is undone with the rest
		err = errUnwanted
	}
	return err
}
