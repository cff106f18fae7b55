package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"hypernova/oslo/backoff"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
	"hypernova/oslo/messaging"
)

// Manager describes one role. The service framework calls its hooks and may find any of them nil.
type Manager struct {
	Binary                                     string // "nova-compute"
	Host                                       string
	Topic                                      *messaging.API // nil: a service without messages
	Level                                      int
	CheckConfig, InitHost, PreStart, PostStart func(ctx context.Context) error
	Register                                   func(s *messaging.Server) // handlers
	Periodic                                   []Periodic
}

// Options are the settings that all manager services of a process share. A zero value means the default.
type Options struct {
	ReportInterval time.Duration // time between heartbeats; default 10 s
	// DownTime is the time without a heartbeat after which a member is down; default 60 s.
	// It must exceed ReportInterval.
	DownTime    time.Duration
	Grace       time.Duration // time for work in flight to finish when the service stops; default 60 s
	FuzzyDelay  time.Duration // upper bound of the random delay before a periodic task's first run; default 60 s
	Concurrency int           // handlers that run at once; default that of messaging.Server
	Disabled    []string      // names of periodic tasks that do not run
	Pulse       string        // base URL of this process's health endpoint, see Pulses; empty: none
}

func (o Options) filled() Options {
	for _, d := range []struct {
		v *time.Duration
		d time.Duration
	}{{&o.ReportInterval, 10 * time.Second}, {&o.DownTime, time.Minute}, {&o.Grace, time.Minute}, {&o.FuzzyDelay,
		time.Minute}} {
		if *d.v <= 0 {
			*d.v = d.d
		}
	}
	return o
}

// Group stores the service records and their heartbeats. Nova and neutron each implement it on their own database. All
// methods may block on the database or the bus.
type Group interface {
	// Join finds or creates the record (host, binary, topic, level) and returns its id. It is idempotent. The service
	// retries after fault.Unavailable; any other fault ends its start.
	Join(ctx context.Context, m Member) (string, error)
	// Beat records one heartbeat. It returns fault.NotFound if the record was deleted; the service then joins again.
	Beat(ctx context.Context, id string) error
	// Leave records that the service stopped on purpose.
	Leave(ctx context.Context, id string) error
}

// Member is the content of a service record.
type Member struct {
	Host, Binary, Topic string
	Level               int
	Pulse               string // Options.Pulse
}

// Deps are what a service uses.
type Deps struct {
	Bus   *messaging.Bus // nil: the manager has no topic
	Group Group          // nil: the service is no member of a service group
}

// New makes the service of a manager.
func New(m Manager, d Deps, o Options) Service {
	s := &manager{m: m, bus: d.Bus, group: d.Group, o: o.filled()}
	for _, p := range m.Periodic {
		s.periodic = append(s.periodic, &task{Periodic: p, off: p.Spacing <= 0 || slices.Contains(o.Disabled, p.Name)})
	}
	return s
}

type manager struct {
	m        Manager
	bus      *messaging.Bus
	group    Group
	o        Options
	periodic []*task
	server   atomic.Pointer[messaging.Server] // for reports
	member   membership
}

func (s *manager) Name() string { return s.m.Binary }

// Run starts the service in the order of nova.service: configuration check, service record, init host, pre-start, RPC
// server, post-start, heartbeats, periodic tasks. It logs each step, blocks until ctx ends, and drains.
func (s *manager) Run(ctx context.Context, ready func()) error {
	begin := time.Now()
	if s.o.DownTime <= s.o.ReportInterval {
		return fault.Invalidf("service_down_time (%v) must be more than report_interval (%v)", s.o.DownTime,
			s.o.ReportInterval)
	}
	if err := s.hook(ctx, "configuration check", s.m.CheckConfig); err != nil {
		return err
	}
	if s.m.CheckConfig == nil {
		s.logStep(ctx, "configuration check", begin)
	}
	id, err := s.join(ctx)
	if err != nil {
		return err
	}
	if err := s.hook(ctx, "init host", s.m.InitHost); err != nil {
		return err
	}
	if err := s.hook(ctx, "pre-start", s.m.PreStart); err != nil {
		return err
	}
	server, err := s.listen(ctx)
	if err != nil {
		return fmt.Errorf("RPC server: %w", err)
	}
	if err := s.hook(ctx, "post-start", s.m.PostStart); err != nil {
		return errors.Join(err, s.drain(ctx, server, func() {}))
	}
	stopBeats := s.heartbeats(ctx, id)
	stopTasks := s.startPeriodic(ctx)
	ready()
	<-ctx.Done()
	err = s.drain(ctx, server, stopTasks) // heartbeats continue while the service drains
	id = stopBeats()
	return errors.Join(err, s.leave(ctx, id))
}

// logStep logs a finished step.
func (s *manager) logStep(ctx context.Context, step string, begin time.Time, more ...any) {
	log.From(ctx).InfoContext(ctx, "service step", append([]any{"service", s.m.Binary, log.Step, step,
		log.Took, time.Since(begin).Round(time.Microsecond).String()}, more...)...)
}

func (s *manager) hook(ctx context.Context, name string, f func(context.Context) error) error {
	if f == nil {
		return nil
	}
	begin := time.Now()
	if err := f(ctx); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	s.logStep(ctx, name, begin)
	return nil
}

func (s *manager) self() Member {
	m := Member{Host: s.m.Host, Binary: s.m.Binary, Level: s.m.Level, Pulse: s.o.Pulse}
	if s.m.Topic != nil {
		m.Topic = s.m.Topic.Topic()
	}
	return m
}

// join writes the service record. It retries while the record's database or conductor is unavailable, because services
// start in any order.
func (s *manager) join(ctx context.Context) (string, error) {
	if s.group == nil {
		return "", nil
	}
	begin := time.Now()
	pauses := backoff.Policy{First: 150 * time.Millisecond, Most: 7500 * time.Millisecond}
	for n := 0; ; n++ {
		m := s.self()
		id, err := s.group.Join(ctx, m)
		if err == nil {
			s.logStep(ctx, "service record", begin, log.Host, m.Host, "binary", m.Binary, "topic", m.Topic, "level", m.Level,
				"id", id)
			return id, nil
		}
		if !fault.Is(err, fault.Unavailable) {
			return "", fmt.Errorf("service record: %w", err)
		}
		log.From(ctx).Warn("retrying to write the service record", "service", s.m.Binary, log.Err, err.Error())
		if pauses.Wait(ctx, n) != nil {
			return "", fmt.Errorf("service record: %w", err)
		}
	}
}

func (s *manager) listen(ctx context.Context) (*messaging.Server, error) {
	if s.m.Topic == nil {
		return nil, nil
	}
	begin := time.Now()
	server := messaging.NewServer(s.bus, s.m.Topic, s.m.Host, messaging.Concurrency(s.o.Concurrency),
		messaging.ServerLevel(s.m.Level))
	if s.m.Register != nil {
		s.m.Register(server)
	}
	server.Seal()
	if err := server.Listen(ctx); err != nil {
		return nil, err
	}
	s.server.Store(server)
	topic := s.m.Topic.Topic()
	s.logStep(ctx, "RPC server", begin, "listens", fmt.Sprintf("%s, %s.%s, %s fanout", topic, topic, s.m.Host, topic))
	return server, nil
}

func (s *manager) startPeriodic(ctx context.Context) (stop func()) {
	if len(s.periodic) == 0 {
		return func() {}
	}
	begin := time.Now()
	stop = runPeriodic(ctx, s.m.Binary, s.periodic, s.o.FuzzyDelay)
	var on, off []string
	for _, t := range s.periodic {
		if t.off {
			off = append(off, t.Name)
		} else {
			on = append(on, t.Name)
		}
	}
	more := []any{"tasks", strings.Join(on, " ")}
	if off != nil {
		more = append(more, "disabled", strings.Join(off, " "))
	}
	s.logStep(ctx, "periodic tasks", begin, more...)
	return stop
}

// drain stops taking new work and waits for the work in flight. ctx has ended already, so it uses a context of its own.
func (s *manager) drain(ctx context.Context, server *messaging.Server, stopTasks func()) error {
	begin, inFlight := time.Now(), 0
	if server != nil {
		inFlight = server.InFlight()
		log.From(ctx).InfoContext(ctx, "service takes no new work", "service", s.m.Binary, "in_flight", inFlight)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), Grace(ctx, s.o.Grace)) // ctx has ended already
	defer cancel()
	tasksEnded := make(chan struct{})
	go func() { // ends with the last run; stopTasks ends its context
		defer close(tasksEnded)
		stopTasks()
	}()
	var err error
	if server != nil {
		err = server.Drain(ctx)
	}
	select {
	case <-tasksEnded:
	case <-ctx.Done(): // earlier services may have used up the grace period; report only what still runs here
		if names := s.running(); len(names) > 0 {
			err = errors.Join(err, fault.Unavailablef("periodic tasks still run: %s", strings.Join(names, ", ")))
		}
	}
	if err == nil && server != nil {
		s.logStep(ctx, "drained", begin, "in_flight", inFlight)
	}
	return err
}

func (s *manager) running() (names []string) {
	for _, t := range s.periodic {
		if t.busy() {
			names = append(names, t.Name)
		}
	}
	return names
}

// Report writes the work in flight, the state of the membership, and the state of the periodic tasks.
func (s *manager) Report(w io.Writer) {
	fmt.Fprintf(w, "%s on %s, level %d\n", s.m.Binary, s.m.Host, s.m.Level)
	if srv := s.server.Load(); srv != nil {
		srv.Report(w)
	}
	if s.group != nil {
		s.member.report(w)
	}
	for _, t := range s.periodic {
		t.report(w)
	}
}
