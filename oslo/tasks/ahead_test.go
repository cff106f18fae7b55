package tasks_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/tasks"
)

// paced is a queue with one worker that has seen many short tasks, so that it claims ahead; then its tasks block until
// release is closed.
func paced(t *testing.T, d *db.DB, c tasks.Config, k *tasks.Kind[job],
	work func(context.Context, job)) (q *tasks.Queue, first tasks.ID) {
	t.Helper()
	c.Workers = 1
	q = tasks.New(d, c)
	k.Handle(q, func(ctx context.Context, _ *tasks.Task, j job) error {
		if j.N > 0 {
			work(ctx, j)
		}
		return nil
	}, nil)
	start(t, q)
	for range 40 {
		enqueue(t, d, q, k, job{})
		idle(t, q)
	}
	first = enqueue(t, d, q, k, job{"", 1})
	return q, first
}

// state blocks until so many tasks are in a state.
func state(t *testing.T, q *tasks.Queue, state string, n int) {
	t.Helper()
	for t.Context().Err() == nil {
		got, err := q.List(t.Context(), tasks.ListArgs{State: state})
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == n {
			return
		}
		<-time.After(time.Millisecond)
	}
}

func TestTasksClaimedAheadReturnToTheQueueAfterPoll(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		begun, release := make(chan bool, 1), make(chan bool)
		k := tasks.NewKind[job]("short", quick)
		c := config("slow")
		c.Poll = 200 * time.Millisecond
		q, _ := paced(t, d, c, k, func(context.Context, job) { begun <- true; <-release })
		defer close(release)
		<-begun
		for n := range 5 {
			enqueue(t, d, q, k, job{"", n + 2})
		}
		state(t, q, "running", 6) // claimed ahead
		got := make(chan int, 5)
		other := tasks.New(d, config("other"))
		k.Handle(other, func(_ context.Context, _ *tasks.Task, j job) error { got <- j.N; return nil }, nil)
		start(t, other)
		for range 5 {
			if n := <-got; n < 2 {
				t.Errorf("the blocked task was done twice")
			}
		}
	}, schema)
}

func TestTaskClaimedAheadDoesNotStartWithoutItsLease(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		begun, release := make(chan bool, 1), make(chan bool)
		var mu sync.Mutex
		ran := 0
		k := tasks.NewKind[job]("short", quick)
		c := config("robbed")
		c.Poll = time.Hour
		q, _ := paced(t, d, c, k, func(ctx context.Context, _ job) {
			mu.Lock()
			ran++
			first := ran == 1
			mu.Unlock()
			if first {
				begun <- true
				<-ctx.Done() // it is lost with the others
				<-release
			}
		})
		<-begun
		for n := range 5 {
			enqueue(t, d, q, k, job{"", n + 2})
		}
		state(t, q, "running", 6)
		steal := db.NewExec(db.NewSet("test"), `UPDATE tasks
SET fence = fence + 1, owner = 'thief', due = due + 3600000000000`)
		if n, err := steal.Do(t.Context(), d); n != 6 || err != nil {
			t.Fatal(n, err)
		}
		close(release)
		for q.Stats().Lost < 6 {
			<-time.After(time.Millisecond)
		}
		if ran != 1 {
			t.Errorf("%d tasks of the thief's were begun", ran-1)
		}
		state(t, q, "running", 6)
	}, schema)
}

func TestRacingQueuesDoEachTaskOnce(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		const each, fronts = 60, 3
		k := tasks.NewKind[job]("short", quick)
		var mu sync.Mutex
		ran := map[string]int{}
		var qs []*tasks.Queue
		for i := range fronts {
			q := tasks.New(d, tasks.Config{Owner: fmt.Sprint("q", i), Workers: 2, Poll: 10 * time.Millisecond})
			k.Handle(q, func(_ context.Context, tk *tasks.Task, j job) error {
				mu.Lock()
				defer mu.Unlock()
				ran[fmt.Sprint(j.Server, j.N)]++
				return nil
			}, nil)
			qs = append(qs, q)
			start(t, q)
		}
		var wg sync.WaitGroup
		for i, q := range qs {
			wg.Go(func() {
				for n := range each {
					err := d.Tx(t.Context(), func(tx *db.Tx) error {
						_, err := k.Enqueue(t.Context(), tx, q, "", job{fmt.Sprint("s", i), n})
						return err
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		idle(t, qs[0])
		mu.Lock()
		defer mu.Unlock()
		if len(ran) != each*fronts {
			t.Errorf("%d of %d tasks were done", len(ran), each*fronts)
		}
		for name, n := range ran {
			if n != 1 {
				t.Errorf("%s was done %d times", name, n)
			}
		}
	}, schema)
}
