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
	// perSign is how many messages one sign of life speaks for.
	perSign = 1000
)

type handler func(ctx context.Context, payload []byte) ([]byte, error)

// Server listens on topic, topic.host and the topic's fanout.
type Server struct {
	bus   *Bus
	api   *API
	host  string
	level int
	limit int // handlers at once

	handlers map[string]handler // set before Listen, read-only after
	methods  map[string]*method

	out             context.Context // Listen's without its end, which is not that of the work in flight
	stops           []func()
	quit            chan struct{} // ends beats and workers
	hand            chan *work    // to idle workers
	flight, beating sync.WaitGroup

	mu      sync.Mutex // guards what follows
	state   state
	workers int
	idle    int              // workers that wait and to whom nothing was handed yet
	queue   []*work          // for when a worker is free
	custody map[string]*work // accepted and not finished
	lanes   map[string]*lane // of ordered methods, by method and sender
	full    bool             // messages were refused, and the queue is not half empty yet
	done    memory
}

type state uint8

const (
	fresh state = iota
	listening
	draining
)

// work is one accepted message.
type work struct {
	m      *Message
	d      Delivery
	ctx    context.Context // of the handler
	cancel context.CancelFunc
	lane   string // the lane it holds, empty for none
	told   bool   // its sender was told that it is here; guarded by the server's mutex
}

// lane is the queue of one sender's ordered messages; the worker that holds it takes them one by one.
type lane struct{ queue []*work }

// ServerOption adjusts a server.
type ServerOption func(*Server)

// Concurrency bounds how many handlers run at once; 0 or less is the default of 64.
func Concurrency(n int) ServerOption {
	return func(s *Server) {
		if n > 0 {
			s.limit = n
		}
	}
}

// ServerLevel is the service level the server answers for; methods that ask for more are refused. The default accepts all.
func ServerLevel(n int) ServerOption { return func(s *Server) { s.level = n } }

// NewServer makes a server that has yet to get its handlers and to listen.
func NewServer(b *Bus, a *API, host string, o ...ServerOption) *Server {
	s := &Server{bus: b, api: a, host: host, level: -1, limit: DefaultConcurrency, handlers: map[string]handler{},
		methods: map[string]*method{}, custody: map[string]*work{}, lanes: map[string]*lane{}, done: memory{replies: map[string]*Message{}}, quit: make(chan struct{})}
	for _, f := range o {
		f(s)
	}
	s.hand = make(chan *work, s.limit) // no more than there are idle workers
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
	s.mu.Unlock()
	for _, at := range []Address{{Mode: All, Topic: s.api.topic}, {Mode: One, Topic: s.api.topic, Host: s.host}, {Mode: Any, Topic: s.api.topic}} {
		stop, err := s.bus.t.Listen(ctx, at, s.deliver)
		if err != nil {
			s.stop()
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
		s.abandon()
	}()
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		return fault.Unavailablef("%d messages of %s were still in flight", s.InFlight(), s.api.topic).Because(context.Cause(ctx))
	}
}

// abandon ends the contexts of handlers that a drain did not wait for.
func (s *Server) abandon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.custody {
		w.cancel()
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
	if s.methods[m.Method] == nil || m.Level > s.level && s.level >= 0 {
		s.bus.log.Warn("message of a newer version refused: this service has to be upgraded first", "method", m.Topic+"."+m.Method,
			"level", m.Level, log.Request, m.Request)
		s.refuse(m, fault.NotImplemented, fmt.Sprintf("%s does not know %s.%s at level %d; it is an older version", s.who(), m.Topic, m.Method, m.Level))
		ack(d)
		return
	}
	if m.Delivery >= maxDeliveries { // the bus may count what the sender cannot: brokers give messages again by themselves
		s.bus.log.Error("message dropped: its receivers died", "method", m.Topic+"."+m.Method, "deliveries", m.Delivery, log.Request, m.Request)
		s.answer(m, nil, fault.Unavailablef("%d receivers of %s.%s died", m.Delivery, m.Topic, m.Method))
		ack(d)
		return
	}
	s.mu.Lock()
	switch reply := s.done.replies[m.ID]; {
	case reply != nil: // a repetition of what is finished
		s.mu.Unlock()
		s.reply(m, reply)
	case s.custody[m.ID] != nil:
		s.mu.Unlock()
		s.alive(m) // a repetition of what is under way
	case s.state == draining:
		s.mu.Unlock()
		s.refuse(m, fault.Unavailable, s.who()+" is shutting down")
	case len(s.custody) >= backlog+s.limit && !s.methods[m.Method].o.urgent:
		said := s.full
		s.full = true
		s.mu.Unlock()
		if !said {
			s.bus.log.Warn("more messages than this service can take are refused, and their senders try again: run more of it, or see what its handlers wait for",
				"topic", s.api.topic, log.Host, s.host, "waiting", backlog, "handlers", s.limit)
		}
		s.refuse(m, fault.Unavailable, s.who()+" is busy")
	default:
		w := &work{m: m, d: d, told: m.Kind == KindCast}
		w.ctx, w.cancel = s.context(m)
		s.custody[m.ID] = w
		s.flight.Add(1)
		s.start(w)
		s.mu.Unlock()
		if m.Kind == KindCast {
			s.alive(m)
		}
		return
	}
	ack(d)
}

// start gives work to a worker, or queues it behind the sender's earlier ones. The mutex is held.
func (s *Server) start(w *work) {
	if s.methods[w.m.Method].o.urgent {
		go s.handleOne(w) // counted in flight, which Drain waits for
		return
	}
	if !s.methods[w.m.Method].o.ordered {
		s.submit(w)
		return
	}
	key := w.m.Method + " " + w.m.Sender
	if l := s.lanes[key]; l != nil {
		l.queue = append(l.queue, w)
		return
	}
	w.lane = key
	s.lanes[key] = &lane{}
	s.submit(w)
}

// submit hands work to an idle worker, a new one, or the queue. The mutex is held.
func (s *Server) submit(w *work) {
	switch {
	case s.idle > 0 && len(s.queue) == 0:
		s.idle--
		s.hand <- w
	case s.workers < s.limit:
		s.workers++
		go s.worker(w)
	default:
		s.queue = append(s.queue, w)
	}
}

// worker works until the server ends. Workers are kept because a new goroutine would grow its stack anew for each message.
func (s *Server) worker(w *work) {
	for w != nil {
		s.handleOne(w)
		w = s.following(w)
	}
}

// handleOne runs the handler of a message and ends it.
func (s *Server) handleOne(w *work) {
	out, err := s.run(w)
	reply := s.answer(w.m, out, err) // still in custody: sending much takes long
	s.mu.Lock()
	delete(s.custody, w.m.ID)
	again := s.full && len(s.custody) < backlog/2
	s.full = s.full && !again
	if reply != nil {
		s.done.add(reply)
	}
	s.mu.Unlock()
	if again {
		s.bus.log.Info("messages are taken again", "topic", s.api.topic, log.Host, s.host)
	}
	ack(w.d)
	s.flight.Done()
}

// following is the worker's next piece of work; it waits for one. nil at the server's end.
func (s *Server) following(w *work) *work {
	s.mu.Lock()
	if w.lane != "" {
		if l := s.lanes[w.lane]; len(l.queue) > 0 {
			next := l.queue[0]
			l.queue = l.queue[1:]
			next.lane = w.lane
			s.mu.Unlock()
			return next
		}
		delete(s.lanes, w.lane)
	}
	if len(s.queue) > 0 {
		next := s.queue[0]
		s.queue = s.queue[1:]
		s.mu.Unlock()
		return next
	}
	s.idle++
	s.mu.Unlock()
	select {
	case next := <-s.hand:
		return next
	case <-s.quit:
		return nil
	}
}

// context is what the handler sees: the message's caller, request, trace and deadline.
func (s *Server) context(m *Message) (context.Context, context.CancelFunc) {
	ctx := s.out
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
		return lapsing(ctx, time.Now().Add(m.Timeout))
	}
	return context.WithCancel(ctx)
}

// run calls the handler; its panic is contained here.
func (s *Server) run(w *work) (out []byte, err error) {
	m, ctx, name := w.m, w.ctx, s.methods[w.m.Method].full
	end := s.bus.metrics.Start("message", name)
	defer func() {
		w.cancel()
		if p := recover(); p != nil {
			s.bus.metrics.Panic("message", name)
			err = fmt.Errorf("%s panicked: %v", name, p)
			s.bus.log.LogAttrs(ctx, slog.LevelError, "handler panicked; the message is dropped", slog.String("method", name),
				slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
		} else if err != nil && m.Kind != KindCall {
			s.bus.log.LogAttrs(ctx, slog.LevelError, "handler failed", slog.String("method", name), slog.String(log.Err, err.Error()))
		}
		if err != nil {
			end(fault.KindOf(err).String())
		} else {
			end("ok")
		}
	}()
	return s.handlers[m.Method](ctx, m.Payload)
}

// answer ends a message and returns what was said; nil where nobody asked.
func (s *Server) answer(m *Message, out []byte, err error) *Message {
	if m.ReplyTo == "" || m.Kind == KindFanout {
		return nil
	}
	reply := &Message{Kind: KindReply, ID: m.ID, Payload: out}
	if err != nil {
		reply.Payload, reply.Fault = nil, toWire(err)
	}
	return s.reply(m, reply)
}

// reply sends the end of a message. One that the transport does not take because of its size becomes a fault.
func (s *Server) reply(m, reply *Message) *Message {
	err := s.send(m, reply)
	if fault.Is(err, fault.TooLarge) {
		reply = &Message{Kind: KindReply, ID: m.ID, Fault: toWire(err)}
		err = s.send(m, reply)
	}
	if err != nil {
		s.bus.log.Debug("reply dropped: its caller is gone", "method", m.Topic+"."+m.Method, log.Request, m.Request, log.Err, err.Error())
	}
	return reply
}

func (s *Server) refuse(m *Message, why fault.Kind, text string) {
	if m.Kind == KindFanout {
		return
	}
	if err := s.send(m, refusal(m.ID, why, text)); err != nil {
		s.bus.log.Debug("refusal dropped: its caller is gone", "method", m.Topic+"."+m.Method, log.Request, m.Request, log.Err, err.Error())
	}
}

// alive is best effort: the next beat says it again.
func (s *Server) alive(m *Message) {
	_ = s.send(m, &Message{Kind: KindAlive, ID: m.ID, Delivery: m.Delivery, Host: s.host})
}

func (s *Server) send(m, reply *Message) error {
	return s.bus.t.Send(s.out, Address{Mode: Inbox, Host: m.ReplyTo}, reply)
}

// beats shows life for everything that was accepted, also while it drains: each beat for all, and soon for what is new, so that its sender
// knows where it is and does not repeat it.
func (s *Server) beats() {
	tick := time.NewTicker(max(s.bus.beat/soons, time.Millisecond))
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-s.quit:
			return
		case <-tick.C:
			for _, m := range s.signs(n%soons == 0) {
				_ = s.send(m, m) // best effort: the next beat says it again
			}
		}
	}
}

// signs are the messages that tell each sender which of its messages are in custody, all or those it was not told of: one for many, so that
// a long queue costs little.
func (s *Server) signs(all bool) []*Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	open := map[string]*Message{}
	var out []*Message
	for id, w := range s.custody {
		if w.m.Kind == KindFanout || w.told && !all {
			continue
		}
		w.told = true
		m := open[w.m.ReplyTo]
		if m == nil || len(m.IDs) == perSign {
			m = &Message{Kind: KindAlive, ID: id, ReplyTo: w.m.ReplyTo, Host: s.host}
			open[w.m.ReplyTo] = m
			out = append(out, m)
		}
		m.IDs = append(m.IDs, id)
	}
	return out
}

func (s *Server) who() string { return s.api.topic + " on " + s.host }

func ack(d Delivery) {
	if d.Ack != nil {
		d.Ack()
	}
}
