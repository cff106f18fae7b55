package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
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
}

// New makes the service of a manager. group may be nil (no membership), bus too where there is no topic.
func New(m Manager, bus *messaging.Bus, group Group, o Options) Service {
	s := &manager{m: m, bus: bus, group: group, o: o.filled()}
	for _, p := range m.Periodic {
		s.periodic = append(s.periodic, &task{Periodic: p})
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
	beaten   atomic.Int64                     // unix nanoseconds of the last heartbeat that arrived
}

func (s *manager) Name() string { return s.m.Binary }

// Run is the life of every manager service, in the order that operators know.
func (s *manager) Run(ctx context.Context, ready func()) error {
	if s.o.DownTime <= s.o.ReportInterval {
		return fault.Invalidf("service_down_time (%v) must be more than report_interval (%v)", s.o.DownTime, s.o.ReportInterval)
	}
	if err := s.hook(ctx, "check config", s.m.CheckConfig); err != nil {
		return err
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
		return err
	}
	if err := s.hook(ctx, "post-start", s.m.PostStart); err != nil {
		return errors.Join(err, s.drain(ctx, server))
	}
	stopBeats := s.heartbeats(ctx, id)
	stopTasks := runPeriodic(ctx, s.m.Binary, s.periodic, s.o.FuzzyDelay)
	ready()
	<-ctx.Done()
	stopTasks()
	err = s.drain(ctx, server) // heartbeats go on: a draining service is not dead
	id = stopBeats()
	return errors.Join(err, s.leave(ctx, id))
}

func (s *manager) hook(ctx context.Context, name string, f func(context.Context) error) error {
	if f == nil {
		return nil
	}
	begin := time.Now()
	if err := f(ctx); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	log.From(ctx).Debug("service hook done", "service", s.m.Binary, log.Step, name, log.Took, time.Since(begin).String())
	return nil
}

func (s *manager) member() Member {
	m := Member{Host: s.m.Host, Binary: s.m.Binary, Level: s.m.Level}
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
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		id, err := s.group.Join(ctx, s.member())
		if err == nil {
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
	server := messaging.NewServer(s.bus, s.m.Topic, s.m.Host, messaging.Concurrency(s.o.Concurrency), messaging.ServerLevel(s.m.Level))
	if s.m.Register != nil {
		s.m.Register(server)
	}
	server.Seal()
	if err := server.Listen(ctx); err != nil {
		return nil, err
	}
	s.server.Store(server)
	return server, nil
}

// drain waits for work in flight although ctx has ended.
func (s *manager) drain(ctx context.Context, server *messaging.Server) error {
	if server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.Grace) // ctx ended: that is why we drain
	defer cancel()
	return server.Drain(ctx)
}

func (s *manager) leave(ctx context.Context, id string) error {
	if s.group == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.ReportInterval) // ctx ended: that is why we leave
	defer cancel()
	if err := s.group.Leave(ctx, id); err != nil && !fault.Is(err, fault.NotFound) {
		return fmt.Errorf("leave the service group: %w", err)
	}
	return nil
}

// heartbeats makes the service a member of the group and keeps it one, until the returned function ends it and tells the record's id.
// A heartbeat that fails is no reason to stop working: the log says when the group is lost and when it is back.
func (s *manager) heartbeats(ctx context.Context, id string) (stop func() string) {
	if s.group == nil {
		return func() string { return "" }
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // a draining service is alive until it has left
	ended := make(chan struct{})
	beat := func(lost bool) bool {
		err := contained(ctx, "heartbeat", s.m.Binary, func() error {
			one, cancel := context.WithTimeout(ctx, s.o.ReportInterval)
			defer cancel()
			err := s.group.Beat(one, id)
			if fault.Is(err, fault.NotFound) {
				var again string
				if again, err = s.group.Join(one, s.member()); err == nil {
					id = again
				}
			}
			return err
		})
		switch l := log.From(ctx).With("service", s.m.Binary, log.Host, s.m.Host); {
		case err == nil:
			s.beaten.Store(time.Now().UnixNano())
			if lost {
				l.Info("heartbeats arrive again")
			}
		case !lost && ctx.Err() == nil:
			l.Error("heartbeat does not arrive; others will see this service as down", log.Err, err.Error())
		}
		return err != nil
	}
	lost := beat(false)
	go func() {
		defer close(ended)
		t := time.NewTicker(s.o.ReportInterval)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				lost = beat(lost)
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() string { cancel(); <-ended; return id }
}

// Report says what is in flight and how the periodic tasks do.
func (s *manager) Report(w io.Writer) {
	fmt.Fprintf(w, "%s on %s, level %d\n", s.m.Binary, s.m.Host, s.m.Level)
	if srv := s.server.Load(); srv != nil {
		fmt.Fprintf(w, "  messages in flight: %d\n", srv.InFlight())
	}
	if at := s.beaten.Load(); at != 0 {
		fmt.Fprintf(w, "  last heartbeat: %s\n", time.Unix(0, at).UTC().Format(time.RFC3339))
	}
	for _, t := range s.periodic {
		t.report(w)
	}
}
