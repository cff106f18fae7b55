package hoststate_test

import (
	"errors"
	"log/slog"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/neutron"
	"hypernova/neutron/hoststate"
	"hypernova/neutron/store"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
)

// Changes at one moment never cancel each other out, and summing them up is not a change.
func TestEveryChangeMovesTheRevisionOnce(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		h := hoststate.New(d, nil, slog.New(slog.DiscardHandler))
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				for range 20 {
					err := d.Tx(t.Context(), func(tx *db.Tx) error {
						var c hoststate.Changes
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

// The revisions of sections never fall, also when an older server sums them up, and each change raises those that it
// concerns.
func TestRevisionsOfSections(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		h, ctx := hoststate.New(d, nil, slog.New(slog.DiscardHandler)), t.Context()
		net, web := neutron.NetworkSection("n"), neutron.GroupSection("web")
		apply := func(c hoststate.Changes) func(*db.Tx) error {
			return func(tx *db.Tx) error { return h.Apply(ctx, tx, &c) }
		}
		var port, whole hoststate.Changes
		port.Port(neutron.Port{Host: "h1", Network: "n", SecurityGroups: []string{"web"}})
		whole.Host("h1")
		for _, step := range []struct {
			name string
			do   func(*db.Tx) error
			want neutron.Revisions
		}{
			{"a port", apply(port), neutron.Revisions{net: 1, web: 1}},
			{"all", apply(whole), neutron.Revisions{"": 1, net: 2, web: 2}},
			{"again", apply(port), neutron.Revisions{"": 1, net: 3, web: 3}},
			{"summed up", func(tx *db.Tx) error { return store.SumUp(ctx, tx, "h1") },
				neutron.Revisions{"": 1, net: 3, web: 3}},
			{"and again", apply(port), neutron.Revisions{"": 1, net: 4, web: 4}},
		} {
			if err := d.Tx(ctx, step.do); err != nil {
				t.Fatal(err)
			}
			got, err := store.Sections(ctx, d, "h1")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(step.want, got); diff != "" {
				t.Errorf("%s: %s", step.name, diff)
			}
		}
		if got, err := h.Revision(ctx, "h1"); err != nil || got != 4 {
			t.Errorf("the whole: got %d, %v", got, err)
		}
	}, dbtest.Migrations{Name: "neutron", FS: store.Migrations()})
}

var storedSections = db.NewQuery[string](db.NewSet("stored form of sections"),
	`SELECT sections FROM host_changes WHERE host = ? ORDER BY sections`)

// The stored form of sections is read by every later release.
func TestStoredFormOfSections(t *testing.T) {
	t.Parallel()
	d := dbtest.Memory(t, dbtest.Migrations{Name: "neutron", FS: store.Migrations()})
	h, ctx := hoststate.New(d, nil, slog.New(slog.DiscardHandler)), t.Context()
	read := func() []string {
		t.Helper()
		got, err := storedSections.All(ctx, d, "h1")
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	err := d.Tx(ctx, func(tx *db.Tx) error {
		var port, whole hoststate.Changes
		port.Port(neutron.Port{Host: "h1", Network: "n", SecurityGroups: []string{"web"}})
		whole.Host("h1")
		return errors.Join(h.Apply(ctx, tx, &port), h.Apply(ctx, tx, &whole))
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"null", `{"group:web":1,"network:n":1}`}, read()); diff != "" {
		t.Error(diff)
	}
	if err := d.Tx(ctx, func(tx *db.Tx) error { return store.SumUp(ctx, tx, "h1") }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`{"":1,"group:web":1,"network:n":1}`}, read()); diff != "" {
		t.Error(diff)
	}
}
