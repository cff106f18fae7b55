package conductor

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"hypernova/oslo/steps"
)

// attempts is the journal of a build: what was tried before, and within it the record of the try that is under way.
type attempts struct {
	outer steps.Journal
	rec   attemptsRecord
}

type attemptsRecord struct {
	Tries  []try           `json:"tries,omitempty"`
	Rounds int             `json:"rounds,omitempty"` // how often hosts that lacked something were tried anew
	Looks  int             `json:"looks,omitempty"`  // how often something that is away was looked for since Since
	Since  time.Time       `json:"since,omitzero"`   // when that began; zero: nothing is away
	Told   string          `json:"told,omitempty"`   // what the server's owner was told of it
	Now    json.RawMessage `json:"now,omitempty"`
}

// try is one that failed and was undone.
type try struct {
	Host   string `json:"host,omitempty"`
	Reason string `json:"reason"`
	Detail string `json:"detail,omitempty"` // what administrators may read
	Away   bool   `json:"away,omitempty"`   // the host could not be reached, or what it needs
	Silent bool   `json:"silent,omitempty"` // the host said nothing: no verdict, and no try that counts
}

func openAttempts(ctx context.Context, outer steps.Journal) (*attempts, error) {
	j := &attempts{outer: outer}
	text, err := outer.Load(ctx)
	if err != nil || len(text) == 0 {
		return j, err
	}
	return j, json.Unmarshal(text, &j.rec)
}

// Load answers the record of the try under way.
func (j *attempts) Load(context.Context) ([]byte, error) { return j.rec.Now, nil }

// Save keeps it together with the tries before.
func (j *attempts) Save(ctx context.Context, record []byte) error {
	j.rec.Now = record
	text, err := json.Marshal(j.rec)
	if err != nil {
		return err
	}
	return j.outer.Save(ctx, text)
}

// next ends the try under way and begins another.
func (j *attempts) next(ctx context.Context, t try) error {
	j.rec.Tries = append(j.rec.Tries, t)
	return j.Save(ctx, nil)
}

// again begins a new round in which hosts that lacked something may be tried once more; false when there are none, or
// no more rounds.
func (j *attempts) again(ctx context.Context, rounds int) (bool, error) {
	left := slices.DeleteFunc(slices.Clone(j.rec.Tries), func(t try) bool { return t.Away })
	if len(left) == len(j.rec.Tries) || j.rec.Rounds >= rounds {
		return false, nil
	}
	j.rec.Tries, j.rec.Rounds = left, j.rec.Rounds+1
	return true, j.Save(ctx, nil)
}

// waits is for how long something has been away; it begins now unless it has begun.
func (j *attempts) waits(now time.Time) time.Duration {
	if j.rec.Since.IsZero() {
		j.rec.Since = now
	}
	return now.Sub(j.rec.Since)
}

// arrived notes that nothing is away any more.
func (j *attempts) arrived() { j.rec.Since, j.rec.Looks = time.Time{}, 0 }

// forgive lets hosts that said nothing be tried again.
func (j *attempts) forgive() {
	j.rec.Tries = slices.DeleteFunc(j.rec.Tries, func(t try) bool { return t.Silent })
}

// silent is how many of the tries met silence.
func (j *attempts) silent() int {
	n := 0
	for _, t := range j.rec.Tries {
		if t.Silent {
			n++
		}
	}
	return n
}

// count is how many tries ended with a verdict.
func (j *attempts) count() int { return len(j.rec.Tries) - j.silent() }

func (j *attempts) hosts() []string {
	var hs []string
	for _, t := range j.rec.Tries {
		hs = append(hs, t.Host)
	}
	return dedupe(hs)
}

// details is what administrators may read of the tries before.
func (j *attempts) details() string {
	var b strings.Builder
	for _, t := range j.rec.Tries {
		fmt.Fprintf(&b, "\ntried before, host %s: %s", t.Host, t.Detail)
	}
	return b.String()
}

// story is what came of the tries before, for the fault.
func (j *attempts) story() string {
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
