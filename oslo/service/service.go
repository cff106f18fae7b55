// Package service is the frame that every role runs in: a launcher, manager services with their place in the service group,
// periodic tasks, and API services. Loggers and metrics are those of the context (oslo/log, oslo/metric).
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

// Service is one thing a launcher runs. Run blocks until ctx ends and its work is drained; it calls ready once it serves.
// A Run that returns before ctx ended has failed, whatever it returns.
type Service interface {
	Name() string
	Run(ctx context.Context, ready func()) error
}

// Reporter is a service that has something to say in a state report.
type Reporter interface{ Report(w io.Writer) }

// Wrapper is a service that runs another one, which is the member of a group, as a part of itself.
type Wrapper interface{ Inner() Service }

// Func makes a Service of a function.
func Func(name string, run func(ctx context.Context, ready func()) error) Service {
	return fn{name, run}
}

type fn struct {
	name string
	run  func(ctx context.Context, ready func()) error
}

func (f fn) Name() string                                { return f.name }
func (f fn) Run(ctx context.Context, ready func()) error { return f.run(ctx, ready) }

// running is one service under the launcher.
type running struct {
	s     Service
	stop  context.CancelCauseFunc
	ready chan struct{}
	ended chan struct{} // closed after err is set
	err   error
}

// Launch starts the services in order, each after the one before is ready, waits for ctx (or a failure), and stops them in reverse order,
// each within grace. It returns nil after an orderly stop; otherwise one error that names the service that failed and what the stop left.
// systemd, where it started the process, is told of readiness, stopping and life.
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

// start runs s under a context that ends only when its turn to stop has come.
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
		log.From(ctx).Info("service is ready", "service", r.s.Name(), log.Took, time.Since(begin).Round(time.Millisecond).String())
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

// parting is how long a service may take beyond the grace period, to leave its group and close what it has open.
const parting = 5 * time.Second

// ending is the cause of a service's context that ends because its turn to stop has come.
type ending struct{ by time.Time }

func (e *ending) Error() string { return "told to stop by " + e.by.UTC().Format(time.RFC3339) }

// Grace is how long a service whose context ended may take for work in flight: what the launcher's grace period has left, as all of a
// process's services share it, or own if that is less or nobody said.
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
			// A start that was interrupted fails with the reason of its end somewhere in its error: nothing is wrong with that.
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

// contained runs f and makes an error of its panic, with the stack in the log.
func contained(ctx context.Context, sort, name string, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			metric.From(ctx).Panic(sort, name)
			log.From(ctx).ErrorContext(ctx, sort+" panicked", "name", name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("it panicked: %v", p)
		}
	}()
	return f()
}

func notify(l *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		l.Warn("systemd could not be told", "state", state, log.Err, err.Error())
	}
}

// watchdog tells systemd at half the interval it asked for that the process lives.
func watchdog(ctx context.Context, l *slog.Logger) (stop func()) {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		l.Warn("systemd's watchdog setting cannot be read", log.Err, err.Error())
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
