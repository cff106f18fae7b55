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
	// DefaultBeat is how often a receiver says that it still works on a message. Both ends of a bus use the same.
	DefaultBeat = 2 * time.Second
	// missed beats make a receiver dead.
	missed = 3
	// maxDeliveries bounds how many receivers one cast may take down with it.
	maxDeliveries = 5
	// keepFor bounds how long an accepted cast waits for its dead receiver to come back.
	keepFor = 10 * time.Minute
	// elsewhere is how often a refused message to any listener is offered again: brokers choose by chance, so that one who refuses may be
	// chosen several times before one who does not.
	elsewhere = 16
)

// Scheme names a transport: messaging.Open(ctx, url, inproc.Scheme, nats.Scheme).
type Scheme struct {
	Name string // "inproc", "nats"
	Open func(ctx context.Context, url string) (Transport, error)
}

// Bus is a process's connection. Request id and caller of ctx travel with each message (oslo/auth) and are in the handler's ctx.
type Bus struct {
	t       Transport
	id      string
	log     *slog.Logger
	beat    time.Duration
	metrics *metric.Registry // may be nil
	keeps   bool             // the broker keeps casts
	seq     atomic.Uint64
	timers  sync.Pool // *time.Timer that nobody waits for

	quit, ended chan struct{}
	stopInbox   func()

	mu      sync.Mutex // guards what follows
	waiting map[string]*pending
	closed  bool
}

// pending is a message whose end is not known yet.
type pending struct {
	m      *Message
	to     Address
	order  uint64        // of sending
	answer chan *Message // capacity 1: exactly one outcome is sent, by whoever finds it first
	end    time.Time     // call: its deadline
	sent   atomic.Bool   // the transport has taken it
	// The following are guarded by the bus's mutex.
	answered   bool
	sign       time.Time // when the receiver last showed life, or the message was sent
	heard      bool      // the receiver has shown life
	host       string    // of the receiver, where it said so
	last       time.Time // when it was sent or repeated
	repeats    int
	accepted   time.Time // cast: a receiver has had it; the bus keeps it from now on
	deliveries int       // cast: repetitions that somebody received
}

// BusOption adjusts a bus.
type BusOption func(*Bus)

// Beat sets the interval of signs of life; three missed ones make a receiver dead.
func Beat(d time.Duration) BusOption { return func(b *Bus) { b.beat = d } }

// Open connects to url with the transport of its scheme. An unknown scheme is fault.Invalid. It logs to the logger of ctx and counts in
// its metrics.
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

// New makes a bus of a connected transport, which it owns from then on.
func New(ctx context.Context, t Transport, o ...BusOption) (*Bus, error) {
	b := &Bus{t: t, id: ids.Hex(), log: log.From(ctx), metrics: metric.From(ctx), beat: DefaultBeat, waiting: map[string]*pending{},
		quit: make(chan struct{}), ended: make(chan struct{})}
	_, b.keeps = t.(KeepsCasts)
	for _, f := range o {
		f(b)
	}
	stop, err := t.Listen(ctx, Address{Mode: Inbox, Host: b.id}, b.receive)
	if err != nil {
		return nil, err
	}
	b.stopInbox = stop
	go b.watch(context.WithoutCancel(ctx)) // repetition ends with the bus, not with whoever opened it
	return b, nil
}

// Close ends the connection; calls that wait fail with fault.Unavailable, and accepted casts are not looked after any more.
// Servers are drained before. Closing twice is no error.
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

// Waiting is how many calls and casts have no outcome yet, for state reports.
func (b *Bus) Waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waiting)
}

// call sends and waits: for the reply of a call, for the receipt of a cast.
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
			msg.Timeout = 0 // the handler outlives the sender's patience
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
			pause(ctx, time.Duration(try)*time.Millisecond) // one who is busy or ending may be alone for a moment
			continue
		case end.Fault != nil && m.kind == KindCast && end.Kind == KindReply:
			return nil, nil // the handler failed before the receipt came: its error belongs to the receiver's log
		case end.Fault != nil && end.Kind == KindRefused:
			return nil, unheard(end.Fault.fault())
		case end.Fault != nil:
			return nil, end.Fault.fault()
		}
		return end.Payload, nil
	}
}

// outcome waits for the end of a message, and for no longer than the method's timeout where timed.
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
		return nil, fault.Unavailablef("%s at %s did not answer within %v", m, p.to, m.o.timeout).Because(context.DeadlineExceeded)
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

// codeUnheard marks what the bus says itself, in place of a receiver.
const codeUnheard = "bus.unheard"

// Unheard tells whether a call or cast failed on the way: the message, or its answer, was lost, its receiver died or is not there, or the
// broker is away. The receiver may have done what was asked, so only what is idempotent may be asked again.
func Unheard(err error) bool {
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
	return &Message{Kind: m.kind, ID: b.id + "-" + strconv.FormatUint(order, 36), Sender: b.id, ReplyTo: b.id, Topic: m.api.topic,
		Method: m.name, Level: m.o.level, Request: auth.RequestID(ctx), Caller: auth.From(ctx), Trace: Trace(ctx), Payload: payload}
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

// receive takes what comes to the inbox. Something for a call that is over is dropped: its caller is gone.
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
			p.deliveries = max(0, p.deliveries-1) // nobody received it; the watch offers it again
		case p.repeats > 0 && m.Fault != nil && m.Fault.Kind == fault.Unavailable.String():
			// What was refused may be the repetition: the first one may be in good hands. Silence decides.
		default:
			b.end(m.ID, p, m)
		}
	}
}

// alive notes a sign of life; the first one is a cast's receipt. The mutex is held.
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

// end removes a pending message and tells the one who waits. The mutex is held.
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
