package messaging

import (
	"cmp"
	"context"
	"slices"
	"time"

	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

const (
	// soons is how many times per keep-alive interval both ends check for new messages and overdue ones.
	soons = 8
	// A message without a keep-alive is repeated after beat/repeatFirst and then every beat/repeatNext. A receiver
	// recognises a repetition by its id, so it costs little.
	repeatFirst, repeatNext = 4, 2
)

// watch repeats messages without a keep-alive and detects dead receivers: it fails calls and redelivers accepted casts.
func (b *Bus) watch(ctx context.Context) {
	defer close(b.ended)
	tick := time.NewTicker(max(b.beat/soons, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-b.quit:
			return
		case now := <-tick.C:
			dead, quiet := b.overdue(now)
			for _, p := range dead {
				b.again(ctx, p)
			}
			for _, p := range quiet {
				if !b.repeat(ctx, p, now) {
					break // cannot send; the next round tries again
				}
			}
		}
	}
}

// overdue ends the messages whose receiver is dead. It returns the casts to redeliver and the messages to repeat,
// oldest first.
func (b *Bus) overdue(now time.Time) (dead, quiet []*pending) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, p := range b.waiting {
		if now.Sub(p.sign) < missed*b.beat {
			if b.quiet(p, now) {
				quiet = append(quiet, p)
			}
			continue
		}
		switch {
		case p.accepted.IsZero():
			b.end(id, p, refusal(id, fault.Unavailable, "the receiver at "+p.to.String()+" shows no sign of life"))
		case p.deliveries+1 >= maxDeliveries || now.Sub(p.accepted) > keepFor:
			delete(b.waiting, id)
			b.log.Error("dropping message: its receivers died", "method", p.m.Topic+"."+p.m.Method, "to", p.to.String(),
				"deliveries", p.deliveries+1, log.Request, p.m.Request)
		default:
			p.sign = now
			dead = append(dead, p)
		}
	}
	byOrder := func(x, y *pending) int { return cmp.Compare(x.order, y.order) }
	slices.SortFunc(dead, byOrder)
	slices.SortFunc(quiet, byOrder)
	return dead, quiet
}

// quiet reports whether to repeat a message. After the first keep-alive it waits for one missed interval, because the
// reply may have been lost. The caller holds the mutex.
func (b *Bus) quiet(p *pending, now time.Time) bool {
	if !p.sent.Load() || !p.accepted.IsZero() || p.m.Kind == KindCast && b.keeps {
		return false
	}
	wait := b.beat / repeatNext
	if p.heard {
		return now.Sub(p.sign) > b.beat+b.beat/repeatFirst && now.Sub(p.last) >= wait
	}
	if p.repeats == 0 {
		wait = b.beat / repeatFirst
	}
	return now.Sub(p.last) >= wait
}

// repeat sends a message again: to the receiver that sent a keep-alive, else to its address. It returns false if it
// cannot be sent.
func (b *Bus) repeat(ctx context.Context, p *pending, now time.Time) bool {
	m, to := *p.m, p.to
	if m.Kind == KindCall {
		if m.Timeout = p.end.Sub(now); m.Timeout <= 0 {
			return true // its caller times out now
		}
	}
	b.mu.Lock()
	p.last = now
	p.repeats++
	if to.Mode == Any && p.host != "" {
		to = Address{Mode: One, Topic: to.Topic, Host: p.host}
	}
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, b.beat/repeatFirst)
	defer cancel()
	return b.t.Send(ctx, to, &m) == nil
}

// again redelivers a cast. A delivery that reached no listener does not count: the receiver may be restarting.
func (b *Bus) again(ctx context.Context, p *pending) {
	b.mu.Lock()
	p.deliveries++
	m := *p.m
	m.Delivery = p.deliveries
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, missed*b.beat)
	defer cancel()
	if err := b.t.Send(ctx, p.to, &m); err != nil {
		b.mu.Lock()
		p.deliveries--
		b.mu.Unlock()
		return
	}
	b.log.Warn("redelivering message: receiver sent no keep-alive", "method", m.Topic+"."+m.Method, "to", p.to.String(),
		"delivery", m.Delivery, log.Request, m.Request)
}
