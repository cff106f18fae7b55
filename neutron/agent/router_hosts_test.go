//go:build linux

package agent

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"hypernova/neutron"
	"hypernova/neutron/agent/netdev/netdevtest"
)

// probes sends numbered datagrams from a guest to an echo server elsewhere, one every few milliseconds, and counts the
// answers.
type probes struct {
	mu       sync.Mutex
	answered map[uint32]bool
	sent     uint32
	stop     context.CancelFunc
	all      sync.WaitGroup
}

// probe starts to send; the server runs in the namespace to.
func probe(t *testing.T, from *netdevtest.Guest, to *netdevtest.Guest, at netip.Addr) *probes {
	t.Helper()
	const port = 7777
	to.Must(func() error {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{Port: port})
		if err != nil {
			return err
		}
		t.Cleanup(func() { c.Close() })
		go func() {
			b := make([]byte, 64)
			for {
				n, peer, err := c.ReadFromUDP(b)
				if err != nil {
					return
				}
				c.WriteToUDP(b[:n], peer)
			}
		}()
		return nil
	})
	p := &probes{answered: map[uint32]bool{}}
	var ctx context.Context
	ctx, p.stop = context.WithCancel(t.Context())
	from.Must(func() error {
		c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(at, port)))
		if err != nil {
			return err
		}
		t.Cleanup(func() { p.stop(); c.Close() })
		go func() {
			b := make([]byte, 64)
			for ctx.Err() == nil {
				if n, err := c.Read(b); err == nil && n == 4 {
					p.mu.Lock()
					p.answered[binary.BigEndian.Uint32(b)] = true
					p.mu.Unlock()
				}
			}
		}()
		p.all.Go(func() {
			tick := time.NewTicker(2 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				p.mu.Lock()
				p.sent++
				number := p.sent
				p.mu.Unlock()
				c.Write(binary.BigEndian.AppendUint32(nil, number)) // what is lost is counted as that
			}
		})
		return nil
	})
	p.flow(t)
	return p
}

// flow waits until datagrams that are sent from now on are answered.
func (p *probes) flow(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	from := p.sent
	p.mu.Unlock()
	until(t, "answers to datagrams", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		n := 0
		for i := range p.answered {
			if i > from {
				n++
			}
		}
		return n >= 10
	})
}

// mark is the number of the last datagram that was sent.
func (p *probes) mark() uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent
}

// lost counts the datagrams after from and up to the last mark that have no answer, once later ones have theirs.
func (p *probes) lost(t *testing.T, from uint32) int {
	t.Helper()
	end := p.mark()
	p.flow(t)
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for i := from + 1; i <= end; i++ {
		if !p.answered[i] {
			n++
		}
	}
	return n
}

// TestRouterLosesNothingWhenItsAgentRestarts: nor when another floating address comes, or the server has nothing new.
func TestRouterLosesNothingWhenItsAgentRestarts(t *testing.T) {
	t.Parallel()
	h := newTestHost(t, newController(), Config{Host: "h1"})
	one, ext := newLAN("local", 0), newLANOf("local", 0, "172.24.4.0/24")
	s := newSite(t, ext, one)
	a, b, x := s.guest(one), s.guest(one), stranger(ext)
	f := s.float("172.24.4.200", ip(a))
	h.apply(s.state())
	ga, gb, world := s.boot(h, one, a), s.boot(h, one, b), s.outside(h, x)
	in, out := probe(t, world, ga, f), probe(t, gb, world, ip(x))
	serve(t, ga, 22)
	c, err := dial(t, world, f, 22, soon)
	if err != nil {
		t.Fatal(err)
	}
	inFrom, outFrom := in.mark(), out.mark()
	h.halt()
	h.boot()
	h.round()
	h.round()
	s.float("172.24.4.201", netip.MustParseAddr("10.0.0.99"))
	h.apply(s.state())
	if n := in.lost(t, inFrom); n > 0 {
		t.Errorf("%d datagrams to a floating address were lost, want none", n)
	}
	if n := out.lost(t, outFrom); n > 0 {
		t.Errorf("%d datagrams to outside were lost, want none", n)
	}
	if err := echo(c, "still here", soon); err != nil {
		t.Errorf("connection after a restart: %v", err)
	}
}

// apart is a site whose guests are on one host and whose router is on another.
type apart struct {
	*site
	ends  []netip.Addr
	hosts []*testHost
}

// newApart makes two hosts that reach each other.
func newApart(t *testing.T) *apart {
	c := newController()
	a := &apart{ends: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}}
	for i, name := range []string{"h1", "h2"} {
		a.hosts = append(a.hosts, newTestHost(t, c, Config{Host: name, LocalIP: a.ends[i]}))
	}
	netdevtest.Join(a.hosts[0].space, a.hosts[1].space, "wire", netip.PrefixFrom(a.ends[0], 24),
		netip.PrefixFrom(a.ends[1], 24))
	return a
}

// spread gives both hosts their states: guests on the first, the router on the one of the number.
func (a *apart) spread(router int) {
	a.t.Helper()
	states := [2]neutron.HostState{{Groups: a.groups}, {}}
	states[router].Routers = []neutron.HostRouter{a.router}
	for _, n := range append(a.inner, a.external) {
		here, there := n.HostNetwork, n.HostNetwork
		here.Remote, there.Ports, there.DHCPIP, there.Remote = nil, nil, nil, nil
		for _, p := range n.Ports {
			there.Remote = append(there.Remote, neutron.RemotePort{MAC: p.MAC, IPs: []netip.Addr{ip(p)}, Host: a.ends[0]})
		}
		for _, p := range a.router.Ports {
			if p.Network != n.ID || router == 0 {
				continue
			}
			r := neutron.RemotePort{MAC: p.MAC, IPs: []netip.Addr{p.Addrs[0].Addr()}, Host: a.ends[router]}
			if p.Gateway {
				for _, f := range a.router.Floating {
					r.IPs = append(r.IPs, f.Floating)
				}
			}
			here.Remote = append(here.Remote, r)
		}
		states[0].Networks = append(states[0].Networks, here)
		if router == 1 {
			states[1].Networks = append(states[1].Networks, there)
		}
	}
	for i, h := range a.hosts {
		h.apply(states[i])
	}
}

func TestRouterOnAnotherHostAndItsMove(t *testing.T) {
	t.Parallel()
	hosts := newApart(t)
	one, two, ext := newLAN("vxlan", 101), newLANOf("vxlan", 102, "10.0.1.0/24"), newLANOf("vxlan", 103, "172.24.4.0/24")
	hosts.site = newSite(t, ext, one, two)
	s, h := hosts.site, hosts.hosts[0]
	a, b, x := s.guest(one), s.guest(two), stranger(ext)
	f := s.float("172.24.4.200", ip(a))
	hosts.spread(1)
	for _, p := range s.router.Ports {
		if !h.c.up[p.ID] {
			t.Fatalf("router port is down: %s", h.c.down[p.ID])
		}
	}
	ga, gb, world := s.boot(h, one, a), s.boot(h, two, b), s.outside(h, x)
	comes(t, ga, ip(b), 22, callers(t, gb, 22), ip(a)) // east-west
	comes(t, ga, ip(x), 80, callers(t, world, 80), f)  // out
	comes(t, world, f, 22, callers(t, ga, 22), ip(x))  // in
	comes(t, gb, ip(x), 81, callers(t, world, 81), s.router.Ports[0].Addrs[0].Addr())
	big(t, ga, gb, ip(b)) // larger than a tunnel's packets

	p := probe(t, world, ga, f)
	from := p.mark()
	hosts.spread(0)
	lost := p.lost(t, from)
	t.Logf("the router moved: %d datagrams of one every 2 ms were lost", lost)
	comes(t, gb, ip(x), 82, callers(t, world, 82), s.router.Ports[0].Addrs[0].Addr())
	if left := hosts.hosts[1].space.Links(); len(left) != 1 {
		t.Errorf("left on the host that had the router: %v", left)
	}
}

// big sends more than one packet of the largest size.
func big(t *testing.T, from, to *netdevtest.Guest, at netip.Addr) {
	t.Helper()
	serve(t, to, 2000)
	c, err := dial(t, from, at, 2000, soon)
	if err != nil {
		t.Fatal(err)
	}
	if err := echo(c, string(make([]byte, 100_000)), 2*soon); err != nil {
		t.Errorf("100 kB through the router: %v", err)
	}
}

// TestTenantsWithTheSameAddresses: two routers with one subnet each, the same, and gateways on one external network.
func TestTenantsWithTheSameAddresses(t *testing.T) {
	t.Parallel()
	h := newTestHost(t, newController(), Config{Host: "h1"})
	ext := newLANOf("local", 0, "172.24.4.0/24")
	one, two := newLAN("local", 0), newLAN("local", 0)
	s1, s2 := newSite(t, ext, one), newSite(t, ext, two)
	s2.router.Ports[0].Addrs = []netip.Prefix{netip.MustParsePrefix("172.24.4.101/24")}
	a1, a2, x := s1.guest(one), s2.guest(two), stranger(ext)
	f1, f2 := s1.float("172.24.4.200", ip(a1)), s2.float("172.24.4.201", ip(a2))
	b1, b2 := s1.guest(one), s2.guest(two)
	h.apply(neutron.HostState{Networks: []neutron.HostNetwork{one.HostNetwork, two.HostNetwork, ext.HostNetwork},
		Groups:  append(s1.groups, s2.groups...),
		Routers: []neutron.HostRouter{s1.router, s2.router}})
	g1, g2, world := s1.boot(h, one, a1), s2.boot(h, two, a2), s1.outside(h, x)
	p1, p2 := s1.boot(h, one, b1), s2.boot(h, two, b2)
	if ip(a1) != ip(a2) || ip(b1) != ip(b2) {
		t.Fatal("the guests shall have the same addresses")
	}
	at1, at2, xt := callers(t, g1, 22), callers(t, g2, 22), callers(t, world, 80)
	comes(t, world, f1, 22, at1, ip(x))
	comes(t, world, f2, 22, at2, ip(x))
	comes(t, p1, ip(x), 80, xt, s1.router.Ports[0].Addrs[0].Addr())
	comes(t, p2, ip(x), 80, xt, s2.router.Ports[0].Addrs[0].Addr())
	comes(t, g1, f2, 22, at2, f1) // from one tenant to the other, by floating addresses alone
	comes(t, p2, f1, 22, at1, s2.router.Ports[0].Addrs[0].Addr())
}

func TestExtraRoutes(t *testing.T) {
	t.Parallel()
	h := newTestHost(t, newController(), Config{Host: "h1"})
	one, two := newLAN("local", 0), newLANOf("local", 0, "10.0.1.0/24")
	s := newSite(t, nil, one, two)
	a, hop := s.guest(one), stranger(two)
	h.apply(s.state())
	ga, gh := s.boot(h, one, a), s.boot(h, two, hop)
	gh.Address(netip.MustParsePrefix("10.77.0.1/24"))
	serve(t, gh, 80)
	behind := netip.MustParseAddr("10.77.0.1")
	refused(t, ga, behind, 80)
	s.router.Routes = []neutron.HostRoute{{Destination: netip.MustParsePrefix("10.77.0.0/24"), NextHop: ip(hop)}}
	h.apply(s.state())
	reaches(t, ga, behind, 80)
	s.router.Routes = nil
	h.apply(s.state())
	refused(t, ga, behind, 80)
}
