package plugin_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"hypernova/neutron"
	"hypernova/neutron/addresses"
	"hypernova/neutron/ml2"
	"hypernova/neutron/ml2/mech/bridge"
	"hypernova/neutron/ml2/mech/fake"
	"hypernova/neutron/ml2/types"
	"hypernova/neutron/plugin"
	"hypernova/neutron/ports"
	"hypernova/neutron/quota"
	"hypernova/neutron/store"
	"hypernova/neutron/subnets"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

func tables() dbtest.Migrations {
	return dbtest.Migrations{Name: "neutron", FS: store.Migrations()}
}

// heard collects what compute is told.
type heard struct {
	mu sync.Mutex
	es []neutron.ServerEvent
}

func (h *heard) Notify(_ context.Context, es []neutron.ServerEvent) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.es = append(h.es, es...)
	return nil
}

type cloud struct {
	*plugin.Plugin
	db    *db.DB
	heard *heard
}

func newCloud(t testing.TB, d *db.DB, adjust ...func(*plugin.Config, *plugin.Deps)) cloud {
	t.Helper()
	c := plugin.Config{ML2: ml2.Defaults(), Quotas: quota.Defaults()}
	c.ML2.VNIRanges = []string{"100:102"}
	c.ML2.VLANRanges = []string{"phys1:10:11"}
	ts, err := types.New(c.ML2)
	if err != nil {
		t.Fatal(err)
	}
	h := &heard{}
	deps := plugin.Deps{DB: d, Now: clock.Real, Notifier: h, Types: ts,
		Mechanisms: []ml2.Mechanism{&fake.Mechanism{Refuse: []string{"refused"}}}}
	for _, f := range adjust {
		f(&c, &deps)
	}
	return cloud{Plugin: plugin.New(c, deps), db: d, heard: h}
}

func memory(t *testing.T, adjust ...func(*plugin.Config, *plugin.Deps)) cloud {
	t.Helper()
	return newCloud(t, dbtest.Memory(t, tables()), adjust...)
}

func (c cloud) network(t *testing.T, project, cidr string, more ...string) (neutron.Network, []neutron.Subnet) {
	t.Helper()
	ns, err := c.Networks.Create(t.Context(), []neutron.Network{{Name: "n", AdminUp: true, PortSecurity: true,
		Meta: neutron.Meta{Project: project}}})
	if err != nil {
		t.Fatal(err)
	}
	var subs []neutron.Subnet
	for _, x := range append([]string{cidr}, more...) {
		subs = append(subs, c.subnet(t, ns[0], x))
	}
	n, err := c.Networks.Show(t.Context(), ns[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	return n, subs
}

func (c cloud) subnet(t *testing.T, n neutron.Network, cidr string) neutron.Subnet {
	t.Helper()
	p := netip.MustParsePrefix(cidr)
	want := subnets.Wanted{Meta: neutron.Meta{Project: n.Project}, Network: n.ID, CIDR: p, Version: 4}
	if p.Addr().Is6() {
		want.Version, want.RAMode, want.AddrMode = 6, "slaac", "slaac"
	}
	ss, err := c.Subnets.Create(t.Context(), []subnets.Wanted{want})
	if err != nil {
		t.Fatal(err)
	}
	return ss[0]
}

func code(err error) string {
	if f := fault.Of(err); f != nil {
		return f.Code
	}
	return fmt.Sprint(err)
}

func TestStatementsPrepareOnEveryDialect(t *testing.T) {
	t.Parallel()
	dbtest.Prepare(t, store.Stmts, tables())
}

func TestAllocateIsIdempotentAndDeallocateLeavesNothing(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		c := newCloud(t, d)
		ctx := t.Context()
		n, _ := c.network(t, "p", "10.0.0.0/24", "2001:db8::/64")
		taken, err := c.Ports.Create(ctx, []ports.Wanted{{Meta: neutron.Meta{Project: "p"}, Network: n.ID}})
		if err != nil {
			t.Fatal(err)
		}
		args := neutron.AllocateArgs{Server: "s1", Project: "p", Host: "h1", DNSName: "web",
			Specs: []neutron.PortSpec{{Network: n.ID}, {Port: taken[0].ID}, {Network: n.ID, Tag: "second"}}}
		first, err := c.Compute.Allocate(ctx, args)
		if err != nil {
			t.Fatal(err)
		}
		if len(first) != 3 || first[1].ID != taken[0].ID || !first[0].Created || first[1].Created ||
			first[2].Tag != "second" {
			t.Fatalf("ports are not in order of the specs: %+v", first)
		}
		for _, p := range first {
			if p.Status != neutron.StatusActive || p.VIFType != "fake" || p.Host != "h1" || len(p.FixedIPs) != 2 ||
				len(p.Subnets) != 2 {
				t.Errorf("port is not whole: %+v", p)
			}
		}
		again, err := c.Compute.Allocate(ctx, args)
		if err != nil {
			t.Fatal(err)
		}
		for i := range again {
			if again[i].ID != first[i].ID {
				t.Errorf("spec %d got another port the second time", i)
			}
		}
		args.Host = "h2"
		moved, err := c.Compute.Allocate(ctx, args)
		if err != nil {
			t.Fatal(err)
		}
		for i := range moved {
			if moved[i].ID != first[i].ID || moved[i].Host != "h2" {
				t.Errorf("spec %d was not moved: %+v", i, moved[i])
			}
		}
		if st, _, err := c.DHCP.HostState(ctx, "h1", nil); err != nil || len(st.Networks) != 0 {
			t.Errorf("the old host still has %+v, %v", st.Networks, err)
		}
		for range 2 {
			if err := c.Compute.Deallocate(ctx, "s1"); err != nil {
				t.Fatal(err)
			}
		}
		ports, err := store.PortsOfNetwork(ctx, d, n.ID)
		if err != nil || len(ports) != 1 || ports[0].ID != taken[0].ID || ports[0].DeviceID != "" || ports[0].Host != "" ||
			ports[0].VIFType != neutron.VIFUnbound {
			t.Errorf("left over: %+v, %v", ports, err)
		}
		if err := c.Ports.Delete(ctx, taken[0].ID, opt.Of[int64]{}); err != nil {
			t.Fatal(err)
		}
		if err := c.Networks.Delete(ctx, n.ID, opt.Of[int64]{}); err != nil {
			t.Fatal(err)
		}
	}, tables())
}

func TestAllocateLeavesNothingWhenASpecFails(t *testing.T) {
	t.Parallel()
	c := memory(t)
	n, _ := c.network(t, "p", "10.0.0.0/29")
	for _, r := range []struct {
		name string
		args neutron.AllocateArgs
		want string
	}{
		{"a network of another project", neutron.AllocateArgs{Project: "q", Host: "h",
			Specs: []neutron.PortSpec{{Network: n.ID}}}, "NetworkNotFound"},
		{"a port that is not there", neutron.AllocateArgs{Project: "p", Host: "h", Specs: []neutron.PortSpec{{Network: n.ID},
			{Port: "nope"}}}, "PortNotFound"},
		{"an address outside", neutron.AllocateArgs{Project: "p", Host: "h", Specs: []neutron.PortSpec{{Network: n.ID},
			{Network: n.ID, FixedIP: netip.MustParseAddr("10.1.0.1")}}}, "InvalidIpForNetwork"},
		{"too many", neutron.AllocateArgs{Project: "p", Host: "h", Specs: slices.Repeat([]neutron.PortSpec{{Network: n.ID}},
			6)}, "IpAddressGenerationFailure"},
		{"a host that cannot", neutron.AllocateArgs{Project: "p", Host: "refused",
			Specs: []neutron.PortSpec{{Network: n.ID}}}, "PortBindingFailed"},
	} {
		r.args.Server = r.name
		if _, err := c.Compute.Allocate(t.Context(), r.args); code(err) != r.want {
			t.Errorf("%s: got %v, want %s", r.name, err, r.want)
		}
		ports, err := store.PortsOfNetwork(t.Context(), c.db, n.ID)
		if err != nil || len(ports) != 0 {
			t.Errorf("%s: left %d ports, %v", r.name, len(ports), err)
		}
	}
}

func TestAddressesAreUniqueUnderContention(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		c := newCloud(t, d)
		n, _ := c.network(t, "p", "10.0.0.0/27")
		var wg sync.WaitGroup
		var mu sync.Mutex
		ips := map[netip.Addr]int{}
		failed := 0
		for i := range 8 {
			wg.Go(func() {
				for j := range 5 {
					ps, err := c.Compute.Allocate(t.Context(), neutron.AllocateArgs{Server: fmt.Sprint(i, j), Project: "p", Host: "h",
						Specs: []neutron.PortSpec{{Network: n.ID}}})
					mu.Lock()
					if err != nil {
						failed++
						if code(err) != "IpAddressGenerationFailure" {
							t.Error(err)
						}
					} else {
						ips[ps[0].FixedIPs[0].IP]++
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		// 30 addresses without the gateway's are 29, and DHCP has one of them.
		if len(ips) != 28 || failed != 12 {
			t.Errorf("got %d addresses and %d refusals, want 28 and 12", len(ips), failed)
		}
		for ip, n := range ips {
			if n != 1 {
				t.Errorf("%s was given out %d times", ip, n)
			}
		}
	}, tables())
}

func TestQuotaHoldsUnderContention(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		c := newCloud(t, d)
		n, _ := c.network(t, "p", "10.0.0.0/24")
		if _, err := c.Quotas.Update(t.Context(), "p", map[string]int64{quota.Port: 5}); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		made := 0
		for range 10 {
			wg.Go(func() {
				_, err := c.Ports.Create(t.Context(), []ports.Wanted{{Meta: neutron.Meta{Project: "p"}, Network: n.ID}})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					made++
				} else if code(err) != "OverQuota" {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if made != 5 {
			t.Errorf("made %d ports, want 5", made)
		}
	}, tables())
}

func TestSegmentsAreTakenAndGivenBack(t *testing.T) {
	t.Parallel()
	c := memory(t)
	ctx := t.Context()
	make1 := func(n neutron.Network) (neutron.Network, error) {
		n.Project = "p"
		ns, err := c.Networks.Create(ctx, []neutron.Network{n})
		if err != nil {
			return n, err
		}
		return ns[0], nil
	}
	var last neutron.Network
	for _, want := range []int64{100, 101, 102} {
		n, err := make1(neutron.Network{})
		if err != nil || n.Type != "vxlan" || n.Segment != want || n.MTU != 1450 {
			t.Fatalf("got %+v, %v, want VNI %d", n, err, want)
		}
		last = n
	}
	if _, err := make1(neutron.Network{}); code(err) != "NoNetworkAvailable" {
		t.Errorf("with all VNIs taken: %v", err)
	}
	if err := c.Networks.Delete(ctx, last.ID, opt.Of[int64]{}); err != nil {
		t.Fatal(err)
	}
	if n, err := make1(neutron.Network{}); err != nil || n.Segment != 102 {
		t.Errorf("after one was given back: %+v, %v", n, err)
	}
	for _, r := range []struct {
		name string
		n    neutron.Network
		want string
	}{
		{"a VNI in use", neutron.Network{Type: "vxlan", Segment: 100}, "TunnelIdInUse"},
		{"a VNI outside the range", neutron.Network{Type: "vxlan", Segment: 9000}, "<nil>"},
		{"a VLAN", neutron.Network{Type: "vlan", Physical: "phys1", Segment: 2000}, "<nil>"},
		{"the same VLAN", neutron.Network{Type: "vlan", Physical: "phys1", Segment: 2000}, "VlanIdInUse"},
		{"a flat network", neutron.Network{Type: "flat", Physical: "phys1"}, "<nil>"},
		{"the same flat network", neutron.Network{Type: "flat", Physical: "phys1"}, "FlatNetworkInUse"},
		{"a segment without a type", neutron.Network{Segment: 5}, "InvalidInput"},
		{"an unknown type", neutron.Network{Type: "gre"}, "InvalidInput"},
		{"too large an MTU", neutron.Network{Type: "local", MTU: 9000}, "InvalidInput"},
	} {
		if _, err := make1(r.n); code(err) != r.want {
			t.Errorf("%s: got %v, want %s", r.name, err, r.want)
		}
	}
}

func TestSubnetsAreChecked(t *testing.T) {
	t.Parallel()
	c := memory(t)
	n, _ := c.network(t, "p", "10.0.0.0/24")
	pre := netip.MustParsePrefix
	for _, r := range []struct {
		name string
		s    subnets.Wanted
		want string
	}{
		{"overlap", subnets.Wanted{CIDR: pre("10.0.0.128/25"), Version: 4}, "InvalidInput"},
		{"version", subnets.Wanted{CIDR: pre("10.1.0.0/24"), Version: 6}, "InvalidInput"},
		{"too small for DHCP", subnets.Wanted{CIDR: pre("10.1.0.0/31"), Version: 4}, "InvalidInput"},
		{"gateway is the network's address", subnets.Wanted{CIDR: pre("10.1.0.0/24"), Version: 4,
			Gateway: opt.Some("10.1.0.0")}, "InvalidInput"},
		{"gateway in pool", subnets.Wanted{CIDR: pre("10.1.0.0/24"), Version: 4,
			Pools: []neutron.Pool{{Start: netip.MustParseAddr("10.1.0.1"), End: netip.MustParseAddr("10.1.0.9")}}},
			"GatewayConflictWithAllocationPools"},
		{"modes differ", subnets.Wanted{CIDR: pre("2001:db8::/64"), Version: 6, RAMode: "slaac", AddrMode: "dhcpv6-stateful"},
			"InvalidInput"},
		{"slaac needs 64 bits", subnets.Wanted{CIDR: pre("2001:db8::/60"), Version: 6, AddrMode: "slaac"}, "InvalidInput"},
		{"modes need DHCP", subnets.Wanted{CIDR: pre("2001:db8::/64"), Version: 6, AddrMode: "slaac", NoDHCP: true},
			"InvalidInput"},
		{"multicast", subnets.Wanted{CIDR: pre("224.0.0.0/24"), Version: 4}, "InvalidInput"},
		{"fine", subnets.Wanted{CIDR: pre("10.1.0.0/24"), Version: 4, Gateway: opt.Null[string]()}, "<nil>"},
	} {
		r.s.Network, r.s.Project = n.ID, "p"
		if _, err := c.Subnets.Create(t.Context(), []subnets.Wanted{r.s}); code(err) != r.want {
			t.Errorf("%s: got %v, want %s", r.name, err, r.want)
		}
	}
}

func TestUseRefusesDeletion(t *testing.T) {
	t.Parallel()
	c := memory(t)
	ctx := t.Context()
	n, subs := c.network(t, "p", "10.0.0.0/24", "2001:db8::/64")
	if _, err := c.Compute.Allocate(ctx, neutron.AllocateArgs{Server: "s", Project: "p", Host: "h",
		Specs: []neutron.PortSpec{{Network: n.ID}}}); err != nil {
		t.Fatal(err)
	}
	none := opt.Of[int64]{}
	if err := c.Networks.Delete(ctx, n.ID, none); code(err) != "NetworkInUse" {
		t.Errorf("network: %v", err)
	}
	if err := c.Subnets.Delete(ctx, subs[0].ID, none); code(err) != "SubnetInUse" {
		t.Errorf("subnet: %v", err)
	}
	// A subnet whose ports made their own addresses goes with these.
	if err := c.Subnets.Delete(ctx, subs[1].ID, none); err != nil {
		t.Errorf("slaac subnet: %v", err)
	}
	ports, err := c.Compute.PortsOf(ctx, "s")
	if err != nil || len(ports) != 1 || len(ports[0].FixedIPs) != 1 {
		t.Errorf("got %+v, %v", ports, err)
	}
	if err := c.Networks.Delete(ctx, n.ID, opt.Some[int64](99)); code(err) != "RevisionNumberConstraintFailed" {
		t.Errorf("with a stale revision: %v", err)
	}
}

func TestDHCPTakesLittleOfASmallSubnet(t *testing.T) {
	t.Parallel()
	c := memory(t)
	ctx := t.Context()
	n, _ := c.network(t, "p", "10.0.0.0/28") // 13 addresses without the gateway's
	for i := range 5 {
		host := fmt.Sprint("h", i)
		if _, err := c.Compute.Allocate(ctx, neutron.AllocateArgs{Server: host, Project: "p", Host: host,
			Specs: []neutron.PortSpec{{Network: n.ID}}}); err != nil {
			t.Fatal(err)
		}
		st, _, err := c.DHCP.HostState(ctx, host, nil)
		if err != nil || len(st.Networks) != 1 || st.Networks[0].DHCPMAC == "" || len(st.Networks[0].DHCPIP) != 1 ||
			len(st.Networks[0].Ports) != 1 {
			t.Fatalf("%s: %+v, %v", host, st.Networks, err)
		}
	}
	dhcp, err := store.DHCPPorts(ctx, c.db, n.ID)
	if err != nil || len(dhcp) != 1 {
		t.Errorf("got %d DHCP ports, %v, want 1", len(dhcp), err)
	}
	// When the host whose port is shared has no guest left, another host gets one of its own.
	if err := c.Compute.Deallocate(ctx, "h0"); err != nil {
		t.Fatal(err)
	}
	st, _, err := c.DHCP.HostState(ctx, "h1", nil)
	if err != nil || st.Networks[0].DHCPMAC == "" {
		t.Errorf("h1 lost DHCP: %+v, %v", st.Networks, err)
	}
}

func TestHostStateFollowsChanges(t *testing.T) {
	t.Parallel()
	c := memory(t)
	ctx := t.Context()
	n, subs := c.network(t, "p", "10.0.0.0/24")
	for _, h := range []string{"h1", "h2"} {
		if err := store.ReportAgent(ctx, c.db, neutron.Agent{ID: h, Host: h, Binary: "b",
			TunnelIP: netip.MustParseAddr("192.0.2." + h[1:]), Created: time.Now(), Started: time.Now(), Heartbeat: time.Now()},
			1); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Compute.Allocate(ctx, neutron.AllocateArgs{Server: h, Project: "p", Host: h, DNSName: "name-" + h,
			Specs: []neutron.PortSpec{{Network: n.ID}}}); err != nil {
			t.Fatal(err)
		}
	}
	one, _, err := c.DHCP.HostState(ctx, "h1", nil)
	if err != nil {
		t.Fatal(err)
	}
	two, err := c.Compute.PortsOf(ctx, "h2")
	if err != nil {
		t.Fatal(err)
	}
	hn := one.Networks[0]
	if len(hn.Remote) != 1 || hn.Remote[0].MAC != two[0].MAC || hn.Remote[0].Host != netip.MustParseAddr("192.0.2.2") {
		t.Errorf("remote: %+v", hn.Remote)
	}
	if hn.Names[two[0].FixedIPs[0].IP.String()] != "name-h2" {
		t.Errorf("names: %v", hn.Names)
	}
	if len(one.Groups) != 1 || len(one.Groups[0].Rules) != 4 {
		t.Fatalf("groups: %+v", one.Groups)
	}
	for _, r := range one.Groups[0].Rules {
		if r.Ingress && r.Ether == 4 && (r.RemoteAny || len(r.Remote) != 2) {
			t.Errorf("members are not written out: %+v", r)
		}
		if r.Ingress && r.Ether == 6 && (r.RemoteAny || len(r.Remote) != 0) {
			t.Errorf("a group without members of a version must match nothing: %+v", r)
		}
	}
	moves := func(what, host string, want bool, do func() error) {
		t.Helper()
		before, err := c.States.Revision(ctx, host)
		if err != nil {
			t.Fatal(err)
		}
		if err := do(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		after, err := c.States.Revision(ctx, host)
		if err != nil {
			t.Fatal(err)
		}
		if (after != before) != want {
			t.Errorf("%s: revision of %s went from %d to %d", what, host, before, after)
		}
	}
	group := one.Groups[0].ID
	moves("a rule", "h1", true, func() error {
		_, err := c.Groups.CreateRules(ctx, []neutron.SecurityGroupRule{{Meta: neutron.Meta{Project: "p"}, Group: group,
			Ingress: true, Ether: 4, Protocol: "icmp"}},
			func(neutron.SecurityGroup) bool { return true })
		return err
	})
	moves("a subnet's nameservers", "h1", true, func() error {
		_, err := c.Subnets.Update(ctx, subs[0].ID,
			subnets.Patch{DNS: opt.Some([]netip.Addr{netip.MustParseAddr("192.0.2.53")})})
		return err
	})
	moves("a port on another network of another project", "h1", false, func() error {
		m, _ := c.network(t, "q", "10.0.0.0/24")
		_, err := c.Compute.Allocate(ctx, neutron.AllocateArgs{Server: "x", Project: "q", Host: "h3",
			Specs: []neutron.PortSpec{{Network: m.ID}}})
		return err
	})
	moves("a member of the remote group that has no host", "h1", true, func() error {
		m, err := c.Ports.Create(ctx, []ports.Wanted{{Meta: neutron.Meta{Project: "p"}, Network: n.ID}})
		if err == nil {
			err = c.Ports.Delete(ctx, m[0].ID, opt.Of[int64]{})
		}
		return err
	})
	moves("the other host's guest goes", "h1", true, func() error { return c.Compute.Deallocate(ctx, "h2") })
	if st, _, err := c.DHCP.HostState(ctx, "h1", nil); err != nil || len(st.Networks[0].Remote) != 0 {
		t.Errorf("still remote: %+v, %v", st.Networks, err)
	}
}

func TestWiredPortsBecomeActiveAndComputeHears(t *testing.T) {
	t.Parallel()
	c := memory(t, func(_ *plugin.Config, d *plugin.Deps) { d.Mechanisms = []ml2.Mechanism{bridge.Mechanism{}} })
	ctx := t.Context()
	n, _ := c.network(t, "p", "10.0.0.0/24")
	args := neutron.AllocateArgs{Server: "s", Project: "p", Host: "h1", Specs: []neutron.PortSpec{{Network: n.ID}}}
	if _, err := c.Compute.Allocate(ctx, args); code(err) != "PortBindingFailed" {
		t.Fatalf("without an agent: %v", err)
	}
	now := time.Now()
	if err := store.ReportAgent(ctx, c.db, neutron.Agent{ID: "a", Host: "h1", Binary: "b", Type: bridge.AgentType,
		Created: now, Started: now, Heartbeat: now}, 1); err != nil {
		t.Fatal(err)
	}
	ps, err := c.Compute.Allocate(ctx, args)
	if err != nil || ps[0].Status != neutron.StatusDown || ps[0].VIFType != "tap" || ps[0].Device != "tap"+ps[0].ID[:11] {
		t.Fatalf("got %+v, %v", ps, err)
	}
	if err := c.Ports.Wired(ctx, "other", []string{ps[0].ID, "gone"}, nil, nil); err != nil {
		t.Fatal(err)
	}
	if len(c.heard.es) != 0 {
		t.Errorf("another host's report was believed: %v", c.heard.es)
	}
	for range 2 {
		if err := c.Ports.Wired(ctx, "h1", []string{ps[0].ID}, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	want := []neutron.ServerEvent{{Name: "network-vif-plugged", Server: "s", Port: ps[0].ID, Status: "completed"}}
	if !slices.Equal(c.heard.es, want) {
		t.Errorf("got %v, want %v", c.heard.es, want)
	}
	if p, err := c.Ports.Show(ctx, ps[0].ID); err != nil || p.Status != neutron.StatusActive {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestAPortThatMerelyClaimsAServerIsNotShown(t *testing.T) {
	t.Parallel()
	c := memory(t)
	ctx := t.Context()
	n, _ := c.network(t, "p", "10.0.0.0/24")
	m, _ := c.network(t, "q", "10.0.0.0/24")
	if _, err := c.Ports.Create(ctx, []ports.Wanted{{Meta: neutron.Meta{Project: "q"}, Network: m.ID, DeviceID: "s",
		DeviceOwner: "compute:nova"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Compute.Allocate(ctx, neutron.AllocateArgs{Server: "s", Project: "p", Host: "h",
		Specs: []neutron.PortSpec{{Network: n.ID}}}); err != nil {
		t.Fatal(err)
	}
	ports, err := c.Compute.PortsOf(ctx, "s")
	if err != nil || len(ports) != 1 || ports[0].Project != "p" {
		t.Errorf("got %+v, %v", ports, err)
	}
}

func TestUpdatedAddressesKeepTheOnesThatPortsMake(t *testing.T) {
	t.Parallel()
	c := memory(t)
	ctx := t.Context()
	n, subs := c.network(t, "p", "10.0.0.0/24", "2001:db8::/64")
	ps, err := c.Ports.Create(ctx, []ports.Wanted{{Meta: neutron.Meta{Project: "p"}, Network: n.ID,
		FixedIPs: opt.Some([]addresses.Wanted{{IP: netip.MustParseAddr("10.0.0.44")}})}})
	if err != nil {
		t.Fatal(err)
	}
	auto := ps[0].FixedIPs[1]
	ip := netip.MustParseAddr("10.0.0.33")
	u, err := c.Ports.Update(ctx, ps[0].ID,
		ports.Patch{FixedIPs: opt.Some([]addresses.Wanted{{Subnet: subs[0].ID, IP: ip}})})
	if err != nil || !slices.Equal(u.FixedIPs, []neutron.FixedIP{{Subnet: subs[0].ID, IP: ip}, auto}) {
		t.Errorf("got %+v, %v", u.FixedIPs, err)
	}
	// What was given back can be had again.
	if _, err := c.Ports.Create(ctx, []ports.Wanted{{Meta: neutron.Meta{Project: "p"}, Network: n.ID,
		FixedIPs: opt.Some([]addresses.Wanted{{IP: ps[0].FixedIPs[0].IP}})}}); err != nil {
		t.Error(err)
	}
}

func TestPortsTakePartInASubnetThatComesLater(t *testing.T) {
	t.Parallel()
	c := memory(t)
	ctx := t.Context()
	n, _ := c.network(t, "p", "10.0.0.0/24")
	ps, err := c.Compute.Allocate(ctx, neutron.AllocateArgs{Server: "s", Project: "p", Host: "h",
		Specs: []neutron.PortSpec{{Network: n.ID}}})
	if err != nil {
		t.Fatal(err)
	}
	sub := c.subnet(t, n, "2001:db8::/64")
	p, err := c.Ports.Show(ctx, ps[0].ID)
	if err != nil || len(p.FixedIPs) != 2 || p.FixedIPs[1].Subnet != sub.ID {
		t.Errorf("got %+v, %v", p.FixedIPs, err)
	}
	if c.heard.es[len(c.heard.es)-1].Name != "network-changed" {
		t.Errorf("compute heard %v", c.heard.es)
	}
	// Both servers hear of a port that goes from one to the other.
	before := len(c.heard.es)
	if _, err := c.Ports.Update(ctx, ps[0].ID, ports.Patch{DeviceID: opt.Some("other")}); err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, e := range c.heard.es[before:] {
		told = append(told, e.Name+" "+e.Server)
	}
	if !slices.Equal(told, []string{"network-changed s", "network-changed other"}) {
		t.Errorf("compute heard %v", told)
	}
}
