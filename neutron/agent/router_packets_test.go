//go:build linux

package agent

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"hypernova/neutron"
	"hypernova/neutron/agent/netdev/netdevtest"
	"hypernova/oslo/ids"
)

// callers listens for TCP in a guest and tells from where each connection comes.
func callers(t *testing.T, g *netdevtest.Guest, port int) <-chan netip.Addr {
	t.Helper()
	from := make(chan netip.Addr, 16) // more than a test connects
	g.Must(func() error {
		l, err := net.ListenTCP("tcp4", &net.TCPAddr{Port: port})
		if err != nil {
			return err
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.AcceptTCP()
				if err != nil {
					return
				}
				from <- c.RemoteAddr().(*net.TCPAddr).AddrPort().Addr()
				c.Close()
			}
		}()
		return nil
	})
	return from
}

// comes connects to an address and compares from where the other end sees it come.
func comes(t *testing.T, g *netdevtest.Guest, to netip.Addr, port uint16, from <-chan netip.Addr, want netip.Addr) {
	t.Helper()
	if _, err := dial(t, g, to, port, soon); err != nil {
		t.Errorf("connection to %s port %d: %v, want success", to, port, err)
		return
	}
	select {
	case got := <-from:
		if got != want {
			t.Errorf("connection to %s comes from %s, want %s", to, got, want)
		}
	case <-time.After(soon):
		t.Errorf("connection to %s did not arrive where it should", to)
	}
}

func TestRouterTranslatesToItsGateway(t *testing.T) {
	t.Parallel()
	h := newTestHost(t, newController(), Config{Host: "h1"})
	one, two, ext := newLAN("local", 0), newLANOf("local", 0, "10.0.1.0/24"), newLANOf("local", 0, "172.24.4.0/24")
	s := newSite(t, ext, one, two)
	a, b, x := s.guest(one), s.guest(two), stranger(ext)
	h.apply(s.state())
	for _, p := range s.router.Ports {
		if !h.c.up[p.ID] {
			t.Errorf("router port %+v is not reported up: %q", p, h.c.down[p.ID])
		}
	}
	ga, gb, world := s.boot(h, one, a), s.boot(h, two, b), s.outside(h, x)
	gateway := s.router.Ports[0].Addrs[0].Addr()
	comes(t, ga, ip(x), 80, callers(t, world, 80), gateway)
	comes(t, ga, ip(b), 80, callers(t, gb, 80), ip(a)) // not between inner subnets
	serve(t, ga, 22)
	world.Route(one.Subnets[0].CIDR, gateway)
	world.Route(netip.MustParsePrefix("10.0.1.0/24"), gateway)

	s.router.SNAT = false
	h.apply(s.state())
	comes(t, gb, ip(x), 81, callers(t, world, 81), ip(b))

	s.router.AdminUp = false
	h.apply(s.state())
	refused(t, gb, ip(x), 81)
	refused(t, gb, ip(a), 22)
	if why := h.c.down[s.router.Ports[1].ID]; why == "" {
		t.Error("port of a router that is down is not reported down")
	}
	s.router.AdminUp = true
	h.apply(s.state())
	reaches(t, gb, ip(a), 22)
}

func TestFloatingAddresses(t *testing.T) {
	t.Parallel()
	h := newTestHost(t, newController(), Config{Host: "h1"})
	one, two, ext := newLAN("local", 0), newLANOf("local", 0, "10.0.1.0/24"), newLANOf("local", 0, "172.24.4.0/24")
	s := newSite(t, ext, one, two)
	a, b, c, plain, x := s.guest(one), s.guest(one), s.guest(two), s.guest(one), stranger(ext)
	fa, fb, fc := s.float("172.24.4.200", ip(a)), s.float("172.24.4.201", ip(b)), s.float("172.24.4.202", ip(c))
	h.apply(s.state())
	ga, gb, gc, gp := s.boot(h, one, a), s.boot(h, one, b), s.boot(h, two, c), s.boot(h, one, plain)
	world := s.outside(h, x)
	at, bt, ct, xt := callers(t, ga, 22), callers(t, gb, 22), callers(t, gc, 22), callers(t, world, 80)
	gateway := s.router.Ports[0].Addrs[0].Addr()

	comes(t, world, fa, 22, at, ip(x)) // in, with the true source
	comes(t, ga, ip(x), 80, xt, fa)    // out, by its own address
	comes(t, gp, ip(x), 80, xt, gateway)
	comes(t, ga, fb, 22, bt, fa) // between two floating addresses, on one subnet and on two
	comes(t, ga, fc, 22, ct, fa)
	comes(t, ga, fa, 22, at, fa)      // to itself
	comes(t, gp, fa, 22, at, gateway) // by one without

	// Taken away: what was connected by it ends, others stay.
	serve(t, ga, 23)
	serve(t, gb, 23)
	lost, err := dial(t, world, fa, 23, soon)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := dial(t, world, fb, 23, soon)
	if err != nil {
		t.Fatal(err)
	}
	s.router.Floating = s.router.Floating[1:]
	h.apply(s.state())
	refused(t, world, fa, 22)
	if err := echo(lost, "lost", never); err == nil {
		t.Error("a connection by a floating address that was removed goes on, want it cut")
	}
	if err := echo(kept, "kept", soon); err != nil {
		t.Errorf("a connection by another floating address: %v", err)
	}
	comes(t, ga, ip(x), 80, xt, gateway)

	// The address goes to another server.
	s.float("172.24.4.200", ip(plain))
	h.apply(s.state())
	comes(t, world, fa, 22, callers(t, gp, 22), ip(x))
}

func TestPortForwards(t *testing.T) {
	t.Parallel()
	h := newTestHost(t, newController(), Config{Host: "h1"})
	one, ext := newLAN("local", 0), newLANOf("local", 0, "172.24.4.0/24")
	s := newSite(t, ext, one)
	a, b, x := s.guest(one), s.guest(one), stranger(ext)
	f := netip.MustParseAddr("172.24.4.210")
	forward := func(from, to int, guest neutron.PortInfo, fixedFrom, fixedTo int) {
		s.router.Forwards = append(s.router.Forwards, neutron.HostPortForward{ID: ids.UUID(), Protocol: "tcp",
			Floating: f, FloatingMin: from, FloatingMax: to, Fixed: ip(guest), FixedMin: fixedFrom, FixedMax: fixedTo})
	}
	forward(2222, 2222, a, 22, 22)
	forward(8000, 8009, b, 9000, 9009)
	forward(7000, 7010, b, 7000, 7010)
	forward(6000, 6002, a, 60, 60)
	h.apply(s.state())
	ga, gb, world := s.boot(h, one, a), s.boot(h, one, b), s.outside(h, x)
	comes(t, world, f, 2222, callers(t, ga, 22), ip(x))
	comes(t, world, f, 8000, callers(t, gb, 9000), ip(x))
	comes(t, world, f, 8009, callers(t, gb, 9009), ip(x))
	comes(t, world, f, 7005, callers(t, gb, 7005), ip(x))
	comes(t, world, f, 6002, callers(t, ga, 60), ip(x))
	comes(t, ga, f, 7010, callers(t, gb, 7010), s.router.Ports[0].Addrs[0].Addr())
	serve(t, ga, 2222)
	refused(t, world, f, 22)
	serve(t, ga, 70)
	s.router.Forwards[0].FixedMin, s.router.Forwards[0].FixedMax = 70, 70
	h.apply(s.state())
	reaches(t, world, f, 2222)
}
