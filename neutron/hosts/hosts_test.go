package hosts_test

import (
	"log/slog"
	"sync"
	"testing"

	"hypernova/neutron/hosts"
	"hypernova/neutron/store"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
)

// Changes at one moment never cancel each other out, and summing them up is not a change.
func TestEveryChangeMovesTheRevisionOnce(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		h := hosts.New(d, nil, slog.New(slog.DiscardHandler))
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				for range 20 {
					err := d.Tx(t.Context(), func(tx *db.Tx) error {
						var c hosts.Changes
						c.Host("h1")
						c.Host("h1")
						return h.Apply(t.Context(), tx, &c)
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		for range 2 {
			if got, err := h.Revision(t.Context(), "h1"); err != nil || got != 100 {
				t.Errorf("got %d, %v, want 100", got, err)
			}
		}
		if got, parts, err := store.Revision(t.Context(), d, "h1"); err != nil || got != 100 || parts != 1 {
			t.Errorf("summed up: got %d in %d parts, %v", got, parts, err)
		}
		if got, err := h.Revision(t.Context(), "h2"); err != nil || got != 0 {
			t.Errorf("another host: got %d, %v", got, err)
		}
	}, dbtest.Migrations{Name: "neutron", FS: store.Migrations()})
}
