package netdev_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hypernova/neutron/agent/netdev"
	"hypernova/neutron/agent/netdev/netdevtest"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

type bench struct {
	*netdev.Host
	t *testing.T
}

func open(t *testing.T) bench {
	t.Helper()
	h, err := netdev.Open(netdev.Options{Netns: netdevtest.New(t).Path(), SpacePrefix: "qt" + ids.Hex()[:6] + "-",
		TapOwner: 65534, TapGroup: 65534})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return bench{h, t}
}

func (b bench) do(ops ...netdev.Op) {
	b.t.Helper()
	for _, op := range ops {
		for range 2 { // each operation may be repeated
			if err := b.Do(op); err != nil {
				b.t.Fatal(err)
			}
		}
	}
}

func (b bench) snapshot() netdev.Snapshot {
	b.t.Helper()
	s, err := b.Snapshot()
	if err != nil {
		b.t.Fatal(err)
	}
	slices.SortFunc(s.Forwards, netdev.Forward.Compare)
	slices.SortFunc(s.Neighbours, netdev.Neighbour.Compare)
	return s
}

var plain = cmp.Options{cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}), cmpopts.IgnoreFields(netdev.Snapshot{},
	"Generation"), cmpopts.EquateEmpty()}

// TestWhatIsMadeIsFound makes one of each, changes each, removes each, and reads it back from the kernel every time.
func TestWhatIsMadeIsFound(t *testing.T) {
	t.Parallel()
	b := open(t)
	network, port := ids.UUID(), ids.UUID()
	bridge := netdev.Link{Name: netdev.BridgeName(network), Kind: netdev.Bridge, MTU: 1450, Up: true,
		Note: "hypernova zone 16384"}
	tap := netdev.Link{Name: netdev.TapName(port), Kind: netdev.Tap, MTU: 1450, Master: bridge.Name, Up: true}
	tunnel := netdev.Link{Name: netdev.TunnelName(7), Kind: netdev.Tunnel, MTU: 1450, Master: bridge.Name, Up: true,
		VNI: 7, Local: netip.MustParseAddr("127.0.0.1"), Port: 4789}
	space := netdev.Space{Name: b.SpaceName(network), Outside: netdev.OutsideName(network),
		Inside: netdev.InsideName(network), Master: bridge.Name,
		MAC: "fa:16:3e:00:00:02", MTU: 1450, Addrs: []netip.Prefix{netip.MustParsePrefix("10.0.0.2/24"),
			netip.MustParsePrefix("169.254.169.254/32")}}
	t.Cleanup(func() { b.Do(netdev.Op{Verb: netdev.RemoveSpace, Space: space}) })
	far := netip.MustParseAddr("127.0.0.2")
	mac := netdev.Forward{Dev: tunnel.Name, MAC: "fa:16:3e:00:00:09", To: far}
	flood := netdev.Forward{Dev: tunnel.Name, MAC: netdev.FloodMAC, To: far}
	neighbour := netdev.Neighbour{Dev: bridge.Name, IP: netip.MustParseAddr("10.0.0.9"), MAC: mac.MAC}
	b.do(netdev.Op{Verb: netdev.AddLink, Link: bridge}, netdev.Op{Verb: netdev.AddSpace, Space: space},
		netdev.Op{Verb: netdev.AddLink, Link: tunnel},
		netdev.Op{Verb: netdev.AddLink, Link: tap}, netdev.Op{Verb: netdev.AddForward, Forward: mac},
		netdev.Op{Verb: netdev.AddForward, Forward: flood},
		netdev.Op{Verb: netdev.AddNeighbour, Neighbour: neighbour})
	want := func(what string) {
		t.Helper()
		outside := netdev.Link{Name: space.Outside, Kind: netdev.Veth, MTU: space.MTU, Master: bridge.Name, Up: true}
		found := space
		found.Outside, found.Master = "", "" // seen at the link
		s := netdev.Snapshot{Links: map[string]netdev.Link{bridge.Name: bridge, tap.Name: tap, tunnel.Name: tunnel,
			outside.Name: outside},
			Spaces: map[string]netdev.Space{space.Name: found}, Forwards: []netdev.Forward{flood, mac},
			Neighbours: []netdev.Neighbour{neighbour}}
		if d := cmp.Diff(s, b.snapshot(), plain); d != "" {
			t.Errorf("%s (-want +found):\n%s", what, d)
		}
	}
	want("made")

	bridge.MTU, tap.MTU, tunnel.MTU, space.MTU = 1400, 1400, 1400, 1400
	tap.Up = false
	space.MAC, space.Addrs = "fa:16:3e:00:00:03", []netip.Prefix{netip.MustParsePrefix("10.0.0.3/24"),
		netip.MustParsePrefix("169.254.169.254/32")}
	mac.To = netip.MustParseAddr("127.0.0.3")
	neighbour.MAC = "fa:16:3e:00:00:0a"
	b.do(netdev.Op{Verb: netdev.SetLink, Link: bridge}, netdev.Op{Verb: netdev.SetSpace, Space: space},
		netdev.Op{Verb: netdev.SetLink, Link: tunnel},
		netdev.Op{Verb: netdev.SetLink, Link: tap}, netdev.Op{Verb: netdev.AddForward, Forward: mac},
		netdev.Op{Verb: netdev.AddNeighbour, Neighbour: neighbour})
	want("changed")

	b.do(netdev.Op{Verb: netdev.RemoveFwd, Forward: mac}, netdev.Op{Verb: netdev.RemoveFwd, Forward: flood},
		netdev.Op{Verb: netdev.RemoveNeigh, Neighbour: neighbour})
	if s := b.snapshot(); len(s.Forwards)+len(s.Neighbours) > 0 {
		t.Errorf("left: %v %v", s.Forwards, s.Neighbours)
	}
	b.do(netdev.Op{Verb: netdev.RemoveLink, Link: tap}, netdev.Op{Verb: netdev.RemoveLink, Link: tunnel},
		netdev.Op{Verb: netdev.RemoveSpace, Space: space},
		netdev.Op{Verb: netdev.RemoveLink, Link: netdev.Link{Name: space.Outside}}, netdev.Op{Verb: netdev.RemoveLink,
			Link: bridge})
	if d := cmp.Diff(netdev.Snapshot{}, b.snapshot(), plain); d != "" {
		t.Errorf("left: %s", d)
	}
}

// TestNameWithoutNamespace is what a crash between making the name and the namespace leaves.
func TestNameWithoutNamespace(t *testing.T) {
	t.Parallel()
	b := open(t)
	name := b.SpaceName(ids.UUID())
	path := filepath.Join("/run/netns", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o444); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(path) })
	if s := b.snapshot(); len(s.Spaces) > 0 {
		t.Fatalf("a name that somebody may be about to use is taken for a leftover: %v", s.Spaces)
	}
	if err := os.Chtimes(path, time.Time{}, time.Now().Add(-2*time.Minute)); err != nil {
		t.Fatal(err)
	}
	s := b.snapshot()
	if sp, ok := s.Spaces[name]; !ok || sp.Inside != "" {
		t.Fatalf("found %+v, want the bare name", s.Spaces)
	}
	b.do(netdev.Op{Verb: netdev.RemoveSpace, Space: netdev.Space{Name: name}})
	if s := b.snapshot(); len(s.Spaces) > 0 {
		t.Errorf("left: %v", s.Spaces)
	}
}

// TestTwoCloudsOnOneHost: each finds what it made itself and nothing else, and neither can take over what the other
// made.
func TestTwoCloudsOnOneHost(t *testing.T) {
	t.Parallel()
	place, prefix := netdevtest.New(t).Path(), "qt"+ids.Hex()[:6]+"-"
	cloud := func(owner uint32) bench {
		h, err := netdev.Open(netdev.Options{Owner: owner, Netns: place, SpacePrefix: prefix, TapOwner: -1, TapGroup: -1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { h.Close() })
		return bench{h, t}
	}
	one, two := cloud(101), cloud(0x7fffffff)
	wanted := func(b bench) []netdev.Op {
		network, port := ids.UUID(), ids.UUID()
		bridge := netdev.Link{Name: netdev.BridgeName(network), Kind: netdev.Bridge, MTU: 1450, Up: true}
		space := netdev.Space{Name: b.SpaceName(network), Outside: netdev.OutsideName(network),
			Inside: netdev.InsideName(network), Master: bridge.Name,
			MAC: "fa:16:3e:00:00:02", MTU: 1450, Addrs: []netip.Prefix{netip.MustParsePrefix("10.0.0.2/24")}}
		t.Cleanup(func() { b.Do(netdev.Op{Verb: netdev.RemoveSpace, Space: space}) })
		return []netdev.Op{{Verb: netdev.AddLink, Link: bridge}, {Verb: netdev.AddSpace, Space: space},
			{Verb: netdev.AddLink, Link: netdev.Link{Name: netdev.TapName(port), Kind: netdev.Tap, MTU: 1450,
				Master: bridge.Name, Up: true}}}
	}
	ops := wanted(one)
	one.do(ops...)
	two.do(wanted(two)...)
	for _, b := range []bench{one, two} {
		if s := b.snapshot(); len(s.Links) != 3 || len(s.Spaces) != 1 || len(s.Others) != 3 {
			t.Errorf("links %v, namespaces %v, others %v; want 3, 1 and 3", s.Links, s.Spaces, s.Others)
		}
	}
	tunnel := netdev.Op{Verb: netdev.AddLink, Link: netdev.Link{Name: netdev.TunnelName(9), Kind: netdev.Tunnel, MTU: 1450,
		Up: true, VNI: 9, Local: netip.MustParseAddr("127.0.0.1"), Port: 4789}}
	one.do(tunnel)
	for _, op := range append(ops, tunnel) {
		if err := two.Do(op); !fault.Is(err, fault.Conflict) {
			t.Errorf("%s: got %v, want a conflict with the other cloud", op, err)
		}
	}
}

func TestTapMayBeOpenedByItsOwner(t *testing.T) {
	t.Parallel()
	b := open(t)
	tap := netdev.Link{Name: netdev.TapName(ids.UUID()), Kind: netdev.Tap, MTU: 1500, Up: true}
	b.do(netdev.Op{Verb: netdev.AddLink, Link: tap})
	out, err := b.Run(t.Context(), nil, "ip", "-details", "link", "show", "dev", tap.Name)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"tun type tap", "persist on", "user nobody", "group nogroup"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("tap %q, want %q in it", out, want)
		}
	}
}
