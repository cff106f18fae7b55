package messaging_test

import (
	"context"
	"testing"
	"time"

	"hypernova/oslo/messaging"
	"hypernova/oslo/messaging/inproc"
)

// A server whose handlers are all busy still handles urgent messages at once.
func TestUrgentMessagesPassAllOthers(t *testing.T) {
	t.Parallel()
	bus, err := messaging.Open(t.Context(), "inproc:", inproc.Scheme)
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close(context.Background())
	api := messaging.NewAPI("conductor")
	work := messaging.NewCast[messaging.None](api, "work")
	beat := messaging.NewCall[messaging.None, messaging.None](api, "beat", messaging.Urgent(),
		messaging.Timeout(10*time.Second))
	s := messaging.NewServer(bus, api, "h1", messaging.Concurrency(2))
	release := make(chan bool)
	work.Handle(s, func(context.Context, messaging.None) error { <-release; return nil })
	beat.Handle(s, func(context.Context, messaging.None) (messaging.None, error) { return messaging.None{}, nil })
	s.Seal()
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 500 {
		if err := work.Do(t.Context(), bus, "h1", messaging.None{}); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if _, err := beat.Do(t.Context(), bus, "", messaging.None{}); err != nil {
			t.Errorf("a sign of life to a busy server: %v", err)
		}
	}
	close(release)
	if err := s.Drain(t.Context()); err != nil {
		t.Error(err)
	}
}
