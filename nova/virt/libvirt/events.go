package libvirt

import (
	"context"
	"time"

	"hypernova/nova"
	"hypernova/nova/virt"
)

// reconnectEvery is the pause between attempts to connect to libvirt.
const reconnectEvery = time.Second

// reported is the part of a server's state whose changes are events.
type reported struct {
	power nova.PowerState
	cause nova.Cause
}

// Events calls fn for each start, stop, pause and crash of a server of this host, until ctx ends. After a lost
// connection it reports the changes that happened in the meantime. fn is called by one goroutine.
func (d *Driver) Events(ctx context.Context, fn func(virt.Event)) error {
	known := map[string]reported{} // by server, the state that was reported last or found at the start
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

// listen reports events until the connection or ctx ends. first: the states that it finds are no changes.
func (d *Driver) listen(ctx context.Context, first bool, known map[string]reported, fn func(virt.Event)) {
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
		for range stream { // go-libvirt blocks until its last event is received
		}
	}()
	report := func(i virt.Info) {
		if now := (reported{i.Power, i.Cause}); known[i.ID] != now {
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
			continue // the end of the change will be an event
		}
		if first || s.Power == nova.NoState {
			known[s.ID] = reported{s.Power, s.Cause}
			continue
		}
		report(s)
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
			if has, err := d.folders.has(id); err != nil || !has {
				delete(known, id)
				continue
			}
			// The event is older than the state and has no reason, so read the state.
			g, err := d.domains.state(ctx, id)
			if err != nil || g.phase == passing || g.power == nova.NoState {
				continue // there is no domain or no stable state; a lost connection also ends the stream
			}
			report(d.info(id, g))
		}
	}
}
