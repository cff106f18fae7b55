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
	// DefaultConcurrency is the default number of handlers that a server runs at once.
	DefaultConcurrency = 64
	// backlog is the number of accepted messages that may wait for a handler. Beyond it the server refuses messages as
	// busy.
	backlog = 4096
	// perSign is the number of message ids in one keep-alive.
	perSign = 1000
)

type handler func(ctx context.Context, payload []byte) ([]byte, error)

// Server listens on a topic, on topic.host and on the topic's fanout.
type Server struct {
	bus   *Bus
	api   *API
	host  string
	level int
	limit int // handlers that run at once

	handlers map[string]handler // set before Listen, read-only after it
	methods  map[string]*method

	out              context.Context // Listen's context without its end; Drain ends running work
	stops            []func()
	quit             chan struct{} // closed to end keep-alives and workers
	hand             chan *work    // to idle workers
	running, beating sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	state   state
	workers int
	idle    int              // idle workers that have not been given work
	queue   []*work          // waits for a free worker
	custody map[string]*work // accepted and not finished
	lanes   map[string]*lane // of ordered methods, by method and sender
	full    bool             // messages were refused, and the queue has not yet drained to half
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
	ctx    context.Context // the handler's context
	cancel context.CancelFunc
	lane   string // key of the lane it occupies, empty for none
	signed bool   // its sender has been sent a keep-alive; guarded by the server's mutex
}

// lane is the queue of one sender's ordered messages. One worker at a time takes messages from it.
type lane struct{ queue []*work }

// ServerOption configures a server.
type ServerOption func(*Server)

// Concurrency sets how many handlers run at once. 0 or less means the default of 64.
func Concurrency(n int) ServerOption {
	return func(s *Server) {
		if n > 0 {
			s.limit = n
		}
	}
}

// ServerLevel sets the server's service level. Methods that need a higher level are refused. The default accepts all.
func ServerLevel(n int) ServerOption { return func(s *Server) { s.level = n } }

// NewServer makes a server. Set its handlers, then call Seal and Listen.
func NewServer(b *Bus, a *API, host string, o ...ServerOption) *Server {
	s := &Server{bus: b, api: a, host: host, level: -1, limit: DefaultConcurrency, handlers: map[string]handler{},
		methods: map[string]*method{}, custody: map[string]*work{}, lanes: map[string]*lane{},
		done: memory{replies: map[string]*Message{}}, quit: make(chan struct{})}
	for _, f := range o {
		f(s)
	}
	s.hand = make(chan *work, s.limit) // capacity for every idle worker
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

// Seal panics if a declared method has no handler, and names the methods.
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

// Listen starts deliveries and returns when messages can arrive. Handlers see the values of ctx, not its end: Drain
// stops them.
func (s *Server) Listen(ctx context.Context) error {
	s.mu.Lock()
	if s.state != fresh {
		s.mu.Unlock()
		return fault.Conflictf("the server of %s listens already", s.api.topic)
	}
	s.state = listening
	s.out = context.WithoutCancel(ctx) // Drain ends running work
	s.mu.Unlock()
	for _, at := range []Address{{Mode: All, Topic: s.api.topic}, {Mode: One, Topic: s.api.topic, Host: s.host},
		{Mode: Any, Topic: s.api.topic}} {
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

// Drain refuses new messages with fault.Unavailable, so that callers try another host, and waits for the running
// messages. If ctx ends first, it ends the handlers' contexts and returns an error at once. A drained server cannot
// listen again.
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
		s.running.Wait()
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
		return fault.Unavailablef("%d messages of %s were still in flight", s.InFlight(),
			s.api.topic).Because(context.Cause(ctx))
	}
}

// abandon ends the contexts of the handlers that Drain did not wait for.
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

// InFlight returns the number of messages that are accepted and not finished.
func (s *Server) InFlight() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.custody)
}

// deliver accepts or refuses a message.
func (s *Server) deliver(d Delivery) {
	m := d.Message
	if s.methods[m.Method] == nil || m.Level > s.level && s.level >= 0 {
		s.bus.log.Warn("refusing message: its method needs a newer version of this service", "method", m.Topic+"."+m.Method,
			"level", m.Level, log.Request, m.Request)
		s.refuse(m, fault.NotImplemented, fmt.Sprintf("%s does not know %s.%s at level %d; it is an older version", s.who(),
			m.Topic, m.Method, m.Level))
		ack(d)
		return
	}
	if m.Delivery >= maxDeliveries { // brokers that redeliver by themselves count deliveries
		s.bus.log.Error("dropping message: its receivers died", "method", m.Topic+"."+m.Method, "deliveries", m.Delivery,
			log.Request, m.Request)
		s.answer(m, nil, fault.Unavailablef("%d receivers of %s.%s died", m.Delivery, m.Topic, m.Method))
		ack(d)
		return
	}
	s.mu.Lock()
	switch reply := s.done.replies[m.ID]; {
	case reply != nil: // a repetition of a finished message
		s.mu.Unlock()
		s.reply(m, reply)
	case s.custody[m.ID] != nil:
		s.mu.Unlock()
		s.alive(m) // a repetition of a message in progress
	case s.state == draining:
		s.mu.Unlock()
		s.refuse(m, fault.Unavailable, s.who()+" is shutting down")
	case len(s.custody) >= backlog+s.limit && !s.methods[m.Method].o.urgent:
		said := s.full
		s.full = true
		s.mu.Unlock()
		if !said {
			s.bus.log.Warn("refusing messages: the queue is full; run more instances of this service, or find what its handlers wait for",
				"topic", s.api.topic, log.Host, s.host, "waiting", backlog, "handlers", s.limit)
		}
		s.refuse(m, fault.Unavailable, s.who()+" is busy")
	default:
		w := &work{m: m, d: d, signed: m.Kind == KindCast}
		w.ctx, w.cancel = s.context(m)
		s.custody[m.ID] = w
		s.running.Add(1)
		s.start(w)
		s.mu.Unlock()
		if m.Kind == KindCast {
			s.alive(m)
		}
		return
	}
	ack(d)
}

// start gives work to a worker, or queues it behind the sender's earlier messages. The caller holds the mutex.
func (s *Server) start(w *work) {
	if s.methods[w.m.Method].o.urgent {
		go s.handleOne(w) // counted as running; Drain waits for it
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

// submit gives work to an idle worker, a new worker, or the queue. The caller holds the mutex.
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

// worker handles messages until the server ends. Workers are reused, because the stack of a new goroutine must grow
// again for each message.
func (s *Server) worker(w *work) {
	for w != nil {
		s.handleOne(w)
		w = s.following(w)
	}
}

// handleOne runs the handler of a message and sends its end.
func (s *Server) handleOne(w *work) {
	out, err := s.run(w)
	reply := s.answer(w.m, out, err) // still accepted: sending a large reply may take long
	s.mu.Lock()
	delete(s.custody, w.m.ID)
	again := s.full && len(s.custody) < backlog/2
	s.full = s.full && !again
	if reply != nil {
		s.done.add(reply)
	}
	s.mu.Unlock()
	if again {
		s.bus.log.Info("accepting messages again", "topic", s.api.topic, log.Host, s.host)
	}
	ack(w.d)
	s.running.Done()
}

// following returns the worker's next message. It blocks until there is one, and returns nil when the server ends.
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

// context makes the handler's context: the message's caller, request id, trace and deadline.
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

// run calls the handler and returns its panic as an error.
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
			s.bus.log.LogAttrs(ctx, slog.LevelError, "handler failed", slog.String("method", name),
				slog.String(log.Err, err.Error()))
		}
		if err != nil {
			end(fault.KindOf(err).String())
		} else {
			end("ok")
		}
	}()
	return s.handlers[m.Method](ctx, m.Payload)
}

// answer ends a message and returns the reply, nil if the message expects none.
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

// reply sends the end of a message. A reply that is too large for the transport becomes a fault.
func (s *Server) reply(m, reply *Message) *Message {
	err := s.send(m, reply)
	if fault.Is(err, fault.TooLarge) {
		reply = &Message{Kind: KindReply, ID: m.ID, Fault: toWire(err)}
		err = s.send(m, reply)
	}
	if err != nil {
		s.bus.log.Debug("dropping reply: its caller is gone", "method", m.Topic+"."+m.Method, log.Request,
			m.Request, log.Err, err.Error())
	}
	return reply
}

func (s *Server) refuse(m *Message, why fault.Kind, text string) {
	if m.Kind == KindFanout {
		return
	}
	if err := s.send(m, refusal(m.ID, why, text)); err != nil {
		s.bus.log.Debug("dropping refusal: its caller is gone", "method", m.Topic+"."+m.Method, log.Request,
			m.Request, log.Err, err.Error())
	}
}

// alive sends one keep-alive. It is best effort: the next interval sends another.
func (s *Server) alive(m *Message) {
	_ = s.send(m, &Message{Kind: KindAlive, ID: m.ID, Delivery: m.Delivery, Host: s.host})
}

func (s *Server) send(m, reply *Message) error {
	return s.bus.t.Send(s.out, Address{Mode: Inbox, Host: m.ReplyTo}, reply)
}

// beats sends keep-alives for everything that was accepted, also while the server drains: for all messages each
// interval, and sooner for new ones, so that their senders do not repeat them.
func (s *Server) beats() {
	tick := time.NewTicker(max(s.bus.beat/soons, time.Millisecond))
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-s.quit:
			return
		case <-tick.C:
			for _, m := range s.signs(n%soons == 0) {
				_ = s.send(m, m) // best effort: the next interval sends another
			}
		}
	}
}

// signs returns the keep-alive messages for each sender: for all its accepted messages, or only for those without a
// keep-alive so far. One message covers many, so a long queue costs little.
func (s *Server) signs(all bool) []*Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	open := map[string]*Message{}
	var out []*Message
	for id, w := range s.custody {
		if w.m.Kind == KindFanout || w.signed && !all {
			continue
		}
		w.signed = true
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
