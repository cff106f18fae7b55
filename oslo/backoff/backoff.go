// Package backoff computes the pauses between attempts: doubled after each one, up to a limit, with jitter, so that
// processes that failed together do not try again together.
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// Policy is a series of pauses. Its zero value has no pauses.
type Policy struct {
	First time.Duration // the pause after the first attempt, before jitter
	Most  time.Duration // the longest pause; 0: First, so that all pauses are alike
}

// Exact returns the pause after attempt n, counted from 0, without jitter.
func (p Policy) Exact(n int) time.Duration {
	d, most := p.First, max(p.First, p.Most)
	for ; n > 0 && d < most; n-- {
		d *= 2
	}
	return min(d, most)
}

// Pause returns the pause after attempt n, counted from 0: a random duration between half of Exact and Exact.
func (p Policy) Pause(n int) time.Duration {
	d := p.Exact(n)
	return d/2 + rand.N(d/2+1)
}

// Wait blocks for Pause(n). It returns the context's error if ctx ends before.
func (p Policy) Wait(ctx context.Context, n int) error {
	t := time.NewTimer(p.Pause(n))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
