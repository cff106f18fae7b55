// Package messaging is how services meet: typed calls, casts and fanouts, declared once as a value that both ends share.
//
//	var Compute = messaging.NewAPI("compute")
//	var Uptime  = messaging.NewCall[messaging.None, UptimeReply](Compute, "uptime")
//	reply, err := Uptime.Do(ctx, bus, host, messaging.None{})   // client
//	Uptime.Handle(srv, m.uptime)                                // server
//
// The bus carries hints; the truth is in the database. What the kit promises: a call ends with the handler's answer, with its
// fault (kind, text and code), or with fault.Unavailable within about three beats of the receiver's death; a cast that was
// accepted is given again when its receiver dies, as long as the sender lives; handlers are therefore idempotent.
//
// A request or reply that is lost costs a moment, not the call: a message without a sign of life is repeated, with its id. A receiver that
// works on it says so and goes on, one that has finished says its reply once more, for as long as the reply is among the last it
// remembers: a receiver never works on one message twice at once. Where any listener may answer, the repetition goes to the one that
// has shown life; only where every sign of it was lost may a second one begin on the message too.
//
// Messages of one sender that are not lost arrive in the order sent; handlers run concurrently unless the method is declared Ordered.
package messaging

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"hypernova/oslo/fault"
)

// DefaultTimeout is the deadline of a call whose context has none and whose method declares none.
const DefaultTimeout = time.Minute

// API is one topic's declared methods ("compute", "conductor", "scheduler", "l2-agent", "dhcp-agent").
type API struct {
	topic   string
	methods []*method
}

// NewAPI declares a topic. Methods are added by NewCall, NewCast and NewFanout while packages are initialised, never later.
func NewAPI(topic string) *API { return &API{topic: topic} }

// Topic is the name listeners wait on.
func (a *API) Topic() string { return a.topic }

// None is an empty argument or reply.
type None struct{}

type method struct {
	api      *API
	name     string
	full     string // topic.name
	kind     Kind
	o        opts
	req, rep reflect.Type
}

func declare(a *API, kind Kind, name string, req, rep reflect.Type, o []Option) *method {
	m := &method{api: a, name: name, full: a.topic + "." + name, kind: kind, req: req, rep: rep}
	m.o.timeout = DefaultTimeout
	for _, f := range o {
		f(&m.o)
	}
	if slices.ContainsFunc(a.methods, func(x *method) bool { return x.name == name }) {
		panic(fmt.Sprintf("messaging: %s.%s is declared twice", a.topic, name))
	}
	a.methods = append(a.methods, m)
	return m
}

// Option adjusts a declared method.
type Option func(*opts)

type opts struct {
	timeout time.Duration
	level   int
	ordered bool
	urgent  bool
}

// Timeout is the deadline of a call when ctx has none; default 60 s.
func Timeout(d time.Duration) Option { return func(o *opts) { o.timeout = d } }

// Level is the service level a receiver must have. A receiver below it answers fault.NotImplemented.
func Level(n int) Option { return func(o *opts) { o.level = n } }

// Ordered makes a listener handle this method's messages of one sender one after another, in the order sent.
func Ordered() Option { return func(o *opts) { o.ordered = true } }

// Urgent makes a listener handle this method's messages beside all others, however many of those wait: for signs of life, whose handlers
// are short.
func Urgent() Option { return func(o *opts) { o.urgent = true } }

// Call is a method that answers.
type Call[Req, Rep any] struct{ m *method }

// NewCall declares a call. A name declared twice is a programmer's error and panics.
func NewCall[Req, Rep any](a *API, name string, o ...Option) *Call[Req, Rep] {
	return &Call[Req, Rep]{declare(a, KindCall, name, reflect.TypeFor[Req](), reflect.TypeFor[Rep](), o)}
}

// Do sends to one listener of topic.host; host "" is any one listener of the topic. It blocks until the reply, ctx or the deadline;
// remote faults come back with their kind; no listener or a listener that stops showing life is fault.Unavailable.
func (c *Call[Req, Rep]) Do(ctx context.Context, b *Bus, host string, req Req) (Rep, error) {
	var rep Rep
	body, err := json.Marshal(req)
	if err != nil {
		return rep, fmt.Errorf("encode %s: %w", c.m, err)
	}
	out, err := b.call(ctx, c.m, host, body)
	if err != nil {
		return rep, err
	}
	if err := json.Unmarshal(out, &rep); err != nil {
		return rep, fmt.Errorf("decode the reply of %s: %w", c.m, err)
	}
	return rep, nil
}

// Handle sets the server's handler. ctx carries caller, request id, trace and deadline.
func (c *Call[Req, Rep]) Handle(s *Server, h func(ctx context.Context, req Req) (Rep, error)) {
	s.handle(c.m, func(ctx context.Context, payload []byte) ([]byte, error) {
		var req Req
		if err := decode(c.m, payload, &req); err != nil {
			return nil, err
		}
		rep, err := h(ctx, req)
		if err != nil {
			return nil, err
		}
		out, err := json.Marshal(rep)
		if err != nil {
			return nil, fmt.Errorf("encode the reply of %s: %w", c.m, err)
		}
		return out, nil
	})
}

// MinLevel is the level the method was declared with, for senders that ask the receiver's record first.
func (c *Call[Req, Rep]) MinLevel() int { return c.m.o.level }

// Cast is a method without an answer.
type Cast[Req any] struct{ m *method }

// NewCast declares a cast. A name declared twice is a programmer's error and panics.
func NewCast[Req any](a *API, name string, o ...Option) *Cast[Req] {
	return &Cast[Req]{declare(a, KindCast, name, reflect.TypeFor[Req](), nil, o)}
}

// Do blocks until a listener has accepted the message; it does not wait for the handler. Nobody there is fault.Unavailable.
// From then on the bus gives the message again, to the same address, when the receiver dies before its handler returned.
func (c *Cast[Req]) Do(ctx context.Context, b *Bus, host string, req Req) error {
	body, err := json.Marshal(req)
	if err != nil {
		return fmt.Errorf("encode %s: %w", c.m, err)
	}
	_, err = b.call(ctx, c.m, host, body)
	return err
}

// Handle sets the server's handler. Its error is logged and ends the matter; a message is only repeated when the receiver dies.
func (c *Cast[Req]) Handle(s *Server, h func(ctx context.Context, req Req) error) {
	s.handle(c.m, silent(c.m, h))
}

// MinLevel is the level the method was declared with.
func (c *Cast[Req]) MinLevel() int { return c.m.o.level }

// Fanout is a cast to every listener of a topic: a hint that may be lost.
type Fanout[Req any] struct{ m *method }

// NewFanout declares a fanout. A name declared twice is a programmer's error and panics.
func NewFanout[Req any](a *API, name string, o ...Option) *Fanout[Req] {
	return &Fanout[Req]{declare(a, KindFanout, name, reflect.TypeFor[Req](), nil, o)}
}

// Do reaches every listener of the topic that is connected. Nobody listening is no error.
func (c *Fanout[Req]) Do(ctx context.Context, b *Bus, req Req) error {
	body, err := json.Marshal(req)
	if err != nil {
		return fmt.Errorf("encode %s: %w", c.m, err)
	}
	return b.fanout(ctx, c.m, body)
}

// Handle sets the server's handler; its error is logged.
func (c *Fanout[Req]) Handle(s *Server, h func(ctx context.Context, req Req) error) {
	s.handle(c.m, silent(c.m, h))
}

func silent[Req any](m *method, h func(context.Context, Req) error) handler {
	return func(ctx context.Context, payload []byte) ([]byte, error) {
		var req Req
		if err := decode(m, payload, &req); err != nil {
			return nil, err
		}
		return nil, h(ctx, req)
	}
}

func decode(m *method, payload []byte, into any) error {
	if err := json.Unmarshal(payload, into); err != nil {
		return fault.Invalidf("the arguments of %s cannot be read", m).Because(err)
	}
	return nil
}

func (m *method) String() string { return m.full }

// host of an address: "" is any listener.
func (m *method) to(host string) Address {
	if host == "" {
		return Address{Mode: Any, Topic: m.api.topic}
	}
	return Address{Mode: One, Topic: m.api.topic, Host: host}
}
