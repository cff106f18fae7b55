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
	// soons are how many times in a beat both ends look for what is to be told or asked soon.
	soons = 8
	// A message without a sign of life is repeated after a beat/repeatFirst, and then each beat/repeatNext: what was lost on the way costs that
	// much. Receivers know what they have and what they have done by its id, so a repetition is at most a question.
	repeatFirst, repeatNext = 4, 2
)

// watch asks again after what is silent, and finds receivers that are: calls fail, accepted casts are given again.
func (b *Bus) watch(ctx context.Context) {
	defer close(b.ended)
	tick := time.NewTicker(max(b.beat/soons, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-b.quit:
			return
		case now := <-tick.C:
			dead, quiet := b.silent(now)
			for _, p := range dead {
				b.again(ctx, p)
			}
			for _, p := range quiet {
				if !b.repeat(ctx, p, now) {
					break // the way is shut: the next look tries again
				}
			}
		}
	}
}

// silent ends what is lost and returns the casts that are due again, and what is to be asked after; oldest first.
func (b *Bus) silent(now time.Time) (dead, quiet []*pending) {
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
			b.log.Error("message dropped: its receivers died", "method", p.m.Topic+"."+p.m.Method, "to", p.to.String(),
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

// quiet says whether a message is to be repeated. One whose receiver has shown life has missed a beat then: perhaps its reply was lost.
// The mutex is held.
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

// repeat sends a message once more: to the one that is known to have it, else as it was sent. false: it could not be sent.
func (b *Bus) repeat(ctx context.Context, p *pending, now time.Time) bool {
	m, to := *p.m, p.to
	if m.Kind == KindCall {
		if m.Timeout = p.end.Sub(now); m.Timeout <= 0 {
			return true // its caller gives up at this moment
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

// again repeats a cast. Nobody listening does not count as a delivery: the receiver may be on its way back.
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
	b.log.Warn("message given again: its receiver fell silent", "method", m.Topic+"."+m.Method, "to", p.to.String(),
		"delivery", m.Delivery, log.Request, m.Request)
}
