// Package clock is the clock that callers inject, so that tests can set the time. Timers and tickers use package
// time; tests of them use testing/synctest.
package clock

import "time"

// Now returns the current time in UTC. Constructors use Real in place of nil.
type Now func() time.Time

// Real returns the machine's time in UTC, truncated to microseconds, the resolution of the databases.
func Real() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
