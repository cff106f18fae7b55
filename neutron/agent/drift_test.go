//go:build linux

package agent

import (
	"context"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hypernova/neutron"
	"hypernova/neutron/agent/netdev"
	"hypernova/neutron/agent/netdev/netdevtest"
)

var plain = cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})

// live runs the agent's loops as its service does, until the test ends. With a long Poll it acts on events alone.
func (h *testHost) live() {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.ctx)
	var loops sync.WaitGroup
	loops.Go(func() { h.agent.repeat(ctx, h.conf.Poll, h.agent.hinted, "pull", h.agent.noted) })
	loops.Go(func() { h.agent.wake(ctx) })
	loops.Go(func() {
		if err := h.agent.host.watch(ctx, h.agent.stir); err != nil {
			h.t.Error(err)
		}
	})
	h.t.Cleanup(func() { cancel(); loops.Wait() })
}

func (h *testHost) kernel() *netdev.Host { return h.agent.host.(*linux).kernel }

func (h *testHost) sh(argv ...string) {
	h.t.Helper()
	if _, err := h.kernel().Run(h.t.Context(), nil, argv...); err != nil {
		h.t.Fatal(err)
	}
}

// until asks again and again until the answer is yes, for as long as what is allowed may take.
func until(t *testing.T, what string, ask func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.After(5 * soon)
	for !ask() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// repaired waits until the agent has undone something more than before.
func (h *testHost) repaired(t *testing.T, what string, before int64) {
	t.Helper()
	until(t, what+" to be repaired", func() bool { return h.agent.host.(*linux).repairs.Load() > before })
}

func (h *testHost) repairs() int64 { return h.agent.host.(*linux).repairs.Load() }

// TestLossOfRulesClosesPorts: nothing that takes something away from the packet filter, short of all of it, opens a
// port, not even until the agent has set it again. Here no agent looks.
func TestLossOfRulesClosesPorts(t *testing.T) {
	t.Parallel()
	g := group(allow("tcp", 22))
	h, n, a, b := pair(t, g)
	serve(t, b, 22)
	serve(t, b, 80)
	sender, receiver := n.Ports[0], n.Ports[1]
	for _, loss := range [][]string{
		{"flush", "table", "bridge", "hypernova_ports"},
		{"delete", "table", "bridge", "hypernova_ports"},
		{"flush", "table", "bridge", "hypernova_guard"},
		{"delete", "table", "bridge", "hypernova_guard"},
		{"flush", "table", "inet", "hypernova_zones"},
		{"delete", "table", "inet", "hypernova_zones"},
		{"flush", "chain", "bridge", "hypernova_ports", "prerouting"},
		{"flush", "chain", "bridge", "hypernova_ports", "egress"},
		{"flush", "chain", "bridge", "hypernova_ports", "ingress"},
		{"flush", "chain", "bridge", "hypernova_ports", "ingress-" + receiver.ID},
		{"flush", "chain", "bridge", "hypernova_ports", "egress-" + receiver.ID},
		{"flush", "chain", "bridge", "hypernova_ports", "source-" + sender.ID},
		{"flush", "map", "bridge", "hypernova_ports", "receivers"},
		{"flush", "map", "bridge", "hypernova_ports", "sources"},
		{"flush", "set", "bridge", "hypernova_ports", "inside"},
		{"flush", "set", "bridge", "hypernova_ports", "filtered"},
		{"flush", "set", "bridge", "hypernova_guard", "inside"},
		{"delete", "element", "bridge", "hypernova_ports", "receivers", `{ "` + receiver.Device + `" }`},
		{"insert", "rule", "bridge", "hypernova_ports", "ingress", "accept"},
		{"insert", "rule", "bridge", "hypernova_ports", "egress", "accept"},
		{"insert", "rule", "bridge", "hypernova_ports", "prerouting", "accept"},
	} {
		what := strings.Join(loss, " ")
		before := h.repairs()
		h.sh(append([]string{"nft"}, loss...)...)
		refused(t, a, ip(receiver), 80)
		// A foreign address is as foreign as before.
		a.Address(netip.MustParsePrefix("10.0.0.77/24"))
		if err := a.Do(func() error {
			d := net.Dialer{Timeout: never / 4, LocalAddr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 77)}}
			_, err := d.Dial("tcp4", netip.AddrPortFrom(ip(receiver), 22).String())
			return err
		}); err == nil {
			t.Errorf("%s: a connection from a foreign address succeeded", what)
		}
		h.round()
		if h.repairs() == before {
			t.Errorf("%s: the agent did not see it", what)
		}
		reaches(t, a, ip(receiver), 22)
		refused(t, a, ip(receiver), 80)
		if t.Failed() {
			t.Fatalf("after %s", what)
		}
	}
}

// TestForeignChangesAreUndone does what a person with root may do to a host that runs. The agent hears of each and is
// not told again by the server.
func TestForeignChangesAreUndone(t *testing.T) {
	t.Parallel()
	c := newController()
	ends := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}
	h := newTestHost(t, c, Config{Host: "h1", LocalIP: ends[0], Poll: time.Hour})
	netdevtest.Join(h.space, netdevtest.New(t), "wire", netip.PrefixFrom(ends[0], 24), netip.PrefixFrom(ends[1], 24))
	g := group(allow("tcp", 22))
	n := newLAN("vxlan", 4242)
	pa, pb := n.port(g.ID), n.port(g.ID)
	const far = "fa:16:3e:00:09:09"
	n.Remote = []neutron.RemotePort{{MAC: far, IPs: []netip.Addr{netip.MustParseAddr("10.0.0.99")}, Host: ends[1]}}
	h.apply(neutron.HostState{Networks: []neutron.HostNetwork{n.HostNetwork}, Groups: []neutron.HostGroup{g}})
	a, b := h.power(pa), h.power(pb)
	a.Address(prefix(pa))
	b.Address(prefix(pb))
	serve(t, b, 22)
	serve(t, b, 80)
	want, err := h.kernel().Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	filter := func() netdev.Filter {
		f, err := h.kernel().Filter("", []string{"inet hypernova_zones", "bridge hypernova_ports", "bridge hypernova_guard"})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	parts := len(filter().Parts)
	bridge, tunnel := netdev.BridgeName(n.ID), netdev.TunnelName(4242)
	inside, outside := netdev.InsideName(n.ID), netdev.OutsideName(n.ID)
	space := h.kernel().SpaceName(n.ID)
	in := []string{"ip", "netns", "exec", space}
	h.live()
	for _, row := range [][]string{
		{"nft", "flush", "ruleset"},
		{"nft", "flush", "table", "bridge", "hypernova_ports"},
		{"nft", "flush", "chain", "bridge", "hypernova_ports", "ingress"},
		{"nft", "delete", "element", "bridge", "hypernova_ports", "receivers", `{ "` + pb.Device + `" }`},
		{"nft", "insert", "rule", "bridge", "hypernova_ports", "ingress-" + pb.ID, "accept"},
		{"nft", "add", "table", "bridge", "hypernova_ports", "{ flags dormant ; }"},
		{"ip", "link", "set", bridge, "mtu", "1280"},
		{"ip", "link", "set", pb.Device, "mtu", "1280"},
		{"ip", "link", "set", pb.Device, "down"},
		{"ip", "link", "set", pb.Device, "nomaster"},
		{"ip", "link", "set", bridge, "down"},
		{"ip", "link", "set", bridge, "alias", "mine"},
		{"ip", "link", "set", bridge, "type", "bridge", "mcast_snooping", "1"},
		{"ip", "link", "set", pb.Device, "type", "bridge_slave", "isolated", "on"},
		{"ip", "link", "set", pb.Device, "type", "bridge_slave", "learning", "off"},
		{"ip", "link", "set", tunnel, "type", "bridge_slave", "flood", "on"},
		{"ip", "link", "set", tunnel, "nomaster"},
		{"ip", "link", "delete", tunnel},
		{"ip", "link", "set", outside, "down"},
		{"ip", "link", "delete", outside},
		{"ip", "link", "delete", bridge},
		{"ip", "netns", "delete", space},
		{"bridge", "fdb", "del", far, "dev", tunnel, "dst", ends[1].String(), "self"},
		{"bridge", "fdb", "del", far, "dev", tunnel, "master"},
		{"bridge", "fdb", "append", netdev.FloodMAC, "dev", tunnel, "dst", "192.0.2.9"},
		{"ip", "neigh", "del", "10.0.0.99", "dev", bridge},
		append(in, "ip", "address", "flush", "dev", inside),
		append(in, "ip", "route", "delete", "10.0.0.0/24"),
		append(in, "ip", "link", "set", inside, "down"),
		append(in, "ip", "link", "set", inside, "mtu", "1280"),
		append(in, "sysctl", "-q", "-w", "net.ipv6.conf."+inside+".accept_ra=1"),
		{"sysctl", "-q", "-w", "net.ipv6.conf." + bridge + ".disable_ipv6=0"},
	} {
		what := strings.Join(row, " ")
		before := h.repairs()
		h.sh(row...)
		if row[0] == in[0] && row[1] == in[1] && row[2] == in[2] || row[0] == "sysctl" {
			h.agent.stir() // no event tells of these: the agent's next look does
		}
		h.repaired(t, what, before)
		until(t, "the host to be as it was before: "+what, func() bool {
			now, err := h.kernel().Snapshot()
			return err == nil && cmp.Equal(now.Links, want.Links, plain) && cmp.Equal(now.Spaces, want.Spaces, plain) &&
				len(now.Forwards) == len(want.Forwards) && len(now.Neighbours) == len(want.Neighbours) &&
				len(filter().Parts) == parts
		})
		reaches(t, a, ip(pb), 22)
		refused(t, a, ip(pb), 80)
		if t.Failed() {
			t.Fatalf("after %s", what)
		}
	}
	lease(t, a, pa.MAC)
}

// BenchmarkFlushedRuleset is how long a host of fifty guests is without rules after "nft flush ruleset", the command's
// own time included.
func BenchmarkFlushedRuleset(b *testing.B) {
	h := newTestHost(b, newController(), Config{Host: "h1", Poll: time.Hour})
	g := group(allow("tcp", 22))
	n := newLAN("local", 0)
	for range 50 {
		n.port(g.ID)
	}
	h.apply(neutron.HostState{Networks: []neutron.HostNetwork{n.HostNetwork}, Groups: []neutron.HostGroup{g}})
	h.live()
	for b.Loop() {
		b.StopTimer()
		time.Sleep(time.Second) // a host at rest
		b.StartTimer()
		before := h.repairs()
		h.sh("nft", "flush", "ruleset")
		for h.repairs() == before {
			runtime.Gosched()
		}
	}
}

// TestGuestWithoutItsTapIsToldOf: somebody deletes the device that a running guest holds. A new one is there at once,
// but the guest has no network until it holds that one, and so long its port is not ACTIVE.
func TestGuestWithoutItsTapIsToldOf(t *testing.T) {
	t.Parallel()
	c := newController()
	h := newTestHost(t, c, Config{Host: "h1", Poll: time.Hour})
	g := group(allow("tcp", 22))
	n := newLAN("local", 0)
	p, other := n.port(g.ID), n.port(g.ID)
	h.apply(neutron.HostState{Networks: []neutron.HostNetwork{n.HostNetwork}, Groups: []neutron.HostGroup{g}})
	why := func(id string) string {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.up[id] {
			return "up"
		}
		return c.down[id]
	}
	h.live()
	h.power(p)
	h.power(other)
	plugged := func() map[string]bool {
		s, err := h.kernel().Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		return s.Plugged
	}
	until(t, "the guest to hold its device", func() bool { return plugged()[p.Device] })
	h.agent.stir() // what it saw last is not seen from here: a second look is certain to be of now
	before := h.rounds()
	until(t, "the agent to have looked", func() bool { return h.rounds() > before+1 || h.stirAgain() })
	h.sh("ip", "link", "delete", p.Device)
	until(t, "the port to be reported", func() bool { return strings.Contains(why(p.ID), "was removed from the host") })
	if got := why(other.ID); got != "up" {
		t.Errorf("the neighbour's port is %q", got)
	}
	if plugged()[p.Device] {
		t.Error("somebody holds the new device")
	}
	again := h.power(p) // as a hard reboot does
	until(t, "the port to be up again", func() bool { return why(p.ID) == "up" })
	take(again, lease(t, again, p.MAC))
}

// rounds is how often the agent has looked, and stirAgain makes it look once more.
func (h *testHost) rounds() int {
	h.agent.rounds.mu.Lock()
	defer h.agent.rounds.mu.Unlock()
	return h.agent.rounds.n
}

func (h *testHost) stirAgain() bool { h.agent.stir(); return false }
