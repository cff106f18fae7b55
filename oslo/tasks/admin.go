package tasks

import (
	"context"
	"time"

	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Info is a task as an operator sees it.
type Info struct {
	ID       ID
	Kind     string
	Key      string
	State    string // queued, running, dead
	Attempt  int
	Owner    string    // who works on it
	Due      time.Time // queued: not before; running: the end of its lease; dead: since when
	Created  time.Time
	Request  string
	Reason   string // of its last failure
	Args     string // JSON
	Progress string // JSON of its steps, or nothing
}

func infoOf(r row) Info {
	i := Info{ID: r.ID, Kind: r.Kind, Key: r.Key, State: r.State, Attempt: r.Attempt, Owner: r.Owner, Due: r.Due.Time,
		Created: r.Created.Time, Request: r.Request, Args: r.Args, Progress: r.Journal}
	if r.Reason != "" {
		i.Reason = errorOf(r.Reason).Error()
	}
	return i
}

// ListArgs narrows a list; empty fields do not.
type ListArgs struct {
	State, Kind, Key string
	Marker           ID
	Limit            int
}

// List answers tasks by id, which is their age.
func (q *Queue) List(ctx context.Context, a ListArgs) ([]Info, error) {
	var where []db.Cond
	for col, v := range map[string]string{"state": a.State, "kind": a.Kind, "key": a.Key} {
		if v != "" {
			where = append(where, db.EqTo(col, v))
		}
	}
	rows, err := listRows.Page(ctx, q.d, db.ListArgs{Where: where, Marker: string(a.Marker), Limit: a.Limit})
	if err != nil {
		return nil, err
	}
	infos := make([]Info, len(rows))
	for i, r := range rows {
		infos[i] = infoOf(r)
	}
	return infos, nil
}

// Show answers one task; fault.NotFound for one that is done or never was.
func (q *Queue) Show(ctx context.Context, id ID) (Info, error) {
	r, err := byID.One(ctx, q.d, id)
	if fault.Is(err, fault.NotFound) {
		return Info{}, fault.NotFoundf("There is no task %s.", id)
	}
	return infoOf(r), err
}

// Retry puts a dead task back into the queue with all its tries and, where it had one, a new deadline of the same length.
func (q *Queue) Retry(ctx context.Context, id ID) error {
	return q.d.Tx(ctx, func(tx *db.Tx) error {
		r, err := byID.One(ctx, tx, id)
		if fault.Is(err, fault.NotFound) {
			return fault.NotFoundf("There is no task %s.", id)
		}
		if err != nil {
			return err
		}
		now := q.c.Now()
		var deadline db.Time
		if !r.Deadline.IsZero() {
			deadline = db.At(now.Add(r.Deadline.Sub(r.Created.Time)))
		}
		n, err := revive.Do(ctx, tx, db.At(now), deadline, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Conflictf("Task %s is %s; only a dead task can be tried again.", id, r.State)
		}
		tx.AfterCommit(q.wake)
		return nil
	})
}

// Cancel ends a task as dead: one that waits at once, one that runs as soon as its worker notices, which takes a third of a lease at
// most. Its kind is told as after any failure. A task that is done in the meantime is done.
func (q *Queue) Cancel(ctx context.Context, id ID) error {
	n, err := cancelTask.Do(ctx, q.d.Lone(), reasonOf(ErrCancelled), db.At(q.c.Now()), id)
	if err != nil {
		return err
	}
	if n == 0 {
		i, err := q.Show(ctx, id)
		if err != nil {
			return err
		}
		return fault.Conflictf("Task %s is %s or ending already.", id, i.State)
	}
	q.mu.Lock()
	for h := range q.holds {
		if h.row.ID == id {
			h.cancel(ErrCancelled)
		}
	}
	q.mu.Unlock()
	q.wake()
	return nil
}
