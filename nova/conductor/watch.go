package conductor

import (
	"context"

	"hypernova/oslo/service"
)

// askSilent asks the services whose heartbeats do not arrive by their other address.
func (c *Conductor) askSilent(ctx context.Context) error {
	all, err := c.Store.Services(ctx, c.Store.DB, "", "")
	if err != nil {
		return err
	}
	now := c.Store.Now()()
	var silent []service.Silent
	for i := range all {
		s := &all[i]
		if !s.Seen.IsZero() && now.Sub(s.Seen) > c.c.DownTime {
			silent = append(silent, service.Silent{ID: s.ID, Host: s.Host, Binary: s.Binary, Pulse: s.Pulse, Note: s.Note, Seen: s.Seen})
		}
	}
	return service.AskSilent(ctx, silent, func(ctx context.Context, s service.Silent, found string) error {
		return c.Store.NoteService(ctx, s.ID, found, s.Seen)
	})
}
