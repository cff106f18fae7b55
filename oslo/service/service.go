// Package service is the service framework, as oslo.service and nova.service are: a launcher, manager services with
// heartbeats in the service group, periodic tasks, and API servers. The logger and the metrics are those of the context
// (oslo/log, oslo/metric).
package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"hypernova/oslo/log"
	"hypernova/oslo/metric"
)

// Service is one service of a launcher. Run blocks until ctx ends and its work is drained, and calls ready once it
// serves. A Run that returns before ctx ends has failed, even if its error is nil.
type Service interface {
	Name() string
	Run(ctx context.Context, ready func()) error
}

// Reporter is a Service that writes a section of the state report.
type Reporter interface{ Report(w io.Writer) }

// Wrapper is a Service that runs another Service. Inner returns the one that is the member of a group.
type Wrapper interface{ Inner() Service }

// Func makes a Service from a function.
func Func(name string, run func(ctx context.Context, ready func()) error) Service {
	return fn{name, run}
}

type fn struct {
	name string
	run  func(ctx context.Context, ready func()) error
}

func (f fn) Name() string                                { return f.name }
func (f fn) Run(ctx context.Context, ready func()) error { return f.run(ctx, ready) }

// running is one started service.
type running struct {
	s     Service
	stop  context.CancelCauseFunc
	ready chan struct{}
	ended chan struct{} // closed after err is set
	err   error
}

// Launch starts the services in order, each after the previous one is ready. It waits until ctx ends or a service
// fails. Then it stops them in reverse order, all within grace. It returns nil after an orderly stop, otherwise an
// error that names the service that failed and the errors of the stop. It notifies systemd (READY, STOPPING, WATCHDOG)
// if systemd started the process.
func Launch(ctx context.Context, grace time.Duration, ss ...Service) error {
	l := log.From(ctx)
	begin := time.Now()
	var up []*running
	failed := make(chan *running, len(ss)) // each service fails at most once
	var err error
	for _, s := range ss {
		notify(l, "STATUS=starting "+s.Name())
		r := start(ctx, s, failed)
		up = append(up, r)
		if err = awaitReady(ctx, r, failed); err != nil || ctx.Err() != nil {
			break
		}
	}
	if err == nil && ctx.Err() == nil {
		l.Info("all services are ready", "services", len(ss), log.Took, time.Since(begin).Round(time.Millisecond).String())
		notify(l, fmt.Sprintf("%s\nSTATUS=%d services run", daemon.SdNotifyReady, len(ss)))
		stopWatchdog := watchdog(ctx, l)
		select {
		case <-ctx.Done():
		case r := <-failed:
			<-r.ended
			err = fmt.Errorf("service %s failed: %w", r.s.Name(), r.err)
		}
		stopWatchdog()
	}
	if err != nil {
		l.Error("stopping all services", log.Err, err.Error())
	}
	notify(l, daemon.SdNotifyStopping)
	return errors.Join(err, stopAll(l, grace, up))
}

// start runs s under a context that ends when it is this service's turn to stop.
func start(ctx context.Context, s Service, failed chan<- *running) *running {
	own, cancel := context.WithCancelCause(context.WithoutCancel(ctx)) // services stop in reverse order, not all at once
	r := &running{s: s, stop: cancel, ready: make(chan struct{}), ended: make(chan struct{})}
	ready := sync.OnceFunc(func() { close(r.ready) })
	log.From(ctx).Debug("service starts", "service", s.Name())
	go func() {
		defer close(r.ended)
		r.err = contained(own, "service", s.Name(), func() error { return s.Run(own, ready) })
		if own.Err() == nil {
			if r.err == nil {
				r.err = errors.New("it ended by itself")
			}
			failed <- r
		}
	}()
	return r
}

func awaitReady(ctx context.Context, r *running, failed <-chan *running) error {
	begin := time.Now()
	select {
	case <-r.ready:
		log.From(ctx).Info("service is ready", "service", r.s.Name(), log.Took,
			time.Since(begin).Round(time.Millisecond).String())
		return nil
	case f := <-failed:
		<-f.ended
		if f == r {
			return fmt.Errorf("service %s did not start: %w", r.s.Name(), r.err)
		}
		return fmt.Errorf("service %s failed: %w", f.s.Name(), f.err)
	case <-ctx.Done():
		return nil
	}
}

// parting is the time beyond the grace period in which a service leaves its group and closes its connections.
const parting = 5 * time.Second

// ending is the cancellation cause of a service that was told to stop.
type ending struct{ by time.Time }

func (e *ending) Error() string { return "told to stop by " + e.by.UTC().Format(time.RFC3339) }

// Grace returns how long a service may take for its work in flight after its context ended. It is the rest of the
// launcher's grace period, which all services of the process share, but at most own. Without a launcher it is own.
func Grace(ctx context.Context, own time.Duration) time.Duration {
	var e *ending
	if errors.As(context.Cause(ctx), &e) {
		return min(own, max(time.Until(e.by), 0))
	}
	return own
}

func stopAll(l *slog.Logger, grace time.Duration, up []*running) error {
	var errs []error
	by := time.Now().Add(grace)
	for _, r := range slices.Backward(up) {
		begin := time.Now()
		select {
		case <-r.ended:
			r.stop(nil)
			continue
		default:
		}
		notify(l, "STATUS=stopping "+r.s.Name())
		r.stop(&ending{by})
		t := time.NewTimer(max(time.Until(by), 0) + min(grace/4, parting))
		select {
		case <-r.ended:
			// An interrupted start returns the cancellation cause in its error. That is an orderly stop.
			var told *ending
			if r.err != nil && !errors.Is(r.err, context.Canceled) && !errors.As(r.err, &told) {
				errs = append(errs, fmt.Errorf("service %s did not stop well: %w", r.s.Name(), r.err))
			}
			l.Info("service stopped", "service", r.s.Name(), log.Took, time.Since(begin).Round(time.Millisecond).String())
		case <-t.C:
			errs = append(errs, fmt.Errorf("service %s did not stop within %v", r.s.Name(), grace))
		}
		t.Stop()
	}
	return errors.Join(errs...)
}

// contained runs f and returns its panic as an error. The stack goes to the log.
func contained(ctx context.Context, sort, name string, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			metric.From(ctx).Panic(sort, name)
			log.From(ctx).ErrorContext(ctx, sort+" panicked", "name", name, "panic", fmt.Sprint(p), "stack",
				string(debug.Stack()))
			err = fmt.Errorf("it panicked: %v", p)
		}
	}()
	return f()
}

func notify(l *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		l.Warn("cannot notify systemd", "state", state, log.Err, err.Error())
	}
}

// watchdog notifies systemd's watchdog at half of the interval that systemd asked for.
func watchdog(ctx context.Context, l *slog.Logger) (stop func()) {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		l.Warn("cannot read systemd's watchdog setting", log.Err, err.Error())
	}
	if every <= 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(every / 2)
		defer t.Stop()
		for {
			notify(l, daemon.SdNotifyWatchdog)
			select {
			case <-t.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() { cancel(); <-ended }
}
