package conductor

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"hypernova/oslo/db"
	"hypernova/oslo/steps"
	"hypernova/oslo/tasks"
)

// attempts is the journal of a build. It has the failed attempts and the record of the current one.
type attempts struct {
	outer steps.Journal
	in    func(ctx context.Context, tx *db.Tx, record []byte) error // saves in a transaction
	rec   attemptsRecord
	first string // the step with which an attempt begins
}

type attemptsRecord struct {
	Tries  []try           `json:"tries,omitempty"`
	Rounds int             `json:"rounds,omitempty"` // how often unavailable hosts were tried again
	Looks  int             `json:"looks,omitempty"`  // attempts to reach a service since Since
	Since  time.Time       `json:"since,omitzero"`   // begin of the wait; zero: all services are reached
	Told   string          `json:"told,omitempty"`   // the text noted in the event of the action
	Now    json.RawMessage `json:"now,omitempty"`
}

// try is an attempt that failed and was undone.
type try struct {
	Host   string `json:"host,omitempty"`
	Reason string `json:"reason"`
	Detail string `json:"detail,omitempty"` // for administrators
	Away   bool   `json:"away,omitempty"`   // the host, or a service that it needs, could not be reached
	Silent bool   `json:"silent,omitempty"` // the host did not reply; the attempt does not count
}

// openAttempts reads the record of a task. first is the step with which an attempt begins.
func openAttempts(ctx context.Context, t *tasks.Task, first string) (*attempts, error) {
	j := &attempts{outer: t.Journal(), in: t.SaveIn, first: first}
	text, err := j.outer.Load(ctx)
	if err != nil || len(text) == 0 {
		return j, err
	}
	return j, json.Unmarshal(text, &j.rec)
}

// Load returns the record of the current attempt. An attempt without one may have begun its first step, which is
// therefore undone too.
func (j *attempts) Load(context.Context) ([]byte, error) {
	if j.rec.Now == nil && j.first != "" {
		return fmt.Appendf(nil, `{"step":%q,"state":"doing","data":{}}`, j.first), nil
	}
	return j.rec.Now, nil
}

// EndsLater says that the last transaction of a job removes its task.
func (*attempts) EndsLater() {}

// Save stores the record of the current attempt together with the failed ones.
func (j *attempts) Save(ctx context.Context, record []byte) error {
	j.rec.Now = record
	text, err := json.Marshal(j.rec)
	if err != nil {
		return err
	}
	return j.outer.Save(ctx, text)
}

// ahead stores the record of the next step in the last transaction of the step under way.
func (j *attempts) ahead(ctx context.Context, tx *db.Tx) error {
	record, written, err := steps.Ahead(ctx)
	if err != nil || record == nil {
		return err
	}
	rec := j.rec
	rec.Now = record
	text, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	tx.AfterCommit(func() {
		j.rec.Now = record
		written()
	})
	return j.in(ctx, tx, text)
}

// next records that the current attempt failed and begins another.
func (j *attempts) next(ctx context.Context, t try) error {
	j.rec.Tries = append(j.rec.Tries, t)
	return j.Save(ctx, nil)
}

// again begins a new round, in which unavailable hosts may be tried again. It returns false if there are none or if
// all rounds are used.
func (j *attempts) again(ctx context.Context, rounds int) (bool, error) {
	left := slices.DeleteFunc(slices.Clone(j.rec.Tries), func(t try) bool { return t.Away })
	if len(left) == len(j.rec.Tries) || j.rec.Rounds >= rounds {
		return false, nil
	}
	j.rec.Tries, j.rec.Rounds = left, j.rec.Rounds+1
	return true, j.Save(ctx, nil)
}

// waits returns how long the build has waited for a service. The first call starts the wait.
func (j *attempts) waits(now time.Time) time.Duration {
	if j.rec.Since.IsZero() {
		j.rec.Since = now
	}
	return now.Sub(j.rec.Since)
}

// arrived ends the wait.
func (j *attempts) arrived() { j.rec.Since, j.rec.Looks = time.Time{}, 0 }

// forgive lets hosts that did not reply be tried again.
func (j *attempts) forgive() {
	j.rec.Tries = slices.DeleteFunc(j.rec.Tries, func(t try) bool { return t.Silent })
}

// silent returns the number of attempts on hosts that did not reply.
func (j *attempts) silent() int {
	n := 0
	for _, t := range j.rec.Tries {
		if t.Silent {
			n++
		}
	}
	return n
}

// count returns the number of attempts on hosts that replied.
func (j *attempts) count() int { return len(j.rec.Tries) - j.silent() }

func (j *attempts) hosts() []string {
	var hs []string
	for _, t := range j.rec.Tries {
		hs = append(hs, t.Host)
	}
	return dedupe(hs)
}

// details describes the failed attempts for administrators.
func (j *attempts) details() string {
	var b strings.Builder
	for _, t := range j.rec.Tries {
		fmt.Fprintf(&b, "\ntried before, host %s: %s", t.Host, t.Detail)
	}
	return b.String()
}

// summary describes the failed attempts for the server's fault.
func (j *attempts) summary() string {
	var parts []string
	for _, t := range j.rec.Tries {
		if t.Host == "" {
			parts = append(parts, t.Reason)
			continue
		}
		parts = append(parts, fmt.Sprintf("%s (%s)", t.Host, strings.TrimRight(t.Reason, ".")))
	}
	return strings.Join(parts, ", ")
}
