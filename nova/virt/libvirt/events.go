package libvirt

import (
	"context"
	"time"

	"hypernova/nova"
	"hypernova/nova/virt"
)

// reconnectEvery is how long to wait before looking for libvirt again.
const reconnectEvery = time.Second

// told is what was last said, or seen at first, of a guest.
type told struct {
	power nova.PowerState
	cause nova.Cause
}

// Events tells of starts, stops, pauses and crashes of servers of this host. After an interruption it tells what has changed meanwhile.
func (d *Driver) Events(ctx context.Context, fn func(virt.Event)) error {
	known := map[string]told{} // what was last told or seen
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
func (d *Driver) listen(ctx context.Context, first bool, known map[string]told, fn func(virt.Event)) {
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
	tell := func(i virt.Info) {
		if now := (told{i.Power, i.Cause}); known[i.ID] != now {
			known[i.ID] = now
			fn(virt.Event{ID: i.ID, Power: i.Power, Cause: i.Cause, Why: i.Why, At: d.c.Now()})
		}
	}
	servers, err := d.Servers(ctx)
	if err != nil {
		return
	}
	for _, s := range servers {
		if s.Passing {
			continue // its end will be an event
		}
		if first || s.Power == nova.NoState {
			known[s.ID] = told{s.Power, s.Cause}
			continue
		}
		tell(s)
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
			if has, err := d.hasFolder(id); err != nil || !has {
				delete(known, id)
				continue
			}
			// The event says less than the state and its reason, and is older.
			m, err := d.look(ctx, id)
			if err != nil || m.phase == passing || m.power == nova.NoState {
				continue // without a domain there is nothing to tell; a lost connection ends the stream
			}
			tell(d.info(id, m))
		}
	}
}
