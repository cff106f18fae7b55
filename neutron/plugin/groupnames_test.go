package plugin_test

import (
	"context"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hypernova/neutron"
	"hypernova/neutron/plugin"
	"hypernova/neutron/ports"
	"hypernova/neutron/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

func TestGroupNamesAreThoseOfThePortsNow(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		c := newCloud(t, d, func(_ *plugin.Config, d *plugin.Deps) { d.Rights = ofProject{} })
		ctx := t.Context()
		n, _ := c.network(t, "p", "10.0.0.0/24")
		now := clock.Real()
		web := neutron.SecurityGroup{ID: ids.UUID(), Name: "web", Meta: neutron.Meta{Project: "p", Created: now,
			Updated: now}}
		foreign := neutron.SecurityGroup{ID: ids.UUID(), Name: "foreign", Meta: neutron.Meta{Project: "q", Created: now,
			Updated: now}}
		if err := d.Tx(ctx, func(tx *db.Tx) error {
			for _, g := range []neutron.SecurityGroup{web, foreign} {
				if err := store.InsertGroup(ctx, tx, g); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for _, server := range []string{"s1", "s2"} {
			specs := []neutron.PortSpec{{Network: n.ID}, {Network: n.ID}}
			if _, err := c.Compute.Allocate(ctx, neutron.AllocateArgs{Server: server, Project: "p", Host: "h", Specs: specs,
				SecurityGroups: []string{web.ID}}); err != nil {
				t.Fatal(err)
			}
		}
		// Anybody may write a server's id on a port; compute did not.
		if _, err := c.Ports.Create(ctx, []ports.Wanted{{Meta: neutron.Meta{Project: "q"}, Network: n.ID,
			DeviceID: "s1"}}); err != nil {
			t.Fatal(err)
		}
		ports, err := c.Compute.PortsOf(ctx, "s2")
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Tx(ctx, func(tx *db.Tx) error {
			for i, groups := range [][]string{{foreign.ID, web.ID}, nil} {
				p, err := store.Port(ctx, tx, ports[i].ID)
				if err != nil {
					return err
				}
				p.SecurityGroups = groups
				if _, err := store.UpdatePort(ctx, tx, p, p.Updated); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		owner := auth.With(ctx, &auth.Caller{ProjectID: "p", Roles: []string{"member"}})
		for _, tc := range []struct {
			name string
			ctx  context.Context
			of   []string
			want map[string][]string
		}{
			{"two ports with one group", owner, []string{"s1"}, map[string][]string{"s1": {"web", "web"}}},
			{"another project's group is not told", owner, []string{"s1", "s2", "s3"}, map[string][]string{"s1": {"web", "web"},
				"s2": {"web"}}},
			{"a service sees all", auth.With(ctx, auth.Service("nova")), []string{"s2"},
				map[string][]string{"s2": {"foreign", "web"}}},
			{"nobody", owner, nil, map[string][]string{}},
		} {
			got, err := c.Compute.GroupNames(tc.ctx, tc.of)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: %s", tc.name, diff)
			}
		}
	}, tables())
}

// ofProject lets everybody see what is the own project's.
type ofProject struct{ ports.Rights }

func (ofProject) SeesGroup(c *auth.Caller, g neutron.SecurityGroup) bool {
	return c.ProjectID == g.Project
}
func (ofProject) SeesPort(c *auth.Caller, p neutron.Port) bool { return c.ProjectID == p.Project }

// Who may not change the ports of a server changes neither their groups nor their addresses, and is told so.
func TestPortsOfAServerAreChangedWithTheUsersRights(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		c := newCloud(t, d, func(_ *plugin.Config, d *plugin.Deps) { d.Rights = onlyLooks{} })
		n, _ := c.network(t, "p", "10.0.0.0/24")
		made, err := c.Compute.Allocate(t.Context(), neutron.AllocateArgs{Server: "s", Project: "p", Host: "h",
			Specs: []neutron.PortSpec{{Network: n.ID}}})
		if err != nil {
			t.Fatal(err)
		}
		before, err := c.Ports.Show(t.Context(), made[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		user := auth.With(t.Context(), &auth.Caller{ProjectID: "p", Roles: []string{"member"}})
		for what, err := range map[string]error{
			"remove a group":    c.Compute.RemoveGroup(user, "s", before.SecurityGroups[0]),
			"add an address":    c.Compute.AddFixedIP(user, "s", n.ID),
			"remove an address": c.Compute.RemoveFixedIP(user, "s", before.FixedIPs[0].IP),
		} {
			if !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s: got %v, want a Forbidden fault", what, err)
			}
		}
		after, err := c.Ports.Show(t.Context(), made[0].ID)
		if diff := cmp.Diff(before, after, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); err != nil || diff != "" {
			t.Errorf("the port changed: %v %s", err, diff)
		}
	}, tables())
}

// onlyLooks lets everybody see everything and change nothing.
type onlyLooks struct{ ports.NoRights }

func (onlyLooks) SeesNetwork(*auth.Caller, neutron.Network) bool { return true }
func (onlyLooks) SeesPort(*auth.Caller, neutron.Port) bool       { return true }
