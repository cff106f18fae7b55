package bench

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"hypernova/nova/compute"
	"hypernova/nova/conductor"
	novastore "hypernova/nova/store"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/messaging"
	"hypernova/oslo/messaging/inproc"
	"hypernova/oslo/service"
	"hypernova/oslo/tasks"
	"hypernova/tests/running"
)

func say(figure, format string, args ...any) {
	fmt.Printf("figure: %-44s %s\n", figure, fmt.Sprintf(format, args...))
}

// TestServiceFigures measures the cost of the service framework.
func TestServiceFigures(t *testing.T) {
	if testing.Short() || os.Getenv("HYPERNOVA_BENCH") == "" && os.Getenv("HYPERNOVA_BINARY") == "" {
		t.Skip("figures take a quiet machine and a minute: make bench prints them")
	}
	t.Run("life", startAndDrain)
	for _, e := range []struct {
		name string
		open func(t *testing.T, ms ...dbtest.Migrations) *db.DB
	}{{"SQLite", sqliteFile}, {"PostgreSQL", postgres}} {
		t.Run("heartbeats "+e.name, func(t *testing.T) { heartbeats(t, e.name, e.open) })
		t.Run("tasks "+e.name, func(t *testing.T) { taskFigures(t, e.name, e.open) })
	}
}

func sqliteFile(t *testing.T, ms ...dbtest.Migrations) *db.DB {
	return dbtest.Open(t, "sqlite:///"+filepath.Join(t.TempDir(), "db"), ms...)
}

// postgres returns a database of a PostgreSQL server that syncs each commit to disk, as in production.
func postgres(t *testing.T, ms ...dbtest.Migrations) *db.DB {
	s := dbtest.NewServer(t, dbtest.Durable()...)
	if err := s.Create("bench"); err != nil {
		t.Fatal(err)
	}
	return dbtest.Open(t, s.URL("bench"), ms...)
}

// startAndDrain measures the start and the end of the whole cloud, idle and under load.
func startAndDrain(t *testing.T) {
	dir := t.TempDir()
	running.Up(t, dir, "--virt", "fake").Stop(t)
	var starts, idle, loaded []time.Duration
	for n := range 10 {
		c := running.Up(t, dir, "--virt", "fake")
		starts = append(starts, c.Took)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		if n%2 == 1 {
			url := c.Identity(t)
			for range 16 {
				wg.Go(func() {
					for ctx.Err() == nil {
						resp, err := http.Get(url)
						if err != nil {
							return // the cloud has ended
						}
						resp.Body.Close()
					}
				})
			}
		}
		began := time.Now()
		c.Stop(t)
		if took := time.Since(began); n%2 == 1 {
			loaded = append(loaded, took)
		} else {
			idle = append(idle, took)
		}
		cancel()
		wg.Wait()
	}
	say("start of all services, ten times", "%s", spread(starts))
	say("drain and end, idle", "%s", spread(idle))
	say("drain and end, 16 clients calling", "%s", spread(loaded))
}

// heartbeats measures the heartbeats of a thousand hosts at the same time, by messages to a conductor.
func heartbeats(t *testing.T, name string, open func(*testing.T, ...dbtest.Migrations) *db.DB) {
	const hosts, rounds = 1000, 20
	d := open(t, dbtest.Migrations{Name: "nova", FS: novastore.Migrations()},
		dbtest.Migrations{Name: "tasks", FS: tasks.Migrations()})
	bus, err := messaging.Open(t.Context(), "inproc:", inproc.Scheme)
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close(context.WithoutCancel(t.Context()))
	members := novastore.NewGroup(d, nil)
	c := conductor.New(conductor.Config{}, conductor.Deps{DB: d, Group: members,
		Queue: tasks.New(d, tasks.Config{Owner: "bench"}), Bus: bus})
	ctx, stop := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- service.New(c.Manager("bench"), service.Deps{Bus: bus, Group: members}, service.Options{}).Run(ctx, func() {
			close(ready)
		})
	}()
	<-ready
	group := compute.Group{Bus: bus}
	ids := make([]string, hosts)
	for i := range ids {
		if ids[i], err = group.Join(ctx, service.Member{Host: fmt.Sprintf("h%04d", i), Binary: "nova-compute",
			Topic: "compute"}); err != nil {
			t.Fatal(err)
		}
	}
	var each []time.Duration
	var mu sync.Mutex
	busy, began := processor(t), time.Now()
	for range rounds {
		var wg sync.WaitGroup
		for _, id := range ids {
			wg.Go(func() {
				at := time.Now()
				err := group.Beat(ctx, id)
				mu.Lock()
				defer mu.Unlock()
				each = append(each, time.Since(at))
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	took, busy := time.Since(began)/rounds, (processor(t)-busy)/rounds
	say("1,000 hosts beat at once, "+name,
		"%.1f ms, of which a heartbeat %.1f µs; %.1f µs of processor each; one waits: %s",
		float64(took.Microseconds())/1000, float64(took.Nanoseconds())/1000/hosts, float64(busy.Nanoseconds())/1000/hosts,
		spread(each))
	say("1,000 hosts every 10 s, "+name, "%.2f %% of one processor", 100*busy.Seconds()/10)
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// processor returns the CPU time of this process.
func processor(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Rates that are compared are measured in turns, so that other load on the machine affects both.
const (
	measured = time.Second
	turns    = 5
)

// taskFigures measures the rate of tasks on a database, and the rate of inserting, updating and deleting a row.
func taskFigures(t *testing.T, name string, open func(*testing.T, ...dbtest.Migrations) *db.DB) {
	d := open(t, dbtest.Migrations{Name: "tasks", FS: tasks.Migrations()})
	bare := bareTask(t, d)
	for _, n := range []int{1, 4} {
		var queue, least, share []float64
		for range turns {
			b := rate(n, measured, bare)
			q := taskRate(t, d, n)
			queue, least, share = append(queue, q), append(least, b), append(share, q/b)
		}
		say(fmt.Sprintf("durable tasks, %s, workers and clients: %d", name, n),
			"%s/s; bare insert+update+delete %s/s; share %s",
			between(queue, 0), between(least, 0), between(share, 2))
	}
}

// between returns the median of values and, in brackets, the minimum and the maximum.
func between(v []float64, digits int) string {
	slices.Sort(v)
	return fmt.Sprintf("%.*f (%.*f to %.*f)", digits, v[len(v)/2], digits, v[0], digits, v[len(v)-1])
}

// taskRate enqueues tasks with as many clients as workers, and returns the tasks per second until the queue is empty.
func taskRate(t *testing.T, d *db.DB, workers int) float64 {
	q := tasks.New(d, tasks.Config{Owner: "bench", Workers: workers})
	k := tasks.NewKind[struct{}]("bench", tasks.Options{})
	k.Handle(q, func(context.Context, *tasks.Task, struct{}) error { return nil }, nil)
	ctx, stop := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- q.Run(ctx, func() { close(ready) }) }()
	<-ready
	var key atomic.Int64
	began := time.Now()
	rate(workers, measured, func() {
		err := d.Tx(ctx, func(tx *db.Tx) error {
			_, err := k.Enqueue(ctx, tx, q, fmt.Sprint("s", key.Add(1)), struct{}{})
			return err
		})
		if err != nil {
			panic(err)
		}
	})
	if err := q.Idle(ctx); err != nil {
		t.Error(err)
	}
	n := float64(q.Stats().Done) / time.Since(began).Seconds()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	return n
}

// bareTask inserts, updates and deletes a row, each in its own transaction in the database's cheapest way.
func bareTask(t *testing.T, d *db.DB) func() {
	set := db.NewSet("bare")
	create := db.NewExec(set, "CREATE TABLE bare (id BIGINT PRIMARY KEY, state TEXT NOT NULL)")
	insert := db.NewExec(set, "INSERT INTO bare (id, state)\nVALUES (?, 'queued')")
	update := db.NewExec(set, "UPDATE bare\nSET state = 'running'\nWHERE id = ?")
	remove := db.NewExec(set, "DELETE FROM bare\nWHERE id = ?")
	if _, err := create.Do(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	var id atomic.Int64
	return func() {
		n := id.Add(1)
		for _, s := range []*db.Exec{insert, update, remove} {
			if _, err := s.Do(t.Context(), d.Lone(), n); err != nil {
				panic(err)
			}
		}
	}
}
