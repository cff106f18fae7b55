package app

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// A process with a small heap that is busy collects garbage all the time: with 12 MiB in use after each 12 MiB. That
// was a fifth of the CPU time of lists. So while collections follow each other quickly the heap may grow by busyGrowth
// before the next one. Once a collection comes after a quiet time, as the one that Go makes after two minutes, the heap
// is kept small again.
const (
	busyGrowth = 64 << 20
	quickly    = 500 * time.Millisecond
	quiet      = 10 * time.Second
)

// defaultPercent is how much a heap may grow before a collection, in percent of what is in use, if nobody says.
const defaultPercent = 100

// percent returns the percentage for the time until the next collection. live is what is in use after the last one, and
// interval the time between the last two.
func percent(now int, live uint64, interval time.Duration) int {
	switch {
	case interval >= quiet:
		return defaultPercent
	case interval > quickly && now == defaultPercent, live == 0:
		return now
	}
	return int(max(defaultPercent, busyGrowth*100/live))
}

// collector adapts the percentage after each collection.
type collector struct {
	last    time.Time
	now     int
	sample  []metrics.Sample
	stopped atomic.Bool
}

// collected is garbage: its finalizer runs after the next collection.
type collected struct{ c *collector }

// adaptCollector adapts garbage collection to the load until stop is called. It does nothing if the environment says
// how to collect (GOGC, GOMEMLIMIT).
func adaptCollector() (stop func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	c := &collector{last: time.Now(), now: defaultPercent, sample: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
	runtime.SetFinalizer(&collected{c}, (*collected).after)
	return func() { c.stopped.Store(true) }
}

// after runs on the goroutine of finalizers, one call at a time.
func (g *collected) after() {
	c := g.c
	if c.stopped.Load() {
		debug.SetGCPercent(defaultPercent)
		return
	}
	metrics.Read(c.sample)
	at := time.Now()
	next := percent(c.now, c.sample[0].Value.Uint64(), at.Sub(c.last))
	// A change stops the program for a moment, so small ones are left out.
	if c.last = at; next == defaultPercent && c.now != next || next*4 > c.now*5 || next*5 < c.now*4 {
		c.now = next
		debug.SetGCPercent(next)
	}
	runtime.SetFinalizer(&collected{c}, (*collected).after)
}
