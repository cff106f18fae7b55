package tasks

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"hypernova/oslo/db"
)

// ends deletes the rows of finished tasks. Deletions that arrive during a write are combined into the next statement.
type ends struct {
	mu      sync.Mutex // guards the fields below
	writing bool       // a goroutine is writing, and continues until nothing waits
	waiting []*end
}

// end is the deletion of one task.
type end struct {
	id      ID
	fence   int64
	written chan struct{} // closed when ok and err are set
	ok      bool          // the row still had this fence
	err     error
}

// endsAtOnce is how many rows one statement deletes. It is the number of parameters of the statement.
const endsAtOnce = 16

// write deletes a task's row. It reports whether the row still had this fence, and blocks until that is known. It calls
// leave as soon as the worker has nothing more to do than wait, unless many deletions wait already.
func (e *ends) write(ctx context.Context, d *db.DB, t *Task, leave func()) (bool, error) {
	own := &end{id: t.ID, fence: t.Fence, written: make(chan struct{})}
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
	<-own.written
	return own.ok, own.err
}

// lead writes batches until nothing waits.
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
		close(e.written)
	}
}
