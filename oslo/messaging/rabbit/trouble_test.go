package rabbit_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"hypernova/oslo/fault"
	"hypernova/oslo/log"
	"hypernova/oslo/messaging"
	"hypernova/oslo/messaging/rabbit"
	"hypernova/oslo/messaging/rabbit/rabbittest"
	"hypernova/oslo/messaging/transporttest"
)

// lines is a log that tests can read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.b.Write(b) }
func (l *lines) String() string              { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

func heard(l *lines) context.Context {
	return log.With(context.Background(), slog.New(slog.NewTextHandler(l, nil)))
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); <-time.After(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("it did not happen: %s", what)
}

// api is the methods of these tests.
type api struct {
	*messaging.API
	echo *messaging.Call[string, string]
	work *messaging.Cast[string]
}

func newAPI() api {
	a := messaging.NewAPI("topic")
	return api{a, messaging.NewCall[string, string](a, "echo"), messaging.NewCast[string](a, "work")}
}

func (a api) bus(t *testing.T, ctx context.Context, url string, o rabbit.Config) *messaging.Bus {
	t.Helper()
	tr, err := rabbit.Open(ctx, url, o)
	if err != nil {
		t.Fatal(err)
	}
	b, err := messaging.New(ctx, tr, messaging.Beat(150*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close(context.Background()) })
	return b
}

func (a api) serve(t *testing.T, b *messaging.Bus, work func(context.Context, string) error) *messaging.Server {
	t.Helper()
	s := messaging.NewServer(b, a.API, "h")
	a.echo.Handle(s, func(_ context.Context, s string) (string, error) { return s, nil })
	a.work.Handle(s, work)
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func ignore(context.Context, string) error { return nil }

// bare returns a channel of the client library, without this package.
func bare(t *testing.T, s *rabbittest.Server, vhost string) *amqp.Channel {
	t.Helper()
	nc, err := amqp.DialConfig("amqp://"+s.Address,
		amqp.Config{SASL: []amqp.Authentication{&amqp.PlainAuth{Username: rabbittest.User, Password: rabbittest.Password}},
			Vhost: vhost})
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

func TestErrorsNameTheRemedy(t *testing.T) {
	t.Parallel()
	s := server(t)
	vhost := s.Vhost()
	for _, c := range []struct {
		name, url string
		o         rabbit.Config
		kind      fault.Kind
		want      string
	}{
		{"wrong password", strings.Replace(s.At(s.Address, vhost), ":s3", ":x3", 1), rabbit.Config{}, fault.Unauthorized,
			"refuses the credentials"},
		{"no such vhost", s.At(s.Address, "nowhere"), rabbit.Config{}, fault.Unauthorized, "add_vhost"},
		{"a vhost of others", s.At(s.Address, "forbidden"), rabbit.Config{}, fault.Unauthorized, "set_permissions"},
		{"unknown authority", s.At(s.TLS, vhost), rabbit.Config{TLS: true}, fault.Unavailable, "ssl_ca_file"},
		{"TLS to the plain port", s.At(s.Address, vhost), rabbit.Config{TLS: true}, fault.Unavailable, "does not speak TLS"},
		{"plain to the TLS port", s.At(s.TLS, vhost), rabbit.Config{}, fault.Unavailable, "ssl = true"},
		{"no such file", s.At(s.TLS, vhost), rabbit.Config{CAFile: "/nowhere"}, fault.Invalid, "ssl_ca_file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(quiet(), 5*time.Second)
			defer cancel()
			_, err := rabbit.Open(ctx, c.url, c.o)
			if !fault.Is(err, c.kind) || !strings.Contains(fault.Message(err), c.want) ||
				strings.Contains(err.Error(), rabbittest.Password) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// This needs no broker.
func TestErrorsOfAnUnreachableBrokerNameTheRemedy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c, err := transporttest.Certify(dir, time.Now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		t.Fatal(err)
	}
	expired, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	defer expired.Close()
	go func() {
		for {
			n, err := expired.Accept()
			if err != nil {
				return
			}
			_ = n.(*tls.Conn).Handshake()
			n.Close()
		}
	}()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	mute, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections and sends nothing
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	for _, tt := range []struct {
		name, address string
		o             rabbit.Config
		want          string
	}{
		{"expired certificate", expired.Addr().String(), rabbit.Config{CAFile: c.CA}, "renew it"},
		{"nothing listens", closed.Addr().String(), rabbit.Config{}, "start the message broker"},
		{"says nothing", mute.Addr().String(), rabbit.Config{}, "says nothing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out := new(lines)
			ctx, cancel := context.WithTimeout(heard(out), 300*time.Millisecond)
			defer cancel()
			if _, err := rabbit.Open(ctx, "rabbit://u:secret@"+tt.address+"/", tt.o); !fault.Is(err, fault.Unavailable) ||
				!strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
			if tt.name != "says nothing" && !strings.Contains(out.String(), tt.want) ||
				strings.Contains(out.String(), "secret") {
				t.Errorf("logged: %s", out)
			}
		})
	}
}

func TestTheNextHostIsTried(t *testing.T) {
	t.Parallel()
	s := server(t)
	down, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	down.Close()
	a, url := newAPI(), s.At(down.Addr().String()+","+s.Address, s.Vhost())
	b := a.bus(t, quiet(), url, rabbit.Config{})
	a.serve(t, b, ignore)
	if got, err := a.echo.Do(t.Context(), b, "h", "x"); got != "x" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestFullQueueRejectsMessages(t *testing.T) {
	t.Parallel()
	s := server(t)
	a, url, out := newAPI(), s.URL(), new(lines)
	o := rabbit.Config{Queue: 10}
	receiver := a.bus(t, quiet(), url, o)
	a.serve(t, receiver, ignore)
	receiver.Close(context.Background()) // as in a crash: the queue remains
	sender := a.bus(t, heard(out), url, o)
	full := 0
	for range 15 {
		if err := a.work.Do(t.Context(), sender, "h", "load"); err == nil {
			t.Fatal("a cast to a dead receiver was accepted")
		} else if strings.Contains(err.Error(), "is full") {
			full++
		}
	}
	if full != 5 || !strings.Contains(out.String(), "queue is full") {
		t.Errorf("%d of 15 were refused because the queue is full; logged: %s", full, out)
	}
	var mu sync.Mutex
	late := 0
	a.serve(t, a.bus(t, quiet(), url, o), func(context.Context, string) error {
		mu.Lock()
		defer mu.Unlock()
		late++
		return nil
	})
	await(t, "what waited is handled late", func() bool { mu.Lock(); defer mu.Unlock(); return late == 10 })
}

func TestUndecodableMessagesAreDroppedAndLogged(t *testing.T) {
	t.Parallel()
	s := server(t)
	vhost, out := s.Vhost(), new(lines)
	a, url := newAPI(), s.At(s.Address, vhost)
	b := a.bus(t, heard(out), url, rabbit.Config{})
	a.serve(t, b, ignore)
	ch := bare(t, s, vhost)
	for _, key := range []string{"calls.one.topic.h", "casts.one.topic.h"} {
		for _, body := range []string{"", "{", `{"kind": 7}`, "\xff\x00", `[]`} {
			if err := ch.Publish("hypernova", key, true, false, amqp.Publishing{Body: []byte(body)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	await(t, "all are logged", func() bool {
		return strings.Count(out.String(),
			"dropping message: cannot be decoded") == 10
	})
	if got, err := a.echo.Do(t.Context(), b, "h", "x"); got != "x" || err != nil {
		t.Errorf("after: got %q, %v", got, err)
	}
}

// The broker stores a cast, so it is handled even if both its sender and its receiver die. Both kinds of queue do so.
func TestCastOutlivesSenderAndReceiver(t *testing.T) {
	t.Parallel()
	for _, quorum := range []bool{false, true} {
		t.Run(fmt.Sprintf("quorum %t", quorum), func(t *testing.T) {
			t.Parallel()
			s := server(t)
			a, url, o := newAPI(), s.URL(), rabbit.Config{Quorum: quorum}
			sender, receiver := a.bus(t, quiet(), url, o), a.bus(t, quiet(), url, o)
			started, release := make(chan bool, 1), make(chan bool)
			defer close(release)
			a.serve(t, receiver, func(context.Context, string) error {
				started <- true
				<-release
				return nil
			})
			if err := a.work.Do(t.Context(), sender, "h", "disk 7"); err != nil {
				t.Fatal(err)
			}
			<-started
			sender.Close(context.Background())
			receiver.Close(context.Background())
			got := make(chan string, 10)
			b := a.bus(t, quiet(), url, o)
			a.serve(t, b, func(_ context.Context, s string) error { got <- s; return nil })
			select {
			case s := <-got:
				if s != "disk 7" {
					t.Errorf("got %q", s)
				}
			case <-time.After(30 * time.Second):
				t.Fatal("the cast is lost")
			}
			if got, err := a.echo.Do(t.Context(), b, "h", "x"); got != "x" || err != nil {
				t.Errorf("call: got %q, %v", got, err)
			}
		})
	}
}

func TestQueuesAreRemoved(t *testing.T) {
	t.Parallel()
	s := server(t)
	vhost := s.Vhost()
	a, url := newAPI(), s.At(s.Address, vhost)
	b := a.bus(t, quiet(), url, rabbit.Config{})
	srv := a.serve(t, b, ignore)
	if err := a.work.Do(t.Context(), b, "h", "x"); err != nil {
		t.Fatal(err)
	}
	if err := srv.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.Close(t.Context())
	for _, name := range []string{"hypernova.calls.any.topic", "hypernova.casts.any.topic", "hypernova.calls.one.topic.h",
		"hypernova.casts.one.topic.h"} {
		if _, err := bare(t, s, vhost).QueueDeclarePassive(name, true, false, false, false, nil); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
}

func TestQueueWithOtherSettingsIsExplained(t *testing.T) {
	t.Parallel()
	s := server(t)
	a, url := newAPI(), s.URL()
	a.serve(t, a.bus(t, quiet(), url, rabbit.Config{}), ignore)
	b := a.bus(t, quiet(), url, rabbit.Config{Quorum: true})
	srv := messaging.NewServer(b, a.API, "h")
	a.echo.Handle(srv, func(_ context.Context, s string) (string, error) { return s, nil })
	if err := srv.Listen(t.Context()); err == nil || !strings.Contains(err.Error(), "rabbit_quorum_queue") {
		t.Errorf("got %v", err)
	}
}
