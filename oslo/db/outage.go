package db

import (
	"context"
	"errors"
	"net/url"
	"time"

	"hypernova/oslo/backoff"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// Patience bounds how long OpenWaiting retries.
type Patience struct {
	Tries int           // total number of attempts; negative: until ctx ends
	Pause time.Duration // longest pause between two attempts; the first pauses are shorter
	// Refused also retries if the server answers and refuses, for example because of a wrong password or an expired
	// certificate, which an operator may correct meanwhile. Services set it; commands at a terminal do not.
	Refused bool
}

// firstPause is short, because services and database often start together.
const firstPause = 250 * time.Millisecond

// OpenWaiting is Open for a service that may start before its database. It retries and logs the cause and the remedy
// each time. Errors that waiting cannot remedy, such as a malformed URL, are returned at once.
func OpenWaiting(ctx context.Context, address string, p Patience, dialects ...Dialect) (*DB, error) {
	pauses := backoff.Policy{First: firstPause, Most: p.Pause}
	for n := 1; ; n++ {
		d, err := Open(ctx, address, dialects...)
		var away *Away
		if err == nil || !errors.As(err, &away) || away.Refused && !p.Refused || p.Tries >= 0 && n >= p.Tries ||
			ctx.Err() != nil {
			return d, err
		}
		pause := pauses.Exact(n - 1)
		log.From(ctx).Warn("retrying: database unavailable", "database", masked(address), "why", away.why, "cure", away.cure,
			"pause", pause.String())
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil, err
		}
	}
}

// Away is in the error chain if the database may become available later.
type Away struct {
	Refused   bool // the server answered and refused
	why, cure string
	err       error
}

// Error returns the engine's text.
func (e *Away) Error() string { return e.err.Error() }

// Unwrap returns the engine's error.
func (e *Away) Unwrap() error { return e.err }

// opening gives an error of Open its fault kind and, for operators, the remedy.
func opening(d Dialect, err error) error {
	c := d.Classify(err)
	if fault.Of(err) != nil || c != ClassUnavailable && c != ClassRefused {
		return toFault(d, err)
	}
	why, cure := d.Explain(err)
	return fault.Unavailablef("The database cannot be used: %s. To cure it, %s.", why,
		cure).Because(&Away{c == ClassRefused, why, cure, err})
}

// observe gives the outcome of a use of the database its fault kind. It logs once when the database becomes unavailable
// and once when it is back.
func (d *DB) observe(ctx context.Context, err error) error {
	if err == nil {
		if d.lost.Load() && d.lost.CompareAndSwap(true, false) && d.told.Swap(false) {
			log.From(ctx).Info("database available again", "database", d.address)
		}
		return nil
	}
	if fault.Of(err) != nil || ctx.Err() != nil {
		return toFault(d.dialect, err) // logged already, or the caller's context ended
	}
	c := d.dialect.Classify(err)
	if c != ClassUnavailable && c != ClassRefused {
		return toFault(d.dialect, err)
	}
	why, cure := d.dialect.Explain(err)
	if d.lost.CompareAndSwap(false, true) && d.tell() {
		log.From(ctx).Error("database unavailable", "database", d.address, "why", why, "cure", cure, log.Err, err.Error())
	}
	return fault.Unavailablef("The database cannot be used: %s.", why).Because(err) // also if connecting timed out
}

// tellEvery is the least time between two log lines about an outage. On a full disk reads succeed between failing
// writes.
const tellEvery = 30 * time.Second

// tell reports whether to log an outage.
func (d *DB) tell() bool {
	now, last := time.Now().UnixNano(), d.toldAt.Load()
	if last != 0 && now-last < int64(tellEvery) || !d.toldAt.CompareAndSwap(last, now) {
		return false
	}
	d.told.Store(true)
	return true
}

// masked returns a database URL without secrets.
func masked(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "(a URL that cannot be read)"
	}
	q := u.Query()
	if q.Has("password") {
		q.Set("password", "***")
		u.RawQuery = q.Encode()
	}
	return u.Redacted()
}
