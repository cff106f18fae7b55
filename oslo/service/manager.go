package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"hypernova/oslo/fault"
	"hypernova/oslo/log"
	"hypernova/oslo/messaging"
)

// Manager is what a role supplies to the manager-service; every hook may be nil.
type Manager struct {
	Binary                                     string // "nova-compute"
	Host                                       string
	Topic                                      *messaging.API // nil: a service without messages
	Level                                      int
	CheckConfig, InitHost, PreStart, PostStart func(ctx context.Context) error
	Register                                   func(s *messaging.Server) // handlers
	Periodic                                   []Periodic
}

// Options are what all manager services of a process share. Zero values are the defaults.
type Options struct {
	ReportInterval time.Duration // between heartbeats; default 10 s
	DownTime       time.Duration // silence that makes a member down; default 60 s; must be more than ReportInterval
	Grace          time.Duration // for work in flight when the service stops; default 60 s
	FuzzyDelay     time.Duration // most that a periodic task's first run is put off; default 60 s
	Concurrency    int           // handlers at once; default that of messaging.Server
	Disabled       []string      // names of periodic tasks that shall not run
	Pulse          string        // URL at which this process answers for its services beside the bus; empty: nowhere
}

func (o Options) filled() Options {
	for _, d := range []struct {
		v *time.Duration
		d time.Duration
	}{{&o.ReportInterval, 10 * time.Second}, {&o.DownTime, time.Minute}, {&o.Grace, time.Minute}, {&o.FuzzyDelay, time.Minute}} {
		if *d.v <= 0 {
			*d.v = d.d
		}
	}
	return o
}

// Group is the service record store and membership: nova and neutron each implement it on their own database.
type Group interface {
	// Join finds or creates the record (host, binary, topic, level) and returns its id. It may be repeated.
	// fault.Unavailable is tried again; any other fault ends the start.
	Join(ctx context.Context, m Member) (string, error)
	// Beat says the member is alive. fault.NotFound: the record was deleted; the service joins again.
	Beat(ctx context.Context, id string) error
	// Leave says it stopped on purpose.
	Leave(ctx context.Context, id string) error
}

// Member is what a service record says of a service.
type Member struct {
	Host, Binary, Topic string
	Level               int
	Pulse               string // Options.Pulse
}

// New makes the service of a manager. group may be nil (no membership), bus too where there is no topic.
func New(m Manager, bus *messaging.Bus, group Group, o Options) Service {
	s := &manager{m: m, bus: bus, group: group, o: o.filled()}
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

// Run is the life of every manager service, in the order that operators know. Each step has a line in the log.
func (s *manager) Run(ctx context.Context, ready func()) error {
	begin := time.Now()
	if s.o.DownTime <= s.o.ReportInterval {
		return fault.Invalidf("service_down_time (%v) must be more than report_interval (%v)", s.o.DownTime, s.o.ReportInterval)
	}
	if err := s.hook(ctx, "configuration check", s.m.CheckConfig); err != nil {
		return err
	}
	if s.m.CheckConfig == nil {
		s.did(ctx, "configuration check", begin)
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
	err = s.drain(ctx, server, stopTasks) // heartbeats go on: a draining service is not dead
	id = stopBeats()
	return errors.Join(err, s.leave(ctx, id))
}

// did writes the line of a step.
func (s *manager) did(ctx context.Context, step string, begin time.Time, more ...any) {
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
	s.did(ctx, name, begin)
	return nil
}

func (s *manager) self() Member {
	m := Member{Host: s.m.Host, Binary: s.m.Binary, Level: s.m.Level, Pulse: s.o.Pulse}
	if s.m.Topic != nil {
		m.Topic = s.m.Topic.Topic()
	}
	return m
}

// join waits for whoever keeps the records: services start in any order.
func (s *manager) join(ctx context.Context) (string, error) {
	if s.group == nil {
		return "", nil
	}
	begin := time.Now()
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		m := s.self()
		id, err := s.group.Join(ctx, m)
		if err == nil {
			s.did(ctx, "service record", begin, log.Host, m.Host, "binary", m.Binary, "topic", m.Topic, "level", m.Level, "id", id)
			return id, nil
		}
		if !fault.Is(err, fault.Unavailable) {
			return "", fmt.Errorf("service record: %w", err)
		}
		log.From(ctx).Warn("service record cannot be written yet, trying again", "service", s.m.Binary, log.Err, err.Error())
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-ctx.Done():
			return "", fmt.Errorf("service record: %w", err)
		}
	}
}

func (s *manager) listen(ctx context.Context) (*messaging.Server, error) {
	if s.m.Topic == nil {
		return nil, nil
	}
	begin := time.Now()
	server := messaging.NewServer(s.bus, s.m.Topic, s.m.Host, messaging.Concurrency(s.o.Concurrency), messaging.ServerLevel(s.m.Level))
	if s.m.Register != nil {
		s.m.Register(server)
	}
	server.Seal()
	if err := server.Listen(ctx); err != nil {
		return nil, err
	}
	s.server.Store(server)
	topic := s.m.Topic.Topic()
	s.did(ctx, "RPC server", begin, "listens", fmt.Sprintf("%s, %s.%s, %s fanout", topic, topic, s.m.Host, topic))
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
	s.did(ctx, "periodic tasks", begin, more...)
	return stop
}

// drain takes no new work and waits for what is in flight, although ctx has ended.
func (s *manager) drain(ctx context.Context, server *messaging.Server, stopTasks func()) error {
	begin, inFlight := time.Now(), 0
	if server != nil {
		inFlight = server.InFlight()
		log.From(ctx).InfoContext(ctx, "service takes no new work", "service", s.m.Binary, "in_flight", inFlight)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), Grace(ctx, s.o.Grace)) // ctx ended: that is why we drain
	defer cancel()
	tasksEnded := make(chan struct{})
	go func() { // ends with the last run, whose context stopTasks ends
		defer close(tasksEnded)
		stopTasks()
	}()
	var err error
	if server != nil {
		err = server.Drain(ctx)
	}
	select {
	case <-tasksEnded:
	case <-ctx.Done(): // other services may have used up the grace period, while here nothing was to be waited for
		if names := s.running(); len(names) > 0 {
			err = errors.Join(err, fault.Unavailablef("periodic tasks still run: %s", strings.Join(names, ", ")))
		}
	}
	if err == nil && server != nil {
		s.did(ctx, "drained", begin, "in_flight", inFlight)
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

// Report says what is in flight, how the service group does, and how the periodic tasks do.
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
