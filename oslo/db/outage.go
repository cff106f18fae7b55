package db

import (
	"context"
	"errors"
	"net/url"
	"time"

	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// Patience is how long OpenWaiting waits for a database that does not answer.
type Patience struct {
	Tries int           // how often it tries in all; less than 0: until ctx ends
	Pause time.Duration // the longest time between two; the first ones are shorter
	// Refused waits also where the server answers and refuses, as with a wrong password or an expired certificate: somebody may be
	// about to cure it. A service does; who waits at a terminal wants to know.
	Refused bool
}

// firstPause is short, because services and database often start together.
const firstPause = 250 * time.Millisecond

// OpenWaiting is Open for a service that starts, perhaps before its database: it tries again, and each time says in the log what is
// wrong and what cures it. What no waiting cures, as a URL that is none, ends it at once.
func OpenWaiting(ctx context.Context, address string, p Patience, dialects ...Dialect) (*DB, error) {
	for n, pause := 1, firstPause; ; n, pause = n+1, min(2*pause, max(p.Pause, firstPause)) {
		d, err := Open(ctx, address, dialects...)
		var away *Away
		if err == nil || !errors.As(err, &away) || away.Refused && !p.Refused || p.Tries >= 0 && n >= p.Tries || ctx.Err() != nil {
			return d, err
		}
		log.From(ctx).Warn("the database cannot be used yet, trying again", "database", masked(address), "why", away.why, "cure", away.cure, "pause", pause.String())
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil, err
		}
	}
}

// Away is in the error of a database that may be there later.
type Away struct {
	Refused   bool // by the server itself
	why, cure string
	err       error
}

// Error is the engine's text.
func (e *Away) Error() string { return e.err.Error() }

// Unwrap is the engine's error.
func (e *Away) Unwrap() error { return e.err }

// opening gives an error of Open its kind and, for operators, its cure.
func opening(d Dialect, err error) error {
	c := d.Classify(err)
	if fault.Of(err) != nil || c != ClassUnavailable && c != ClassRefused {
		return toFault(d, err)
	}
	why, cure := d.Explain(err)
	return fault.Unavailablef("The database cannot be used: %s. To cure it, %s.", why, cure).Because(&Away{c == ClassRefused, why, cure, err})
}

// settle gives the outcome of a use of the database its kind, and says in the log, once, when the database goes and when it is back:
// each caller learns of it by a fault, but only the operator can do something.
func (d *DB) settle(ctx context.Context, err error) error {
	if err == nil {
		if d.lost.Load() && d.lost.CompareAndSwap(true, false) && d.told.Swap(false) {
			log.From(ctx).Info("the database answers again", "database", d.address)
		}
		return nil
	}
	if fault.Of(err) != nil || ctx.Err() != nil {
		return toFault(d.dialect, err) // told already, or given up by the caller
	}
	c := d.dialect.Classify(err)
	if c != ClassUnavailable && c != ClassRefused {
		return toFault(d.dialect, err)
	}
	why, cure := d.dialect.Explain(err)
	if d.lost.CompareAndSwap(false, true) && d.tell() {
		log.From(ctx).Error("the database cannot be used; whoever needs it is told to try again", "database", d.address, "why", why, "cure", cure, log.Err, err.Error())
	}
	return fault.Unavailablef("The database cannot be used: %s.", why).Because(err) // also where connecting ran into a deadline of its own
}

// tellEvery is the least time between two reports of a loss: on a full disk reading goes on between two writes that fail.
const tellEvery = 30 * time.Second

// tell decides whether the log says that the database is lost.
func (d *DB) tell() bool {
	now, last := time.Now().UnixNano(), d.toldAt.Load()
	if last != 0 && now-last < int64(tellEvery) || !d.toldAt.CompareAndSwap(last, now) {
		return false
	}
	d.told.Store(true)
	return true
}

// masked is a database URL that may be shown.
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
