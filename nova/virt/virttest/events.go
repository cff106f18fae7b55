package virttest

import (
	"context"
	"sync"
	"testing"
	"time"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

func events(t *testing.T, h Harness, d virt.Driver, src virt.EventSource) {
	if h.Kill == nil {
		t.Skip("no guest can be made to crash")
	}
	s := h.running(t, d)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	seen := make(chan virt.Event, 100)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { _ = src.Events(ctx, func(e virt.Event) { seen <- e }) })
	h.Kill(t, d, s.ID)
	for again := time.Tick(time.Second); ; { // the first crash may be before the subscription
		select {
		case <-ctx.Done():
			t.Fatal("no event came")
		case <-again:
			must(t, d.Start(ctx, s))
			h.Kill(t, d, s.ID)
		case e := <-seen:
			if e.ID != s.ID || e.At.IsZero() {
				t.Errorf("event = %+v, want one of server %s with a time", e, s.ID)
			}
			if e.Power == nova.Shutdown || e.Power == nova.Crashed {
				causes(ctx, t, h, d, s, e)
				return
			}
		}
	}
}

// causes checks the cause of a crash in the event and in Info, and that the cause is gone after the next start and
// stop.
func causes(ctx context.Context, t *testing.T, h Harness, d virt.Driver, s *nova.Spec, e virt.Event) {
	t.Helper()
	must(t, d.Start(ctx, s)) // the loop may have started it after the event
	h.Kill(t, d, s.ID)
	i, err := d.Info(ctx, s.ID)
	for tick := time.Tick(10 * time.Millisecond); err == nil && i.Power == nova.Running; i, err = d.Info(ctx, s.ID) {
		<-tick
	}
	must(t, err)
	if e.Cause != nova.CauseCrash || e.Why == "" || i.Cause != e.Cause || i.Why != e.Why {
		t.Errorf("event = %+v, info = %+v; want the cause %q in both, and why", e, i, nova.CauseCrash)
	}
	if l, ok := d.(virt.LastWords); ok {
		words, err := l.LastWords(ctx, s.ID, 1000)
		must(t, err)
		if len(words) == 0 || len(words) > 1000 {
			t.Errorf("its last words are %q, want some, and 1000 bytes at most", words)
		}
		if _, err := l.LastWords(ctx, ids.UUID(), 10); !fault.Is(err, fault.NotFound) {
			t.Errorf("last words of an unknown server: got %v, want a NotFound fault", err)
		}
	}
	must(t, d.Start(ctx, s))
	for _, stopped := range []bool{false, true} {
		i, err := d.Info(ctx, s.ID)
		must(t, err)
		if i.Cause != "" && !stopped || i.Cause == nova.CauseCrash || i.Cause == nova.CauseDisk {
			t.Errorf("started, and stopped again (%v): info = %+v, want no such cause", stopped, i)
		}
		must(t, d.Stop(ctx, s.ID, 0))
	}
}
