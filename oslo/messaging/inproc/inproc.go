// Package inproc is the message transport inside one process. Payloads are encoded and bounded as for a broker, so that
// errors of a real transport show in tests.
package inproc

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
)

// MaxPayload is the largest payload of a message, in bytes.
const MaxPayload = 8 << 20

// Scheme opens "inproc:". Each Open is a bus of its own; several connections need a Broker.
var Scheme = messaging.Scheme{Name: "inproc", Open: func(context.Context, string) (messaging.Transport, error) {
	return NewBroker().Connect(), nil
}}

// Broker connects the transports of one process.
type Broker struct {
	mu        sync.RWMutex // guards the fields below
	listeners map[messaging.Address]*group
}

// group is the listeners of one address. It is replaced, never changed, so that senders read it without the lock.
type group struct {
	members []*listener
	next    *atomic.Uint32 // index of the next receiver
}

type listener struct {
	conn    *conn
	deliver func(messaging.Delivery)
	gate    sync.RWMutex // read-locked by deliveries, write-locked once by stop
	stopped bool
}

// NewBroker makes an empty broker.
func NewBroker() *Broker { return &Broker{listeners: map[messaging.Address]*group{}} }

// Connect makes a connection. Closing it removes its listeners, as the death of its process would.
func (b *Broker) Connect() messaging.Transport { return &conn{b: b} }

type conn struct {
	b      *Broker
	closed atomic.Bool
}

func (c *conn) Send(ctx context.Context, to messaging.Address, m *messaging.Message) error {
	if c.closed.Load() {
		return fault.Unavailablef("the bus is closed")
	}
	if len(m.Payload) > MaxPayload {
		return fault.New(fault.TooLarge, "a message of %d bytes is over the bound of %d", len(m.Payload), MaxPayload)
	}
	if err := ctx.Err(); err != nil {
		return fault.Unavailablef("the message to %s was given up", to).Because(err)
	}
	c.b.mu.RLock()
	g := c.b.listeners[to]
	c.b.mu.RUnlock()
	if to.Mode == messaging.All {
		if g != nil {
			for _, l := range g.members {
				l.deliverCopy(m)
			}
		}
		return nil
	}
	if g != nil {
		first := g.next.Add(1)
		for i := range uint32(len(g.members)) {
			if g.members[(first+i)%uint32(len(g.members))].deliverCopy(m) {
				return nil
			}
		}
	}
	return fault.Unavailablef("nobody listens at %s", to)
}

// deliverCopy delivers a copy. It returns false if the listener has stopped.
func (l *listener) deliverCopy(m *messaging.Message) bool {
	l.gate.RLock()
	defer l.gate.RUnlock()
	if l.stopped {
		return false
	}
	own := *m
	own.Payload, own.IDs = slices.Clone(m.Payload), slices.Clone(m.IDs)
	if m.Caller != nil {
		own.Caller = copyCaller(m.Caller)
	}
	l.deliver(messaging.Delivery{Message: &own})
	return true
}

func copyCaller(c *auth.Caller) *auth.Caller {
	own := *c
	own.Roles, own.Methods = slices.Clone(c.Roles), slices.Clone(c.Methods)
	return &own
}

func (c *conn) Listen(_ context.Context, at messaging.Address, deliver func(messaging.Delivery)) (func(), error) {
	if c.closed.Load() {
		return nil, fault.Unavailablef("the bus is closed")
	}
	l := &listener{conn: c, deliver: deliver}
	c.b.change(at, func(ls []*listener) []*listener { return append(ls, l) })
	return func() {
		c.b.change(at, func(ls []*listener) []*listener {
			return slices.DeleteFunc(ls, func(x *listener) bool { return x == l })
		})
		l.stop()
	}, nil
}

func (l *listener) stop() {
	l.gate.Lock()
	l.stopped = true
	l.gate.Unlock()
}

// change replaces an address's group by the result of fn on a copy of it.
func (b *Broker) change(at messaging.Address, fn func([]*listener) []*listener) {
	b.mu.Lock()
	defer b.mu.Unlock()
	g := group{next: new(atomic.Uint32)}
	if old := b.listeners[at]; old != nil {
		g = *old
	}
	g.members = fn(slices.Clone(g.members))
	if len(g.members) == 0 {
		delete(b.listeners, at)
		return
	}
	b.listeners[at] = &g
}

func (c *conn) Close(context.Context) error {
	if c.closed.Swap(true) {
		return nil
	}
	c.b.mu.Lock()
	var mine []*listener
	for at, g := range c.b.listeners {
		left := slices.DeleteFunc(slices.Clone(g.members), func(l *listener) bool { return l.conn == c })
		for _, l := range g.members {
			if l.conn == c {
				mine = append(mine, l)
			}
		}
		if len(left) == 0 {
			delete(c.b.listeners, at)
		} else {
			c.b.listeners[at] = &group{members: left, next: g.next}
		}
	}
	c.b.mu.Unlock()
	for _, l := range mine {
		l.stop()
	}
	return nil
}
