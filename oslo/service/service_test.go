package service_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hypernova/oslo/fault"
	"hypernova/oslo/log"
	"hypernova/oslo/messaging"
	"hypernova/oslo/messaging/inproc"
	"hypernova/oslo/service"
)

// journal records what happened in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(format string, a ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, a...))
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.lines, ", ")
}

func (j *journal) count(prefix string) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, l := range j.lines {
		if strings.HasPrefix(l, prefix) {
			n++
		}
	}
	return n
}

func quiet(ctx context.Context) context.Context {
	return log.With(ctx, slog.New(slog.NewTextHandler(io.Discard, nil)))
}

// plain is a service that takes a second to start and a second to stop.
func plain(j *journal, name string) service.Service {
	return service.Func(name, func(ctx context.Context, ready func()) error {
		time.Sleep(time.Second) // virtual time
		j.add("%s up", name)
		ready()
		<-ctx.Done()
		time.Sleep(time.Second)
		j.add("%s down", name)
		return nil
	})
}

func TestLaunchStartsInOrderAndStopsInReverse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var j journal
		ctx, cancel := context.WithCancel(quiet(t.Context()))
		time.AfterFunc(time.Minute, cancel)
		if err := service.Launch(ctx, 5*time.Second, plain(&j, "a"), plain(&j, "b"), plain(&j, "c")); err != nil {
			t.Error(err)
		}
		if got, want := j.String(), "a up, b up, c up, c down, b down, a down"; got != want {
			t.Errorf("got %s; want %s", got, want)
		}
	})
}

func TestLaunchFailures(t *testing.T) {
	t.Parallel()
	stuck := service.Func("stuck", func(ctx context.Context, ready func()) error {
		ready()
		<-ctx.Done()
		time.Sleep(time.Hour)
		return nil
	})
	for _, c := range []struct {
		name    string
		bad     service.Service
		after   time.Duration // ctx ends; 0: never
		want    []string
		journal string
	}{
		{"start fails", service.Func("bad", func(context.Context, func()) error { return fault.Invalidf("no such host") }), 0,
			[]string{"bad did not start", "no such host"}, "a up, a down"},
		{"start panics", service.Func("bad", func(context.Context, func()) error { panic("oops") }), 0,
			[]string{"bad did not start", "panicked: oops"}, "a up, a down"},
		{"fails later", service.Func("bad", func(_ context.Context, ready func()) error {
			ready()
			time.Sleep(time.Minute)
			return errors.New("lost")
		}), 0,
			[]string{"bad failed", "lost"}, "a up, z up, z down, a down"},
		{"ends by itself", service.Func("bad", func(_ context.Context,
			ready func()) error {
			ready()
			time.Sleep(time.Minute)
			return nil
		}), 0,
			[]string{"bad failed", "ended by itself"}, "a up, z up, z down, a down"},
		{"does not stop", stuck, time.Minute, []string{"stuck did not stop within 5s"}, "a up, z up, z down, a down"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var j journal
				ctx, cancel := context.WithCancel(quiet(t.Context()))
				defer cancel()
				if c.after > 0 {
					time.AfterFunc(c.after, cancel)
				}
				err := service.Launch(ctx, 5*time.Second, plain(&j, "a"), c.bad, plain(&j, "z"))
				for _, want := range c.want {
					if err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("got %v; want %s", err, want)
					}
				}
				if got := j.String(); got != c.journal {
					t.Errorf("got %s; want %s", got, c.journal)
				}
				time.Sleep(2 * time.Hour) // the stuck one ends too
			})
		})
	}
}

// group is a service group in memory.
type group struct {
	j       *journal
	refuse  int // joins that find nobody there
	deleted atomic.Bool
}

func (g *group) Join(_ context.Context, m service.Member) (string, error) {
	if g.refuse > 0 {
		g.refuse--
		return "", fault.Unavailablef("not yet")
	}
	g.deleted.Store(false)
	g.j.add("join %s %s %s %d", m.Host, m.Binary, m.Topic, m.Level)
	return "id-1", nil
}

func (g *group) Beat(_ context.Context, id string) error {
	if g.deleted.Load() {
		return fault.NotFoundf("no service %s", id)
	}
	g.j.add("beat %s", id)
	return nil
}

func (g *group) Leave(_ context.Context, id string) error { g.j.add("leave %s", id); return nil }

func TestManagerLife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var j journal
		ctx, cancel := context.WithCancel(quiet(t.Context()))
		bus, err := messaging.Open(ctx, "inproc:", inproc.Scheme)
		if err != nil {
			t.Fatal(err)
		}
		defer bus.Close(context.Background())
		api := messaging.NewAPI("compute")
		build := messaging.NewCall[messaging.None, messaging.None](api, "build")
		step := func(name string) func(context.Context) error {
			return func(context.Context) error { j.add("%s", name); return nil }
		}
		release := make(chan bool)
		m := service.Manager{Binary: "nova-compute", Host: "h1", Topic: api, Level: 7,
			CheckConfig: step("check"), InitHost: step("init"), PreStart: step("pre"), PostStart: step("post"),
			Register: func(s *messaging.Server) {
				j.add("register")
				build.Handle(s, func(context.Context, messaging.None) (messaging.None, error) {
					j.add("building")
					<-release
					j.add("built")
					return messaging.None{}, nil
				})
			},
			Periodic: []service.Periodic{{Name: "audit", Spacing: time.Hour, RunImmediately: true, Fn: step("audit")}},
		}
		g := &group{j: &j, refuse: 2}
		s := service.New(m, service.Deps{Bus: bus, Group: g}, service.Options{ReportInterval: 10 * time.Second})
		ended := make(chan error)
		go func() { ended <- s.Run(ctx, func() { j.add("ready") }) }()
		time.Sleep(5 * time.Second)
		if got, want := j.String(), "check, join h1 nova-compute compute 7, init, pre, register, post, beat id-1, ready, "+
			"audit"; got != want {
			t.Fatalf("start: got %s; want %s", got, want)
		}
		called := make(chan error, 1)
		go func() {
			_, err := build.Do(context.Background(), bus, "h1", messaging.None{})
			called <- err
		}()
		synctest.Wait()
		cancel()
		time.Sleep(25 * time.Second) // draining: heartbeats go on
		if n := j.count("beat"); n != 3 {
			t.Errorf("%d heartbeats while draining, want 3", n)
		}
		if _, err := build.Do(context.Background(), bus, "h1", messaging.None{}); !fault.Is(err, fault.Unavailable) {
			t.Errorf("a call while draining: %v", err)
		}
		release <- true
		if err := <-called; err != nil {
			t.Errorf("the call in flight: %v", err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if got := j.String(); !strings.HasSuffix(got, "built, leave id-1") {
			t.Errorf("end: %s", got)
		}
	})
}

func TestDeletedRecordIsMadeAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var j journal
		ctx, cancel := context.WithCancel(quiet(t.Context()))
		g := &group{j: &j}
		s := service.New(service.Manager{Binary: "b", Host: "h"}, service.Deps{Group: g}, service.Options{})
		ended := make(chan error)
		go func() { ended <- s.Run(ctx, func() {}) }()
		synctest.Wait()
		g.deleted.Store(true)
		time.Sleep(21 * time.Second)
		if j.count("join") != 2 || j.count("beat") != 2 {
			t.Errorf("got %s", j.String())
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestDownTimeMustExceedInterval(t *testing.T) {
	t.Parallel()
	s := service.New(service.Manager{Binary: "b"}, service.Deps{},
		service.Options{ReportInterval: time.Minute, DownTime: time.Minute})

	if err := s.Run(t.Context(), func() {}); !fault.Is(err, fault.Invalid) {
		t.Errorf("got %v", err)
	}
}

func TestPeriodic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var j journal
		var mu sync.Mutex
		begin := time.Now()
		var at []time.Duration
		busy := false
		ctx, cancel := context.WithCancel(quiet(t.Context()))
		s := service.New(service.Manager{Binary: "b", Periodic: []service.Periodic{
			{Name: "steady", Spacing: 100 * time.Second, Fn: func(context.Context) error {
				mu.Lock()
				defer mu.Unlock()
				at = append(at, time.Since(begin))
				return nil
			}},
			{Name: "slow", Spacing: time.Second, RunImmediately: true, Fn: func(context.Context) error {
				if busy {
					t.Error("runs overlap")
				}
				busy = true
				j.add("slow")
				time.Sleep(10 * time.Second)
				busy = false
				return nil
			}},
			{Name: "panics", Spacing: 100 * time.Second, RunImmediately: true,
				Fn: func(context.Context) error { j.add("panics"); panic("oops") }},
			{Name: "off", Fn: func(context.Context) error { j.add("off"); return nil }},
		}}, service.Deps{},

			service.Options{FuzzyDelay: 30 * time.Second})

		ended := make(chan error)
		go func() { ended <- s.Run(ctx, func() {}) }()
		time.Sleep(1050 * time.Second)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if at[0] > 30*time.Second {
			t.Errorf("first run after %v: beyond the fuzzy delay", at[0])
		}
		for i := 1; i < len(at); i++ {
			if d := at[i] - at[i-1]; d < 95*time.Second || d > 105*time.Second {
				t.Errorf("run %d came %v after the one before", i, d)
			}
		}
		if n := j.count("slow"); n < 90 || n > 110 {
			t.Errorf("the slow task ran %d times in 1050 s of 10 s each", n)
		}
		if n := j.count("panics"); n < 10 {
			t.Errorf("after its panic the task ran %d times", n)
		}
		if j.count("off") != 0 {
			t.Error("a disabled task ran")
		}
		var report strings.Builder
		service.WriteReport(&report, s)
		for _, want := range []string{"periodic off: disabled", "periodic panics: every 1m40s", "it panicked: oops"} {
			if !strings.Contains(report.String(), want) {
				t.Errorf("the report lacks %q", want)
			}
		}
	})
}

// A service that is told to stop while it starts has done nothing wrong, whatever it was in the middle of.
func TestAnInterruptedStartIsAGoodEnd(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	slow := service.Func("slow", func(ctx context.Context, ready func()) error {
		ready()
		<-ctx.Done()
		return fmt.Errorf("ask placement: %w", context.Cause(ctx))
	})
	last := service.Func("last", func(ctx context.Context, ready func()) error {
		ready()
		stop()
		<-ctx.Done()
		return nil
	})
	if err := service.Launch(ctx, time.Second, slow, last); err != nil {
		t.Errorf("got %v, want a good end", err)
	}
}
