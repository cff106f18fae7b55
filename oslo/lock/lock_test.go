package lock_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"hypernova/oslo/fault"
	"hypernova/oslo/lock"
)

func TestOneKeyOneHolder(t *testing.T) {
	t.Parallel()
	var k lock.Keyed[string]
	n := 0 // the race detector watches
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if err := k.Do(t.Context(), "server", func() error { n++; return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n != 100 || k.Held() != 0 {
		t.Errorf("got %d runs, %d keys left", n, k.Held())
	}
}

func TestWaitEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var k lock.Keyed[int]
		unlock, err := k.Lock(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if other, err := k.Lock(t.Context(), 2); err != nil {
			t.Errorf("another key: %v", err)
		} else {
			other()
		}
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan error)
		go func() {
			_, err := k.Lock(ctx, 1)
			got <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-got; !fault.Is(err, fault.Unavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		unlock()
		unlock()
		if k.Held() != 0 {
			t.Errorf("%d keys left", k.Held())
		}
	})
}
