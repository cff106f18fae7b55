package service_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hypernova/oslo/fault"
	"hypernova/oslo/log"
	"hypernova/oslo/messaging"
	"hypernova/oslo/messaging/inproc"
	"hypernova/oslo/metric"
	"hypernova/oslo/service"
)

// lines is a log that a test reads.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func logged(ctx context.Context) (context.Context, *lines) {
	l := &lines{}
	return log.With(ctx, slog.New(log.Handler(slog.NewTextHandler(l, nil)))), l
}

var stepOf = regexp.MustCompile(`step="?([^"\n]*?)"? took`)

func TestEachStepHasItsLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		base, l := logged(t.Context())
		ctx, cancel := context.WithCancel(base)
		bus, err := messaging.Open(ctx, "inproc:", inproc.Scheme)
		if err != nil {
			t.Fatal(err)
		}
		defer bus.Close(context.Background())
		hook := func(context.Context) error { return nil }
		var j journal
		s := service.New(service.Manager{Binary: "nova-scheduler", Host: "h1", Topic: messaging.NewAPI("scheduler"), Level: 3,
			CheckConfig: hook, InitHost: hook, PreStart: hook, PostStart: hook, Periodic: []service.Periodic{
				{Name: "look", Spacing: time.Hour, Fn: hook}, {Name: "tidy", Spacing: time.Hour, Fn: hook}}},
			service.Deps{Bus: bus, Group: &group{j: &j}},

			service.Options{Disabled: []string{"tidy"}})

		ended := make(chan error)
		go func() { ended <- s.Run(ctx, cancel) }() // it is told to end once it is ready
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range stepOf.FindAllStringSubmatch(l.String(), -1) {
			got = append(got, m[1])
		}
		want := []string{"configuration check", "service record", "init host", "pre-start", "RPC server", "post-start",
			"service group", "periodic tasks",
			"drained", "left the service group"}
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		for _, x := range []string{"host=h1 binary=nova-scheduler topic=scheduler level=3 id=id-1",
			`listens="scheduler, scheduler.h1, scheduler fanout"`,
			"tasks=look disabled=tidy"} {
			if !strings.Contains(l.String(), x) {
				t.Errorf("the log lacks %s:\n%s", x, l)
			}
		}
	})
}

// A panic in a handler or a periodic task ends neither the process nor the service; it is counted, and its line leads
// to the request.
func TestPanicsAreContainedCountedAndNamed(t *testing.T) {
	t.Parallel()
	m := metric.New()
	base, l := logged(t.Context())
	ctx, cancel := context.WithCancel(metric.With(base, m))
	defer cancel()
	tr, err := inproc.Scheme.Open(ctx, "inproc:")
	if err != nil {
		t.Fatal(err)
	}
	bus, err := messaging.New(ctx, tr)
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close(context.WithoutCancel(ctx))
	api := messaging.NewAPI("panics")
	call := messaging.NewCall[messaging.None, messaging.None](api, "oops")
	ran := make(chan bool, 1)
	s := service.New(service.Manager{Binary: "b", Host: "h", Topic: api, Register: func(s *messaging.Server) {
		call.Handle(s, func(context.Context, messaging.None) (messaging.None, error) { panic("handler") })
	}, Periodic: []service.Periodic{{Name: "bad", Spacing: time.Hour, RunImmediately: true,
		Fn: func(context.Context) error {
			defer func() { ran <- true }()
			panic("periodic")
		}}}}, service.Deps{Bus: bus},

		service.Options{})

	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- s.Run(ctx, func() { close(ready) }) }()
	<-ready
	<-ran
	if _, err := call.Do(ctx, bus, "h", messaging.None{}); err == nil {
		t.Error("a handler that panicked answered")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if !regexp.MustCompile(`panicked.*name=bad panic=periodic.*request=req-`).MatchString(l.String()) {
		t.Errorf("the log does not lead from the panic to its run:\n%s", l)
	}
	found, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	counted := 0.0
	for _, f := range found {
		if f.GetName() == "hypernova_panics_total" {
			for _, x := range f.GetMetric() {
				counted += x.GetCounter().GetValue()
			}
		}
	}
	if counted < 1 {
		t.Errorf("%v panics counted", counted)
	}
}

// deaf is a group that cannot be reached.
type deaf struct{ group }

func (d *deaf) Beat(context.Context, string) error { return fault.Unavailablef("no answer in time") }

func TestPulseTellsWhatTheBusCannot(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(quiet(t.Context()))
	defer cancel()
	var j journal
	s := service.New(service.Manager{Binary: "nova-compute", Host: "h1"}, service.Deps{Group: &deaf{group{j: &j}}},
		service.Options{})
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- s.Run(ctx, func() { close(ready) }) }()
	<-ready
	web := httptest.NewServer(service.Pulses(func() []service.Service { return []service.Service{s} }))
	p, err := service.AskPulse(ctx, web.URL, "h1", "nova-compute", time.Minute)
	if err != nil || p.Member || p.Error != "no answer in time" {
		t.Errorf("got %+v, %v", p, err)
	}
	if _, err := service.AskPulse(ctx, web.URL, "h2", "nova-compute", time.Minute); !fault.Is(err, fault.NotFound) {
		t.Errorf("another host's process: %v", err)
	}
	web.Close()
	if _, err := service.AskPulse(ctx, web.URL, "h1", "nova-compute", time.Minute); !fault.Is(err, fault.Unavailable) ||
		errors.Is(err, service.ErrHung) {
		t.Errorf("a dead process: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// One grace period is shared by all services of a process.
func TestGraceIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		left := map[string]time.Duration{}
		slow := func(name string, takes time.Duration) service.Service {
			return service.Func(name, func(ctx context.Context, ready func()) error {
				ready()
				<-ctx.Done()
				left[name] = service.Grace(ctx, time.Minute)
				time.Sleep(takes)
				return nil
			})
		}
		ctx, cancel := context.WithCancel(quiet(t.Context()))
		time.AfterFunc(time.Second, cancel)
		if err := service.Launch(ctx, 30*time.Second, slow("first", 0), slow("second", 8*time.Second),
			slow("third", 12*time.Second)); err != nil {
			t.Error(err)
		}
		if left["third"] != 30*time.Second || left["second"] != 18*time.Second || left["first"] != 10*time.Second {
			t.Errorf("got %v", left)
		}
	})
}

// A service that is idle ends well, also when the ones before it have used up the grace period.
func TestAnIdleServiceNeedsNoGrace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idle := service.New(service.Manager{Binary: "idle", Periodic: []service.Periodic{{Name: "seldom", Spacing: time.Hour,
			Fn: func(context.Context) error { return nil }}}}, service.Deps{},
			service.Options{})

		slow := service.Func("slow", func(ctx context.Context, ready func()) error {
			ready()
			<-ctx.Done()
			time.Sleep(30 * time.Second)
			return nil
		})
		ctx, cancel := context.WithCancel(quiet(t.Context()))
		time.AfterFunc(time.Second, cancel)
		if err := service.Launch(ctx, 30*time.Second, idle, slow); err != nil {
			t.Error(err)
		}
	})
}
