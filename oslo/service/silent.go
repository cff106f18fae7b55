package service

import (
	"context"
	"errors"
	"sync"
	"time"

	"hypernova/oslo/log"
)

// What is found of a member whose heartbeats do not arrive. One of which nothing is found is dead, or cut off altogether.
const (
	NoteOffBus = "alive, but off the message bus"
	NoteHung   = "its process is there but does not answer"
)

// Why is what an operator is told of a member that is not up: what was decided about it, and what was found.
func Why(decided, found string) string {
	switch {
	case found == "":
		return decided
	case decided == "":
		return found
	}
	return decided + " (" + found + ")"
}

// Silent is a member whose heartbeats do not arrive.
type Silent struct {
	ID           string
	Host, Binary string
	Pulse        string // Member.Pulse; nobody is asked where it is empty
	Note         string // what was found the last time
	Seen         time.Time
}

const (
	askPatience = 3 * time.Second
	asksAtOnce  = 32 // silent members are asked in parallel: most of them let the asker wait
)

// AskSilent asks silent members by their other address: a host that is cut off the bus but alive is told apart from a dead one. note
// writes down what was found where it is another thing than the last time; it may be called concurrently. That changes nothing about
// what is up or down, only what is said of it.
func AskSilent(ctx context.Context, silent []Silent, note func(ctx context.Context, s Silent, found string) error) error {
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
	log.From(ctx).WarnContext(ctx, "service is down", "service", s.Binary, log.Host, s.Host, "last_seen", s.Seen, "found", said)
	return note(ctx, s, found)
}
