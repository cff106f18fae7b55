package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"hypernova/oslo/auth"
	"hypernova/oslo/ids"
	"hypernova/oslo/log"
	"hypernova/oslo/metric"
)

// jitter is the largest share of the spacing by which a run starts early or late, so that hosts do not run at the same
// time.
const jitter = 0.05

// Periodic is a periodic task. Runs never overlap. The spacing is from start to start; a run that takes longer delays
// the next one.
type Periodic struct {
	Name           string
	Spacing        time.Duration // 0 or less: disabled
	RunImmediately bool          // else the first run comes after a random delay
	Fn             func(ctx context.Context) error
}

// RunOnce runs the task now, under a request id of its own. It blocks until the run ends. A panic is returned as an
// error.
func (p Periodic) RunOnce(ctx context.Context) error {
	ctx = auth.WithRequest(ctx, ids.Request())
	end := metric.From(ctx).Start("periodic", p.Name)
	err := contained(ctx, "periodic", p.Name, func() error { return p.Fn(ctx) })
	if err != nil {
		end("error")
		return fmt.Errorf("periodic task %s: %w", p.Name, err)
	}
	end("ok")
	return nil
}

type task struct {
	Periodic
	off bool // disabled by its spacing or by an option

	mu   sync.Mutex // guards the fields below
	now  bool       // a run is under way
	runs int
	last time.Time
	took time.Duration
	err  error
}

func (t *task) busy() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now
}

// runPeriodic starts the tasks. The returned function ends the contexts of the runs under way and waits for them.
func runPeriodic(ctx context.Context, service string, ts []*task, fuzzy time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	for _, t := range ts {
		if !t.off {
			all.Go(func() { t.loop(ctx, service, fuzzy) })
		}
	}
	return func() { cancel(); all.Wait() }
}

func (t *task) loop(ctx context.Context, service string, fuzzy time.Duration) {
	var delay time.Duration
	if !t.RunImmediately {
		delay = rand.N(min(t.Spacing, fuzzy) + 1)
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			if ctx.Err() != nil {
				return // both were ready
			}
		}
		begin := time.Now()
		t.mu.Lock()
		t.now, t.last = true, begin
		t.mu.Unlock()
		err := t.RunOnce(ctx)
		took := time.Since(begin)
		t.mu.Lock()
		t.now, t.runs, t.took, t.err = false, t.runs+1, took, err
		t.mu.Unlock()
		if took > t.Spacing {
			metric.From(ctx).Overrun(t.Name) // not logged: a task that watches something runs for longer than its spacing
		}
		if err != nil && !(ctx.Err() != nil && errors.Is(err, context.Canceled)) {
			log.From(ctx).Error("periodic task failed", "service", service, "task", t.Name, log.Err, err.Error())
		}
		spread := time.Duration(float64(t.Spacing) * jitter)
		timer.Reset(max(t.Spacing-spread+rand.N(2*spread+1)-time.Since(begin), 0))
	}
}

func (t *task) report(w io.Writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.off:
		fmt.Fprintf(w, "  periodic %s: disabled\n", t.Name)
	case t.now:
		fmt.Fprintf(w, "  periodic %s: every %v, %d runs, one under way since %s\n", t.Name, t.Spacing, t.runs,
			t.last.UTC().Format(time.RFC3339))
	case t.runs == 0:
		fmt.Fprintf(w, "  periodic %s: every %v, not run yet\n", t.Name, t.Spacing)
	default:
		fmt.Fprintf(w, "  periodic %s: every %v, %d runs, last at %s for %v, error: %v\n", t.Name, t.Spacing, t.runs,
			t.last.UTC().Format(time.RFC3339), t.took.Round(time.Millisecond), t.err)
	}
}
