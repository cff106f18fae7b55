package store

import (
	"fmt"
	"strings"
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

// A page of groups has the members of each that are not deleted, in the order in which they joined.
func TestServerGroupsListTheirMembers(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx, now := t.Context(), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		err := d.Tx(ctx, func(tx *db.Tx) error {
			for _, id := range []string{"a", "b", "c"} {
				g := nova.ServerGroup{ID: id, Name: id, Project: "p", User: "u", Policy: nova.Affinity, Created: now}
				if err := InsertServerGroup(ctx, tx, g); err != nil {
					return err
				}
			}
			if err := InsertServers(ctx, tx, []nova.Server{server("s1"), server("s2"), server("s3")}); err != nil {
				return err
			}
			if err := JoinServerGroup(ctx, tx, "c", []string{"s2"}); err != nil {
				return err
			}
			if err := JoinServerGroup(ctx, tx, "a", []string{"s3", "s1"}); err != nil {
				return err
			}
			_, err := db.NewExec(db.NewSet("test"), "UPDATE servers SET deleted = ? WHERE id = 's3'").Do(ctx, tx, true)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range []struct {
			project       string
			offset, limit int
			want          string
		}{
			{"p", 0, 0, "a[s1] b[] c[s2]"}, {"", 1, 1, "b[]"}, {"p", 2, 0, "c[s2]"}, {"p", 3, 0, ""}, {"q", 0, 0, ""},
		} {
			all, err := ServerGroups(ctx, d, x.project, x.offset, x.limit)
			got := ""
			for _, g := range all {
				got += fmt.Sprint(" ", g.ID, g.Members)
			}
			if got = strings.TrimSpace(got); err != nil || got != x.want {
				t.Errorf("project %q, offset %d, limit %d: got %q, %v; want %q", x.project, x.offset, x.limit, got, err, x.want)
			}
		}
	}, tables())
}
