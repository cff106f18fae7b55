// Package faulty is a transport that loses, repeats and delays messages, and whose broker can go away, for tests.
package faulty

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
)

// Faults are the shares of messages, from 0 to 1, with each fault. The zero Faults have none.
type Faults struct {
	Drop      float64
	Duplicate float64
	Delay     float64       // share of messages that are delayed; later ones may overtake them
	MaxDelay  time.Duration // upper bound of a delay
}

// Network is the fault state that wrapped connections share. The zero Network has no faults.
type Network struct {
	mu     sync.Mutex // guards the fields below
	faults Faults
	down   bool

	sent, dropped atomic.Int64
}

// Set changes the faults from now on.
func (n *Network) Set(f Faults) { n.mu.Lock(); n.faults = f; n.mu.Unlock() }

// Down takes the broker away or brings it back. While it is away, sends fail and nothing arrives.
func (n *Network) Down(away bool) { n.mu.Lock(); n.down = away; n.mu.Unlock() }

// Counts returns the numbers of sent and of lost messages.
func (n *Network) Counts() (sent, dropped int64) { return n.sent.Load(), n.dropped.Load() }

// Wrap adds the network's faults to a transport.
func (n *Network) Wrap(t messaging.Transport) messaging.Transport { return &conn{Transport: t, n: n} }

// draw chooses the faults of one message.
func (n *Network) draw() (down, drop, twice bool, late time.Duration) {
	n.mu.Lock()
	f, down := n.faults, n.down
	n.mu.Unlock()
	if rand.Float64() < f.Delay {
		late = rand.N(f.MaxDelay + 1)
	}
	return down, rand.Float64() < f.Drop, rand.Float64() < f.Duplicate, late
}

func (n *Network) isDown() bool { n.mu.Lock(); defer n.mu.Unlock(); return n.down }

type conn struct {
	messaging.Transport
	n    *Network
	late sync.WaitGroup
}

// Send loses a message silently. Only a broker that is away returns an error.
func (c *conn) Send(ctx context.Context, to messaging.Address, m *messaging.Message) error {
	down, drop, twice, late := c.n.draw()
	if down {
		return fault.Unavailablef("the message broker is away")
	}
	c.n.sent.Add(1)
	if drop {
		c.n.dropped.Add(1)
		return nil
	}
	if late > 0 {
		own, ctx := *m, context.WithoutCancel(ctx) // the message is under way, even if its sender's context ends
		c.late.Go(func() {
			time.Sleep(late)
			_ = c.Transport.Send(ctx, to, &own) // nobody waits for this error
		})
		return nil
	}
	if twice {
		if err := c.Transport.Send(ctx, to, m); err != nil {
			return err
		}
	}
	return c.Transport.Send(ctx, to, m)
}

func (c *conn) Listen(ctx context.Context, at messaging.Address, deliver func(messaging.Delivery)) (func(), error) {
	return c.Transport.Listen(ctx, at, func(d messaging.Delivery) {
		if c.n.isDown() {
			c.n.dropped.Add(1)
			return // not acknowledged: a broker with queues delivers it again
		}
		deliver(d)
	})
}

func (c *conn) Close(ctx context.Context) error {
	c.late.Wait()
	return c.Transport.Close(ctx)
}
