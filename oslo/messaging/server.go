package messaging

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

const (
	// DefaultConcurrency is how many handlers of a server run at once.
	DefaultConcurrency = 64
	// backlog is how many accepted messages may wait for a handler; beyond it the server answers that it is busy.
	backlog = 4096
	// remembered is how many finished casts are known by id, so that a repetition is not handled again.
	remembered = 4096
)

type handler func(ctx context.Context, payload []byte) ([]byte, error)

// Server listens on topic, topic.host and the topic's fanout.
type Server struct {
	bus   *Bus
	api   *API
	host  string
	level int
	slots chan struct{} // one element per running handler

	handlers map[string]handler // set before Listen, read-only after
	methods  map[string]*method

	base            context.Context // of the handlers: outlives Listen's context, ends when a drain gives up
	cancel          context.CancelFunc
	out             context.Context // of answers, which are still sent when handlers were told to end
	stops           []func()
	quit            chan struct{} // ends the beats
	flight, beating sync.WaitGroup

	mu       sync.Mutex // guards what follows
	state    state
	custody  map[string]*Message // accepted and not finished
	lanes    map[string]*lane    // of ordered methods, by method and sender
	finished [remembered]string  // ids of the last casts
	done     map[string]bool
	next     int
}

type state uint8

const (
	fresh state = iota
	listening
	draining
)

// lane is the queue of one sender's ordered messages; whoever runs it takes them one by one.
type lane struct{ queue []func() }

// ServerOption adjusts a server.
type ServerOption func(*Server)

// Concurrency bounds how many handlers run at once; 0 or less is the default of 64.
func Concurrency(n int) ServerOption {
	return func(s *Server) {
		if n > 0 {
			s.slots = make(chan struct{}, n)
		}
	}
}

// ServerLevel is the service level the server answers for; methods that ask for more are refused. The default accepts all.
func ServerLevel(n int) ServerOption { return func(s *Server) { s.level = n } }

// NewServer makes a server that has yet to get its handlers and to listen.
func NewServer(b *Bus, a *API, host string, o ...ServerOption) *Server {
	s := &Server{bus: b, api: a, host: host, level: -1, slots: make(chan struct{}, DefaultConcurrency), handlers: map[string]handler{},
		methods: map[string]*method{}, custody: map[string]*Message{}, lanes: map[string]*lane{}, done: map[string]bool{}, quit: make(chan struct{})}
	for _, f := range o {
		f(s)
	}
	return s
}

func (s *Server) handle(m *method, h handler) {
	if m.api != s.api {
		panic(fmt.Sprintf("messaging: %s is not a method of %s", m, s.api.topic))
	}
	if s.handlers[m.name] != nil {
		panic(fmt.Sprintf("messaging: %s has two handlers", m))
	}
	s.handlers[m.name], s.methods[m.name] = h, m
}

// Seal panics, naming them, when declared methods have no handler.
func (s *Server) Seal() {
	var missing []string
	for _, m := range s.api.methods {
		if s.handlers[m.name] == nil {
			missing = append(missing, m.name)
		}
	}
	if missing != nil {
		panic(fmt.Sprintf("messaging: %s has no handler for %s", s.api.topic, strings.Join(missing, ", ")))
	}
}

// Listen starts deliveries; it returns once messages can arrive. Handlers see the values of ctx, not its end: Drain stops them.
func (s *Server) Listen(ctx context.Context) error {
	s.mu.Lock()
	if s.state != fresh {
		s.mu.Unlock()
		return fault.Conflictf("the server of %s listens already", s.api.topic)
	}
	s.state = listening
	s.out = context.WithoutCancel(ctx) // work in flight is ended by Drain
	s.base, s.cancel = context.WithCancel(s.out)
	s.mu.Unlock()
	for _, at := range []Address{{Mode: All, Topic: s.api.topic}, {Mode: One, Topic: s.api.topic, Host: s.host}, {Mode: Any, Topic: s.api.topic}} {
		stop, err := s.bus.t.Listen(ctx, at, s.deliver)
		if err != nil {
			s.stop()
			s.cancel()
			return fmt.Errorf("listen on %s: %w", at, err)
		}
		s.stops = append(s.stops, stop)
	}
	s.beating.Go(s.beats)
	return nil
}

// Drain stops new work, which is refused with fault.Unavailable so that callers may try elsewhere, and waits for what is in flight.
// When ctx ends first, the handlers' contexts end and Drain returns an error at once. A server does not listen again.
func (s *Server) Drain(ctx context.Context) error {
	s.mu.Lock()
	if s.state != listening {
		s.mu.Unlock()
		return nil
	}
	s.state = draining
	s.mu.Unlock()
	s.stop()
	empty := make(chan struct{})
	go func() { // ends with the last handler
		s.flight.Wait()
		close(empty)
	}()
	defer func() {
		close(s.quit)
		s.beating.Wait()
		s.cancel()
	}()
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		return fault.Unavailablef("%d messages of %s were still in flight", s.InFlight(), s.api.topic).Because(context.Cause(ctx))
	}
}

func (s *Server) stop() {
	for _, stop := range slices.Backward(s.stops) {
		stop()
	}
	s.stops = nil
}

// InFlight is how many messages are accepted and not finished.
func (s *Server) InFlight() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.custody)
}

// deliver accepts a message or refuses it.
func (s *Server) deliver(d Delivery) {
	m := d.Message
	method := s.methods[m.Method]
	if method == nil || m.Level > s.level && s.level >= 0 {
		s.answer(m, nil, fault.New(fault.NotImplemented, "%s does not know %s.%s at level %d; it is an older version",
			s.who(), m.Topic, m.Method, m.Level))
		ack(d)
		return
	}
	s.mu.Lock()
	switch {
	case s.state == draining:
		s.mu.Unlock()
		s.refuse(m, s.who()+" is shutting down")
	case s.done[m.ID]:
		s.mu.Unlock()
		s.answer(m, nil, nil) // a repetition of what is finished
	case s.custody[m.ID] != nil:
		s.mu.Unlock()
		s.alive(m) // a repetition of what is under way
	case len(s.custody) >= backlog+cap(s.slots):
		s.mu.Unlock()
		s.refuse(m, s.who()+" is busy")
	default:
		s.custody[m.ID] = m
		s.flight.Add(1)
		work := func() { s.work(m, d) }
		s.start(method, m, work)
		s.mu.Unlock()
		if m.Kind == KindCast {
			s.alive(m)
		}
		return
	}
	ack(d)
}

// start runs work in its own goroutine, or queues it behind the sender's earlier ones. The mutex is held.
func (s *Server) start(method *method, m *Message, work func()) {
	if !method.o.ordered {
		go work()
		return
	}
	key := m.Method + " " + m.Sender
	if l := s.lanes[key]; l != nil {
		l.queue = append(l.queue, work)
		return
	}
	l := &lane{}
	s.lanes[key] = l
	go func() {
		for work != nil {
			work()
			s.mu.Lock()
			if work = nil; len(l.queue) > 0 {
				work, l.queue = l.queue[0], l.queue[1:]
			} else {
				delete(s.lanes, key)
			}
			s.mu.Unlock()
		}
	}()
}

func (s *Server) work(m *Message, d Delivery) {
	defer s.flight.Done()
	s.slots <- struct{}{}
	out, err := s.run(m)
	<-s.slots
	s.mu.Lock()
	delete(s.custody, m.ID)
	if m.Kind == KindCast {
		delete(s.done, s.finished[s.next])
		s.finished[s.next], s.done[m.ID] = m.ID, true
		s.next = (s.next + 1) % remembered
	}
	s.mu.Unlock()
	s.answer(m, out, err)
	ack(d)
}

// run calls the handler; its panic is contained here.
func (s *Server) run(m *Message) (out []byte, err error) {
	ctx := s.base
	if m.Request != "" {
		ctx = auth.WithRequest(ctx, m.Request)
	}
	if m.Caller != nil {
		ctx = auth.With(ctx, m.Caller)
	}
	if m.Trace != "" {
		ctx = WithTrace(ctx, m.Trace)
	}
	if m.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, m.Timeout)
		defer cancel()
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s.%s panicked: %v", m.Topic, m.Method, p)
			s.bus.log.LogAttrs(ctx, slog.LevelError, "handler panicked; the message is dropped", slog.String("method", m.Topic+"."+m.Method),
				slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
		} else if err != nil && m.Kind != KindCall {
			s.bus.log.LogAttrs(ctx, slog.LevelError, "handler failed", slog.String("method", m.Topic+"."+m.Method), slog.String(log.Err, err.Error()))
		}
	}()
	return s.handlers[m.Method](ctx, m.Payload)
}

// answer ends a message. A reply that the transport does not take because of its size becomes a fault.
func (s *Server) answer(m *Message, out []byte, err error) {
	if m.ReplyTo == "" || m.Kind == KindFanout {
		return
	}
	reply := &Message{Kind: KindReply, ID: m.ID, Payload: out}
	if err != nil {
		reply.Payload, reply.Fault = nil, toWire(err)
	}
	err = s.send(m, reply)
	if fault.Is(err, fault.TooLarge) {
		reply.Payload, reply.Fault = nil, toWire(err)
		err = s.send(m, reply)
	}
	if err != nil {
		s.bus.log.Debug("reply dropped: its caller is gone", "method", m.Topic+"."+m.Method, log.Request, m.Request, log.Err, err.Error())
	}
}

func (s *Server) refuse(m *Message, text string) {
	if m.Kind == KindFanout {
		return
	}
	if err := s.send(m, refusal(m.ID, text)); err != nil {
		s.bus.log.Debug("refusal dropped: its caller is gone", "method", m.Topic+"."+m.Method, log.Request, m.Request, log.Err, err.Error())
	}
}

// alive is best effort: the next beat says it again.
func (s *Server) alive(m *Message) { _ = s.send(m, &Message{Kind: KindAlive, ID: m.ID}) }

func (s *Server) send(m, reply *Message) error {
	return s.bus.t.Send(s.out, Address{Mode: Inbox, Host: m.ReplyTo}, reply)
}

// beats shows life for everything that was accepted, also while it drains.
func (s *Server) beats() {
	tick := time.NewTicker(s.bus.beat)
	defer tick.Stop()
	for {
		select {
		case <-s.quit:
			return
		case <-tick.C:
			s.mu.Lock()
			var ms []*Message
			for _, m := range s.custody {
				if m.Kind != KindFanout {
					ms = append(ms, m)
				}
			}
			s.mu.Unlock()
			for _, m := range ms {
				s.alive(m)
			}
		}
	}
}

func (s *Server) who() string { return s.api.topic + " on " + s.host }

func ack(d Delivery) {
	if d.Ack != nil {
		d.Ack()
	}
}
