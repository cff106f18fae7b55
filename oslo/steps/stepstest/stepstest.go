// Package stepstest tests a plan of steps: it fails, repeats and interrupts each step and checks the state after it.
package stepstest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"hypernova/oslo/steps"
)

// World is a plan and the state that it changes. Check is called when the plan has ended. done reports whether all
// steps have run; if not, the state must be as it was before the plan.
type World[S any] struct {
	Plan  []steps.Step[S]
	State S
	Check func(t *testing.T, done bool, s S)
}

var errInjected = errors.New("injected failure")

// Run runs the plan without faults, with each step failing, and with a crash at each instant, each on a new world.
// fresh makes a world; worlds must not share state.
func Run[S any](t *testing.T, fresh func(t *testing.T) World[S]) {
	t.Helper()
	n := len(fresh(t).Plan)
	t.Run("straight", func(t *testing.T) {
		h := newHarness(t, fresh)
		h.finish(true)
		if limit := n + 1; h.saves > limit {
			t.Errorf("saved %d times, more than %d", h.saves, limit)
		}
	})
	for i := range n {
		name := fresh(t).Plan[i].Name
		t.Run("fail before "+name, func(t *testing.T) {
			h := newHarness(t, fresh)
			h.failBefore = i
			h.finish(false)
		})
		t.Run("fail after "+name, func(t *testing.T) {
			h := newHarness(t, fresh)
			h.failAfter = i
			h.finish(false)
		})
	}
	t.Run("everything twice", func(t *testing.T) {
		h := newHarness(t, fresh)
		h.twice = true
		h.finish(true)
	})
	t.Run("everything twice and undone twice", func(t *testing.T) {
		h := newHarness(t, fresh)
		h.twice = true
		h.failAfter = n - 1
		h.finish(false)
	})
	crashes(t, "", fresh, func(h *harness[S]) bool { return true })
	for i := range n {
		crashes(t, " while unwinding from "+fresh(t).Plan[i].Name, fresh, func(h *harness[S]) bool {
			h.failAfter = i
			return false
		})
	}
}

// crashes counts the instants of a run without crashes, and then runs the plan once with a crash at each of them.
func crashes[S any](t *testing.T, name string, fresh func(t *testing.T) World[S], set func(*harness[S]) bool) {
	t.Helper()
	calm := newHarness(t, fresh)
	want := set(calm)
	calm.finish(want)
	for k := 1; k <= calm.instants; k++ {
		t.Run(fmt.Sprintf("crash at %d%s", k, name), func(t *testing.T) {
			h := newHarness(t, fresh)
			done := set(h)
			h.crashAt = k
			h.finish(done)
		})
	}
}

// harness is one world with the faults to inject, and the journal, which survives crashes.
type harness[S any] struct {
	t     *testing.T
	world World[S]

	failBefore, failAfter int
	twice                 bool
	crashAt               int // the instant of the crash, counted over all runs; 0: none

	mu       sync.Mutex
	instants int
	saves    int
	record   []byte
}

func newHarness[S any](t *testing.T, fresh func(t *testing.T) World[S]) *harness[S] {
	return &harness[S]{t: t, world: fresh(t), failBefore: -1, failAfter: -1}
}

// instant is a moment at which the process may end. After the crash no step has an effect.
func (h *harness[S]) instant() {
	h.mu.Lock()
	h.instants++
	crash := h.instants == h.crashAt
	h.mu.Unlock()
	if crash {
		runtime.Goexit()
	}
}

func (h *harness[S]) Load(context.Context) ([]byte, error) { return h.record, nil }

func (h *harness[S]) Save(_ context.Context, b []byte) error {
	h.instant()
	h.record = append([]byte(nil), b...)
	h.saves++
	h.instant()
	return nil
}

func (h *harness[S]) plan() []steps.Step[S] {
	plan := make([]steps.Step[S], len(h.world.Plan))
	for i, p := range h.world.Plan {
		do, undo := p.Do, p.Undo
		p.Do = func(ctx context.Context, s *S) error {
			h.instant()
			if i == h.failBefore {
				return errInjected
			}
			if err := h.again(ctx, do, s); err != nil {
				return err
			}
			h.instant()
			if i == h.failAfter {
				return errInjected
			}
			return nil
		}
		if undo != nil {
			p.Undo = func(ctx context.Context, s *S) error {
				h.instant()
				err := h.again(ctx, undo, s)
				h.instant()
				return err
			}
		}
		plan[i] = p
	}
	return plan
}

func (h *harness[S]) again(ctx context.Context, f func(context.Context, *S) error, s *S) error {
	if f == nil {
		return nil
	}
	if err := f(ctx, s); err != nil || !h.twice {
		return err
	}
	return f(ctx, s)
}

// finish runs the plan until it ends, again after each crash, and checks the state.
func (h *harness[S]) finish(done bool) {
	h.t.Helper()
	for range 2 {
		s := h.world.State
		var err error
		ended := false
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			err = steps.Run(h.t.Context(), h, &s, h.plan()...)
			ended = true
		}()
		<-gone
		if !ended {
			continue
		}
		var failed *steps.Failed
		switch {
		case done && err != nil:
			h.t.Fatalf("got %v, want all steps done", err)
		case !done && !errors.As(err, &failed):
			h.t.Fatalf("got %v, want the injected failure", err)
		case !done && failed.Undo != nil:
			h.t.Fatalf("undo: %v", failed.Undo)
		}
		h.world.Check(h.t, done, s)
		return
	}
	h.t.Fatal("the run crashed twice")
}
