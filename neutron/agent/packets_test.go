//go:build linux

package agent

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"testing"
	"time"

	"hypernova/neutron"
	"hypernova/neutron/agent/metadata"
	"hypernova/neutron/agent/netdev"
	"hypernova/neutron/agent/netdev/netdevtest"
	"hypernova/oslo/service"
)

var serviceOptions = service.Options{}

func TestGuestsGetLeaseAndMetadata(t *testing.T) {
	t.Parallel()
	nova := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Instance-ID-Signature") != metadata.Sign([]byte("s3cret"), r.Header.Get("X-Instance-ID")) {
			http.Error(w, "forged", http.StatusForbidden)
			return
		}
		w.Write([]byte(r.Header.Get("X-Instance-ID") + " " + r.Header.Get("X-Tenant-ID") + " " +
			r.Header.Get("X-Forwarded-For") + " " + r.URL.Path))
	}))
	t.Cleanup(nova.Close)
	h := newTestHost(t, newController(), Config{Host: "h1", MetadataURL: nova.URL, MetadataSecret: "s3cret",
		DNSDomain: "example.org"})
	n := newLAN("local", 0)
	ssh := group(allow("tcp", 22))
	a, b := n.port(ssh.ID), n.port(ssh.ID)
	h.apply(neutron.HostState{Networks: []neutron.HostNetwork{n.HostNetwork}, Groups: []neutron.HostGroup{ssh}})
	if !h.c.up[a.ID] || !h.c.up[b.ID] {
		t.Fatalf("ports up %v down %v, want both up", h.c.up, h.c.down)
	}
	ga, gb := h.power(a), h.power(b)
	ack := lease(t, ga, a.MAC)
	if got, want := ack.YourIPAddr.String(), ip(a).String(); got != want {
		t.Errorf("lease %s, want %s", got, want)
	}
	take(ga, ack)
	take(gb, lease(t, gb, b.MAC))

	status, body, err := get(ga, "http://169.254.169.254/latest/meta-data/", http.Header{"X-Instance-Id": {b.DeviceID},
		"X-Forwarded-For": {"10.0.0.11"}})
	if want := a.DeviceID + " " + a.Project + " " + ip(a).String() + " /latest/meta-data/"; err != nil || status != 200 ||
		body != want {
		t.Errorf("metadata %d %q %v, want %q", status, body, err, want)
	}
	serve(t, gb, 22)
	serve(t, gb, 80)
	reaches(t, ga, ip(b), 22)
	refused(t, ga, ip(b), 80)
}

func prefix(p neutron.PortInfo) netip.Prefix { return netip.PrefixFrom(ip(p), 24) }

// pair is a host with two guests that have their addresses.
func pair(t *testing.T, groups ...neutron.HostGroup) (h *testHost, n *lan, a, b *netdevtest.Guest) {
	t.Helper()
	h = newTestHost(t, newController(), Config{Host: "h1"})
	n = newLAN("local", 0)
	for range 2 {
		n.port(groups[0].ID)
	}
	h.apply(neutron.HostState{Networks: []neutron.HostNetwork{n.HostNetwork}, Groups: groups})
	a, b = h.power(n.Ports[0]), h.power(n.Ports[1])
	a.Address(prefix(n.Ports[0]))
	b.Address(prefix(n.Ports[1]))
	return h, n, a, b
}

func TestRestartKeepsConnections(t *testing.T) {
	t.Parallel()
	g := group(allow("tcp", 22))
	h, n, a, b := pair(t, g)
	serve(t, b, 22)
	c, err := dial(t, a, ip(n.Ports[1]), 22, soon)
	if err != nil {
		t.Fatal(err)
	}
	if err := echo(c, "before", soon); err != nil {
		t.Fatal(err)
	}
	h.halt()
	if err := echo(c, "no agent", soon); err != nil {
		t.Errorf("connection while no agent runs: %v", err)
	}
	h.boot()
	h.round()
	if err := echo(c, "after", soon); err != nil {
		t.Errorf("connection after a restart: %v", err)
	}
	if !h.c.up[n.Ports[0].ID] {
		t.Error("port not reported after a restart")
	}
}

func TestRemovedRuleCutsConnections(t *testing.T) {
	t.Parallel()
	g := group(allow("tcp", 22), allow("tcp", 23))
	h, n, a, b := pair(t, g)
	serve(t, b, 22)
	serve(t, b, 23)
	kept, err := dial(t, a, ip(n.Ports[1]), 22, soon)
	if err != nil {
		t.Fatal(err)
	}
	lost, err := dial(t, a, ip(n.Ports[1]), 23, soon)
	if err != nil {
		t.Fatal(err)
	}
	less := group(allow("tcp", 22))
	less.ID = g.ID
	h.apply(neutron.HostState{Networks: []neutron.HostNetwork{n.HostNetwork}, Groups: []neutron.HostGroup{less}})
	if err := echo(kept, "kept", soon); err != nil {
		t.Errorf("connection that is still allowed: %v", err)
	}
	if err := echo(lost, "lost", never); err == nil {
		t.Error("connection whose rule was removed goes on, want it cut")
	}
}

func TestRulesChangedWhileNoAgentRanCutConnections(t *testing.T) {
	t.Parallel()
	g := group(allow("tcp", 22))
	h, n, a, b := pair(t, g)
	serve(t, b, 22)
	c, err := dial(t, a, ip(n.Ports[1]), 22, soon)
	if err != nil {
		t.Fatal(err)
	}
	h.halt()
	none := group()
	none.ID = g.ID
	h.c.set(h.name, neutron.HostState{Networks: []neutron.HostNetwork{n.HostNetwork}, Groups: []neutron.HostGroup{none}})
	h.boot()
	h.round()
	if err := echo(c, "lost", never); err == nil {
		t.Error("connection whose rule was removed goes on, want it cut")
	}
}

func TestSpoofingIsRefused(t *testing.T) {
	t.Parallel()
	g := group(allow("", -1))
	h, n, a, b := pair(t, g)
	serve(t, b, 80)
	target := ip(n.Ports[1])
	reaches(t, a, target, 80)

	a.Address(netip.MustParsePrefix("10.0.0.77/24"))
	if err := a.Do(func() error {
		d := net.Dialer{Timeout: never, LocalAddr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 77)}}
		_, err := d.Dial("tcp4", netip.AddrPortFrom(target, 80).String())
		return err
	}); err == nil {
		t.Error("connection from a foreign address succeeded, want refusal")
	}

	// The same with the address allowed as a pair.
	n.Ports[0].AddressPairs = []neutron.AddressPair{{IP: "10.0.0.64/27"}}
	h.apply(neutron.HostState{Networks: []neutron.HostNetwork{n.HostNetwork}, Groups: []neutron.HostGroup{g}})
	if err := a.Do(func() error {
		d := net.Dialer{Timeout: soon, LocalAddr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 77)}}
		_, err := d.Dial("tcp4", netip.AddrPortFrom(target, 80).String())
		return err
	}); err != nil {
		t.Errorf("connection from an address pair: %v", err)
	}

	// A foreign MAC reaches nobody, and the bridge does not learn it: else its owner's traffic would come here.
	for _, mac := range []string{"fa:16:3e:ff:ff:01", n.Ports[1].MAC} {
		a.SetMAC(mac)
		refused(t, a, target, 80)
		if slices.Contains(h.space.Learned(n.Ports[0].Device), mac) {
			t.Errorf("the bridge learned the foreign MAC %s", mac)
		}
	}
	a.SetMAC(n.Ports[0].MAC)
	reaches(t, a, target, 80)
}

func TestPortWithoutSecurityIsNotFiltered(t *testing.T) {
	t.Parallel()
	g := group()
	h, n, a, b := pair(t, g)
	serve(t, b, 80)
	refused(t, a, ip(n.Ports[1]), 80)
	n.Ports[1].PortSecurity, n.Ports[1].SecurityGroups = false, nil
	h.apply(neutron.HostState{Networks: []neutron.HostNetwork{n.HostNetwork}, Groups: []neutron.HostGroup{g}})
	reaches(t, a, ip(n.Ports[1]), 80)
}

func TestRemoteGroupAdmitsMembersOnly(t *testing.T) {
	t.Parallel()
	g := group()
	h, n, a, b := pair(t, g)
	n.port(g.ID)
	member := netip.PrefixFrom(ip(n.Ports[0]), 32)
	g.Rules = append(g.Rules, neutron.HostRule{Ingress: true, Ether: 4, Protocol: "tcp", PortMin: 1, PortMax: 65535,
		Remote: []netip.Prefix{member}},
		neutron.HostRule{Ingress: true, Ether: 4, Protocol: "tcp", PortMin: -1, PortMax: -1}) // a group without members
	h.apply(neutron.HostState{Networks: []neutron.HostNetwork{n.HostNetwork}, Groups: []neutron.HostGroup{g}})
	c := h.power(n.Ports[2])
	c.Address(prefix(n.Ports[2]))
	serve(t, b, 80)
	reaches(t, a, ip(n.Ports[1]), 80)
	refused(t, c, ip(n.Ports[1]), 80)
}

func TestNetworksWithEqualAddressesAreApart(t *testing.T) {
	t.Parallel()
	h := newTestHost(t, newController(), Config{Host: "h1"})
	open, closed := group(allow("tcp", 80)), group()
	one, two := newLAN("local", 0), newLAN("local", 0)
	for range 2 {
		one.port(open.ID)
		two.port(closed.ID)
	}
	h.apply(neutron.HostState{Networks: []neutron.HostNetwork{one.HostNetwork, two.HostNetwork},
		Groups: []neutron.HostGroup{open, closed}})
	var guests [4]*netdevtest.Guest
	for i, p := range []neutron.PortInfo{one.Ports[0], one.Ports[1], two.Ports[0], two.Ports[1]} {
		guests[i] = h.power(p)
		take(guests[i], lease(t, guests[i], p.MAC))
	}
	serve(t, guests[1], 80)
	serve(t, guests[3], 80)
	// also fills the connection table with the addresses that both networks use
	reaches(t, guests[0], ip(one.Ports[1]), 80)
	refused(t, guests[2], ip(two.Ports[1]), 80)
	// The very same connection, by ports, as one that is established next door.
	same := func(g *netdevtest.Guest, patience time.Duration) (net.Conn, error) {
		var c net.Conn
		err := g.Do(func() (err error) {
			d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{Port: 33333}}
			c, err = d.Dial("tcp4", "10.0.0.11:80")
			return err
		})
		return c, err
	}
	c, err := same(guests[0], soon)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := same(guests[2], never); err == nil {
		t.Error("a connection of one network opened the way for another's")
	}
}

func TestGuestsAndHostDoNotMeet(t *testing.T) {
	t.Parallel()
	g := group(allow("", -1))
	h, n, a, _ := pair(t, g)
	h.space.Must(func() error {
		l, err := net.Listen("tcp4", ":80")
		if err != nil {
			return err
		}
		t.Cleanup(func() { l.Close() })
		return nil
	})
	h.space.Address(netdev.BridgeName(n.ID), netip.MustParsePrefix("10.0.0.200/24")) // as nearly meeting as it gets
	refused(t, a, netip.MustParseAddr("10.0.0.200"), 80)
}

func TestOperatorReachesGuestFromNamespace(t *testing.T) {
	t.Parallel()
	g := group(allow("tcp", 22))
	h, n, a, _ := pair(t, g)
	serve(t, a, 22)
	serve(t, a, 80)
	in := inNamespace{h.agent.host.(*linux), n.ID}
	reaches(t, in, ip(n.Ports[0]), 22)
	refused(t, in, ip(n.Ports[0]), 80)
}

type inNamespace struct {
	l       *linux
	network string
}

func (i inNamespace) Do(fn func() error) error {
	return i.l.kernel.Inside(i.l.kernel.SpaceName(i.network), fn)
}

func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	g := group(allow("", -1))
	h, n, a, b := pair(t, g)
	serve(t, b, 80)
	reaches(t, a, ip(n.Ports[1]), 80)
	h.apply(neutron.HostState{})
	if left := append(h.space.Links(), h.space.Connections()...); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	have, err := h.agent.host.(*linux).kernel.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if len(have.Links)+len(have.Spaces)+len(have.Forwards)+len(have.Neighbours) > 0 {
		t.Errorf("left: %+v", have)
	}
}

func TestRepairsWhatOthersBroke(t *testing.T) {
	t.Parallel()
	g := group(allow("tcp", 22))
	h, n, a, b := pair(t, g)
	serve(t, b, 22)
	serve(t, b, 80)
	kernel := h.agent.host.(*linux).kernel
	for _, argv := range [][]string{
		{"nft", "flush", "ruleset"},
		{"ip", "link", "set", n.Ports[1].Device, "nomaster"},
		{"ip", "netns", "delete", kernel.SpaceName(n.ID)},
	} {
		if _, err := kernel.Run(t.Context(), nil, argv...); err != nil {
			t.Fatal(err)
		}
	}
	h.round() // nothing new from the server
	reaches(t, a, ip(n.Ports[1]), 22)
	refused(t, a, ip(n.Ports[1]), 80)
	lease(t, a, n.Ports[0].MAC)
}

func TestTunnelBetweenHosts(t *testing.T) {
	t.Parallel()
	c := newController()
	ends := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}
	h1 := newTestHost(t, c, Config{Host: "h1", LocalIP: ends[0]})
	h2 := newTestHost(t, c, Config{Host: "h2", LocalIP: ends[1]})
	netdevtest.Join(h1.space, h2.space, "wire", netip.PrefixFrom(ends[0], 24), netip.PrefixFrom(ends[1], 24))
	g := group(allow("tcp", 22))
	one := newLAN("vxlan", 4242)
	a := one.port(g.ID)
	two := &lan{HostNetwork: one.HostNetwork, next: one.next}
	two.Ports = nil
	b := two.port(g.ID)
	one.Remote = []neutron.RemotePort{{MAC: b.MAC, IPs: []netip.Addr{ip(b)}, Host: ends[1]}}
	two.Remote = []neutron.RemotePort{{MAC: a.MAC, IPs: []netip.Addr{ip(a)}, Host: ends[0]}}
	h1.apply(neutron.HostState{Networks: []neutron.HostNetwork{one.HostNetwork}, Groups: []neutron.HostGroup{g}})
	h2.apply(neutron.HostState{Networks: []neutron.HostNetwork{two.HostNetwork}, Groups: []neutron.HostGroup{g}})
	ga, gb := h1.power(a), h2.power(b)
	take(ga, lease(t, ga, a.MAC)) // the same address answers DHCP on both hosts
	take(gb, lease(t, gb, b.MAC))
	serve(t, gb, 22)
	serve(t, gb, 80)
	reaches(t, ga, ip(b), 22)
	refused(t, ga, ip(b), 80)
	serve(t, ga, 22)
	reaches(t, gb, ip(a), 22)

	// A second pass finds nothing to do.
	before := h1.c.calls
	h1.round()
	if h1.c.calls != before {
		t.Error("ports reported again though nothing changed")
	}
	one.Remote = nil
	h1.apply(neutron.HostState{Networks: []neutron.HostNetwork{one.HostNetwork}, Groups: []neutron.HostGroup{g}})
	refused(t, gb, ip(a), 22)
}

func BenchmarkPortWired(b *testing.B) {
	c := newController()
	h := newTestHost(b, c, Config{Host: "h1"})
	g := group(allow("tcp", 22))
	n := newLAN("local", 0)
	for range 50 {
		n.port(g.ID)
	}
	h.apply(neutron.HostState{Networks: []neutron.HostNetwork{n.HostNetwork}, Groups: []neutron.HostGroup{g}})
	for b.Loop() {
		n.port(g.ID)
		h.apply(neutron.HostState{Networks: []neutron.HostNetwork{n.HostNetwork}, Groups: []neutron.HostGroup{g}})
	}
}

func BenchmarkNothingToDo(b *testing.B) {
	c := newController()
	h := newTestHost(b, c, Config{Host: "h1"})
	g := group(allow("tcp", 22))
	var s neutron.HostState
	for range 20 {
		n := newLAN("local", 0)
		for range 5 {
			n.port(g.ID)
		}
		s.Networks = append(s.Networks, n.HostNetwork)
	}
	s.Groups = []neutron.HostGroup{g}
	h.apply(s)
	for b.Loop() {
		h.round()
	}
}

func TestStatelessGroupNeedsRulesForReplies(t *testing.T) {
	t.Parallel()
	g := group(allow("tcp", 22))
	g.Stateless = true
	h, n, a, b := pair(t, g)
	serve(t, b, 22)
	refused(t, a, ip(n.Ports[1]), 22)
	replies := allow("tcp", 1024)
	replies.PortMax = 65535
	g.Rules = append(g.Rules, replies)
	h.apply(neutron.HostState{Networks: []neutron.HostNetwork{n.HostNetwork}, Groups: []neutron.HostGroup{g}})
	reaches(t, a, ip(n.Ports[1]), 22)
}

func TestPortThatIsAdministrativelyDownIsDeaf(t *testing.T) {
	t.Parallel()
	g := group(allow("tcp", 22))
	h, n, a, b := pair(t, g)
	serve(t, b, 22)
	n.Ports[1].AdminUp = false
	h.apply(neutron.HostState{Networks: []neutron.HostNetwork{n.HostNetwork}, Groups: []neutron.HostGroup{g}})
	if why := h.c.down[n.Ports[1].ID]; why == "" {
		t.Error("port not reported down")
	}
	refused(t, a, ip(n.Ports[1]), 22)
	n.Ports[1].AdminUp = true
	h.apply(neutron.HostState{Networks: []neutron.HostNetwork{n.HostNetwork}, Groups: []neutron.HostGroup{g}})
	reaches(t, a, ip(n.Ports[1]), 22)
}
