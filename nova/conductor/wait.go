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

// What is away says nothing of a request: a call that nobody answered, a service that is being restarted, a host that
// has fallen silent are no verdict of a host, and cost a build none of its tries. It stays where it is, in the queue,
// and begins with the same step again. A host that has fallen silent is left for another one where there is one. Only
// after Config.BuildWait the build takes what is away for gone.

// verdict is an error that the host itself gave as its answer, though it is of a kind that tells of absence elsewhere.
type verdict struct{ err error }

func (v *verdict) Error() string { return v.err.Error() }
func (v *verdict) Unwrap() error { return v.err }

// answered marks what a host said, to tell it apart from silence.
func answered(err error) error {
	if !fault.Is(err, fault.Unavailable) || messaging.Unheard(err) {
		return err
	}
	return &verdict{err}
}

// settle decides what an error of a step means: one that tells of absence stops a job that keeps a record where it is,
// as long as it may wait.
func (w *work) settle(ctx context.Context, err error) error {
	var said *verdict
	if w.journal == nil || !fault.Is(err, fault.Unavailable) || errors.As(err, &said) {
		return err
	}
	since := w.journal.waits(w.Queue.Now())
	switch {
	case messaging.Unheard(err) && w.host != "":
		err = unreached("Host "+w.host, err)
	case messaging.Unheard(err):
		err = unreached("The scheduler", err)
	}
	if since >= w.c.BuildWait {
		return err
	}
	if w.host == "" || !messaging.Unheard(err) {
		return steps.Again(err)
	}
	// The host may have it, and be at it: it is asked again while it seems to live, and what it did is undone before
	// another is tried.
	up, _, uerr := w.up(ctx, w.host)
	if uerr == nil && !up || since >= w.c.DownTime {
		return err
	}
	return steps.Again(err)
}

// unreached says in users' words that nobody answered.
func unreached(who string, err error) error {
	f := *fault.Of(err)
	f.Msg, f.Err = who+" cannot be reached.", err
	return &f
}

// mayComeBack tells whether a host would do if those that fell silent were up.
func (b *building) mayComeBack(ctx context.Context, q nova.Request) bool {
	if b.journal.silent() > 0 {
		return true
	}
	q.Silent, q.Fresh = b.c.BuildWait, false
	_, err := b.Scheduler.Select(ctx, q)
	return err == nil || messaging.Unheard(err)
}

// pauses between looks for what is away; the last one is for all that follow.
var pauses = [...]time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second,
	4 * time.Second, 8 * time.Second}

// wait puts a job aside until what it needs may be back, and tells the server's owner and the operator what that is.
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

// rejoined wakes what waits for a host that is back.
func (c *agentCalls) rejoined(ctx context.Context, s *nova.Service) error {
	if s.Binary != nova.BinaryCompute {
		return nil
	}
	return errors.Join(jobs.Cleanup.Hurry(ctx, c.Queue, owedBy(s.Host, "")), jobs.Build.Hurry(ctx, c.Queue, ""))
}

// beat notes a heartbeat. The first one after a silence makes what waits for the host begin.
func (c *agentCalls) beat(ctx context.Context, id string) error {
	var back *nova.Service
	if c.heard.late(id, time.Now(), c.c.DownTime/2) { // perhaps; other conductors hear it too
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

// heard is when members' heartbeats last came to this process. The zero value is ready.
type heard struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// late notes a heartbeat and tells whether none came for some time.
func (h *heard) late(id string, now time.Time, silence time.Duration) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	last, known := h.last[id]
	if h.last == nil {
		h.last = map[string]time.Time{}
	}
	h.last[id] = now
	return !known || now.Sub(last) > silence
}
