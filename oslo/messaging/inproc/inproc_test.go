package inproc_test

import (
	"context"
	"testing"

	"hypernova/oslo/messaging"
	"hypernova/oslo/messaging/inproc"
	"hypernova/oslo/messaging/transporttest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	transporttest.Run(t, func(t *testing.T) transporttest.Broker {
		b := inproc.NewBroker()
		return transporttest.Broker{Connect: b.Connect}
	})
}

func BenchmarkCall(b *testing.B) {
	br := inproc.NewBroker()
	transporttest.BenchCalls(b, transporttest.Broker{Connect: br.Connect})
}

func TestEachOpenIsASeparateBus(t *testing.T) {
	t.Parallel()
	api := messaging.NewAPI("x")
	ping := messaging.NewCall[messaging.None, string](api, "ping")
	var buses []*messaging.Bus
	for range 2 {
		b, err := messaging.Open(t.Context(), "inproc:", inproc.Scheme)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close(context.Background()) })
		buses = append(buses, b)
	}
	s := messaging.NewServer(buses[0], api, "h")
	ping.Handle(s, func(context.Context, messaging.None) (string, error) { return "pong", nil })
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := ping.Do(t.Context(), buses[0], "h", messaging.None{}); got != "pong" || err != nil {
		t.Errorf("own bus: got %q, %v", got, err)
	}
	if _, err := ping.Do(t.Context(), buses[1], "h", messaging.None{}); err == nil {
		t.Error("another bus reached the listener")
	}
}
