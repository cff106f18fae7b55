package plugin_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"hypernova/neutron"
	"hypernova/neutron/plugin"
	"hypernova/neutron/ports"
	"hypernova/neutron/store"
	"hypernova/neutron/subnets"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/opt"
)

// allTables are the tables whose rows verbs may change.
func allTables() []string {
	return []string{"networks", "segments", "subnets", "ports", "addresses", "security_groups", "default_groups",
		"security_group_rules", "port_groups", "quotas",
		"agents", "host_changes"}
}

// changed counts the rows that came and went, by table: "ports +1 -1".
func changed(before, after dbtest.Rows) string {
	count := map[string][2]int{}
	for _, line := range strings.Split(dbtest.Diff(before, after), "\n") {
		sign, rest, ok := strings.Cut(line, " ")
		table, _, _ := strings.Cut(rest, " ")
		if !ok {
			continue
		}
		n := count[table]
		if sign == "+" {
			n[0]++
		} else {
			n[1]++
		}
		count[table] = n
	}
	var out []string
	for _, table := range allTables() {
		if n := count[table]; n != [2]int{} {
			out = append(out, fmt.Sprintf("%s +%d -%d", table, n[0], n[1]))
		}
	}
	return strings.Join(out, ", ")
}

// Each verb changes these rows and no others.
func TestVerbsTouchOnlyTheirRows(t *testing.T) {
	t.Parallel()
	c := memory(t)
	ctx := t.Context()
	var n neutron.Network
	var sub neutron.Subnet
	var p neutron.Port
	none := opt.Of[int64]{}
	allocate := func(server, host string) error {
		_, err := c.Compute.Allocate(ctx, neutron.AllocateArgs{Server: server, Project: "p", Host: host,
			Specs: []neutron.PortSpec{{Network: n.ID}}})
		return err
	}
	for _, step := range []struct {
		name string
		do   func() error
		want string
	}{
		{"create a network", func() error {
			ns, err := c.Networks.Create(ctx, []neutron.Network{{PortSecurity: true, Meta: neutron.Meta{Project: "p"}}})
			n = ns[0]
			return err
		}, "networks +1 -0, segments +1 -0"},
		{"create a subnet", func() error {
			ss, err := c.Subnets.Create(ctx, []subnets.Wanted{{Meta: neutron.Meta{Project: "p"}, Network: n.ID,
				CIDR: netip.MustParsePrefix("10.0.0.0/24"), Version: 4}})
			sub = ss[0]
			return err
		}, "networks +1 -1, subnets +1 -0"},
		{"the first port of a project makes its default group", func() error {
			ps, err := c.Ports.Create(ctx, []ports.Wanted{{Meta: neutron.Meta{Project: "p"}, Network: n.ID}})
			p = ps[0]
			return err
		}, "ports +1 -0, addresses +1 -0, security_groups +1 -0, default_groups +1 -0, security_group_rules +4 -0, port_groups +1 -0"},
		{"the first server on a host brings DHCP", func() error { return allocate("s1", "h1") },
			"ports +2 -0, addresses +2 -0, port_groups +1 -0, host_changes +1 -0"},
		{"a second one does not", func() error { return allocate("s2", "h1") },
			"ports +1 -0, addresses +1 -0, port_groups +1 -0, host_changes +1 -0"},
		{"the same again", func() error { return allocate("s2", "h1") }, ""},
		{"rename a port without a host", func() error {
			_, err := c.Ports.Update(ctx, p.ID, ports.Patch{Name: opt.Some("x")})
			return err
		}, "ports +1 -1, host_changes +1 -0"},
		{"a report about a wired port that is ACTIVE already", func() error {
			return c.Ports.Wired(ctx, "h1", []string{p.ID}, nil, nil)
		}, ""},
		{"one server goes", func() error { return c.Compute.Deallocate(ctx, "s1") },
			"ports +0 -1, addresses +0 -1, port_groups +0 -1, host_changes +1 -0"},
		{"the last one takes DHCP along", func() error { return c.Compute.Deallocate(ctx, "s2") },
			"ports +0 -2, addresses +0 -2, port_groups +0 -1, host_changes +1 -0"},
		{"a server that has no ports", func() error { return c.Compute.Deallocate(ctx, "s2") }, ""},
		{"delete a port", func() error { return c.Ports.Delete(ctx, p.ID, none) },
			"ports +0 -1, addresses +0 -1, port_groups +0 -1"},
		{"delete a subnet", func() error { return c.Subnets.Delete(ctx, sub.ID, none) }, "networks +1 -1, subnets +0 -1"},
		{"delete a network", func() error { return c.Networks.Delete(ctx, n.ID, none) }, "networks +0 -1, segments +0 -1"},
	} {
		before := dbtest.Snapshot(t, c.db, allTables()...)
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if got := changed(before, dbtest.Snapshot(t, c.db, allTables()...)); got != step.want {
			t.Errorf("%s:\n got %s\nwant %s", step.name, got, step.want)
		}
	}
}

func TestListsAreServedByIndices(t *testing.T) {
	t.Parallel()
	d := dbtest.Memory(t, tables())
	for _, l := range store.Lists() {
		for _, a := range l.Asked {
			dbtest.WantIndex(t, d, l.Query, a)
		}
	}
}

// BenchmarkHostState is a pull of a host with 200 ports on networks that have 1,000: of the whole state, and of one
// section that differs.
func BenchmarkHostState(b *testing.B) {
	c := newBench(b)
	var nets []neutron.Network
	for range 5 {
		ns, err := c.Networks.Create(b.Context(),
			[]neutron.Network{{Type: "local", PortSecurity: true, Meta: neutron.Meta{Project: "p"}}})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Subnets.Create(b.Context(), []subnets.Wanted{{Meta: neutron.Meta{Project: "p"}, Network: ns[0].ID,
			CIDR: netip.MustParsePrefix("10.0.0.0/16"), Version: 4}}); err != nil {
			b.Fatal(err)
		}
		nets = append(nets, ns[0])
	}
	for i := range 1000 {
		host := fmt.Sprint("h", i%5)
		if _, err := c.Compute.Allocate(b.Context(), neutron.AllocateArgs{Server: fmt.Sprint(i), Project: "p", Host: host,
			Specs: []neutron.PortSpec{{Network: nets[i%4].ID}}}); err != nil {
			b.Fatal(err)
		}
	}
	_, have, err := c.DHCP.HostState(b.Context(), "h0", nil)
	if err != nil {
		b.Fatal(err)
	}
	delete(have, neutron.NetworkSection(nets[0].ID))
	for _, pull := range []struct {
		name     string
		have     neutron.Revisions
		networks int
	}{{"whole", nil, 4}, {"one network", have, 1}} {
		b.Run(pull.name, func(b *testing.B) {
			for b.Loop() {
				s, _, err := c.DHCP.HostState(b.Context(), "h0", pull.have)
				if err != nil || len(s.Networks) != pull.networks {
					b.Fatal(len(s.Networks), err)
				}
			}
		})
	}
}

// BenchmarkAllocate is one server's port made, bound and given back.
func BenchmarkAllocate(b *testing.B) {
	c := newBench(b)
	ns, err := c.Networks.Create(b.Context(),
		[]neutron.Network{{Type: "local", PortSecurity: true, Meta: neutron.Meta{Project: "p"}}})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := c.Subnets.Create(b.Context(), []subnets.Wanted{{Meta: neutron.Meta{Project: "p"}, Network: ns[0].ID,
		CIDR: netip.MustParsePrefix("10.0.0.0/16"), Version: 4}}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := c.Compute.Allocate(b.Context(), neutron.AllocateArgs{Server: "s", Project: "p", Host: "h",
			Specs: []neutron.PortSpec{{Network: ns[0].ID}}}); err != nil {
			b.Fatal(err)
		}
		if err := c.Compute.Deallocate(b.Context(), "s"); err != nil {
			b.Fatal(err)
		}
	}
}

func newBench(b *testing.B) cloud {
	b.Helper()
	return newCloud(b, dbtest.Memory(b, tables()), func(c *plugin.Config, _ *plugin.Deps) { c.Quotas.Port = -1 })
}
