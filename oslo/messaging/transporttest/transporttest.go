// Package transporttest is the test suite that every message transport must pass, and a benchmark.
package transporttest

import (
	"cmp"
	"context"
	"log/slog"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"hypernova/oslo/log"
	"hypernova/oslo/messaging"
)

// Broker is a new message broker for one test.
type Broker struct {
	// Connect returns the connection of another process.
	Connect func() messaging.Transport
	// Restart restarts the broker at the same address; nil if the transport has no broker.
	Restart func()
	// Address is the broker's address, and ConnectAt connects to another address in its place; empty and nil if the
	// transport has no network.
	Address   string
	ConnectAt func(address string) messaging.Transport
	// Secure connects with TLS; nil if the transport has none.
	Secure func() messaging.Transport
	// Intruder connects with a wrong password until ctx ends; nil if the transport has no passwords.
	Intruder func(ctx context.Context, address string) error
	// Oversize is the size of a payload that is too large; 0 is 9 MiB.
	Oversize int
	// Beat is the keep-alive interval. 0 is a short one that also suits a loaded machine with the race detector.
	Beat time.Duration
}

// Run runs the suite. It restarts the broker when no other test uses it, so that all tests of a package may share one.
func Run(t *testing.T, start func(t *testing.T) Broker) {
	t.Run("together", func(t *testing.T) {
		for _, c := range cases() {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.test(t, start(t))
			})
		}
	})
	t.Run("reconnect", func(t *testing.T) { reconnect(t, start(t)) })
}

type testCase struct {
	name string
	test func(*testing.T, Broker)
}

func cases() []testCase {
	return []testCase{
		{"call answers", callAnswers},
		{"context crosses", contextCrosses},
		{"faults keep their kind", faultsKeepKind},
		{"nobody listens", nobodyListens},
		{"order per sender", orderPerSender},
		{"concurrent calls", concurrentCalls},
		{"any listener shares the load", anyShares},
		{"fanout reaches all", fanoutReachesAll},
		{"deadline", deadline},
		{"long call outlives the silence limit", longCall},
		{"dead receiver of a call", deadReceiver},
		{"a cast is redelivered after its consumer's death", redelivery},
		{"exactly once in effect", onceInEffect},
		{"a lost request or reply costs a moment", lossy},
		{"a lost reply is sent again, without running the handler again", lostReply},
		{"a slow handler runs once however often it is asked", slowOnce},
		{"poison message", poison},
		{"panic is contained", panicContained},
		{"oversize", oversize},
		{"gone caller", goneCaller},
		{"drain", drain},
		{"slow consumer", slowConsumer},
		{"unknown method", unknownMethod},
		{"mixed levels in an upgrade", mixedLevels},
		{"half-open connection", halfOpen},
		{"wrong credentials", credentials},
		{"unreachable broker", unreachable},
		{"broker that takes connections and says nothing", silentBroker},
		{"TLS", secure},
	}
}

// world is the declared methods of the suite.
type world struct {
	api    *messaging.API
	echo   *messaging.Call[string, string]
	short  *messaging.Call[string, string]
	grow   *messaging.Call[string, string]
	note   *messaging.Cast[int]
	work   *messaging.Cast[string]
	shout  *messaging.Fanout[string]
	broker Broker
	beat   time.Duration
}

func newWorld(b Broker) *world {
	api := messaging.NewAPI("suite.topic")
	return &world{api: api, broker: b, beat: cmp.Or(b.Beat, 500*time.Millisecond),
		echo:  messaging.NewCall[string, string](api, "echo"),
		short: messaging.NewCall[string, string](api, "short", messaging.Timeout(100*time.Millisecond)),
		grow:  messaging.NewCall[string, string](api, "grow", messaging.Level(5)),
		note:  messaging.NewCast[int](api, "note", messaging.Ordered()),
		work:  messaging.NewCast[string](api, "work"),
		shout: messaging.NewFanout[string](api, "shout")}
}

// bus returns the bus of another process.
func (w *world) bus(t testing.TB) (*messaging.Bus, messaging.Transport) {
	t.Helper()
	tr := w.broker.Connect()
	ctx := log.With(context.Background(), slog.New(slog.DiscardHandler))
	b, err := messaging.New(ctx, tr, messaging.Beat(w.beat))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close(context.Background()) })
	return b, tr
}

// handlers of a server; nil ones are not set.
type handlers struct {
	echo  func(context.Context, string) (string, error)
	note  func(context.Context, int) error
	work  func(context.Context, string) error
	shout func(context.Context, string) error
}

func (w *world) serve(t testing.TB, b *messaging.Bus, host string, h handlers,
	o ...messaging.ServerOption) *messaging.Server {
	t.Helper()
	s := messaging.NewServer(b, w.api, host, o...)
	if h.echo != nil {
		w.echo.Handle(s, h.echo)
		w.short.Handle(s, h.echo)
	}
	if h.note != nil {
		w.note.Handle(s, h.note)
	}
	if h.work != nil {
		w.work.Handle(s, h.work)
	}
	if h.shout != nil {
		w.shout.Handle(s, h.shout)
	}
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func same(_ context.Context, s string) (string, error) { return s, nil }

// wait receives from c, and fails the test if nothing arrives for far too long.
func wait[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(30 * time.Second):
		t.Fatalf("%s did not happen", what)
		panic("unreachable")
	}
}

// BenchCalls measures calls per second of a small struct at 1, 8 and 64 callers.
func BenchCalls(b *testing.B, br Broker) {
	type arg struct {
		Server, Host string
		N            int
	}
	api := messaging.NewAPI("bench")
	call := messaging.NewCall[arg, arg](api, "call")
	var buses [2]*messaging.Bus
	for i := range buses {
		bus, err := messaging.New(b.Context(), br.Connect())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { bus.Close(context.Background()) })
		buses[i] = bus
	}
	s := messaging.NewServer(buses[1], api, "h1")
	call.Handle(s, func(_ context.Context, a arg) (arg, error) { return a, nil })
	if err := s.Listen(b.Context()); err != nil {
		b.Fatal(err)
	}
	for _, callers := range []int{1, 8, 64} {
		b.Run(strconv.Itoa(callers), func(b *testing.B) {
			ctx := b.Context()
			left := atomic.Int64{}
			left.Store(int64(b.N))
			done := make(chan error, callers)
			b.ResetTimer()
			for range callers {
				go func() {
					for left.Add(-1) >= 0 {
						if _, err := call.Do(ctx, buses[0], "h1", arg{Server: "d2c9a6b4-5a3c-4a53-8c6d-0f4f8a1c9e77",
							Host: "h1", N: 7}); err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
			}
			for range callers {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
		})
	}
}
