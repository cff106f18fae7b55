package store

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"hypernova/nova"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
)

// Members that join and are placed at the same time keep the policy of their group: on each host at most one, and as
// many placed as there are hosts. No transaction fails because others hold the group.
func TestMembersArePlacedAtTheSameTime(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		const members, hosts = 24, 4
		ctx, now := t.Context(), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		g := nova.ServerGroup{ID: "g", Name: "g", Project: "p", User: "u", Policy: nova.AntiAffinity, Created: now}
		if err := d.Tx(ctx, func(tx *db.Tx) error { return InsertServerGroup(ctx, tx, g) }); err != nil {
			t.Fatal(err)
		}
		place := func(id, host string) error {
			return d.Tx(ctx, func(tx *db.Tx) error {
				at, err := LockGroup(ctx, tx, id)
				if err != nil {
					return err
				}
				if ok, _ := at.Allows(host); !ok {
					return nil
				}
				_, refusal, err := Move(ctx, tx, id, nova.MovePlace, Change{Host: &host}, now)
				if err == nil && refusal != nil {
					return fmt.Errorf("%s on %s: %v", id, host, refusal)
				}
				return err
			})
		}
		var wg sync.WaitGroup
		for i := range members {
			wg.Go(func() {
				v := server(fmt.Sprint("s", i))
				err := d.Tx(ctx, func(tx *db.Tx) error {
					if err := InsertServers(ctx, tx, []nova.Server{v}); err != nil {
						return err
					}
					return JoinServerGroup(ctx, tx, g.ID, []string{v.ID})
				})
				for n := 0; n < hosts && err == nil; n++ {
					var placed nova.Server
					if placed, err = Server(ctx, d, v.ID); err == nil && placed.Host == "" {
						err = place(v.ID, fmt.Sprint("h", (i+n)%hosts))
					}
				}
				if err != nil {
					t.Errorf("%s: %v", v.ID, err)
				}
			})
		}
		wg.Wait()
		got, err := ServerGroup(ctx, d, g.ID)
		if err != nil || len(got.Members) != members {
			t.Errorf("members %v, %v", got.Members, err)
		}
		on := map[string]int{}
		for _, id := range got.Members {
			v, err := Server(ctx, d, id)
			if err != nil {
				t.Fatal(err)
			}
			if v.Host != "" {
				on[v.Host]++
			}
		}
		for h, n := range on {
			if n != 1 || len(on) != hosts {
				t.Errorf("%s has %d of %v", h, n, on)
			}
		}
	}, tables())
}
