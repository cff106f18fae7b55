package conductor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
	"hypernova/oslo/steps"
	"hypernova/oslo/tasks"
)

// A build does not fail because a service or a host cannot be reached: a call without a reply is not an attempt. The
// job returns to the queue and starts again with the same step. If the host is down, the build tries another host.
// After Config.BuildWait the build fails.

// hostError is an error that the host itself returned. It is of kind Unavailable, but the host was reached.
type hostError struct{ err error }

func (e *hostError) Error() string { return e.err.Error() }
func (e *hostError) Unwrap() error { return e.err }

// answered marks an Unavailable error that a host returned, to distinguish it from a call without a reply.
func answered(err error) error {
	if !fault.Is(err, fault.Unavailable) || messaging.NoReply(err) {
		return err
	}
	return &hostError{err}
}

// retryOrFail decides about an error of a step. It returns steps.Again if the step is to be repeated later: the job
// has a record, the error says that a service or host cannot be reached, and Config.BuildWait has not passed.
// Otherwise it returns the error, which fails the step.
func (w *work) retryOrFail(ctx context.Context, err error) error {
	var said *hostError
	if w.journal == nil || !fault.Is(err, fault.Unavailable) || errors.As(err, &said) {
		return err
	}
	since := w.journal.waits(w.Queue.Now())
	switch {
	case messaging.NoReply(err) && w.host != "":
		err = unreached("Host "+w.host, err)
	case messaging.NoReply(err):
		err = unreached("The scheduler", err)
	}
	if since >= w.c.BuildWait {
		return err
	}
	if w.host == "" || !messaging.NoReply(err) {
		return steps.Again(err)
	}
	// The host may have received the call and be working on it. It is called again while its service is up. Its work is
	// undone before another host is tried.
	up, _, uerr := w.up(ctx, w.host)
	if uerr == nil && !up || since >= w.c.DownTime {
		return err
	}
	return steps.Again(err)
}

// unreached returns err with a message for users: the service cannot be reached.
func unreached(who string, err error) error {
	f := *fault.Of(err)
	f.Msg, f.Err = who+" cannot be reached.", err
	return &f
}

// mayComeBack reports whether a host could be selected if the hosts that do not reply were up.
func (b *building) mayComeBack(ctx context.Context, q nova.Request) bool {
	if b.journal.silent() > 0 {
		return true
	}
	q.Silent, q.Fresh = b.c.BuildWait, false
	_, err := b.Scheduler.Select(ctx, q)
	return err == nil || messaging.NoReply(err)
}

// pauses are the pauses between attempts to reach a service; the last one is repeated.
var pauses = [...]time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second,
	4 * time.Second, 8 * time.Second}

// wait returns the job to the queue for a pause. It notes the reason in the event of the server's action.
func (w *work) wait(ctx context.Context, why error) error {
	j := w.journal
	pause := pauses[min(j.rec.Looks, len(pauses)-1)]
	j.rec.Looks++
	told := fmt.Sprintf("Waiting until %s at most: %s", j.rec.Since.Add(w.c.BuildWait).UTC().Format(time.RFC3339),
		reason(why))
	tell := j.rec.Told != told
	j.rec.Told = told
	if err := j.Save(ctx, j.rec.Now); err != nil {
		return err
	}
	if tell {
		err := w.DB.Tx(ctx, func(tx *db.Tx) error {
			return store.NoteEvent(ctx, tx, w.server, w.request, w.event,
				store.Outcome{Details: told, Traceback: why.Error()}, w.Now())
		})
		if err != nil {
			return err
		}
	}
	return tasks.Later(why, pause/2+rand.N(pause))
}

// rejoined makes the jobs that wait for a host due now, because its nova-compute is up again.
func (c *agentCalls) rejoined(ctx context.Context, s *nova.Service) error {
	if s.Binary != nova.BinaryCompute {
		return nil
	}
	return errors.Join(jobs.Cleanup.Hurry(ctx, c.Queue, cleanupKey(s.Host, "")), jobs.Build.Hurry(ctx, c.Queue, ""),
		jobs.Rebuild.Hurry(ctx, c.Queue, ""), jobs.Rescue.Hurry(ctx, c.Queue, ""),
		jobs.Snapshot.Hurry(ctx, c.Queue, ""), jobs.Unshelve.Hurry(ctx, c.Queue, ""))
}

// beat records a heartbeat. If the service was down before, the jobs that wait for its host become due now.
func (c *agentCalls) beat(ctx context.Context, id string) error {
	var back *nova.Service
	if c.heard.late(id, time.Now(), c.c.DownTime/2) { // perhaps; other conductors may have received heartbeats
		s, err := store.Service(ctx, c.DB, id)
		if err == nil && !s.Up(c.Now(), c.c.DownTime) {
			back = &s
		}
	}
	if err := c.Group.Beat(ctx, id); err != nil || back == nil {
		return err
	}
	return c.rejoined(ctx, back)
}

// heartbeats has the time of the last heartbeat of each member that reached this process. The zero value is ready.
type heartbeats struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// late records a heartbeat of a member. It returns true if the member sent none to this process before, or the previous
// one is longer ago than silence.
func (h *heartbeats) late(id string, now time.Time, silence time.Duration) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	last, known := h.last[id]
	if h.last == nil {
		h.last = map[string]time.Time{}
	}
	h.last[id] = now
	return !known || now.Sub(last) > silence
}
