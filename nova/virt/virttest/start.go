package virttest

import (
	"context"
	"errors"
	"testing"
	"time"

	"hypernova/nova"
	"hypernova/nova/virt"
)

// starting cancels a caller during a start that the hypervisor continues. Later calls must not return success before
// the server runs, nor if the start fails.
func starting(t *testing.T, h Harness) {
	if h.Hold == nil {
		t.Skip("the harness cannot hold a start of this driver")
	}
	for _, c := range []struct {
		name string
		ok   bool
	}{{"and then runs", true}, {"and then fails", false}} {
		t.Run(c.name, func(t *testing.T) {
			d := h.New(t)
			s := h.Spec()
			must(t, d.Prepare(t.Context(), s, h.images()))
			end := h.Hold(t, d, s.ID)
			interrupted, interrupt := context.WithCancel(t.Context())
			first := make(chan error, 1)
			go func() { first <- d.Spawn(interrupted, s) }()
			passing(t, d, s.ID)
			interrupt()
			if err := <-first; err == nil {
				t.Error("the interrupted spawn returned success")
			}
			for name, f := range map[string]func(context.Context) error{
				"spawn":   func(ctx context.Context) error { return d.Spawn(ctx, s) },
				"start":   func(ctx context.Context) error { return d.Start(ctx, s) },
				"pause":   func(ctx context.Context) error { return d.Pause(ctx, s.ID) },
				"unpause": func(ctx context.Context) error { return d.Unpause(ctx, s.ID) },
			} {
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				if err := f(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s of a server that is being started: got %v, want that it waits", name, err)
				}
				cancel()
			}
			passing(t, d, s.ID)
			end(c.ok)
			must(t, d.Spawn(t.Context(), s))
			want(t, d, s.ID, nova.Running)
			must(t, d.Stop(t.Context(), s.ID, 0))
			end = h.Hold(t, d, s.ID)
			second := make(chan error, 1)
			go func() { second <- d.Start(t.Context(), s) }()
			passing(t, d, s.ID)
			must(t, d.Stop(t.Context(), s.ID, 0)) // without grace also during a start
			end(false)
			if err := <-second; err == nil {
				t.Error("a start that was stopped returned success")
			}
			want(t, d, s.ID, nova.Shutdown)
		})
	}
}

// passing waits until Info and Servers show that the hypervisor is changing the server's state.
func passing(t *testing.T, d virt.Driver, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for tick := time.Tick(10 * time.Millisecond); ; <-tick {
		i, err := d.Info(ctx, id)
		must(t, err)
		all, err := d.Servers(ctx)
		must(t, err)
		if i.Passing && len(all) == 1 && all[0].Passing {
			if i.Power == nova.Running || i.Power != all[0].Power {
				t.Errorf("while it is being started: info = %+v, servers = %+v", i, all)
			}
			return
		}
	}
}
