package tasks

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"hypernova/oslo/db"
)

// ends writes the ends of tasks that succeeded: those that come while one is written go together in the next statement.
type ends struct {
	mu      sync.Mutex // guards what follows
	writing bool       // somebody writes, and goes on until nothing waits
	waiting []*end
}

// end is one task's.
type end struct {
	id    ID
	fence int64
	told  chan struct{} // closed when the following is known
	ok    bool          // the row was still ours
	err   error
}

// endsAtOnce is how many ends one statement writes: as many as it has places.
const endsAtOnce = 16

// write takes a task's row out of the queue, and answers whether it was there with this fence. It calls leave when nothing is asked of
// the worker any more but to wait, unless so many wait already that another task had better not begin.
func (e *ends) write(ctx context.Context, d *db.DB, t *Task, leave func()) (bool, error) {
	own := &end{id: t.ID, fence: t.Fence, told: make(chan struct{})}
	e.mu.Lock()
	e.waiting = append(e.waiting, own)
	crowded, lead := len(e.waiting) > 2*endsAtOnce, !e.writing
	e.writing = true
	e.mu.Unlock()
	if !crowded {
		leave()
	}
	if lead {
		e.lead(ctx, d)
	}
	<-own.told
	return own.ok, own.err
}

// lead writes until nothing waits.
func (e *ends) lead(ctx context.Context, d *db.DB) {
	for {
		e.mu.Lock()
		n := min(len(e.waiting), endsAtOnce)
		batch := e.waiting[:n:n]
		e.waiting = e.waiting[n:]
		e.writing = n > 0
		e.mu.Unlock()
		if n == 0 {
			return
		}
		removeAll(ctx, d, batch)
	}
}

func removeAll(ctx context.Context, d *db.DB, batch []*end) {
	var held strings.Builder
	args := make([]any, 0, endsAtOnce+1)
	for _, e := range batch {
		args = append(args, e.id)
		fmt.Fprintf(&held, ",%s:%d", e.id, e.fence)
	}
	for len(args) < endsAtOnce {
		args = append(args, batch[0].id)
	}
	gone, err := removeHeld.All(ctx, d.Lone(), append(args, held.String()+",")...)
	removed := map[ID]bool{}
	for _, id := range gone {
		removed[id] = true
	}
	for _, e := range batch {
		e.ok, e.err = removed[e.id], err
		close(e.told)
	}
}
