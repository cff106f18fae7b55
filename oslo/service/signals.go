package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"hypernova/oslo/log"
	"hypernova/oslo/private"
)

// SignalOptions are a process's answers to signals.
type SignalOptions struct {
	// Reload hooks answer SIGHUP in order; each says what it did.
	Reload []func(ctx context.Context) (did string, err error)
	// Report writes the state report for SIGUSR2; nil: goroutines only.
	Report func(w io.Writer)
	// ReportPath is the file that a report is added to; empty: standard error.
	ReportPath string
	// Exit ends the process at a second SIGTERM or SIGINT, with 128 and the signal's number; nil: os.Exit.
	Exit func(code int)
	// Source brings the signals; nil: the operating system's. Tests put their own in.
	Source <-chan os.Signal
}

// ErrSignal is the cause of a context that a signal ended.
var ErrSignal = errors.New("ended by a signal")

// Signals returns a context that SIGTERM or SIGINT ends, so that Launch drains; a second one ends the process at once.
// SIGHUP runs the reload hooks, SIGUSR2 writes a state report. stop gives the signals back to the system.
func Signals(ctx context.Context, o SignalOptions) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	source, unhook := o.Source, func() {}
	if source == nil {
		c := make(chan os.Signal, 8) // signals that come while a reload runs
		signal.Notify(c, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR2)
		source = c
		unhook = func() { signal.Stop(c) }
	}
	if o.Exit == nil {
		o.Exit = os.Exit
	}
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		o.answer(ctx, source, quit, cancel)
	}()
	return ctx, func() {
		unhook()
		close(quit)
		<-ended
		cancel(context.Canceled)
	}
}

func (o SignalOptions) answer(ctx context.Context, source <-chan os.Signal, quit <-chan struct{}, end context.CancelCauseFunc) {
	l := log.From(ctx)
	ending := false
	for {
		select {
		case <-quit:
			return
		case s := <-source:
			switch s {
			case syscall.SIGHUP:
				o.reload(ctx)
			case syscall.SIGUSR2:
				if err := o.report(); err != nil {
					l.Error("state report could not be written", log.Err, err.Error())
				}
			default:
				if ending {
					l.Warn("second signal: ending at once", "signal", s.String())
					o.Exit(exitCode(s))
					return
				}
				ending = true
				l.Info("signal: finishing what is under way, a second one ends at once", "signal", s.String())
				end(fmt.Errorf("%w: %v", ErrSignal, s))
			}
		}
	}
}

// exitCode is what a shell says of a program that a signal ended.
func exitCode(s os.Signal) int {
	if n, ok := s.(syscall.Signal); ok {
		return 128 + int(n)
	}
	return 128
}

func (o SignalOptions) reload(ctx context.Context) {
	l := log.From(ctx)
	notify(l, daemon.SdNotifyReloading)
	defer notify(l, daemon.SdNotifyReady)
	if len(o.Reload) == 0 {
		l.Info("signal to reload: there is nothing to reload here")
	}
	for _, f := range o.Reload {
		var did string
		err := contained(ctx, "reload", "hook", func() (err error) { did, err = f(ctx); return err })
		if err != nil {
			l.Error("reload refused, the old settings stay", log.Err, err.Error())
		} else {
			l.Info("reloaded", "what", did)
		}
	}
}

func (o SignalOptions) report() error {
	if o.ReportPath == "" {
		return o.write(os.Stderr)
	}
	f, err := private.File(o.ReportPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY)
	if err != nil {
		return err
	}
	return errors.Join(o.write(f), f.Close())
}

func (o SignalOptions) write(w io.Writer) error {
	if o.Report != nil {
		o.Report(w)
		return nil
	}
	WriteReport(w)
	return nil
}

// contain keeps a report going where one service cannot tell.
func contain(w io.Writer, name string, f func()) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(w, "%s: cannot tell: %v\n", name, p)
		}
	}()
	f()
}

// WriteReport writes what can be said of a process: its services, then every goroutine.
func WriteReport(w io.Writer, ss ...Service) {
	WriteServices(w, ss...)
	WriteGoroutines(w)
}

// WriteServices is the part of a report that tells of the process and its services.
func WriteServices(w io.Writer, ss ...Service) {
	fmt.Fprintf(w, "state report of process %d at %s: %d goroutines\n", os.Getpid(), time.Now().UTC().Format(time.RFC3339), runtime.NumGoroutine())
	for _, s := range ss {
		if r, ok := s.(Reporter); ok {
			contain(w, s.Name(), func() { r.Report(w) })
		} else {
			fmt.Fprintln(w, s.Name())
		}
	}
}

// WriteGoroutines is the part of a report that tells what the process is doing.
func WriteGoroutines(w io.Writer) {
	fmt.Fprintln(w, "goroutines:")
	_ = pprof.Lookup("goroutine").WriteTo(w, 1) // to a log or file that just took the lines above
}
