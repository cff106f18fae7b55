package tasks

import (
	"context"
	"time"

	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Info describes a task for an operator.
type Info struct {
	ID       ID
	Kind     string
	Key      string
	State    string // queued, running, dead
	Attempt  int
	Owner    string    // the worker that holds the lease
	Due      time.Time // queued: not before; running: end of the lease; dead: since when
	Created  time.Time
	Request  string
	Reason   string // reason of the last failure
	Args     string // JSON
	Progress string // JSON of its steps, empty if none
}

func infoOf(r row) Info {
	i := Info{ID: r.ID, Kind: r.Kind, Key: r.Key, State: r.State, Attempt: r.Attempt, Owner: r.Owner, Due: r.Due.Time,
		Created: r.Created.Time, Request: r.Request, Args: r.Args, Progress: r.Journal}
	if r.Reason != "" {
		i.Reason = errorOf(r.Reason).Error()
	}
	return i
}

// ListArgs filters a list. Empty fields do not filter.
type ListArgs struct {
	State, Kind, Key string
	Marker           ID
	Limit            int
}

// List returns a page of tasks in the order of their ids, oldest first.
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

// Show returns one task. fault.NotFound if it is finished or never existed.
func (q *Queue) Show(ctx context.Context, id ID) (Info, error) {
	r, err := byID.One(ctx, q.d, id)
	if fault.Is(err, fault.NotFound) {
		return Info{}, fault.NotFoundf("There is no task %s.", id)
	}
	return infoOf(r), err
}

// Retry requeues a dead task with all its attempts and, if it had a deadline, a new one of the same length.
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

// Cancel ends a task as dead. A waiting task ends at once, a running one when its worker notices, within a third of the
// lease. onDead of its kind is called as after any failure. A task that finishes in the meantime stays finished.
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
	q.leases.cancel(id)
	q.wake()
	return nil
}
