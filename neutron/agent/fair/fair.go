// Package fair limits the rate of each guest's DHCP and metadata requests.
package fair

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rates are how often each of many sources may do a thing. A source that was quiet for long is forgotten. They are safe
// for concurrent use.
type Rates struct {
	perSecond rate.Limit
	burst     int

	mu    sync.Mutex // guards what follows
	by    map[string]*bucket
	swept time.Time
}

type bucket struct {
	*rate.Limiter
	used time.Time
}

// NewRates makes rates: burst at once, perSecond in the long run.
func NewRates(perSecond float64, burst int) *Rates {
	return &Rates{perSecond: rate.Limit(perSecond), burst: burst, by: map[string]*bucket{}}
}

// Allow takes one from a source's share, and is false where there is none left.
func (r *Rates) Allow(source string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	// a bucket that rested so long is as a new one
	full := time.Duration(float64(r.burst) / float64(r.perSecond) * float64(time.Second))
	if now.Sub(r.swept) > full {
		r.swept = now
		for s, b := range r.by {
			if now.Sub(b.used) > full {
				delete(r.by, s)
			}
		}
	}
	b := r.by[source]
	if b == nil {
		b = &bucket{Limiter: rate.NewLimiter(r.perSecond, r.burst)}
		r.by[source] = b
	}
	b.used = now
	return b.AllowN(now, 1)
}

// Seldom keeps what a guest can cause at will from filling a log: it lets one line through per Every. The zero value
// lets one through per minute.
type Seldom struct {
	Every time.Duration

	mu   sync.Mutex // guards what follows
	last time.Time
	left int
}

// Now says whether a line may be written, and how many were not since the last one.
func (s *Seldom) Now(now time.Time) (left int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	every := s.Every
	if every <= 0 {
		every = time.Minute
	}
	if !s.last.IsZero() && now.Sub(s.last) < every {
		s.left++
		return 0, false
	}
	left, s.left, s.last = s.left, 0, now
	return left, true
}
