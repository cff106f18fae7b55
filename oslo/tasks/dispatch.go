package tasks

import (
	"cmp"
	"context"
	"errors"
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
		if ctx.Err() == nil {
			if look || q.more() {
				q.fill(ctx, kinds, q.c.Workers-busy, tick)
				tick = false
			}
			for _, h := range q.next(q.c.Workers - busy) {
				busy++
				workers.Go(func() {
					free := sync.OnceFunc(func() { finished <- struct{}{} })
					defer q.wake() // the next task of its key may start
					defer free()
					q.work(ctx, h, free)
				})
			}
		}
		look = false
		select {
		case <-ctx.Done():
			for _, h := range q.stopClaiming() {
				q.requeue(context.WithoutCancel(ctx), h.row, q.c.Now(), h.row.Attempt-1)
				q.drop(h)
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
			look = true
		case <-poll.C:
			look, tick = true, true
			for _, h := range q.waitedLong() {
				q.requeue(context.WithoutCancel(ctx), h.row, q.c.Now(), h.row.Attempt-1)
				q.drop(h)
			}
			if now := q.c.Now(); now.Sub(lastPrune) > time.Hour {
				lastPrune = now
				q.prune(ctx, now)
			}
		}
	}
}

// stopClaiming ends claiming and returns the tasks that are claimed and not started.
func (q *Queue) stopClaiming() []*hold {
	q.mu.Lock()
	defer q.mu.Unlock()
	left := q.taken
	q.up, q.taken = false, nil
	return left
}

// kinds returns the kinds that this process handles, in the form that the statements compare with.
func (q *Queue) kinds() string {
	var names []string
	for k := range q.handlers {
		names = append(names, k)
	}
	slices.Sort(names)
	return "," + strings.Join(names, ",") + ","
}

// more reports that the last claim left due tasks behind and that there is room for them.
func (q *Queue) more() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.backlog && len(q.taken) == 0
}

// next returns at most n claimed tasks for idle workers.
func (q *Queue) next(n int) []*hold {
	q.mu.Lock()
	defer q.mu.Unlock()
	n = min(n, len(q.taken))
	hs := slices.Clone(q.taken[:n])
	q.taken = slices.Delete(q.taken, 0, n)
	q.working += n
	return hs
}

// fill claims due tasks for idle workers, and more if tasks are short. On a tick it also claims tasks whose lease has
// run out.
func (q *Queue) fill(ctx context.Context, kinds string, idle int, tick bool) {
	q.mu.Lock()
	n := idle - len(q.taken)
	if q.pace < shortTask {
		n += max(aheadLeast, q.c.Workers)
	}
	q.mu.Unlock()
	if n <= 0 || len(q.handlers) == 0 {
		return
	}
	rows, err := q.claim(ctx, kinds, n, tick)
	if err != nil && ctx.Err() == nil {
		q.c.Log.Error("cannot claim tasks", log.Err, err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.backlog = len(rows) == n
	for _, r := range rows {
		q.taken = append(q.taken, q.hold(r))
	}
}

// Tasks that take less than shortTask are claimed ahead of a free worker, at least aheadLeast or as many as there are
// workers. A claim for each would cost more than its work. They wait for at most Poll and hold a lease meanwhile.
const (
	shortTask  = 5 * time.Millisecond
	aheadLeast = 24
)

// waitedLong removes tasks that were claimed ahead and waited longer than Poll, so that another process can run them.
func (q *Queue) waitedLong() []*hold {
	q.mu.Lock()
	defer q.mu.Unlock()
	var long []*hold
	q.taken = slices.DeleteFunc(q.taken, func(h *hold) bool {
		late := time.Since(h.since) > q.c.Poll
		if late {
			long = append(long, h)
		}
		return late
	})
	if long != nil {
		q.pace = shortTask // claim nothing ahead until tasks are seen to be short again
	}
	return long
}

// claim claims due tasks and, on a tick, tasks whose lease has run out.
func (q *Queue) claim(ctx context.Context, kinds string, n int, tick bool) ([]row, error) {
	now := db.At(q.c.Now())
	var got []row
	if tick {
		late, err := expired.All(ctx, q.d, now, kinds, n)
		if err != nil {
			return nil, err
		}
		if got, err = q.claimEach(ctx, q.others(late)); err != nil {
			return got, err
		}
	}
	if len(got) == n {
		return got, nil
	}
	more, err := q.claimDue(ctx, now, kinds, n-len(got))
	return append(got, more...), err
}

// claimDue claims due tasks. On a database with concurrent writers it does so in one statement. With one writer it
// first reads, which is cheap, because most reads find nothing.
func (q *Queue) claimDue(ctx context.Context, now db.Time, kinds string, n int) ([]row, error) {
	began := time.Now()
	if q.rivals {
		got, err := claimDue.All(ctx, q.d.Lone(), q.owner, db.At(q.leaseEnd()), now, kinds, n)
		if !errors.Is(err, db.ErrDuplicate) {
			if time.Since(began) > slowLook {
				q.analyze(ctx)
			}
			slices.SortFunc(got, inOrder)
			q.stats.claimed.Add(int64(len(got)))
			return got, err
		}
	}
	rows, err := due.All(ctx, q.d, now, kinds, n)
	if err != nil {
		return nil, err
	}
	return q.claimEach(ctx, rows)
}

// inOrder is the order in which due tasks start.
func inOrder(a, b row) int {
	return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.Seq, b.Seq))
}

// claimEach claims the found tasks in one transaction or, if another process claimed one of them first, one by one.
func (q *Queue) claimEach(ctx context.Context, found []row) ([]row, error) {
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
		if err != nil && !errors.Is(err, db.ErrDuplicate) { // a duplicate means that another task of the key is running
			return got, err
		}
		got = append(got, one...)
	}
	return got, nil
}

const (
	slowLook     = 10 * time.Millisecond
	analyzeAgain = 30 * time.Second
)

// analyze updates PostgreSQL's statistics of the queue's table. The table grows and shrinks faster than autovacuum
// runs; with statistics of an empty table each claim would sort all rows.
func (q *Queue) analyze(ctx context.Context) {
	q.mu.Lock()
	again := q.rivals && time.Since(q.counted) > analyzeAgain
	if again {
		q.counted = time.Now()
	}
	q.mu.Unlock()
	if !again {
		return
	}
	if _, err := analyze.Do(ctx, q.d); err != nil && ctx.Err() == nil {
		q.c.Log.Warn("cannot analyze the queue's table; claims may be slow", log.Err, err)
	}
}

// others removes the tasks that a worker of this process still runs. Their lease was renewed too late; the next renewal
// repairs it.
func (q *Queue) others(rows []row) []row {
	q.mu.Lock()
	defer q.mu.Unlock()
	own := map[ID]bool{}
	for h := range q.holds {
		own[h.row.ID] = true
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
		q.c.Log.Warn("cannot delete old dead tasks", log.Err, err)
	}
}

// ProcessOne claims one due task and runs it. It returns false if there is none. For tests.
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
	q.mu.Lock()
	h := q.hold(rows[0])
	q.working++
	q.mu.Unlock()
	q.work(ctx, h, func() {})
	return true, nil
}

// idleLook is how often Idle polls.
const idleLook = 2 * time.Millisecond

// Idle blocks until no task is queued or running. For tests.
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
