package transporttest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
)

func callAnswers(t *testing.T, br Broker) {
	w := newWorld(br)
	client, _ := w.bus(t)
	server, _ := w.bus(t)
	w.serve(t, server, "host.with dots>*", handlers{echo: same})
	for _, host := range []string{"", "host.with dots>*"} {
		if got, err := w.echo.Do(t.Context(), client, host, "hello"); got != "hello" || err != nil {
			t.Errorf("host %q: got %q, %v", host, got, err)
		}
	}
}

func contextCrosses(t *testing.T, br Broker) {
	w := newWorld(br)
	client, _ := w.bus(t)
	server, _ := w.bus(t)
	w.serve(t, server, "h", handlers{echo: func(ctx context.Context, _ string) (string, error) {
		left := time.Duration(-1)
		if at, ok := ctx.Deadline(); ok {
			left = time.Until(at)
		}
		c := auth.From(ctx)
		return fmt.Sprintf("%s %s %v %s %t", auth.RequestID(ctx), c.UserID, c.Roles, messaging.Trace(ctx),
			left > 50*time.Second && left <= time.Minute), nil
	}})
	ctx := auth.With(auth.WithRequest(messaging.WithTrace(t.Context(), "00-trace"), "req-1"),
		&auth.Caller{UserID: "u", Roles: []string{"admin", "member"}})
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	got, err := w.echo.Do(ctx, client, "h", "")
	if want := "req-1 u [admin member] 00-trace true"; got != want || err != nil {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func faultsKeepKind(t *testing.T, br Broker) {
	w := newWorld(br)
	client, _ := w.bus(t)
	server, _ := w.bus(t)
	w.serve(t, server, "h", handlers{echo: func(_ context.Context, s string) (string, error) {
		if s == "plain" {
			return "", errors.New("secret cause")
		}
		f := fault.NotFoundf("no such port").Coded("PortNotFound").Because(errors.New("row 7"))
		return "", fmt.Errorf("bind: %w", f)
	}})
	_, err := w.echo.Do(t.Context(), client, "h", "fault")
	f := fault.Of(err)
	if f == nil || f.Kind != fault.NotFound || f.Msg != "no such port" || f.Code != "PortNotFound" ||
		!strings.Contains(err.Error(), "row 7") {
		t.Errorf("got %#v", err)
	}
	_, err = w.echo.Do(t.Context(), client, "h", "plain")
	if err == nil || fault.KindOf(err) != fault.Internal || strings.Contains(fault.Message(err), "secret") ||
		!strings.Contains(err.Error(), "secret cause") {
		t.Errorf("plain error: got %v", err)
	}
}

func nobodyListens(t *testing.T, br Broker) {
	w := newWorld(br)
	client, _ := w.bus(t)
	start := time.Now()
	if _, err := w.echo.Do(t.Context(), client, "nowhere", ""); !fault.Is(err, fault.Unavailable) {
		t.Errorf("call: got %v", err)
	}
	if err := w.work.Do(t.Context(), client, "", ""); !fault.Is(err, fault.Unavailable) {
		t.Errorf("cast: got %v", err)
	}
	if err := w.shout.Do(t.Context(), client, ""); err != nil {
		t.Errorf("fanout: got %v", err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %v: waited for the deadline", took)
	}
}

func orderPerSender(t *testing.T, br Broker) {
	w := newWorld(br)
	server, _ := w.bus(t)
	const senders, each = 4, 200
	type got struct {
		sender string
		n      int
	}
	all := make(chan got, senders*each)
	w.serve(t, server, "h", handlers{note: func(ctx context.Context, n int) error {
		all <- got{auth.RequestID(ctx), n}
		return nil
	}})
	var wg sync.WaitGroup
	for i := range senders {
		client, _ := w.bus(t)
		ctx := auth.WithRequest(t.Context(), fmt.Sprint("sender ", i))
		wg.Go(func() {
			for n := range each {
				if err := w.note.Do(ctx, client, "h", n); err != nil {
					t.Errorf("sender %d: %v", i, err)
					return
				}
			}
		})
	}
	wg.Wait()
	next := map[string]int{}
	for range senders * each {
		g := wait(t, all, "a note")
		if next[g.sender] != g.n {
			t.Fatalf("%s: got note %d, want %d", g.sender, g.n, next[g.sender])
		}
		next[g.sender]++
	}
}

func concurrentCalls(t *testing.T, br Broker) {
	w := newWorld(br)
	client, _ := w.bus(t)
	server, _ := w.bus(t)
	// No handler ends before all have started.
	const n = 32
	var arrived sync.WaitGroup
	arrived.Add(n)
	w.serve(t, server, "h", handlers{echo: func(_ context.Context, s string) (string, error) {
		arrived.Done()
		arrived.Wait()
		return s, nil
	}})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if got, err := w.echo.Do(t.Context(), client, "h", fmt.Sprint(i)); got != fmt.Sprint(i) || err != nil {
				t.Errorf("call %d: got %q, %v", i, got, err)
			}
		})
	}
	wg.Wait()
}

func anyShares(t *testing.T, br Broker) {
	w := newWorld(br)
	client, _ := w.bus(t)
	var counts [2]atomic.Int32
	for i := range counts {
		server, _ := w.bus(t)
		w.serve(t, server, fmt.Sprint("h", i), handlers{echo: func(_ context.Context, s string) (string, error) {
			counts[i].Add(1)
			return s, nil
		}})
	}
	for range 100 {
		if _, err := w.echo.Do(t.Context(), client, "", ""); err != nil {
			t.Fatal(err)
		}
	}
	a, b := counts[0].Load(), counts[1].Load()
	if a+b < 100 || a == 0 || b == 0 { // more if a keep-alive was late and both receivers got the message
		t.Errorf("handled %d and %d of 100", a, b)
	}
}

func fanoutReachesAll(t *testing.T, br Broker) {
	w := newWorld(br)
	client, _ := w.bus(t)
	heard := make(chan string, 3)
	for i := range 3 {
		server, _ := w.bus(t)
		w.serve(t, server, fmt.Sprint("h", i), handlers{shout: func(_ context.Context, s string) error {
			heard <- fmt.Sprint(i, s)
			return nil
		}})
	}
	if err := w.shout.Do(t.Context(), client, "!"); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for range 3 {
		got[wait(t, heard, "a fanout")] = true
	}
	if len(got) != 3 {
		t.Errorf("heard by %v", got)
	}
}

func deadline(t *testing.T, br Broker) {
	w := newWorld(br)
	client, _ := w.bus(t)
	server, _ := w.bus(t)
	ended := make(chan error, 2)
	w.serve(t, server, "h", handlers{echo: func(ctx context.Context, s string) (string, error) {
		<-ctx.Done()
		ended <- ctx.Err()
		return "", ctx.Err()
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := w.echo.Do(ctx, client, "h", "")
	if !fault.Is(err, fault.Unavailable) {
		t.Errorf("deadline of the context: got %v", err)
	}
	_, err = w.short.Do(t.Context(), client, "h", "")
	if !fault.Is(err, fault.Unavailable) {
		t.Errorf("deadline of the method: got %v", err)
	}
	for range 2 {
		if err := wait(t, ended, "the handler's deadline"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the handler's context: %v", err)
		}
	}
}

func longCall(t *testing.T, br Broker) {
	w := newWorld(br)
	client, _ := w.bus(t)
	server, _ := w.bus(t)
	w.serve(t, server, "h", handlers{echo: func(ctx context.Context, s string) (string, error) {
		<-time.After(6 * w.beat)
		return s, nil
	}}, messaging.Concurrency(1))
	var wg sync.WaitGroup
	for range 2 { // the second one waits in the queue and must not count as dead either
		wg.Go(func() {
			if got, err := w.echo.Do(t.Context(), client, "h", "late"); got != "late" || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	wg.Wait()
}

func unknownMethod(t *testing.T, br Broker) {
	w := newWorld(br)
	client, _ := w.bus(t)
	server, _ := w.bus(t)
	w.serve(t, server, "h", handlers{})
	if _, err := w.echo.Do(t.Context(), client, "h", ""); !fault.Is(err, fault.NotImplemented) {
		t.Errorf("got %v", err)
	}
}
