package backoff_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"hypernova/oslo/backoff"
)

func TestPausesDoubleUpToTheLimit(t *testing.T) {
	t.Parallel()
	p := backoff.Policy{First: 100 * time.Millisecond, Most: 5 * time.Second}
	for n, want := range map[int]time.Duration{
		-1: 100 * time.Millisecond, 0: 100 * time.Millisecond, 1: 200 * time.Millisecond, 5: 3200 * time.Millisecond,
		6: 5 * time.Second, 1 << 40: 5 * time.Second,
	} {
		if got := p.Exact(n); got != want {
			t.Errorf("after attempt %d: got %s, want %s", n, got, want)
		}
		for range 100 {
			if got := p.Pause(n); got < want/2 || got > want {
				t.Fatalf("after attempt %d: got %s, want %s to %s", n, got, want/2, want)
			}
		}
	}
	if got := (backoff.Policy{First: time.Second}).Exact(9); got != time.Second {
		t.Errorf("without a limit: got %s", got)
	}
	if got := (backoff.Policy{}).Pause(3); got != 0 {
		t.Errorf("the zero policy: got %s", got)
	}
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := backoff.Policy{First: time.Hour}
		begin := time.Now()
		if err := p.Wait(t.Context(), 0); err != nil || time.Since(begin) < 30*time.Minute {
			t.Errorf("got %v after %s", err, time.Since(begin))
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := p.Wait(ctx, 0); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}
