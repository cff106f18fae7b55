package db_test

import (
	"testing"
	"time"

	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
)

// The clock of a host that is an hour ahead does not show in what it writes where the database has a clock of its own.
func TestClockIsTheDatabases(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		wrong := func() time.Time { return time.Now().Add(time.Hour) }
		c := d.Clock(wrong)
		if _, err := c.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := time.Now()
		if d.Dialect().Caps().Now == "" {
			want = wrong()
		}
		if off := c.Now().Sub(want).Abs(); off > 5*time.Second {
			t.Errorf("off by %v", off)
		}
		first := c.Now()
		if next := c.Now(); next.Before(first) {
			t.Errorf("%v after %v", next, first)
		}
	})
}
