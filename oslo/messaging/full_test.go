package messaging_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"hypernova/oslo/log"
	"hypernova/oslo/messaging"
	"hypernova/oslo/messaging/inproc"
)

// A receiver with a full queue logs one line with the remedy, and another one when it accepts messages again.
func TestFullQueueIsLogged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var out bytes.Buffer
		ctx := log.With(t.Context(), slog.New(slog.NewTextHandler(writer(func(b []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return out.Write(b)
		}), nil)))
		bus, err := messaging.Open(ctx, "inproc:", inproc.Scheme)
		if err != nil {
			t.Fatal(err)
		}
		defer bus.Close(context.Background())
		api := messaging.NewAPI("slow")
		work := messaging.NewCast[int](api, "work")
		release := make(chan bool)
		s := messaging.NewServer(bus, api, "h1", messaging.Concurrency(1))
		work.Handle(s, func(context.Context, int) error { <-release; return nil })
		if err := s.Listen(ctx); err != nil {
			t.Fatal(err)
		}
		refused := 0
		for i := range 4100 {
			if work.Do(ctx, bus, "h1", i) != nil {
				refused++
			}
		}
		close(release)
		synctest.Wait()
		if err := s.Drain(ctx); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		for line, want := range map[string]int{"refusing messages: the queue is full": 1, "run more instances": 1,
			"accepting messages again": 1} {
			if n := strings.Count(out.String(), line); n != want || refused < 2 {
				t.Errorf("%q is there %d times after %d refusals", line, n, refused)
			}
		}
	})
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }
