package tasks

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"hypernova/oslo/db"
	"hypernova/oslo/log"
)

// dispatch claims tasks for idle workers until ctx ends. It returns when the last worker has returned.
func (q *Queue) dispatch(ctx context.Context) {
	kinds := q.kinds()
	var workers sync.WaitGroup
	finished := make(chan struct{}, q.c.Workers) // each worker sends once and never blocks
	defer q.renewing(context.WithoutCancel(ctx))()

	poll := time.NewTicker(q.c.Poll)
	defer poll.Stop()
	busy, look, tick := 0, true, true
	lastPrune := time.Time{}
	for {
		if ctx.Err() == nil {
			if look || q.pool.more() {
				q.fill(ctx, kinds, q.c.Workers-busy, tick)
				tick = false
			}
			for _, h := range q.pool.next(q.c.Workers - busy) {
				busy++
				workers.Go(func() {
					free := sync.OnceFunc(func() { finished <- struct{}{} })
					defer q.wake() // the next task of its key may start
					defer free()
					q.attempt(h).run(ctx, free)
				})
			}
		}
		look = false
		select {
		case <-ctx.Done():
			q.giveBack(ctx, q.pool.stop())
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
			look = true
		case <-poll.C:
			look, tick = true, true
			q.giveBack(ctx, q.pool.late(q.c.Poll))
			if now := q.c.Now(); now.Sub(lastPrune) > time.Hour {
				lastPrune = now
				q.prune(ctx, now)
			}
		}
	}
}

// renewing renews this process's leases until the returned function is called, which waits for the renewals to end.
func (q *Queue) renewing(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var renewer sync.WaitGroup
	renewer.Go(func() { q.leases.renewLoop(ctx) })
	return func() {
		cancel()
		renewer.Wait()
	}
}

// giveBack returns claimed tasks that have not started to the queue. The claim does not count as an attempt.
func (q *Queue) giveBack(ctx context.Context, holds []*hold) {
	for _, h := range holds {
		q.requeue(context.WithoutCancel(ctx), h.row, q.c.Now(), h.row.Attempt-1)
		q.leases.drop(h)
	}
}

// Kinds returns the names of the kinds that this process handles, in order.
func (q *Queue) Kinds() []string { return slices.Sorted(maps.Keys(q.handlers)) }

// kinds returns them in the form that the statements compare with.
func (q *Queue) kinds() string { return "," + strings.Join(q.Kinds(), ",") + "," }

// fill claims due tasks for idle workers, and more if tasks are short. On a tick it also claims tasks whose lease has
// run out.
func (q *Queue) fill(ctx context.Context, kinds string, idle int, tick bool) {
	n := q.pool.wanted(idle)
	if n <= 0 || len(q.handlers) == 0 {
		return
	}
	rows, err := q.claimer.claim(ctx, kinds, n, tick)
	if err != nil && ctx.Err() == nil {
		q.c.Log.Error("cannot claim tasks", log.Err, err)
	}
	holds := make([]*hold, len(rows))
	for i, r := range rows {
		holds[i] = q.leases.add(r)
	}
	q.pool.add(holds, len(rows) == n)
}

// prune deletes dead tasks that are older than Keep.
func (q *Queue) prune(ctx context.Context, now time.Time) {
	if _, err := prune.Do(ctx, q.d, db.At(now.Add(-q.c.Keep))); err != nil && ctx.Err() == nil {
		q.c.Log.Warn("cannot delete old dead tasks", log.Err, err)
	}
}

// ProcessOne claims one due task, runs it and returns true. It returns false if there is none. For tests.
func (q *Queue) ProcessOne(ctx context.Context) (bool, error) {
	rows, err := q.claimer.claim(ctx, q.kinds(), 1, true)
	if err != nil || len(rows) == 0 {
		return false, err
	}
	defer q.renewing(ctx)()
	h := q.leases.add(rows[0])
	q.pool.begin()
	q.attempt(h).run(ctx, func() {})
	return true, nil
}

// idlePoll is how often Idle reads the table.
const idlePoll = 2 * time.Millisecond

// Idle blocks until no task is queued or running, or ctx ends. For tests.
func (q *Queue) Idle(ctx context.Context) error {
	t := time.NewTicker(idlePoll)
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
