package service

import (
	"context"
	"errors"
	"sync"
	"time"

	"hypernova/oslo/log"
)

// Notes on a member whose heartbeats are overdue. A member without a note is dead or cut off from all networks.
const (
	NoteOffBus = "alive, but off the message bus"
	NoteHung   = "its process is there but does not answer"
)

// Why is the reason that an operator sees for a member that is not up: the operator's own reason and the note.
func Why(decided, found string) string {
	switch {
	case found == "":
		return decided
	case decided == "":
		return found
	}
	return decided + " (" + found + ")"
}

// Silent is a member whose heartbeats are overdue.
type Silent struct {
	ID           string
	Host, Binary string
	Pulse        string // Member.Pulse; the member is not asked if it is empty
	Note         string // the note that is recorded now
	Seen         time.Time
}

const (
	askPatience = 3 * time.Second
	asksAtOnce  = 32 // members are asked in parallel, because most of them do not answer before the timeout
)

// AskSilent asks the health endpoint of each overdue member, to tell a host that is cut off the bus from a dead one. It
// calls note if the result differs from Silent.Note; note may be called concurrently. The members' up or down state
// does not change. It blocks for a few seconds per 32 members, and returns the joined errors of note.
func AskSilent(ctx context.Context, silent []Silent, note func(ctx context.Context, s Silent,
	found string) error) error {
	var all sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	slots := make(chan struct{}, asksAtOnce)
	for _, s := range silent {
		if s.Pulse == "" {
			continue
		}
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			if err := ask(ctx, s, note); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func ask(ctx context.Context, s Silent, note func(context.Context, Silent, string) error) error {
	_, err := AskPulse(ctx, s.Pulse, s.Host, s.Binary, askPatience)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	found := ""
	switch {
	case err == nil:
		found = NoteOffBus
	case errors.Is(err, ErrHung):
		found = NoteHung
	}
	if found == s.Note {
		return nil
	}
	said := found
	if found == "" {
		said = err.Error()
	}
	log.From(ctx).WarnContext(ctx, "service is down", "service", s.Binary, log.Host, s.Host, "last_seen", s.Seen, "found",
		said)
	return note(ctx, s, found)
}
