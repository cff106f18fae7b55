package messaging

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/log"
	"hypernova/oslo/metric"
)

const (
	// DefaultBeat is the interval of a receiver's keep-alives. Both ends of a bus must use the same one.
	DefaultBeat = 2 * time.Second
	// missed is the number of missing keep-alives after which a receiver counts as dead.
	missed = 3
	// maxDeliveries bounds the redeliveries of a cast whose receivers die.
	maxDeliveries = 5
	// keepFor bounds how long an accepted cast waits for its dead receiver to return.
	keepFor = 10 * time.Minute
	// elsewhere bounds how often a refused message is offered to any listener again. Brokers choose at random and may
	// choose a refusing listener several times.
	elsewhere = 16
)

// Scheme is a transport with the URL scheme that selects it: messaging.Open(ctx, url, inproc.Scheme, nats.Scheme).
type Scheme struct {
	Name string // "inproc", "nats"
	Open func(ctx context.Context, url string) (Transport, error)
}

// Bus is a process's connection to the message broker. Each message carries the request id and caller of ctx
// (oslo/auth), and the handler's ctx has them.
type Bus struct {
	t       Transport
	id      string
	log     *slog.Logger
	beat    time.Duration
	metrics *metric.Registry // may be nil
	keeps   bool             // the broker stores casts
	seq     atomic.Uint64
	timers  sync.Pool // of stopped *time.Timer

	quit, ended chan struct{}
	stopInbox   func()

	mu      sync.Mutex // guards the fields below
	waiting map[string]*pending
	closed  bool
}

// pending is a sent message without an outcome.
type pending struct {
	m      *Message
	to     Address
	order  uint64        // sequence number of the send
	answer chan *Message // capacity 1: exactly one outcome is sent
	end    time.Time     // deadline of a call
	sent   atomic.Bool   // the transport has accepted it
	// The bus's mutex guards the fields below.
	answered   bool
	sign       time.Time // time of the last keep-alive, or of the send
	heard      bool      // a keep-alive has arrived
	host       string    // the receiver's host, if a keep-alive named it
	last       time.Time // time of the last send or repetition
	repeats    int
	accepted   time.Time // cast: when a receiver accepted it; the bus redelivers it from then on
	deliveries int       // cast: number of redeliveries that reached a listener
}

// BusOption configures a bus.
type BusOption func(*Bus)

// Beat sets the keep-alive interval. A receiver that misses three counts as dead.
func Beat(d time.Duration) BusOption { return func(b *Bus) { b.beat = d } }

// Open connects to url with the transport of its scheme. An unknown scheme is fault.Invalid. The bus uses the logger
// and the metrics of ctx.
func Open(ctx context.Context, url string, transports ...Scheme) (*Bus, error) {
	name, _, _ := strings.Cut(url, ":")
	var known []string
	for _, s := range transports {
		if s.Name == name {
			t, err := s.Open(ctx, url)
			if err != nil {
				return nil, err
			}
			return New(ctx, t)
		}
		known = append(known, s.Name)
	}
	return nil, fault.Invalidf("no message transport is called %q; there are: %s", name, strings.Join(known, ", "))
}

// New makes a bus from a connected transport and owns the transport from then on.
func New(ctx context.Context, t Transport, o ...BusOption) (*Bus, error) {
	b := &Bus{t: t, id: ids.Hex(), log: log.From(ctx), metrics: metric.From(ctx), beat: DefaultBeat,
		waiting: map[string]*pending{},
		quit:    make(chan struct{}), ended: make(chan struct{})}
	_, b.keeps = t.(KeepsCasts)
	for _, f := range o {
		f(b)
	}
	stop, err := t.Listen(ctx, Address{Mode: Inbox, Host: b.id}, b.receive)
	if err != nil {
		return nil, err
	}
	b.stopInbox = stop
	go b.watch(context.WithoutCancel(ctx)) // repetition ends with the bus, not with ctx
	return b, nil
}

// Close ends the connection. Waiting calls fail with fault.Unavailable, and accepted casts are no longer redelivered.
// Drain servers first. A second Close is not an error.
func (b *Bus) Close(ctx context.Context) error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	for id, p := range b.waiting {
		b.end(id, p, refusal(id, fault.Unavailable, "the bus is closed"))
	}
	b.mu.Unlock()
	close(b.quit)
	<-b.ended
	b.stopInbox()
	return b.t.Close(ctx)
}

// Waiting returns the number of calls and casts without an outcome, for state reports.
func (b *Bus) Waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waiting)
}

// call sends a message and blocks until the reply of a call or the receipt of a cast.
func (b *Bus) call(ctx context.Context, m *method, host string, payload []byte) ([]byte, error) {
	to := m.to(host)
	for try := 1; ; try++ {
		order := b.seq.Add(1)
		msg := b.message(ctx, m, order, payload)
		at, ok := ctx.Deadline()
		if ok {
			msg.Timeout = time.Until(at)
		} else {
			msg.Timeout, at = m.o.timeout, time.Now().Add(m.o.timeout)
		}
		if m.kind == KindCast {
			msg.Timeout = 0 // the handler may run for longer than the sender waits
		}
		p, err := b.post(ctx, to, order, at, msg)
		if err != nil {
			return nil, unheard(err)
		}
		end, err := b.outcome(ctx, m, p, !ok)
		if err != nil {
			return nil, err
		}
		switch {
		case end.Kind == KindRefused && to.Mode == Any && try < elsewhere && ctx.Err() == nil && !b.isClosed():
			pause(ctx, time.Duration(try)*time.Millisecond) // a busy or draining listener may be the only one for a moment
			continue
		case end.Fault != nil && m.kind == KindCast && end.Kind == KindReply:
			return nil, nil // the handler failed before the receipt arrived: the receiver logs its error
		case end.Fault != nil && end.Kind == KindRefused:
			return nil, unheard(end.Fault.fault())
		case end.Fault != nil:
			return nil, end.Fault.fault()
		}
		return end.Payload, nil
	}
}

// outcome waits for the end of a message, at most for the method's timeout if timed.
func (b *Bus) outcome(ctx context.Context, m *method, p *pending, timed bool) (*Message, error) {
	var late <-chan time.Time
	if timed {
		t, ok := b.timers.Get().(*time.Timer)
		if ok {
			t.Reset(m.o.timeout)
		} else {
			t = time.NewTimer(m.o.timeout)
		}
		defer func() {
			t.Stop()
			b.timers.Put(t)
		}()
		late = t.C
	}
	select {
	case end := <-p.answer:
		return end, nil
	case <-ctx.Done():
		b.forget(p.m.ID)
		return nil, fault.Unavailablef("%s at %s was given up", m, p.to).Because(context.Cause(ctx))
	case <-late:
		b.forget(p.m.ID)
		return nil, fault.Unavailablef("%s at %s did not answer within %v", m, p.to,
			m.o.timeout).Because(context.DeadlineExceeded)
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// codeUnheard marks faults that the bus itself makes in place of a receiver.
const codeUnheard = "bus.unheard"

// NoReply reports whether a call or cast failed in transport: the message or its answer was lost, the receiver died or
// does not listen, or the broker is away. The receiver may have executed the request, so repeat only idempotent
// requests.
func NoReply(err error) bool {
	f := fault.Of(err)
	return f != nil && f.Code == codeUnheard
}

func unheard(err error) error {
	if f := fault.Of(err); f != nil && f.Kind == fault.Unavailable {
		return f.Coded(codeUnheard)
	}
	return err
}

func (b *Bus) fanout(ctx context.Context, m *method, payload []byte) error {
	msg := b.message(ctx, m, b.seq.Add(1), payload)
	return b.t.Send(ctx, Address{Mode: All, Topic: m.api.topic}, msg)
}

func (b *Bus) message(ctx context.Context, m *method, order uint64, payload []byte) *Message {
	return &Message{Kind: m.kind, ID: b.id + "-" + strconv.FormatUint(order, 36), Sender: b.id,
		ReplyTo: b.id, Topic: m.api.topic,
		Method: m.name, Level: m.o.level, Request: auth.RequestID(ctx), Caller: auth.From(ctx),
		Trace: Trace(ctx), Payload: payload}
}

func (b *Bus) post(ctx context.Context, to Address, order uint64, end time.Time, m *Message) (*pending, error) {
	now := time.Now()
	p := &pending{m: m, to: to, order: order, answer: make(chan *Message, 1), end: end, sign: now, last: now}
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil, fault.Unavailablef("the bus is closed")
	}
	b.waiting[m.ID] = p
	b.mu.Unlock()
	if err := b.t.Send(ctx, to, m); err != nil {
		b.forget(m.ID)
		return nil, err
	}
	p.sent.Store(true)
	return p, nil
}

func (b *Bus) forget(id string) {
	b.mu.Lock()
	delete(b.waiting, id)
	b.mu.Unlock()
}

func (b *Bus) isClosed() bool { b.mu.Lock(); defer b.mu.Unlock(); return b.closed }

// receive handles a message of the inbox. A message for a finished call is dropped.
func (b *Bus) receive(d Delivery) {
	if d.Ack != nil {
		defer d.Ack()
	}
	m := d.Message
	b.mu.Lock()
	defer b.mu.Unlock()
	if m.Kind == KindAlive {
		now := time.Now()
		for _, id := range m.IDs {
			b.alive(b.waiting[id], m, now)
		}
		b.alive(b.waiting[m.ID], m, now)
		return
	}
	p, ok := b.waiting[m.ID]
	if !ok {
		return
	}
	switch m.Kind {
	case KindReply:
		b.end(m.ID, p, m)
	case KindRefused:
		switch {
		case !p.accepted.IsZero():
			p.deliveries = max(0, p.deliveries-1) // nobody received it; watch offers it again
		case p.repeats > 0 && m.Fault != nil && m.Fault.Kind == fault.Unavailable.String():
			// The refused message may be a repetition whose original is being handled. Missing keep-alives decide.
		default:
			b.end(m.ID, p, m)
		}
	}
}

// alive records a keep-alive; the first one is a cast's receipt. The caller holds the mutex.
func (b *Bus) alive(p *pending, m *Message, now time.Time) {
	if p == nil {
		return
	}
	p.sign, p.heard = now, true
	if m.Host != "" {
		p.host = m.Host
	}
	p.deliveries = max(p.deliveries, m.Delivery)
	if p.m.Kind == KindCast && p.accepted.IsZero() {
		p.accepted = now
		p.tell(m)
	}
}

// end removes a pending message and sends its outcome. The caller holds the mutex.
func (b *Bus) end(id string, p *pending, m *Message) {
	delete(b.waiting, id)
	p.tell(m)
}

func (p *pending) tell(m *Message) {
	if !p.answered {
		p.answered = true
		p.answer <- m
	}
}

func refusal(id string, why fault.Kind, text string) *Message {
	return &Message{Kind: KindRefused, ID: id, Fault: &WireFault{Kind: why.String(), Msg: text}}
}
