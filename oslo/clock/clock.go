// Package clock is the clock that callers inject, so that tests can set the time. Timers and tickers stay with package
// time: their tests run under testing/synctest.
package clock

import "time"

// Now returns the present in UTC. A nil Now must not be called; constructors default it to Real.
type Now func() time.Time

// Real is the machine's clock, cut to microseconds, which is what the databases keep.
func Real() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
