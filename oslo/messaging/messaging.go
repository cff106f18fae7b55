// Package messaging is the RPC layer, as oslo.messaging is: typed calls, casts and fanouts, each declared once for
// sender and receiver.
//
//	var Compute = messaging.NewAPI("compute")
//	var Uptime  = messaging.NewCall[messaging.None, UptimeReply](Compute, "uptime")
//	reply, err := Uptime.Do(ctx, bus, host, messaging.None{})   // client
//	Uptime.Handle(srv, m.uptime)                                // server
//
// The bus carries hints; the database has the truth. A call ends with the handler's reply, with the handler's fault
// (kind, text and code), or with fault.Unavailable within about three keep-alive intervals of the receiver's death. A
// cast that a receiver accepted is redelivered if the receiver dies, as long as its sender lives. Handlers must
// therefore be idempotent.
//
// A lost request or reply costs a delay, not the call. The sender repeats a message, under the same id, while it sees
// no keep-alive for it. A receiver that is working on the message answers with a keep-alive. A receiver that has
// finished it sends the reply again, if the reply is among the last ones it remembers. So one receiver never runs the
// same message twice at once. If any listener may answer, the repetition goes to the one that sent a keep-alive. A
// second listener can start on the message only if every keep-alive was lost.
//
// Messages of one sender arrive in the order sent, except for lost ones. Handlers run concurrently unless the method is
// declared Ordered.
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

// API is the set of methods declared on one topic ("compute", "conductor", "scheduler", "l2-agent", "dhcp-agent").
type API struct {
	topic   string
	methods []*method
}

// NewAPI declares a topic. NewCall, NewCast and NewFanout add methods while packages are initialised, never later.
func NewAPI(topic string) *API { return &API{topic: topic} }

// Topic returns the name of the topic.
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

// Option configures a declared method.
type Option func(*opts)

type opts struct {
	timeout time.Duration
	level   int
	ordered bool
	urgent  bool
}

// Timeout sets the deadline of a call whose ctx has none; default 60 s.
func Timeout(d time.Duration) Option { return func(o *opts) { o.timeout = d } }

// Level sets the service level that a receiver needs. A receiver below it answers fault.NotImplemented.
func Level(n int) Option { return func(o *opts) { o.level = n } }

// Ordered makes a listener handle the messages of one sender to this method one after another, in the order sent.
func Ordered() Option { return func(o *opts) { o.ordered = true } }

// Urgent makes a listener handle this method's messages at once, outside the concurrency limit. It is for heartbeats,
// whose handlers are short.
func Urgent() Option { return func(o *opts) { o.urgent = true } }

// Call is a method with a reply.
type Call[Req, Rep any] struct{ m *method }

// NewCall declares a call. It panics if the name is declared already.
func NewCall[Req, Rep any](a *API, name string, o ...Option) *Call[Req, Rep] {
	return &Call[Req, Rep]{declare(a, KindCall, name, reflect.TypeFor[Req](), reflect.TypeFor[Rep](), o)}
}

// Do sends the request to one listener of topic.host, or to any listener of the topic if host is empty. It blocks until
// the reply, the end of ctx or the deadline. A fault of the handler keeps its kind. fault.Unavailable: nobody listens,
// or the listener stopped sending keep-alives.
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

// Handle sets the server's handler. Its ctx carries caller, request id, trace and deadline.
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

// MinLevel returns the declared level, for senders that compare it with the receiver's service record.
func (c *Call[Req, Rep]) MinLevel() int { return c.m.o.level }

// Cast is a method without a reply.
type Cast[Req any] struct{ m *method }

// NewCast declares a cast. It panics if the name is declared already.
func NewCast[Req any](a *API, name string, o ...Option) *Cast[Req] {
	return &Cast[Req]{declare(a, KindCast, name, reflect.TypeFor[Req](), nil, o)}
}

// Do blocks until a listener has accepted the message; it does not wait for the handler. fault.Unavailable: nobody
// listens. After that the bus redelivers the message, to the same address, if the receiver dies before its handler
// returns.
func (c *Cast[Req]) Do(ctx context.Context, b *Bus, host string, req Req) error {
	body, err := json.Marshal(req)
	if err != nil {
		return fmt.Errorf("encode %s: %w", c.m, err)
	}
	_, err = b.call(ctx, c.m, host, body)
	return err
}

// Handle sets the server's handler. Its error is logged and the message is not repeated; only the receiver's death
// causes a redelivery.
func (c *Cast[Req]) Handle(s *Server, h func(ctx context.Context, req Req) error) {
	s.handle(c.m, silent(c.m, h))
}

// MinLevel returns the declared level.
func (c *Cast[Req]) MinLevel() int { return c.m.o.level }

// Fanout is a cast to every listener of a topic. It is a hint and may be lost.
type Fanout[Req any] struct{ m *method }

// NewFanout declares a fanout. It panics if the name is declared already.
func NewFanout[Req any](a *API, name string, o ...Option) *Fanout[Req] {
	return &Fanout[Req]{declare(a, KindFanout, name, reflect.TypeFor[Req](), nil, o)}
}

// Do sends to every connected listener of the topic. No listener is not an error.
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

// to returns the address of a host's listener, or of any listener if host is empty.
func (m *method) to(host string) Address {
	if host == "" {
		return Address{Mode: Any, Topic: m.api.topic}
	}
	return Address{Mode: One, Topic: m.api.topic, Host: host}
}
