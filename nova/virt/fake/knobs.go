package fake

import (
	"context"
	"sync/atomic"

	"hypernova/nova"
	"hypernova/nova/virt"
)

// SetFaults replaces what goes wrong from now on; counting starts anew.
func (d *Driver) SetFaults(fs ...Fault) { d.faults.set(fs) }

// SetDown makes the hypervisor answer nothing but fault.Unavailable, or come back.
func (d *Driver) SetDown(down bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = down
}

// Hold makes the starts of a server stay under way, as Info shows, until the function that it answers is called: with
// true what is under way succeeds, with false it fails. Later starts are as usual.
func (d *Driver) Hold(id string) (end func(ok bool) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.held == nil {
		d.held = map[string]bool{}
	}
	d.held[id] = true
	return func(ok bool) error {
		return d.change(id, func(r *record) (*record, error) {
			delete(d.held, id)
			switch {
			case r == nil || r.Starting.IsZero():
			case ok:
				r.end(nova.Running)
			default:
				r.end(nova.Shutdown)
			}
			return r, nil
		})
	}
}

// SetHook has f called before and after each of Operations, with the point, such as "before spawn". nil: nothing. f may
// end the goroutine, as the death of the process that asked does.
func (h *hooks) SetHook(f func(point string)) { h.f.Store(&f) }

// hooks calls a function around each operation.
type hooks struct {
	f atomic.Pointer[func(point string)]
}

func (h *hooks) call(point string) {
	if f := h.f.Load(); f != nil && *f != nil {
		(*f)(point)
	}
}

// Calls is how often an operation was asked for since New.
func (d *Driver) Calls(op string) int { return d.faults.count(op) }

// Change is what a guest does by itself: a crash, a poweroff from inside. Whoever listens to Events is told.
func (d *Driver) Change(id string, p nova.PowerState) error {
	switch p {
	case nova.Shutdown:
		return d.Upset(id, p, nova.CauseGuest, "shut off by itself", "")
	case nova.Crashed:
		return d.Upset(id, p, nova.CauseCrash, "crashed", "qemu: terminating on signal 9")
	}
	return d.Upset(id, p, "", "", "")
}

// Upset is Change for a reason: its cause, why in words, and what the guest's process said last.
func (d *Driver) Upset(id string, p nova.PowerState, cause nova.Cause, why, words string) error {
	err := d.change(id, func(r *record) (*record, error) {
		if r == nil {
			return nil, unknown(id)
		}
		r.end(p)
		r.Cause, r.Why, r.Words = cause, why, words
		return r, nil
	})
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.watch {
		select {
		case c <- virt.Event{ID: id, Power: p, Cause: cause, Why: why, At: d.c.Now()}:
		default: // a listener that is 1,000 events late relies on its periodic look, as with a real hypervisor
		}
	}
	return nil
}

// Events tells of every Change until ctx ends.
func (d *Driver) Events(ctx context.Context, fn func(virt.Event)) error {
	c := make(chan virt.Event, 1000)
	d.mu.Lock()
	id := d.nextID
	d.nextID++
	if d.watch == nil {
		d.watch = map[int]chan virt.Event{}
	}
	d.watch[id] = c
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		delete(d.watch, id)
		d.mu.Unlock()
	}()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-c:
			fn(e)
		}
	}
}

// LastWords is what Upset was told.
func (d *Driver) LastWords(_ context.Context, id string, max int) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r, err := d.find(id)
	if err != nil {
		return "", err
	}
	return r.Words[:min(max, len(r.Words))], nil
}

// SetFreeDisk is how much of the pretended disk is free from now on.
func (d *Driver) SetFreeDisk(bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.free = bytes
}

// FreeDisk is what SetFreeDisk said, at first more than anybody needs.
func (d *Driver) FreeDisk(context.Context) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.free, nil
}

// Watchers is how many listen to Events at this moment.
func (d *Driver) Watchers() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.watch)
}
