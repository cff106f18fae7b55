package tasks_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
	"hypernova/oslo/steps"
	"hypernova/oslo/tasks"
)

var schema = dbtest.Migrations{Name: "tasks", FS: tasks.Migrations()}

type job struct {
	Server string
	N      int
}

var quick = tasks.Options{MaxAttempts: 3, Backoff: time.Millisecond}

// config is a queue that notices a dead worker soon.
func config(name string) tasks.Config {
	return tasks.Config{Owner: name, Workers: 4, Lease: 600 * time.Millisecond, Poll: 10 * time.Millisecond}
}

// start runs the queue until the test ends or stop is called.
func start(t *testing.T, q *tasks.Queue) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		if err := q.Run(ctx, func() { close(ready) }); err != nil {
			t.Errorf("run: %v", err)
		}
	}()
	<-ready
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return stop
}

func enqueue(t *testing.T, d *db.DB, q *tasks.Queue, k *tasks.Kind[job], j job) tasks.ID {
	t.Helper()
	var id tasks.ID
	err := d.Tx(t.Context(), func(tx *db.Tx) (err error) {
		id, err = k.Enqueue(t.Context(), tx, q, j.Server, j)
		return err
	})
	if err != nil {
		t.Fatalf("enqueue: %v", err)
	}
	return id
}

func idle(t *testing.T, q *tasks.Queue) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := q.Idle(ctx); err != nil {
		t.Fatalf("not idle: %v", err)
	}
}

func TestTaskCarriesItsArgumentsAndCaller(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		q, k := tasks.New(d, config("a")), tasks.NewKind[job]("build", quick)
		seen := make(chan string, 2)
		k.Handle(q, func(ctx context.Context, tk *tasks.Task, j job) error {
			seen <- fmt.Sprint(j.Server, j.N, auth.RequestID(ctx), auth.From(ctx).UserID, tk.Key, tk.Attempt)
			return nil
		}, nil)
		ctx := auth.With(auth.WithRequest(t.Context(), "req-1"), &auth.Caller{UserID: "u"})
		put := func() {
			err := d.Tx(ctx, func(tx *db.Tx) error {
				_, err := k.Enqueue(ctx, tx, q, "s", job{"s", 5})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		want := "s5req-1us1"
		put()
		if ok, err := q.ProcessOne(t.Context()); !ok || err != nil {
			t.Fatalf("process one: %v, %v", ok, err)
		}
		if got := <-seen; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if ok, err := q.ProcessOne(t.Context()); ok || err != nil {
			t.Errorf("empty queue: %v, %v", ok, err)
		}
		start(t, q)
		put()
		if got := <-seen; got != want {
			t.Errorf("running: got %q, want %q", got, want)
		}
		idle(t, q)
	}, schema)
}

func TestEnqueueWithoutHandlersHintsOtherProcesses(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		far := config("worker")
		far.Poll = time.Hour
		worker, k := tasks.New(d, far), tasks.NewKind[job]("build", quick)
		done := make(chan string, 2)
		k.Handle(worker, func(_ context.Context, _ *tasks.Task, j job) error { done <- j.Server; return nil }, nil)
		start(t, worker)
		front := config("front")
		front.Hint = func(context.Context) { worker.Wake() }
		enqueue(t, d, tasks.New(d, front), k, job{"s1", 1})
		if got := <-done; got != "s1" {
			t.Errorf("got %s", got)
		}
		err := d.Tx(t.Context(), func(tx *db.Tx) error {
			front.Hint = func(context.Context) { t.Error("a hint about what was rolled back") }
			if _, err := k.Enqueue(t.Context(), tx, tasks.New(d, front), "s2", job{"s2", 1}); err != nil {
				return err
			}
			return errors.New("no")
		})
		if err == nil {
			t.Error("committed")
		}
	}, schema)
}

func TestRollbackLeavesNoTask(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		q, k := tasks.New(d, config("a")), tasks.NewKind[job]("build", quick)
		k.Handle(q, func(context.Context, *tasks.Task, job) error { t.Error("ran"); return nil }, nil)
		start(t, q)
		boom := errors.New("boom")
		err := d.Tx(t.Context(), func(tx *db.Tx) error {
			_, err := k.Enqueue(t.Context(), tx, q, "s", job{})
			return errors.Join(boom, err)
		})
		if !errors.Is(err, boom) {
			t.Errorf("got %v", err)
		}
		idle(t, q)
	}, schema)
}

func TestRacingQueuesRunOneTaskOfAKeyAtATimeAndInOrder(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		const keys, each = 5, 12
		k := tasks.NewKind[job]("build", tasks.Options{Backoff: time.Millisecond, MaxAttempts: 100})
		var mu sync.Mutex
		busy, order := map[string]int{}, map[string][]int{}
		var failures atomic.Int64
		var qs []*tasks.Queue
		for i := range 3 {
			q := tasks.New(d, config(fmt.Sprint("q", i)))
			k.Handle(q, func(_ context.Context, tk *tasks.Task, j job) error {
				mu.Lock()
				busy[j.Server]++
				if busy[j.Server] > 1 {
					t.Errorf("two tasks of %s at once", j.Server)
				}
				mu.Unlock()
				runtime.Gosched()
				mu.Lock()
				defer mu.Unlock()
				busy[j.Server]--
				if j.N%5 == 2 && tk.Attempt == 1 { // the rest of the key waits for the retry
					failures.Add(1)
					return errors.New("once more")
				}
				order[j.Server] = append(order[j.Server], j.N)
				return nil
			}, nil)
			qs = append(qs, q)
			start(t, q)
		}
		var wg sync.WaitGroup
		for s := range keys {
			wg.Go(func() {
				for n := range each {
					enqueue(t, d, qs[(s+n)%3], k, job{fmt.Sprint("s", s), n})
				}
			})
		}
		wg.Wait()
		idle(t, qs[0])
		mu.Lock()
		defer mu.Unlock()
		for s, got := range order {
			if len(got) != each || !slices.IsSorted(got) {
				t.Errorf("%s ran as %v", s, got)
			}
		}
		if failures.Load() == 0 {
			t.Error("no retry was provoked")
		}
	}, schema)
}

func TestFailuresAreRetriedThenBuried(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		q, k := tasks.New(d, config("a")), tasks.NewKind[job]("build", quick)
		var mu sync.Mutex
		var tries, died int
		broken := true
		k.Handle(q, func(_ context.Context, tk *tasks.Task, j job) error {
			mu.Lock()
			defer mu.Unlock()
			tries++
			switch {
			case !broken:
				return nil
			case j.N == 1:
				panic("ouch")
			case j.N == 2:
				return fault.Invalidf("never")
			case j.N == 3:
				return tasks.Fail(fault.Unavailablef("gone for good"))
			}
			return fault.Unavailablef("busy")
		}, func(_ context.Context, _ *tasks.Task, j job, reason error) error {
			mu.Lock()
			defer mu.Unlock()
			if died++; died == 1 {
				return errors.New("not now")
			}
			return nil
		})
		start(t, q)
		for n, want := range []struct {
			tries int
			kind  fault.Kind
		}{{3, fault.Unavailable}, {3, fault.Internal}, {1, fault.Invalid}, {1, fault.Unavailable}} {
			mu.Lock()
			tries, died, broken = 0, 0, true
			mu.Unlock()
			id := enqueue(t, d, q, k, job{"s", n})
			idle(t, q)
			i, err := q.Show(t.Context(), id)
			if err != nil || i.State != "dead" || i.Reason == "" {
				t.Errorf("%d: got %+v, %v", n, i, err)
			}
			mu.Lock()
			if tries != want.tries || died != 2 {
				t.Errorf("%d: tried %d times, want %d; onDead called %d times, want 2", n, tries, want.tries, died)
			}
			broken = false
			mu.Unlock()
			if err := q.Retry(t.Context(), id); err != nil {
				t.Errorf("%d: retry: %v", n, err)
			}
			idle(t, q)
			if _, err := q.Show(t.Context(), id); !fault.Is(err, fault.NotFound) {
				t.Errorf("%d: after retry: %v", n, err)
			}
		}
		if s := q.Stats(); s.Panics != 3 || s.Dead != 4 {
			t.Errorf("stats: %+v", s)
		}
	}, schema)
}

func TestCrashAnywhereIsResumed(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		for _, point := range []string{"claimed", "saved", "done", "ended"} {
			t.Run(point, func(t *testing.T) {
				k := tasks.NewKind[job]("build-"+point, quick)
				var ran [2]atomic.Int64
				handle := func(q *tasks.Queue) {
					k.Handle(q, func(ctx context.Context, tk *tasks.Task, j job) error {
						return steps.Run(ctx, tk.Journal(), &j,
							steps.Step[job]{Name: "one", Do: func(context.Context, *job) error { ran[0].Add(1); return nil }},
							steps.Step[job]{Name: "two", Do: func(context.Context, *job) error { ran[1].Add(1); return nil }})
					}, nil)
				}
				c := config("first")
				var crashed atomic.Bool
				c.Crash = func(p string) {
					if p == point && crashed.CompareAndSwap(false, true) {
						runtime.Goexit()
					}
				}
				first := tasks.New(d, c)
				handle(first)
				stop := start(t, first)
				enqueue(t, d, first, k, job{"s-" + point, 1})
				for !crashed.Load() {
					runtime.Gosched()
				}
				stop()
				second := tasks.New(d, config("second"))
				handle(second)
				start(t, second)
				idle(t, second)
				if ran[0].Load() == 0 || ran[1].Load() == 0 {
					t.Errorf("steps ran %d and %d times", ran[0].Load(), ran[1].Load())
				}
				if point == "done" && ran[0].Load()+ran[1].Load() != 2 {
					t.Errorf("recorded steps ran again: %d and %d times", ran[0].Load(), ran[1].Load())
				}
			})
		}
	}, schema)
}

func TestLostLeaseEndsTheHandler(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := tasks.NewKind[job]("build", quick)
		q := tasks.New(d, config("first"))
		begun, lost := make(chan *tasks.Task, 1), make(chan error, 2)
		k.Handle(q, func(ctx context.Context, tk *tasks.Task, j job) error {
			begun <- tk
			<-ctx.Done()
			lost <- context.Cause(ctx)
			lost <- tk.Journal().Save(context.WithoutCancel(ctx), []byte("late"))
			return nil
		}, nil)
		start(t, q)
		id := enqueue(t, d, q, k, job{"s", 1})
		<-begun
		steal := db.NewExec(db.NewSet("test"), "UPDATE tasks SET fence = fence + 1, owner = 'thief', due = due + 1000000000")
		if _, err := steal.Do(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := <-lost; !errors.Is(err, tasks.ErrLost) {
				t.Errorf("got %v, want %v", err, tasks.ErrLost)
			}
		}
		if i, err := q.Show(t.Context(), id); err != nil || i.Owner != "thief" || i.Progress != "" {
			t.Errorf("the thief's task was touched: %+v, %v", i, err)
		}
	}, schema)
}

func TestCancel(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		q, k := tasks.New(d, config("a")), tasks.NewKind[job]("build", quick)
		begun, died := make(chan struct{}, 1), make(chan error, 2)
		k.Handle(q, func(ctx context.Context, _ *tasks.Task, _ job) error {
			begun <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}, func(_ context.Context, _ *tasks.Task, _ job, reason error) error { died <- reason; return nil })
		start(t, q)
		one := enqueue(t, d, q, k, job{"s", 1})
		<-begun
		two := enqueue(t, d, q, k, job{"s", 2}) // waits behind it
		for _, id := range []tasks.ID{two, one} {
			if err := q.Cancel(t.Context(), id); err != nil {
				t.Errorf("cancel: %v", err)
			}
		}
		idle(t, q)
		for _, id := range []tasks.ID{one, two} {
			<-died
			if i, err := q.Show(t.Context(), id); err != nil || i.State != "dead" {
				t.Errorf("got %+v, %v", i, err)
			}
		}
		if err := q.Cancel(t.Context(), one); !fault.Is(err, fault.Conflict) {
			t.Errorf("cancel a dead one: %v", err)
		}
		if got, err := q.List(t.Context(), tasks.ListArgs{State: "dead"}); err != nil || len(got) != 2 {
			t.Errorf("list: %v, %v", got, err)
		}
	}, schema)
}

func TestDoneWithinTheHandlersOwnTransaction(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		q, k := tasks.New(d, config("a")), tasks.NewKind[job]("build", quick)
		var ran []int // by one task at a time, because they share a key
		k.Handle(q, func(ctx context.Context, tk *tasks.Task, j job) error {
			ran = append(ran, j.N)
			return d.Tx(ctx, func(tx *db.Tx) error {
				if j.N < 3 { // the next part of the work, on the same server
					if _, err := k.Enqueue(ctx, tx, q, j.Server, job{j.Server, j.N + 1}); err != nil {
						return err
					}
				}
				return tk.Done(ctx, tx)
			})
		}, nil)
		stop := start(t, q)
		enqueue(t, d, q, k, job{"s", 1})
		idle(t, q)
		stop()
		if !slices.Equal(ran, []int{1, 2, 3}) || q.Stats().Done != 3 {
			t.Errorf("ran %v, stats %+v", ran, q.Stats())
		}
	}, schema)
}

func TestDeadlineAndShutdown(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		q := tasks.New(d, config("a"))
		late := tasks.NewKind[job]("late", tasks.Options{Deadline: 30 * time.Millisecond})
		long := tasks.NewKind[job]("long", quick)
		begun := make(chan struct{}, 1)
		wait := func(ctx context.Context, _ *tasks.Task, _ job) error {
			<-ctx.Done()
			return ctx.Err()
		}
		died := make(chan error, 1)
		late.Handle(q, wait, func(_ context.Context, _ *tasks.Task, _ job, reason error) error { died <- reason; return nil })
		long.Handle(q, func(ctx context.Context, tk *tasks.Task, j job) error {
			begun <- struct{}{}
			return wait(ctx, tk, j)
		}, nil)
		stop := start(t, q)
		enqueue(t, d, q, late, job{"s", 1})
		if err := <-died; !fault.Is(err, fault.Unavailable) {
			t.Errorf("deadline: got %v", err)
		}
		id := enqueue(t, d, q, long, job{"t", 1})
		<-begun
		stop()
		i, err := q.Show(t.Context(), id)
		if err != nil || i.State != "queued" || i.Attempt != 0 {
			t.Errorf("after shutdown: got %+v, %v", i, err)
		}
	}, schema)
}

func TestEveryStatementPrepares(t *testing.T) {
	t.Parallel()
	dbtest.Prepare(t, tasks.Statements(), schema)
}

func benchQueue(b *testing.B, name string) (*db.DB, *tasks.Queue) {
	url := "sqlite://"
	if name == "file" {
		url += "/" + b.TempDir() + "/db"
	}
	d := dbtest.Open(b, url, schema)
	return d, tasks.New(d, tasks.Config{Owner: "bench"})
}

func BenchmarkTask(b *testing.B) {
	for _, name := range []string{"memory", "file"} {
		b.Run(name, func(b *testing.B) {
			d, q := benchQueue(b, name)
			k := tasks.NewKind[job]("bench", tasks.Options{})
			k.Handle(q, func(context.Context, *tasks.Task, job) error { return nil }, nil)
			ctx, cancel := context.WithCancel(b.Context())
			ready, ended := make(chan struct{}), make(chan error, 1)
			go func() { ended <- q.Run(ctx, func() { close(ready) }) }()
			<-ready
			var n atomic.Int64
			b.SetParallelism(4)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					err := d.Tx(b.Context(), func(tx *db.Tx) error {
						_, err := k.Enqueue(b.Context(), tx, q, fmt.Sprint("s", n.Add(1)), job{})
						return err
					})
					if err != nil {
						b.Error(err)
					}
				}
			})
			if err := q.Idle(b.Context()); err != nil {
				b.Error(err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
			cancel()
			if err := <-ended; err != nil {
				b.Error(err)
			}
		})
	}
}

// BenchmarkBare is what the same three writes cost without a queue.
func BenchmarkBare(b *testing.B) {
	set := db.NewSet("bare")
	in := db.NewExec(set, "INSERT INTO bare (id, state) VALUES (?, 'queued')")
	up := db.NewExec(set, "UPDATE bare SET state = 'running' WHERE id = ?")
	del := db.NewExec(set, "DELETE FROM bare WHERE id = ?")
	for _, name := range []string{"memory", "file"} {
		b.Run(name, func(b *testing.B) {
			d, _ := benchQueue(b, name)
			if _, err := db.NewExec(set, "CREATE TABLE bare (id BIGINT PRIMARY KEY, state TEXT)").Do(b.Context(),
				d); err != nil {
				b.Fatal(err)
			}
			var n atomic.Int64
			b.SetParallelism(4)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					id := n.Add(1)
					for _, s := range []*db.Exec{in, up, del} {
						if _, err := s.Do(b.Context(), d, id); err != nil {
							b.Error(err)
						}
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
		})
	}
}
