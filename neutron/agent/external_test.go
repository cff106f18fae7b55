//go:build linux

package agent

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"hypernova/neutron"
	"hypernova/neutron/agent/netdev"
	"hypernova/neutron/agent/netdev/netdevtest"
)

// flatNetwork is an external network on a physical one.
func flatNetwork(physical string) *lan {
	n := newLANOf("flat", 0, "172.24.4.0/24")
	n.Physical, n.MTU, n.DHCPIP = physical, 1500, nil
	return n
}

// forwards reads or writes whether the host forwards packets.
func (h *testHost) forwards(set string) string {
	h.t.Helper()
	var now []byte
	h.space.Must(func() (err error) {
		if set != "" {
			return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte(set), 0o600)
		}
		now, err = os.ReadFile("/proc/sys/net/ipv4/ip_forward")
		return err
	})
	return strings.TrimSpace(string(now))
}

// TestHostIsTheWayOut: a cloud of one machine, whose external network ends at the machine itself.
func TestHostIsTheWayOut(t *testing.T) {
	t.Parallel()
	h := newTestHost(t, newController(), Config{Host: "h1", External: netip.MustParsePrefix("172.24.4.1/24")})
	h.forwards("0")
	internet := netdevtest.New(t)
	netdevtest.Join(h.space, internet, "wire", netip.MustParsePrefix("192.0.2.1/24"),
		netip.MustParsePrefix("192.0.2.2/24"))
	one, ext := newLAN("local", 0), flatNetwork(ExternalNetwork)
	s := newSite(t, ext, one)
	a := s.guest(one)
	f := s.float("172.24.4.200", ip(a))
	h.apply(s.state())
	for _, p := range s.router.Ports {
		if !h.c.up[p.ID] {
			t.Fatalf("router port is down: %s", h.c.down[p.ID])
		}
	}
	ga := s.boot(h, one, a)
	out := callers(t, &netdevtest.Guest{Space: internet}, 80)
	comes(t, ga, netip.MustParseAddr("192.0.2.2"), 80, out, netip.MustParseAddr("192.0.2.1"))
	serve(t, ga, 22)
	reaches(t, h.space, f, 22) // the machine itself reaches floating addresses

	// Taken away by another, and given back.
	for _, argv := range [][]string{
		{"ip", "address", "flush", "dev", netdev.OutsideBridge(0)},
		{"ip", "link", "delete", netdev.OutsideBridge(0)},
		{"sysctl", "-qw", "net.ipv4.ip_forward=0"},
	} {
		before := h.repairs()
		h.sh(argv...)
		h.round()
		if h.repairs() == before {
			t.Errorf("%v: no repair counted", argv)
		}
		reaches(t, h.space, f, 22)
		comes(t, ga, netip.MustParseAddr("192.0.2.2"), 80, out, netip.MustParseAddr("192.0.2.1"))
	}

	h.halt()
	h.conf.External = netip.Prefix{}
	h.boot()
	h.apply(neutron.HostState{})
	if now := h.forwards(""); now != "0" {
		t.Errorf("the host forwards packets (%s) after its cloud is gone, as it did not before", now)
	}
	for _, name := range h.space.Links() {
		if name != "wire" {
			t.Errorf("left: %s", name)
		}
	}
}

func TestExternalAddressInUse(t *testing.T) {
	t.Parallel()
	h := newTestHost(t, newController(), Config{Host: "h1", External: netip.MustParsePrefix("172.24.4.1/24")})
	other := netdevtest.New(t)
	netdevtest.Join(h.space, other, "wire", netip.MustParsePrefix("172.24.4.9/16"),
		netip.MustParsePrefix("172.24.4.8/16"))
	one, ext := newLAN("local", 0), flatNetwork(ExternalNetwork)
	s := newSite(t, ext, one)
	a := s.guest(one)
	h.apply(s.state())
	if why := h.c.down[s.router.Ports[0].ID]; !strings.Contains(why, "172.24.4.0/24") {
		t.Errorf("gateway down because %q, want that the network is in use", why)
	}
	if !h.c.up[a.ID] {
		t.Errorf("a guest is down: %s", h.c.down[a.ID])
	}
}

// TestPhysicalNetworks: an external network by a bridge of the host, and by a device.
func TestPhysicalNetworks(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name     string
		physical Physical
		prepare  []string
	}{
		{"bridge", Physical{Bridges: map[string]string{"physnet1": "br-ex"}},
			[]string{"ip link add br-ex type bridge", "ip link set wire master br-ex", "ip link set br-ex up"}},
		{"device", Physical{Devices: map[string]string{"physnet1": "wire"}}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			h := newTestHost(t, newController(), Config{Host: "h1", Physical: row.physical})
			world := netdevtest.New(t)
			netdevtest.Join(h.space, world, "wire", netip.MustParsePrefix("192.0.2.1/24"),
				netip.MustParsePrefix("172.24.4.1/24"))
			one, ext := newLAN("local", 0), flatNetwork("physnet1")
			s := newSite(t, ext, one)
			a := s.guest(one)
			f := s.float("172.24.4.200", ip(a))
			if row.prepare == nil {
				h.apply(s.state())
				if why := h.c.down[s.router.Ports[0].ID]; !strings.Contains(why, "192.0.2.1") {
					t.Errorf("gateway down because %q, want that the device has an address", why)
				}
			}
			for _, line := range append([]string{"ip address flush dev wire"}, row.prepare...) {
				h.sh(strings.Fields(line)...)
			}
			h.apply(s.state())
			for _, p := range s.router.Ports {
				if !h.c.up[p.ID] {
					t.Fatalf("router port is down: %s", h.c.down[p.ID])
				}
			}
			ga := s.boot(h, one, a)
			peer := &netdevtest.Guest{Space: world}
			comes(t, ga, netip.MustParseAddr("172.24.4.1"), 80, callers(t, peer, 80), f)
			serve(t, ga, 22)
			reaches(t, peer, f, 22)

			h.apply(neutron.HostState{})
			left := h.space.Links()
			want := 1 + len(row.physical.Bridges)
			if len(left) != want {
				t.Errorf("left %v, want the host's own devices", left)
			}
		})
	}
}

func TestFlatNetworkThatThisHostDoesNotHave(t *testing.T) {
	t.Parallel()
	h := newTestHost(t, newController(), Config{Host: "h1"})
	one, ext := newLAN("local", 0), flatNetwork("physnet1")
	s := newSite(t, ext, one)
	h.apply(s.state())
	if why := h.c.down[s.router.Ports[0].ID]; !strings.Contains(why, "carry") {
		t.Errorf("gateway down because %q, want that this host does not carry the network", why)
	}
	if id := s.router.Ports[1].ID; !h.c.up[id] {
		t.Errorf("interface is down: %s", h.c.down[id])
	}
}
