package tasks

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// leases are the leases that this process holds, and their renewal.
type leases struct {
	d      *db.DB
	length time.Duration
	now    clock.Now
	log    *slog.Logger

	mu    sync.Mutex
	holds map[*hold]bool
}

// hold is a lease of this process: a task that it has claimed and not yet ended.
type hold struct {
	row   row
	since time.Time // time of the claim

	mu    sync.Mutex
	until time.Time
	end   context.CancelCauseFunc // cancels the running handler; nil before it runs
	ended error                   // the cause that end was or will be called with
}

// end returns when a lease ends that is taken or renewed now.
func (l *leases) end() time.Time { return l.now().Add(l.length) }

// add records the lease of a claimed row. The lease is renewed until drop.
func (l *leases) add(r row) *hold {
	h := &hold{row: r, since: time.Now(), until: r.Due.Time}
	l.mu.Lock()
	l.holds[h] = true
	l.mu.Unlock()
	return h
}

// drop forgets a lease, because its task has ended or was returned to the queue.
func (l *leases) drop(h *hold) {
	l.mu.Lock()
	delete(l.holds, h)
	l.mu.Unlock()
}

// cancel cancels the running handler of a task, if this process has it.
func (l *leases) cancel(id ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for h := range l.holds {
		if h.row.ID == id {
			h.cancel(ErrCancelled)
		}
	}
}

// others removes the tasks that a worker of this process still runs. Their lease was renewed too late; the next renewal
// repairs it.
func (l *leases) others(rows []row) []row {
	l.mu.Lock()
	defer l.mu.Unlock()
	own := map[ID]bool{}
	for h := range l.holds {
		own[h.row.ID] = true
	}
	return slices.DeleteFunc(rows, func(r row) bool { return own[r.ID] })
}

// renewLoop renews all leases three times in a lease's length until ctx ends. All leases are renewed in one
// transaction.
func (l *leases) renewLoop(ctx context.Context) {
	every := time.NewTicker(l.length / 3)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			l.renewAll(ctx)
		}
	}
}

func (l *leases) renewAll(ctx context.Context) {
	l.mu.Lock()
	holds := make(map[ID]*hold, len(l.holds))
	for h := range l.holds {
		holds[h.row.ID] = h
	}
	l.mu.Unlock()
	if len(holds) == 0 {
		return
	}
	until := l.end()
	kept := map[ID]bool{} // the renewed leases, and whether an operator cancelled the task
	bound, cancel := context.WithTimeout(ctx, l.length/3)
	defer cancel()
	err := l.d.Tx(bound, func(tx *db.Tx) error {
		clear(kept)
		for id, h := range holds {
			r, err := renew.One(bound, tx, db.At(until), id, h.row.Fence)
			if fault.Is(err, fault.NotFound) {
				continue
			}
			if err != nil {
				return err
			}
			kept[id] = r.Dying && !h.row.Dying
		}
		return nil
	})
	if err != nil {
		if ctx.Err() == nil {
			l.log.Warn("cannot renew leases", "tasks", len(holds), log.Err, err)
		}
		l.giveUpLate(holds)
		return
	}
	for id, h := range holds {
		if _, ok := kept[id]; !ok {
			h.lose() // before a worker can start one of them
		}
	}
	for id, h := range holds {
		dying, ok := kept[id]
		switch {
		case !ok:
			h.cancel(ErrLost) // the handler may have returned already
		case dying:
			h.renewed(until)
			h.cancel(ErrCancelled)
		default:
			h.renewed(until)
		}
	}
}

// giveUpLate cancels the handlers whose lease ran out while the database did not answer, because another worker may
// have started.
func (l *leases) giveUpLate(holds map[ID]*hold) {
	now := l.now()
	for _, h := range holds {
		h.mu.Lock()
		late := now.After(h.until)
		h.mu.Unlock()
		if late {
			h.cancel(ErrLost)
		}
	}
}

// cancel ends the handler's context. ErrLost takes precedence over ErrCancelled.
func (h *hold) cancel(why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended == nil || why == ErrLost {
		h.ended = why
	}
	if h.end != nil {
		h.end(why)
	}
}

// lose records that cancel will be called with ErrLost.
func (h *hold) lose() {
	h.mu.Lock()
	h.ended = ErrLost
	h.mu.Unlock()
}

func (h *hold) renewed(until time.Time) {
	h.mu.Lock()
	h.until = until
	h.mu.Unlock()
}

// begin makes the context of a handler. If the task was cancelled or its lease is lost, the context has ended already.
// The context for onDead (burying) does not end for a cancelled task.
func (h *hold) begin(ctx context.Context, burying bool) (context.Context, context.CancelCauseFunc) {
	c, end := context.WithCancelCause(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.end = end
	if h.ended != nil && !(burying && h.ended == ErrCancelled) {
		end(h.ended)
	}
	return c, end
}

// outcome returns ErrLost, ErrCancelled, or nil while the lease is held and the task wanted.
func (h *hold) outcome() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ended
}
