// Package messaging: typed call/cast/fanout. (CONTRACT SKELETON: owner replaces bodies, keeps signatures.)
package messaging

import (
	"context"
	"time"
)

// API is one topic's declared methods ("compute", "conductor", "scheduler", "l2-agent", "dhcp-agent").
type API struct{}

func NewAPI(topic string) *API { panic("x") }

// None is an empty argument or reply.
type None struct{}

type Call[Req, Rep any] struct{}
type Cast[Req any] struct{}
type Fanout[Req any] struct{}

func NewCall[Req, Rep any](a *API, method string, o ...Option) *Call[Req, Rep] { panic("x") }
func NewCast[Req any](a *API, method string, o ...Option) *Cast[Req]           { panic("x") }
func NewFanout[Req any](a *API, method string, o ...Option) *Fanout[Req]       { panic("x") }

// Timeout is the deadline of a call when ctx has none; default 60 s.
func Timeout(d time.Duration) Option { panic("x") }

// Level is the service level a receiver must have.
func Level(n int) Option { panic("x") }

type Option func(*opts)
type opts struct{}

// Do sends to one listener of topic.host; host "" is any one listener of the topic. It blocks until the reply, ctx or the deadline;
// remote faults come back with their kind; no listener or a listener that stops showing life is fault.Unavailable.
func (c *Call[Req, Rep]) Do(ctx context.Context, b *Bus, host string, req Req) (Rep, error) {
	panic("x")
}
func (c *Call[Req, Rep]) Handle(s *Server, h func(ctx context.Context, req Req) (Rep, error)) {
	panic("x")
}
func (c *Cast[Req]) Do(ctx context.Context, b *Bus, host string, req Req) error   { panic("x") }
func (c *Cast[Req]) Handle(s *Server, h func(ctx context.Context, req Req) error) { panic("x") }

// Fanout.Do reaches every listener of the topic.
func (c *Fanout[Req]) Do(ctx context.Context, b *Bus, req Req) error                { panic("x") }
func (c *Fanout[Req]) Handle(s *Server, h func(ctx context.Context, req Req) error) { panic("x") }

// Bus is a process's connection. Request id and caller of ctx travel with each message (oslo/auth) and are in the handler's ctx.
type Bus struct{}

func Open(ctx context.Context, url string, transports ...Scheme) (*Bus, error) { panic("x") }
func (b *Bus) Close(ctx context.Context) error                                 { panic("x") }

// Scheme names a transport: messaging.Open(ctx, url, inproc.Scheme, nats.Scheme).
type Scheme struct {
	Name string
	Open func(ctx context.Context, url string) (Transport, error)
}
type Transport interface { /* Send, Listen, Close: owner's */
}

// Server listens on topic, topic.host and the topic's fanout.
type Server struct{}

func NewServer(b *Bus, a *API, host string) *Server { panic("x") }

// Seal panics naming declared methods without a handler. Listen starts deliveries; Drain stops new work and waits for what is in flight.
func (s *Server) Listen(ctx context.Context) error { panic("x") }
func (s *Server) Drain(ctx context.Context) error  { panic("x") }
