package libvirt

import (
	"context"
	"time"

	wire "github.com/digitalocean/go-libvirt"

	"hypernova/nova"
	"hypernova/nova/virt"
)

// reconnectEvery is how long to wait before looking for libvirt again.
const reconnectEvery = time.Second

// Events tells of starts, stops, pauses and crashes of servers of this host. After an interruption it tells what has changed meanwhile.
func (d *Driver) Events(ctx context.Context, fn func(virt.Event)) error {
	known := map[string]nova.PowerState{} // what was last told or seen
	for first := true; ctx.Err() == nil; first = false {
		d.listen(ctx, first, known, fn)
		t := time.NewTimer(reconnectEvery)
		select {
		case <-ctx.Done():
			t.Stop()
		case <-t.C:
		}
	}
	return ctx.Err()
}

// listen ends with the connection or ctx.
func (d *Driver) listen(ctx context.Context, first bool, known map[string]nova.PowerState, fn func(virt.Event)) {
	lv, err := d.conn.get(ctx)
	if err != nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	stream, err := lv.LifecycleEvents(ctx)
	if err != nil {
		cancel()
		return
	}
	defer func() {
		cancel()
		for range stream { // go-libvirt waits until its last event is taken
		}
	}()
	tell := func(id string, p nova.PowerState) {
		if known[id] == p {
			return
		}
		known[id] = p
		fn(virt.Event{ID: id, Power: p, At: d.c.Now()})
	}
	servers, err := d.Servers(ctx)
	if err != nil {
		return
	}
	for _, s := range servers {
		if first || s.Power == nova.NoState {
			known[s.ID] = s.Power
			continue
		}
		tell(s.ID, s.Power)
	}
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-stream:
			if !ok {
				return
			}
			id := uuid(e.Dom.UUID)
			p, matters := eventPower(e)
			if has, err := d.hasFolder(id); err != nil || !has {
				delete(known, id)
				continue
			}
			if matters {
				tell(id, p)
			}
		}
	}
}

func eventPower(e wire.DomainEventLifecycleMsg) (nova.PowerState, bool) {
	switch wire.DomainEventType(e.Event) {
	case wire.DomainEventStarted, wire.DomainEventResumed:
		return nova.Running, true
	case wire.DomainEventSuspended:
		return nova.PowerPaused, true
	case wire.DomainEventStopped:
		return nova.Shutdown, true
	case wire.DomainEventPmsuspended:
		return nova.Suspended, true
	case wire.DomainEventCrashed:
		return nova.Crashed, true
	}
	return nova.NoState, false
}
