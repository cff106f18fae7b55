package transporttest

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
)

func deadReceiver(t *testing.T, br Broker) {
	w := newWorld(br)
	client, _ := w.bus(t)
	server, tr := w.bus(t)
	started, release := make(chan bool, 1), make(chan bool)
	defer close(release)
	w.serve(t, server, "h", handlers{echo: func(ctx context.Context, s string) (string, error) {
		started <- true
		<-release
		return s, nil
	}})
	ended := make(chan error, 1)
	begin := time.Now()
	go func() {
		_, err := w.echo.Do(t.Context(), client, "h", "")
		ended <- err
	}()
	wait(t, started, "the handler")
	tr.Close(context.Background()) // the process dies
	if err := wait(t, ended, "the end of the call"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("took %v: waited for the deadline", took)
	}
}

func redelivery(t *testing.T, br Broker) {
	w := newWorld(br)
	client, _ := w.bus(t)
	first, tr := w.bus(t)
	started, release := make(chan string, 1), make(chan bool)
	defer close(release)
	w.serve(t, first, "h", handlers{work: func(ctx context.Context, s string) error {
		started <- s
		<-release
		return nil
	}})
	if err := w.work.Do(t.Context(), client, "h", "disk 7"); err != nil {
		t.Fatal(err)
	}
	wait(t, started, "the first handler")
	tr.Close(context.Background()) // the process dies with the work half done
	second, _ := w.bus(t)
	again := make(chan string, 10)
	w.serve(t, second, "h", handlers{work: func(ctx context.Context, s string) error {
		again <- s
		return nil
	}})
	if got := wait(t, again, "the second handler"); got != "disk 7" {
		t.Errorf("got %q", got)
	}
	await(t, "the cast is finished", func() bool { return client.Waiting() == 0 })
}

func poison(t *testing.T, br Broker) {
	w := newWorld(br)
	client, _ := w.bus(t)
	release := make(chan bool)
	defer close(release)
	started := make(chan bool, 100)
	serve := func() messaging.Transport {
		server, tr := w.bus(t)
		w.serve(t, server, "h", handlers{work: func(ctx context.Context, s string) error {
			started <- true
			<-release
			return nil
		}})
		return tr
	}
	tr := serve()
	if err := w.work.Do(t.Context(), client, "h", "poison"); err != nil {
		t.Fatal(err)
	}
	const bound = 5
	for range bound { // it kills each receiver
		wait(t, started, "a delivery")
		tr.Close(context.Background())
		tr = serve()
	}
	await(t, "the message is dropped", func() bool { return client.Waiting() == 0 })
	if len(started) != 0 {
		t.Errorf("given more than %d times", bound)
	}
}

func panicContained(t *testing.T, br Broker) {
	w := newWorld(br)
	client, _ := w.bus(t)
	server, _ := w.bus(t)
	var casts atomic.Int32
	w.serve(t, server, "h", handlers{
		echo: func(_ context.Context, s string) (string, error) {
			if s == "bad" {
				panic("oops")
			}
			return s, nil
		},
		work: func(context.Context, string) error {
			casts.Add(1)
			panic("oops")
		},
	})
	if _, err := w.echo.Do(t.Context(), client, "h", "bad"); err == nil || fault.KindOf(err) != fault.Internal {
		t.Errorf("got %v", err)
	}
	if err := w.work.Do(t.Context(), client, "h", ""); err != nil {
		t.Errorf("cast: %v", err)
	}
	await(t, "the cast is finished", func() bool { return client.Waiting() == 0 })
	if got, err := w.echo.Do(t.Context(), client, "h", "good"); got != "good" || err != nil {
		t.Errorf("after the panic: got %q, %v", got, err)
	}
	if n := casts.Load(); n != 1 {
		t.Errorf("the panicking cast ran %d times", n)
	}
}

func oversize(t *testing.T, br Broker) {
	w := newWorld(br)
	client, _ := w.bus(t)
	server, _ := w.bus(t)
	size := br.Oversize
	if size == 0 {
		size = 9 << 20
	}
	big := strings.Repeat("x", size)
	w.serve(t, server, "h", handlers{echo: func(_ context.Context, s string) (string, error) {
		if s == "grow" {
			return big, nil
		}
		return s, nil
	}})
	if _, err := w.echo.Do(t.Context(), client, "h", big); !fault.Is(err, fault.TooLarge) {
		t.Errorf("request: got %v", err)
	}
	if _, err := w.echo.Do(t.Context(), client, "h", "grow"); !fault.Is(err, fault.TooLarge) {
		t.Errorf("reply: got %v", err)
	}
	if got, err := w.echo.Do(t.Context(), client, "h", "ok"); got != "ok" || err != nil {
		t.Errorf("after: got %q, %v", got, err)
	}
}

func goneCaller(t *testing.T, br Broker) {
	w := newWorld(br)
	client, _ := w.bus(t)
	server, _ := w.bus(t)
	started, release := make(chan bool, 1), make(chan bool)
	s := w.serve(t, server, "h", handlers{echo: func(_ context.Context, s string) (string, error) {
		if s == "slow" {
			started <- true
			<-release
		}
		return s, nil
	}})
	go w.echo.Do(t.Context(), client, "h", "slow")
	wait(t, started, "the handler")
	client.Close(context.Background())
	close(release)
	await(t, "the handler is finished", func() bool { return s.InFlight() == 0 })
	other, _ := w.bus(t)
	if got, err := w.echo.Do(t.Context(), other, "h", "still here"); got != "still here" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func drain(t *testing.T, br Broker) {
	w := newWorld(br)
	client, _ := w.bus(t)
	old, _ := w.bus(t)
	started, release := make(chan bool, 1), make(chan bool)
	s := w.serve(t, old, "h1", handlers{echo: func(_ context.Context, s string) (string, error) {
		select {
		case started <- true:
		default: // a call that arrived before the drain
		}
		<-release
		return "finished", nil
	}})
	inFlight := make(chan string, 1)
	go func() {
		got, err := w.echo.Do(t.Context(), client, "h1", "")
		if err != nil {
			got = err.Error()
		}
		inFlight <- got
	}()
	wait(t, started, "the handler")
	drained := make(chan error, 1)
	go func() { drained <- s.Drain(t.Context()) }()
	await(t, "new calls are refused", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := w.echo.Do(ctx, client, "h1", "")
		return fault.Is(err, fault.Unavailable) && ctx.Err() == nil
	})
	fresh, _ := w.bus(t)
	w.serve(t, fresh, "h2", handlers{echo: same})
	if got, err := w.echo.Do(t.Context(), client, "", "elsewhere"); got != "elsewhere" || err != nil {
		t.Errorf("elsewhere: got %q, %v", got, err)
	}
	<-time.After(4 * w.beat) // longer than keep-alives may be missing
	select {
	case <-drained:
		t.Error("drained before the work in flight ended")
	default:
	}
	close(release)
	if got := wait(t, inFlight, "the call in flight"); got != "finished" {
		t.Errorf("the call in flight: %q", got)
	}
	if err := wait(t, drained, "the drain"); err != nil {
		t.Errorf("drain: %v", err)
	}
}

func slowConsumer(t *testing.T, br Broker) {
	w := newWorld(br)
	client, _ := w.bus(t)
	server, _ := w.bus(t)
	release := make(chan bool)
	var handled atomic.Int32
	w.serve(t, server, "h", handlers{
		work: func(context.Context, string) error {
			<-release
			handled.Add(1)
			return nil
		},
		echo: same,
	}, messaging.Concurrency(1))
	accepted, refused := int32(0), 0
	for range 4500 { // more than a server queues
		switch err := w.work.Do(t.Context(), client, "h", "load"); {
		case err == nil:
			accepted++
		case fault.Is(err, fault.Unavailable):
			refused++
		default:
			t.Fatalf("got %v", err)
		}
	}
	if refused == 0 {
		t.Error("nothing was refused: the queue has no bound")
	}
	close(release)
	// If a receipt is too late for its sender, the message is handled although it counts as refused.
	await(t, "all that was accepted is handled", func() bool { return handled.Load() >= accepted })
	if got, err := w.echo.Do(t.Context(), client, "h", "again"); got != "again" || err != nil {
		t.Errorf("after the flood: got %q, %v", got, err)
	}
}

// An effect that is guarded by a key happens once, however often its message is delivered.
func onceInEffect(t *testing.T, br Broker) {
	w := newWorld(br)
	client, _ := w.bus(t)
	var mu sync.Mutex
	rows, runs := map[string]int{}, 0 // in place of a database
	insert := func(key string) {
		mu.Lock()
		defer mu.Unlock()
		runs++
		if rows[key] == 0 {
			rows[key] = 1
		}
	}
	release := make(chan bool)
	defer close(release)
	done := make(chan bool, 10)
	serve := func(last bool) messaging.Transport {
		server, tr := w.bus(t)
		w.serve(t, server, "h", handlers{work: func(_ context.Context, key string) error {
			insert(key)
			done <- true
			if !last {
				<-release // dies after the effect and before the end
			}
			return nil
		}})
		return tr
	}
	tr := serve(false)
	if err := w.work.Do(t.Context(), client, "h", "volume 7"); err != nil {
		t.Fatal(err)
	}
	wait(t, done, "the first effect")
	tr.Close(context.Background())
	serve(true)
	wait(t, done, "the repetition")
	await(t, "the cast is finished", func() bool { return client.Waiting() == 0 })
	mu.Lock()
	defer mu.Unlock()
	if len(rows) != 1 || rows["volume 7"] != 1 || runs < 2 {
		t.Errorf("rows %v after %d runs", rows, runs)
	}
}

// During an upgrade, old and new receivers share a topic. A message of a new method reaches a new receiver. If it is
// sent to an old one, the sender gets an error.
func mixedLevels(t *testing.T, br Broker) {
	w := newWorld(br)
	client, _ := w.bus(t)
	for host, level := range map[string]int{"old": 4, "new": 5} {
		server, _ := w.bus(t)
		s := messaging.NewServer(server, w.api, host, messaging.ServerLevel(level))
		w.grow.Handle(s, func(context.Context, string) (string, error) { return host, nil })
		w.echo.Handle(s, same)
		if err := s.Listen(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := w.grow.Do(t.Context(), client, "new", ""); got != "new" || err != nil {
		t.Errorf("to the new one: got %q, %v", got, err)
	}
	if _, err := w.grow.Do(t.Context(), client, "old", ""); !fault.Is(err, fault.NotImplemented) {
		t.Errorf("to the old one: got %v", err)
	}
	for range 6 {
		if got, err := w.grow.Do(t.Context(), client, "", ""); got != "new" || err != nil {
			t.Errorf("to any: got %q, %v", got, err)
		}
	}
	if got, err := w.echo.Do(t.Context(), client, "old", "as before"); got != "as before" || err != nil {
		t.Errorf("what both know: got %q, %v", got, err)
	}
}

// await polls until ok returns true, and fails the test if it does not.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); <-time.After(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("it did not happen: %s", what)
}
