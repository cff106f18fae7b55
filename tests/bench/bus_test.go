package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"hypernova/oslo/ids"
	"hypernova/oslo/messaging"
	"hypernova/oslo/messaging/inproc"
	"hypernova/oslo/messaging/nats"
	"hypernova/oslo/messaging/rabbit"
	"hypernova/oslo/messaging/rabbit/rabbittest"
)

// busTime is how long one figure of the bus is measured.
const busTime = 2 * time.Second

// question is what is asked and answered: small, as most messages are.
type question struct {
	Server, Host string
	N            int
}

func asked() question {
	return question{Server: "d2c9a6b4-5a3c-4a53-8c6d-0f4f8a1c9e77", Host: "h1", N: 7}
}

func TestBusFigures(t *testing.T) {
	if testing.Short() || os.Getenv("HYPERNOVA_BENCH") == "" && os.Getenv("HYPERNOVA_BINARY") == "" {
		t.Skip("figures take a quiet machine and a minute: make bench prints them")
	}
	here := inproc.NewBroker()
	sayCalls(t, "in the process", kitCalls(t, func() messaging.Transport { return here.Connect() }))
	url, stop, err := nats.Serve(t.Context(), nats.ServeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop) // after the connections
	sayCalls(t, "NATS, embedded", kitCalls(t, func() messaging.Transport { return opened(t)(nats.Open(t.Context(), url, nats.Config{})) }))
	if why := rabbittest.Missing(); why != "" {
		t.Skip(why)
	}
	s, err := rabbittest.New(t.Context(), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	place := s.URL()
	sayCalls(t, "RabbitMQ", kitCalls(t, func() messaging.Transport { return opened(t)(rabbit.Open(t.Context(), place, rabbit.Config{})) }))
	sayCalls(t, "RabbitMQ, bare AMQP client", bareCalls(t, s))
}

func opened(t *testing.T) func(messaging.Transport, error) messaging.Transport {
	return func(tr messaging.Transport, err error) messaging.Transport {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return tr
	}
}

// sayCalls measures call from 1, 8 and 64 callers.
func sayCalls(t *testing.T, what string, call func(context.Context) error) {
	t.Helper()
	for _, callers := range []int{1, 8, 64} {
		var wg sync.WaitGroup
		var count atomic.Int64
		took := make([][]time.Duration, callers)
		failed := make(chan error, callers)
		began := time.Now()
		for i := range callers {
			wg.Go(func() {
				for time.Since(began) < busTime {
					at := time.Now()
					if err := call(t.Context()); err != nil {
						failed <- err
						return
					}
					count.Add(1)
					took[i] = append(took[i], time.Since(at))
				}
			})
		}
		wg.Wait()
		elapsed := time.Since(began)
		select {
		case err := <-failed:
			t.Fatalf("%s: %v", what, err)
		default:
		}
		all := slices.Concat(took...)
		slices.Sort(all)
		us := func(share int) float64 { return float64(all[len(all)*share/100].Nanoseconds()) / 1000 }
		fmt.Printf("figure: %-44s %.0f/s, median %.0f µs, 99th %.0f µs\n", "calls, "+what+", "+strconv.Itoa(callers)+" callers",
			float64(count.Load())/elapsed.Seconds(), us(50), us(99))
	}
}

// kitCalls is one call from one process to another over what connect makes.
func kitCalls(t *testing.T, connect func() messaging.Transport) func(context.Context) error {
	t.Helper()
	api := messaging.NewAPI("bench")
	ask := messaging.NewCall[question, question](api, "ask")
	var buses [2]*messaging.Bus
	for i := range buses {
		b, err := messaging.New(t.Context(), connect())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close(context.Background()) })
		buses[i] = b
	}
	s := messaging.NewServer(buses[1], api, "h1")
	ask.Handle(s, func(_ context.Context, q question) (question, error) { return q, nil })
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	return func(ctx context.Context) error {
		_, err := ask.Do(ctx, buses[0], "h1", asked())
		return err
	}
}

// bareCalls is the same with nothing but the AMQP client: a queue for requests, one for replies, and a number on each.
func bareCalls(t *testing.T, s *rabbittest.Server) func(context.Context) error {
	t.Helper()
	vhost := s.Vhost()
	dial := func() *amqp.Channel {
		nc, err := amqp.DialConfig("amqp://"+s.Address, amqp.Config{SASL: []amqp.Authentication{&amqp.PlainAuth{Username: rabbittest.User,
			Password: rabbittest.Password}}, Vhost: vhost})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { nc.Close() })
		ch, err := nc.Channel()
		if err != nil {
			t.Fatal(err)
		}
		return ch
	}
	consume := func(ch *amqp.Channel, name string) <-chan amqp.Delivery {
		_, err := ch.QueueDeclare(name, true, true, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		in, err := ch.Consume(name, "", true, false, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		return in
	}
	server := dial()
	requests := consume(server, "requests")
	go func() { // ends with the connection
		for d := range requests {
			go func() {
				var q question
				if json.Unmarshal(d.Body, &q) != nil {
					return
				}
				body, err := json.Marshal(q)
				if err == nil {
					_ = server.Publish("", d.ReplyTo, false, false, amqp.Publishing{CorrelationId: d.CorrelationId, Body: body}) // else the caller's deadline tells
				}
			}()
		}
	}()
	client := dial()
	replies := consume(client, "replies")
	var mu sync.Mutex
	waiting := map[string]chan []byte{}
	go func() { // ends with the connection
		for d := range replies {
			mu.Lock()
			c := waiting[d.CorrelationId]
			delete(waiting, d.CorrelationId)
			mu.Unlock()
			c <- d.Body
		}
	}()
	return func(context.Context) error {
		body, err := json.Marshal(asked())
		if err != nil {
			return err
		}
		id, c := ids.Hex(), make(chan []byte, 1)
		mu.Lock()
		waiting[id] = c
		mu.Unlock()
		if err := client.Publish("", "requests", true, false, amqp.Publishing{CorrelationId: id, ReplyTo: "replies", Body: body}); err != nil {
			return err
		}
		select {
		case body := <-c:
			return json.Unmarshal(body, new(question))
		case <-time.After(10 * time.Second):
			return fmt.Errorf("no reply")
		}
	}
}
