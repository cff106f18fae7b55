package messaging_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
	"hypernova/oslo/messaging/inproc"
)

type disk struct {
	Size int `json:"size"`
	Bus  string
}

type build struct {
	Server string           `json:"server"`
	Disks  []disk           `json:"disks,omitempty"`
	Meta   map[string]*disk `json:"meta"`
	At     time.Time        `json:"at"`
	secret string
	Local  int `json:"-"`
}

func TestContract(t *testing.T) {
	t.Parallel()
	api := messaging.NewAPI("compute")
	messaging.NewCast[build](api, "build", messaging.Level(3))
	messaging.NewCall[messaging.None, []string](api, "list", messaging.Timeout(5*time.Second))
	messaging.NewFanout[string](api, "changed", messaging.Ordered())
	const want = `topic compute
cast build(messaging_test.build) level 3
fanout changed(string) ordered
call list(none) []string timeout 5s
type messaging_test.build
  server string
  disks []messaging_test.disk
  meta map[string]*messaging_test.disk
  at time.Time
type messaging_test.disk
  size int
  Bus string
`
	if diff := cmp.Diff(want, api.Contract()); diff != "" {
		t.Error(diff)
	}
	_ = build{}.secret
}

func TestEnvelopeSurvivesJSON(t *testing.T) {
	t.Parallel()
	m := messaging.Message{Kind: messaging.KindCall, ID: "b-1", IDs: []string{"b-1", "b-2"}, Sender: "b", Topic: "compute",
		Method: "build", Level: 3, Request: "req-1",
		Caller: &auth.Caller{UserID: "u", ProjectID: "p", Roles: []string{"member"}, Expires: time.Unix(1e9, 0).UTC()},
		Trace:  "00-1", Timeout: time.Minute,
		ReplyTo: "b", Delivery: 2, Payload: json.RawMessage(`{"a":1}`), Fault: &messaging.WireFault{Kind: "conflict",
			Msg: "m", Code: "c", Cause: "x"}}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var got messaging.Message
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, got); diff != "" {
		t.Error(diff)
	}
}

func panics(f func()) (text string) {
	defer func() {
		if p := recover(); p != nil {
			text, _ = p.(string)
		}
	}()
	f()
	return ""
}

func TestBadDeclarationsPanic(t *testing.T) {
	t.Parallel()
	api := messaging.NewAPI("compute")
	stop := messaging.NewCast[string](api, "stop")
	messaging.NewCast[string](api, "start")
	other := messaging.NewAPI("other")
	nop := func(context.Context, string) error { return nil }
	bus, err := messaging.Open(t.Context(), "inproc:", inproc.Scheme)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bus.Close(context.Background()) })
	s := messaging.NewServer(bus, api, "h")
	stop.Handle(s, nop)
	for _, c := range []struct {
		name, want string
		f          func()
	}{
		{"declared twice", "compute.stop is declared twice", func() { messaging.NewCall[string, string](api, "stop") }},
		{"handled twice", "compute.stop has two handlers", func() { stop.Handle(s, nop) }},
		{"not handled", "no handler for start", s.Seal},
		{"another API's", "not a method of other", func() { stop.Handle(messaging.NewServer(bus, other, "h"), nop) }},
	} {
		if got := panics(c.f); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q", c.name, got)
		}
	}
}

func TestUnknownSchemeNamesTheKnown(t *testing.T) {
	t.Parallel()
	_, err := messaging.Open(t.Context(), "kafka://x", inproc.Scheme)
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "inproc") {
		t.Errorf("got %v", err)
	}
}

func TestReceiverBelowTheLevelRefuses(t *testing.T) {
	t.Parallel()
	api := messaging.NewAPI("compute")
	grow := messaging.NewCall[messaging.None, int](api, "grow", messaging.Level(5))
	b, err := messaging.Open(t.Context(), "inproc:", inproc.Scheme)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close(context.Background()) })
	for host, level := range map[string]int{"old": 4, "new": 5} {
		s := messaging.NewServer(b, api, host, messaging.ServerLevel(level))
		grow.Handle(s, func(context.Context, messaging.None) (int, error) { return 1, nil })
		if err := s.Listen(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := grow.Do(t.Context(), b, "new", messaging.None{}); err != nil {
		t.Error(err)
	}
	if _, err := grow.Do(t.Context(), b, "old", messaging.None{}); !fault.Is(err, fault.NotImplemented) {
		t.Errorf("got %v", err)
	}
}

// A drain that times out ends the handlers' contexts. The long call continues only because of keep-alives, in virtual
// time.
func TestDrainTimesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := messaging.NewAPI("compute")
		work := messaging.NewCall[messaging.None, messaging.None](api, "work", messaging.Timeout(time.Hour))
		b, err := messaging.Open(t.Context(), "inproc:", inproc.Scheme)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close(context.Background())
		s := messaging.NewServer(b, api, "h")
		work.Handle(s, func(ctx context.Context, _ messaging.None) (messaging.None, error) {
			<-ctx.Done()
			return messaging.None{}, ctx.Err()
		})
		if err := s.Listen(t.Context()); err != nil {
			t.Fatal(err)
		}
		called := make(chan error)
		go func() {
			_, err := work.Do(context.Background(), b, "h", messaging.None{})
			called <- err
		}()
		time.Sleep(10 * time.Minute)
		select {
		case err := <-called:
			t.Fatalf("the long call ended: %v", err)
		default:
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := s.Drain(ctx); !fault.Is(err, fault.Unavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("drain: %v", err)
		}
		if err := <-called; !fault.Is(err, fault.Unavailable) {
			t.Errorf("the abandoned call: %v", err)
		}
	})
}
