package transporttest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hypernova/oslo/messaging"
	"hypernova/oslo/messaging/faulty"
)

// through returns a broker whose connections have the faults of n.
func through(br Broker, n *faulty.Network) Broker {
	connect := br.Connect
	br.Connect = func() messaging.Transport { return n.Wrap(connect()) }
	return br
}

// lossy loses a third of all messages: requests, replies and keep-alives.
func lossy(t *testing.T, br Broker) {
	n := new(faulty.Network)
	w := newWorld(through(br, n))
	client, _ := w.bus(t)
	server, _ := w.bus(t)
	var mu sync.Mutex
	runs := map[string]int{} // by argument
	w.serve(t, server, "h", handlers{echo: func(_ context.Context, s string) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		runs[s]++
		return s, nil
	}})
	n.Set(faulty.Faults{Drop: 0.3, Duplicate: 0.1, Delay: 0.1, MaxDelay: w.beat})
	const calls = 200
	tries := make([]int, calls)
	var wg sync.WaitGroup
	for i := range calls {
		wg.Go(func() {
			arg := fmt.Sprint("call ", i)
			for tries[i] = 1; ; tries[i]++ {
				got, err := w.echo.Do(t.Context(), client, "h", arg)
				if messaging.NoReply(err) && tries[i] < 10 {
					continue
				}
				if got != arg || err != nil {
					t.Errorf("%s: got %q, %v", arg, got, err)
				}
				return
			}
		})
	}
	wg.Wait()
	more := 0
	for i := range calls {
		more += tries[i] - 1
		if ran := runs[fmt.Sprint("call ", i)]; ran < 1 || ran > tries[i] {
			t.Errorf("call %d was made %d times and handled %d times", i, tries[i], ran)
		}
	}
	if more > calls/5 { // without repetitions it is half of the calls
		t.Errorf("%d of %d calls had to be made anew", more, calls)
	}
	if sent, dropped := n.Counts(); dropped < sent/5 {
		t.Errorf("%d of %d messages were lost, want a third", dropped, sent)
	}
}

// mute loses the first replies.
type mute struct {
	messaging.Transport
	left atomic.Int32
}

func (m *mute) Send(ctx context.Context, to messaging.Address, msg *messaging.Message) error {
	if msg.Kind == messaging.KindReply && m.left.Add(-1) >= 0 {
		return nil
	}
	return m.Transport.Send(ctx, to, msg)
}

func lostReply(t *testing.T, br Broker) {
	w := newWorld(br)
	client, _ := w.bus(t)
	m := &mute{Transport: br.Connect()}
	m.left.Store(2)
	w.broker.Connect = func() messaging.Transport { return m }
	server, _ := w.bus(t)
	var runs atomic.Int32
	w.serve(t, server, "h", handlers{echo: func(_ context.Context, s string) (string, error) {
		return fmt.Sprint(s, " ", runs.Add(1)), nil
	}})
	for _, want := range []string{"number 1", "number 2"} {
		if got, err := w.echo.Do(t.Context(), client, "h", "number"); got != want || err != nil {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
}

// slowOnce has two receivers. Each may receive repetitions of messages that the other is handling.
func slowOnce(t *testing.T, br Broker) {
	n := new(faulty.Network)
	w := newWorld(through(br, n))
	client, _ := w.bus(t)
	var mu sync.Mutex
	type run struct{ host, what string }
	runs := map[run]int{}
	for _, host := range []string{"h1", "h2"} {
		server, _ := w.bus(t)
		w.serve(t, server, host, handlers{echo: func(_ context.Context, s string) (string, error) {
			mu.Lock()
			runs[run{host, s}]++
			mu.Unlock()
			<-time.After(4 * w.beat)
			return host, nil
		}})
	}
	// To a host, because two receivers of a topic would each get one of the duplicates.
	n.Set(faulty.Faults{Duplicate: 1})
	var wg sync.WaitGroup
	for i := range 8 {
		for _, host := range []string{"h1", "h2"} {
			wg.Go(func() {
				if got, err := w.echo.Do(t.Context(), client, host, fmt.Sprint(host, " ", i)); got != host || err != nil {
					t.Errorf("%s: got %q, %v", host, got, err)
				}
			})
		}
	}
	wg.Wait()
	n.Set(faulty.Faults{})
	for i := range 8 {
		wg.Go(func() {
			if _, err := w.echo.Do(t.Context(), client, "", fmt.Sprint("any ", i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	// On a loaded machine a keep-alive may be so late that the other receiver gets the message too. No receiver runs it
	// twice.
	for r, ran := range runs {
		if ran != 1 || !strings.HasPrefix(r.what, "any") && !strings.HasPrefix(r.what, r.host) {
			t.Errorf("%q was handled %d times on %s", r.what, ran, r.host)
		}
	}
}
