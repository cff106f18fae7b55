package store

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"hypernova/nova"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
	"hypernova/oslo/service"
)

// Heartbeats that come together are written together, each for itself: the record that an operator deleted is told to
// its member alone.
func TestHeartbeatsInBundles(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		const members = 250 // more than two statements' worth
		begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		now := begin
		g, ctx := NewGroup(d, func() time.Time { return now }), t.Context()
		ids := make([]string, members)
		for i := range ids {
			var err error
			if ids[i], err = g.Join(ctx, service.Member{Host: fmt.Sprint("h", i), Binary: nova.BinaryCompute}); err != nil {
				t.Fatal(err)
			}
		}
		if err := DeleteService(ctx, d, ids[7]); err != nil {
			t.Fatal(err)
		}
		now = begin.Add(time.Minute)
		gone, cancel := context.WithCancel(ctx)
		cancel()
		var wg sync.WaitGroup
		for i, id := range ids {
			wg.Go(func() {
				mine := ctx
				if i%10 == 3 {
					mine = gone // its sender does not wait for it, the others must not suffer
				}
				switch err := g.Beat(mine, id); {
				case i == 7 && !fault.Is(err, fault.NotFound):
					t.Errorf("the deleted member: %v", err)
				case i != 7 && mine == ctx && err != nil:
					t.Errorf("member %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		all, err := Services(ctx, d, "", "")
		if err != nil || len(all) != members-1 {
			t.Fatalf("%d services, %v", len(all), err)
		}
		late := 0
		for _, v := range all {
			if !v.Seen.Equal(now) || v.Reports != 1 {
				late++
			}
		}
		if late > members/10 { // those who did not wait
			t.Errorf("%d heartbeats are missing", late)
		}
	}, tables())
}

// What is found of a silent service is shown until it is heard of again, and nothing late is believed.
func TestWhatIsFoundOfASilentService(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		now := begin
		g, ctx := NewGroup(d, func() time.Time { return now }), t.Context()
		id, err := g.Join(ctx, service.Member{Host: "h1", Binary: nova.BinaryCompute, Pulse: "http://h1:1"})
		if err != nil {
			t.Fatal(err)
		}
		why := func() string {
			v, err := Service(ctx, d, id)
			if err != nil || v.Pulse != "http://h1:1" {
				t.Fatalf("%+v, %v", v, err)
			}
			return v.Why(v.Up(now, time.Minute))
		}
		now = begin.Add(2 * time.Minute)
		if err := NoteService(ctx, d, id, service.NoteOffBus, begin); err != nil || why() != service.NoteOffBus {
			t.Errorf("found %q, %v", why(), err)
		}
		v, err := Service(ctx, d, id)
		if err != nil {
			t.Fatal(err)
		}
		v.Disabled, v.DisabledReason = true, "repair"
		if err := SaveService(ctx, d, &v, now); err != nil || why() != "repair ("+service.NoteOffBus+")" {
			t.Errorf("disabled: %q, %v", why(), err)
		}
		if err := g.Beat(ctx, id); err != nil || why() != "repair" {
			t.Errorf("heard of again: %q, %v", why(), err)
		}
		if err := NoteService(ctx, d, id, service.NoteHung, begin); err != nil {
			t.Fatal(err)
		}
		now = now.Add(2 * time.Minute)
		if why() != "repair" {
			t.Errorf("a look from before the heartbeat is believed: %q", why())
		}
	}, tables())
}
