package tasks

import (
	"context"
	"time"

	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// renewLoop renews all leases of this process until ctx ends, in one transaction each time.
func (q *Queue) renewLoop(ctx context.Context) {
	every := time.NewTicker(q.c.Lease / 3)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			q.renewAll(ctx)
		}
	}
}

func (q *Queue) renewAll(ctx context.Context) {
	q.mu.Lock()
	holds := make(map[ID]*hold, len(q.holds))
	for h := range q.holds {
		holds[h.row.ID] = h
	}
	q.mu.Unlock()
	if len(holds) == 0 {
		return
	}
	until := q.leaseEnd()
	kept := map[ID]bool{} // and whether it was cancelled
	bound, cancel := context.WithTimeout(ctx, q.c.Lease/3)
	defer cancel()
	err := q.d.Tx(bound, func(tx *db.Tx) error {
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
			q.c.Log.Warn("cannot renew leases", "tasks", len(holds), log.Err, err)
		}
		q.giveUpLate(holds)
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
func (q *Queue) giveUpLate(holds map[ID]*hold) {
	now := q.c.Now()
	for _, h := range holds {
		h.mu.Lock()
		late := now.After(h.until)
		h.mu.Unlock()
		if late {
			h.cancel(ErrLost)
		}
	}
}
