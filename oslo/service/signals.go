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

// SignalOptions are the reactions of a process to signals.
type SignalOptions struct {
	// Reload hooks run in order on SIGHUP. did describes the change for the log; an error stops the reload.
	Reload []func(ctx context.Context) (did string, err error)
	// Report writes the state report on SIGUSR2. nil: goroutines only.
	Report func(w io.Writer)
	// ReportPath is the file to which reports are appended. Empty: standard error.
	ReportPath string
	// Exit ends the process at a second SIGTERM or SIGINT, with status 128 plus the signal's number. nil: os.Exit.
	Exit func(code int)
	// Source delivers the signals. nil: the operating system. Tests use a channel of their own.
	Source <-chan os.Signal
}

// ErrSignal is the cancellation cause of a context that a signal ended.
var ErrSignal = errors.New("ended by a signal")

// Signals returns a context that SIGTERM or SIGINT ends, so that Launch drains. A second signal ends the process at
// once. SIGHUP runs the reload hooks, SIGUSR2 writes a state report. stop restores the default signal handling.
func Signals(ctx context.Context, o SignalOptions) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	source, unhook := o.Source, func() {}
	if source == nil {
		c := make(chan os.Signal, 8) // room for signals that arrive during a reload
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

func (o SignalOptions) answer(ctx context.Context, source <-chan os.Signal, quit <-chan struct{},
	end context.CancelCauseFunc) {
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
					l.Error("cannot write the state report", log.Err, err.Error())
				}
			default:
				if ending {
					l.Warn("exiting at once: second signal", "signal", s.String())
					o.Exit(exitCode(s))
					return
				}
				ending = true
				l.Info("stopping: signal received; a second one exits at once", "signal", s.String())
				end(fmt.Errorf("%w: %v", ErrSignal, s))
			}
		}
	}
}

// exitCode is the exit status that a shell reports for a program that a signal ended.
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
		l.Info("reload ignored: nothing here can be reloaded")
	}
	for _, f := range o.Reload {
		var did string
		err := contained(ctx, "reload", "hook", func() (err error) { did, err = f(ctx); return err })
		if err != nil {
			l.Error("reload failed, keeping the old settings", log.Err, err.Error())
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

// contain writes a panic of f into the report, so that the other sections still follow.
func contain(w io.Writer, name string, f func()) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(w, "%s: cannot tell: %v\n", name, p)
		}
	}()
	f()
}

// WriteReport writes the state report of a process: its services, then every goroutine.
func WriteReport(w io.Writer, ss ...Service) {
	WriteServices(w, ss...)
	WriteGoroutines(w)
}

// WriteServices writes the first part of a state report: the process and its services.
func WriteServices(w io.Writer, ss ...Service) {
	fmt.Fprintf(w, "state report of process %d at %s: %d goroutines\n", os.Getpid(),
		time.Now().UTC().Format(time.RFC3339), runtime.NumGoroutine())
	for _, s := range ss {
		if r, ok := s.(Reporter); ok {
			contain(w, s.Name(), func() { r.Report(w) })
		} else {
			fmt.Fprintln(w, s.Name())
		}
	}
}

// WriteGoroutines writes the second part of a state report: the stacks of all goroutines.
func WriteGoroutines(w io.Writer) {
	fmt.Fprintln(w, "goroutines:")
	_ = pprof.Lookup("goroutine").WriteTo(w, 1) // w has just accepted the lines above
}
