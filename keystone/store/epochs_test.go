package store

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
)

// slowDatabase answers each reading of the epoch after took, with the value that it had when the reading began.
type slowDatabase struct {
	took     time.Duration
	value    atomic.Int64
	readings atomic.Int64
}

func (s *slowDatabase) read(ctx context.Context) (int64, error) {
	s.readings.Add(1)
	v := s.value.Load()
	select {
	case <-time.After(s.took):
		return v, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func TestSlowDatabaseDoesNotStallCallersWithAFreshEpoch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &slowDatabase{took: 20 * time.Millisecond}
		e := newEpochs(nil, s.read)
		current := func() time.Duration {
			began := time.Now()
			if _, err := e.Current(t.Context()); err != nil {
				t.Fatal(err)
			}
			return time.Since(began)
		}
		if took := current(); took != s.took {
			t.Errorf("the first reading took %s, want %s", took, s.took)
		}
		s.took = 200 * time.Millisecond
		time.Sleep(Fresh / 2)
		for range 10 { // the reading in the background takes all this time
			if took := current(); took != 0 {
				t.Errorf("a caller waited %s for a reading that need not be renewed yet", took)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if n := s.readings.Load(); n != 2 {
			t.Errorf("%d readings, want the first and one in the background", n)
		}
		time.Sleep(s.took) // the reading in the background ends within the test
	})
}

func TestCallersShareOneReadingAndMayGiveUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &slowDatabase{took: 5 * time.Second}
		e := newEpochs(nil, s.read)
		var wg sync.WaitGroup
		began := time.Now()
		for i := range 20 {
			wg.Go(func() {
				ctx, cancel := t.Context(), func() {}
				if i%2 == 0 {
					ctx, cancel = context.WithTimeout(ctx, time.Second)
				}
				defer cancel()
				_, err := e.Current(ctx)
				took := time.Since(began)
				switch {
				case i%2 == 0 && (!errors.Is(err, context.DeadlineExceeded) || took != time.Second):
					t.Errorf("a caller with a deadline of 1s: %v after %s", err, took)
				case i%2 == 1 && (err != nil || took != 5*time.Second):
					t.Errorf("a caller that waits: %v after %s", err, took)
				}
			})
		}
		wg.Wait()
		if n := s.readings.Load(); n != 1 {
			t.Errorf("%d readings, want 1", n)
		}
	})
}

// A caller does not take the result of a reading that began more than Fresh before the call.
func TestReadingUnderWayIsTooOldForLateCallers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &slowDatabase{took: 3 * time.Second}
		e := newEpochs(nil, s.read)
		s.value.Store(1)
		go func() { _, _ = e.Current(t.Context()) }() // its result is not looked at
		time.Sleep(time.Second)
		s.value.Store(2) // by another process
		got, err := e.Current(t.Context())
		if err != nil || got != 2 {
			t.Errorf("got %d, %v; want 2", got, err)
		}
	})
}

// A reading that begins before a local change and ends after it does not hide the change.
func TestOwnChangeShowsAtOnceWhileAReadingIsUnderWay(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		begun, release := make(chan struct{}), make(chan struct{})
		first := true
		e := newEpochs(d, func(ctx context.Context) (int64, error) {
			v, err := epoch.One(ctx, d)
			if first { // readings do not overlap
				first = false
				close(begun)
				<-release
			}
			return v, err
		})
		old := make(chan int64, 1)
		go func() {
			v, _ := e.Current(t.Context())
			old <- v
		}()
		<-begun
		if err := e.Change(t.Context(), d, func(*db.Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
		after := make(chan int64, 1)
		go func() {
			v, _ := e.Current(t.Context())
			after <- v
		}()
		close(release)
		if o, a := <-old, <-after; a != o+1 {
			t.Errorf("epoch %d after the change, %d before", a, o)
		}
	}, dbtest.Migrations{Name: "keystone", FS: Migrations()})
}
