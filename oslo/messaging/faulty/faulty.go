// Package faulty is a network that loses, repeats and delays messages, and one whose broker goes away: for tests of what must not depend on it.
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

// Faults are the shares of messages, from 0 to 1, that something happens to on the way. The zero Faults are a sound network.
type Faults struct {
	Drop      float64
	Duplicate float64
	Delay     float64       // these are delayed, and overtaken by later ones
	MaxDelay  time.Duration // by at most this
}

// Network is what wrapped connections share. The zero Network is sound.
type Network struct {
	mu     sync.Mutex // guards what follows
	faults Faults
	down   bool

	sent, dropped atomic.Int64
}

// Set changes what happens from now on.
func (n *Network) Set(f Faults) { n.mu.Lock(); n.faults = f; n.mu.Unlock() }

// Down takes the broker away, or brings it back: while it is away nothing can be sent and nothing arrives.
func (n *Network) Down(away bool) { n.mu.Lock(); n.down = away; n.mu.Unlock() }

// Counts are the messages that were sent, and those of them that were lost.
func (n *Network) Counts() (sent, dropped int64) { return n.sent.Load(), n.dropped.Load() }

// Wrap puts the network between a process and its transport.
func (n *Network) Wrap(t messaging.Transport) messaging.Transport { return &conn{Transport: t, n: n} }

// fate decides about one message.
func (n *Network) fate() (down, drop, twice bool, late time.Duration) {
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

// Send loses a message without a word, as a network does; only a broker that is away is noticed.
func (c *conn) Send(ctx context.Context, to messaging.Address, m *messaging.Message) error {
	down, drop, twice, late := c.n.fate()
	if down {
		return fault.Unavailablef("the message broker is away")
	}
	c.n.sent.Add(1)
	if drop {
		c.n.dropped.Add(1)
		return nil
	}
	if late > 0 {
		own, ctx := *m, context.WithoutCancel(ctx) // it is on its way, whatever its sender does
		c.late.Go(func() {
			time.Sleep(late)
			_ = c.Transport.Send(ctx, to, &own) // nobody is left to be told
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
			return // not acknowledged: a broker that keeps messages gives it again
		}
		deliver(d)
	})
}

func (c *conn) Close(ctx context.Context) error {
	c.late.Wait()
	return c.Transport.Close(ctx)
}
