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

	client "github.com/nats-io/nats.go"
	amqp "github.com/rabbitmq/amqp091-go"

	"hypernova/oslo/ids"
	"hypernova/oslo/messaging"
	"hypernova/oslo/messaging/inproc"
	"hypernova/oslo/messaging/nats"
	"hypernova/oslo/messaging/rabbit"
	"hypernova/oslo/messaging/rabbit/rabbittest"
)

// busTime is the duration of one turn of a measurement.
const busTime = time.Second

// question is the request and the reply: small, like most messages.
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
	sayCalls(t, way{"in the process", kitCalls(t, func() messaging.Transport { return here.Connect() })})
	url, stop, err := nats.Serve(t.Context(), nats.ServeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop) // runs after the connections are closed
	sayCalls(t, way{"NATS, embedded", kitCalls(t,
		func() messaging.Transport { return opened(t)(nats.Open(t.Context(), url, nats.Config{})) })},
		way{"NATS, bare client", bareNATS(t, url)})
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
	sayCalls(t, way{"RabbitMQ", kitCalls(t,
		func() messaging.Transport { return opened(t)(rabbit.Open(t.Context(), place, rabbit.Config{})) })},
		way{"RabbitMQ, bare AMQP client", bareAMQP(t, s)})
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

// way is a way to make a call: over the bus, or with a bare client.
type way struct {
	name string
	call func(context.Context) error
}

// sayCalls measures calls from 1, 8 and 64 callers, each way in turns, and reports them. With two ways it also reports
// the rate of the first as a share of the second.
func sayCalls(t *testing.T, ways ...way) {
	t.Helper()
	for _, callers := range []int{1, 8, 64} {
		rates, took := make([][]float64, len(ways)), make([][]time.Duration, len(ways))
		var share []float64
		for range turns {
			for i, w := range ways {
				n, each := callsOf(t, w, callers)
				rates[i], took[i] = append(rates[i], n), append(took[i], each...)
			}
			if last := len(rates[0]) - 1; len(ways) == 2 {
				share = append(share, rates[0][last]/rates[1][last])
			}
		}
		for i, w := range ways {
			slices.Sort(took[i])
			us := func(share int) float64 { return float64(took[i][len(took[i])*share/100].Nanoseconds()) / 1000 }
			say("calls, "+w.name+", "+strconv.Itoa(callers)+" callers", "%s/s, median %.0f µs, 99th %.0f µs",
				between(rates[i], 0), us(50), us(99))
		}
		if share != nil {
			say("share of the bare client, "+strconv.Itoa(callers)+" callers", "%s", between(share, 2))
		}
	}
}

// callsOf measures one turn: the calls per second, and the duration of each.
func callsOf(t *testing.T, w way, callers int) (float64, []time.Duration) {
	t.Helper()
	var wg sync.WaitGroup
	took := make([][]time.Duration, callers)
	failed := make(chan error, callers)
	began := time.Now()
	for i := range callers {
		wg.Go(func() {
			for time.Since(began) < busTime {
				at := time.Now()
				if err := w.call(t.Context()); err != nil {
					failed <- err
					return
				}
				took[i] = append(took[i], time.Since(at))
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(began)
	select {
	case err := <-failed:
		t.Fatalf("%s: %v", w.name, err)
	default:
	}
	all := slices.Concat(took...)
	return float64(len(all)) / elapsed.Seconds(), all
}

// kitCalls returns a function that makes one call between two buses.
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

// asking and answering return the envelopes of a call and its reply, as the bus makes them. The bare clients send the
// same envelopes, so that both ways have the same load.
func asking(t *testing.T) messaging.Message {
	t.Helper()
	body, err := json.Marshal(asked())
	if err != nil {
		t.Fatal(err)
	}
	return messaging.Message{Kind: messaging.KindCall, Sender: ids.Hex(), Topic: "bench", Method: "ask",
		Timeout: messaging.DefaultTimeout, ReplyTo: "replies",
		Payload: body}
}

// bareServe answers one request as a handler does: it decodes the request and encodes the reply.
func bareServe(body []byte) ([]byte, error) {
	m, err := messaging.Decode(body)
	if err != nil {
		return nil, err
	}
	var q question
	if err := json.Unmarshal(m.Payload, &q); err != nil {
		return nil, err
	}
	answer, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	return messaging.Encode(&messaging.Message{Kind: messaging.KindReply, ID: m.ID, Payload: answer})
}

// bareAMQP is the same with only the AMQP client: a queue for requests, which the broker returns if there is none, one
// for replies, and an id on each message; no confirms and no acknowledgements, as in the calls of the bus.
func bareAMQP(t *testing.T, s *rabbittest.Server) func(context.Context) error {
	t.Helper()
	vhost := s.Vhost()
	dial := func() *amqp.Channel {
		nc, err := amqp.DialConfig("amqp://"+s.Address,
			amqp.Config{SASL: []amqp.Authentication{&amqp.PlainAuth{Username: rabbittest.User,
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
				if body, err := bareServe(d.Body); err == nil {
					// an error shows as the caller's timeout
					_ = server.Publish("", d.ReplyTo, false, false, amqp.Publishing{MessageId: d.MessageId, Body: body})
				}
			}()
		}
	}()
	asker := dial()
	replies := consume(asker, "replies")
	var mu sync.Mutex
	waiting := map[string]chan []byte{}
	go func() { // ends with the connection
		for d := range replies {
			mu.Lock()
			c := waiting[d.MessageId]
			delete(waiting, d.MessageId)
			mu.Unlock()
			c <- d.Body
		}
	}()
	ask := asking(t)
	var n atomic.Int64
	return func(ctx context.Context) error {
		m, c := ask, make(chan []byte, 1)
		m.ID = m.Sender + "-" + strconv.FormatInt(n.Add(1), 36)
		body, err := messaging.Encode(&m)
		if err != nil {
			return err
		}
		mu.Lock()
		waiting[m.ID] = c
		mu.Unlock()
		if err := asker.Publish("", "requests", true, false, amqp.Publishing{MessageId: m.ID, ReplyTo: "replies",
			Body: body}); err != nil {
			return err
		}
		return bareEnd(ctx, c)
	}
}

// bareEnd waits for the reply and decodes it.
func bareEnd(ctx context.Context, c <-chan []byte) error {
	ctx, cancel := context.WithTimeout(ctx, messaging.DefaultTimeout)
	defer cancel()
	select {
	case body := <-c:
		m, err := messaging.Decode(body)
		if err != nil {
			return err
		}
		return json.Unmarshal(m.Payload, new(question))
	case <-ctx.Done():
		return fmt.Errorf("no reply: %w", ctx.Err())
	}
}

// bareNATS is the same with only the NATS client and its request and reply.
func bareNATS(t *testing.T, url string) func(context.Context) error {
	t.Helper()
	dial := func() *client.Conn {
		nc, err := client.Connect(url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		return nc
	}
	server, asker := dial(), dial()
	if _, err := server.QueueSubscribe("requests", "listeners", func(m *client.Msg) {
		go func() {
			if body, err := bareServe(m.Data); err == nil {
				_ = m.Respond(body) // an error shows as the caller's timeout
			}
		}()
	}); err != nil {
		t.Fatal(err)
	}
	if err := server.Flush(); err != nil {
		t.Fatal(err)
	}
	ask := asking(t)
	var n atomic.Int64
	return func(ctx context.Context) error {
		m := ask
		m.ID = m.Sender + "-" + strconv.FormatInt(n.Add(1), 36)
		body, err := messaging.Encode(&m)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, messaging.DefaultTimeout)
		defer cancel()
		r, err := asker.RequestWithContext(ctx, "requests", body)
		if err != nil {
			return err
		}
		c := make(chan []byte, 1)
		c <- r.Data
		return bareEnd(ctx, c)
	}
}
