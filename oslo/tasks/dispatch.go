package tasks

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"hypernova/oslo/db"
)

// dispatch claims for idle workers until ctx ends, and returns when the last worker has.
func (q *Queue) dispatch(ctx context.Context) {
	kinds := q.kinds()
	var workers sync.WaitGroup
	finished := make(chan struct{}, q.c.Workers) // each worker sends once, so it never waits
	renewing, stopRenewing := context.WithCancel(context.WithoutCancel(ctx))
	var renewer sync.WaitGroup
	renewer.Go(func() { q.renewLoop(renewing) })
	defer renewer.Wait()
	defer stopRenewing()

	poll := time.NewTicker(q.c.Poll)
	defer poll.Stop()
	busy, look, tick := 0, true, true
	lastPrune := time.Time{}
	for {
		if look && busy < q.c.Workers && ctx.Err() == nil {
			for _, r := range q.next(ctx, kinds, q.c.Workers-busy, tick) {
				busy++
				h := q.hold(r)
				workers.Go(func() {
					defer func() { finished <- struct{}{} }()
					q.work(ctx, h)
				})
			}
			tick = false
		}
		look = true
		select {
		case <-ctx.Done():
			for _, r := range q.down() {
				q.giveBack(context.WithoutCancel(ctx), r, q.c.Now(), r.Attempt-1)
			}
			workers.Wait()
			return
		case <-finished:
			busy--
			for more := true; more; {
				select {
				case <-finished:
					busy--
				default:
					more = false
				}
			}
		case <-q.wakeup:
		case <-poll.C:
			tick = true
			if now := q.c.Now(); now.Sub(lastPrune) > time.Hour {
				lastPrune = now
				q.prune(ctx, now)
			}
		}
	}
}

// down says that nothing is claimed any more, and answers what was and has not begun.
func (q *Queue) down() []row {
	q.mu.Lock()
	defer q.mu.Unlock()
	left := q.taken
	q.up, q.taken = false, nil
	return left
}

// kinds is what this process handles, in the form that the statements compare with.
func (q *Queue) kinds() string {
	var names []string
	for k := range q.handlers {
		names = append(names, k)
	}
	slices.Sort(names)
	return "," + strings.Join(names, ",") + ","
}

// next claims at most n tasks: first those enqueued as claimed, then due ones, and on a tick those whose worker is gone.
func (q *Queue) next(ctx context.Context, kinds string, n int, tick bool) []row {
	q.mu.Lock()
	k := min(n, len(q.taken))
	rows := slices.Clone(q.taken[:k])
	q.taken = slices.Delete(q.taken, 0, k)
	q.mu.Unlock()
	q.stats.claimed.Add(int64(k))
	if n -= k; n == 0 || len(q.handlers) == 0 {
		return rows
	}
	more, err := q.claim(ctx, kinds, n, tick)
	if err != nil && ctx.Err() == nil {
		q.c.Log.Error("tasks not claimed", "error", err)
	}
	q.mu.Lock()
	q.backlog = len(more) == n
	q.mu.Unlock()
	return append(rows, more...)
}

// claim reads what is due and takes it, in one transaction; where a rival was faster each by itself.
func (q *Queue) claim(ctx context.Context, kinds string, n int, tick bool) ([]row, error) {
	now := db.At(q.c.Now())
	var found []row
	if tick {
		late, err := expired.All(ctx, q.d, now, kinds, n)
		if err != nil {
			return nil, err
		}
		found = q.others(late)
	}
	if len(found) < n {
		began := time.Now()
		rows, err := due.All(ctx, q.d, now, kinds, n-len(found))
		if err != nil {
			return nil, err
		}
		if time.Since(began) > slowLook {
			q.analyze(ctx)
		}
		found = append(found, rows...)
	}
	if len(found) == 0 {
		return nil, nil
	}
	got, err := q.claimRows(ctx, found)
	if !errors.Is(err, db.ErrDuplicate) {
		return got, err
	}
	got = nil
	for _, r := range found {
		one, err := q.claimRows(ctx, []row{r})
		if err != nil && !errors.Is(err, db.ErrDuplicate) { // a duplicate: another task of the key runs
			return got, err
		}
		got = append(got, one...)
	}
	return got, nil
}

const (
	slowLook     = 20 * time.Millisecond
	analyzeAgain = 30 * time.Second
)

// analyze has PostgreSQL count the rows of the queue. A queue grows and shrinks faster than the server counts by itself, and one that was
// counted while it was empty is sorted anew for each look.
func (q *Queue) analyze(ctx context.Context) {
	q.mu.Lock()
	again := q.d.Dialect().Name() == "postgresql" && time.Since(q.counted) > analyzeAgain
	if again {
		q.counted = time.Now()
	}
	q.mu.Unlock()
	if !again {
		return
	}
	if _, err := analyze.Do(ctx, q.d); err != nil && ctx.Err() == nil {
		q.c.Log.Warn("queue not counted; claims may be slow", "error", err)
	}
}

// others leaves out what a worker of this process is still at: a lease that was renewed too late is renewed again unless somebody was faster.
func (q *Queue) others(rows []row) []row {
	q.mu.Lock()
	defer q.mu.Unlock()
	own := map[ID]bool{}
	for h := range q.holds {
		own[h.row.ID] = true
	}
	for _, r := range q.taken {
		own[r.ID] = true
	}
	return slices.DeleteFunc(rows, func(r row) bool { return own[r.ID] })
}

func (q *Queue) claimRows(ctx context.Context, found []row) ([]row, error) {
	var got []row
	until := db.At(q.leaseEnd())
	err := q.d.Tx(ctx, func(tx *db.Tx) error {
		got = nil
		for _, r := range found {
			n, err := claim.Do(ctx, tx, q.owner, until, r.ID, r.Fence, r.State)
			if err != nil {
				return err
			}
			if n == 0 {
				continue
			}
			r.State, r.Owner, r.Due = running, q.owner, until
			r.Attempt++
			r.Fence++
			got = append(got, r)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	q.stats.claimed.Add(int64(len(got)))
	return got, nil
}

func (q *Queue) prune(ctx context.Context, now time.Time) {
	if _, err := prune.Do(ctx, q.d, db.At(now.Add(-q.c.Keep))); err != nil && ctx.Err() == nil {
		q.c.Log.Warn("dead tasks not pruned", "error", err)
	}
}

// ProcessOne claims and works one due task, for tests; false when there is none.
func (q *Queue) ProcessOne(ctx context.Context) (bool, error) {
	rows, err := q.claim(ctx, q.kinds(), 1, true)
	if err != nil || len(rows) == 0 {
		return false, err
	}
	renewing, stop := context.WithCancel(ctx)
	var renewer sync.WaitGroup
	renewer.Go(func() { q.renewLoop(renewing) })
	defer renewer.Wait()
	defer stop()
	q.work(ctx, q.hold(rows[0]))
	return true, nil
}

// idleLook is how often Idle looks.
const idleLook = 2 * time.Millisecond

// Idle blocks until no task is queued or running, for tests.
func (q *Queue) Idle(ctx context.Context) error {
	t := time.NewTicker(idleLook)
	defer t.Stop()
	for {
		n, err := waiting.One(ctx, q.d)
		if err != nil || n == 0 {
			return err
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
