package conductor

import (
	"context"
	"errors"
	"sync"
	"time"

	"hypernova/nova"
	"hypernova/oslo/log"
	"hypernova/oslo/service"
)

const (
	askPatience = 3 * time.Second
	asksAtOnce  = 32 // silent services are asked in parallel: most of them let the asker wait
)

// askSilent asks the services whose heartbeats do not arrive by their other address: a host that is cut off the bus but alive is told apart
// from a dead one. It changes nothing about what is up or down, only what is said of it.
func (c *Conductor) askSilent(ctx context.Context) error {
	all, err := c.Store.Services(ctx, c.Store.DB, "", "")
	if err != nil {
		return err
	}
	now := c.Store.Now()()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	slots := make(chan struct{}, asksAtOnce)
	for i := range all {
		s := &all[i]
		if s.Seen.IsZero() || s.Pulse == "" || now.Sub(s.Seen) <= c.c.DownTime {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := c.ask(ctx, s); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (c *Conductor) ask(ctx context.Context, s *nova.Service) error {
	_, err := service.AskPulse(ctx, s.Pulse, s.Host, s.Binary, askPatience)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	note := ""
	switch {
	case err == nil:
		note = nova.NoteOffBus
	case errors.Is(err, service.ErrHung):
		note = nova.NoteHung
	}
	if note == s.Note {
		return nil
	}
	found := note
	if note == "" {
		found = err.Error()
	}
	log.From(ctx).WarnContext(ctx, "service is down", "service", s.Binary, log.Host, s.Host, "last_seen", s.Seen, "found", found)
	return c.Store.NoteService(ctx, s.ID, note, s.Seen)
}
