package faulty_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
	"hypernova/oslo/messaging/faulty"
	"hypernova/oslo/messaging/inproc"
	"hypernova/oslo/messaging/transporttest"
)

func TestConformanceWithoutFaults(t *testing.T) {
	t.Parallel()
	transporttest.Run(t, func(t *testing.T) transporttest.Broker {
		b, n := inproc.NewBroker(), new(faulty.Network)
		return transporttest.Broker{Connect: func() messaging.Transport { return n.Wrap(b.Connect()) }}
	})
}

// Half of all messages are lost, many are repeated or delayed, and the broker is away for a while. Calls that are
// retried succeed, accepted casts are handled, and no receiver handles a message twice.
func TestRetriedCallsSucceed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, broker := new(faulty.Network), inproc.NewBroker()
		n.Set(faulty.Faults{Drop: 0.5, Duplicate: 0.2, Delay: 0.2, MaxDelay: time.Second})
		api := messaging.NewAPI("compute")
		echo := messaging.NewCall[int, int](api, "echo")
		work := messaging.NewCast[int](api, "work")
		bus := func() *messaging.Bus {
			b, err := messaging.New(t.Context(), n.Wrap(broker.Connect()))
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		client, server := bus(), bus()
		s := messaging.NewServer(server, api, "h")
		var mu sync.Mutex
		worked := map[int]int{}
		echo.Handle(s, func(_ context.Context, i int) (int, error) { return i, nil })
		work.Handle(s, func(_ context.Context, i int) error {
			mu.Lock()
			defer mu.Unlock()
			worked[i]++
			return nil
		})
		if err := s.Listen(t.Context()); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		tries := 0
		until := func(what string, do func() error) {
			for range 200 {
				err := do()
				if err == nil {
					return
				}
				if !fault.Is(err, fault.Unavailable) {
					t.Errorf("%s: %v", what, err)
					return
				}
				mu.Lock()
				tries++
				mu.Unlock()
				time.Sleep(time.Second)
			}
			t.Errorf("%s never succeeded", what)
		}
		for i := range 50 {
			wg.Go(func() {
				until("call", func() error {
					got, err := echo.Do(t.Context(), client, "h", i)
					if err == nil && got != i {
						t.Errorf("got %d, want %d", got, i)
					}
					return err
				})
			})
			wg.Go(func() { until("cast", func() error { return work.Do(t.Context(), client, "h", i) }) })
		}
		time.Sleep(10 * time.Second)
		n.Down(true)
		time.Sleep(time.Minute)
		n.Down(false)
		wg.Wait()
		n.Set(faulty.Faults{})
		time.Sleep(15 * time.Minute)
		if len(worked) != 50 || tries == 0 {
			t.Errorf("%d of 50 casts were handled, after %d tries", len(worked), tries)
		}
		if left := client.Waiting(); left != 0 {
			t.Errorf("%d messages are still waited for", left)
		}
		if sent, dropped := n.Counts(); dropped < sent/4 {
			t.Errorf("%d of %d were lost", dropped, sent)
		}
		client.Close(t.Context())
		if err := s.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		server.Close(t.Context())
	})
}
