package l2

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/neutron"
	"hypernova/neutron/agent/netdev"
)

// withRouter is a state with a router whose gateway is on the first network and whose interfaces are on the others.
func withRouter(counts ...int) neutron.HostState {
	s := state(counts...)
	r := neutron.HostRouter{ID: uuid(9, 0), AdminUp: true, SNAT: true,
		Routes: []neutron.HostRoute{
			{Destination: netip.MustParsePrefix("10.9.0.0/16"), NextHop: netip.MustParseAddr("10.1.0.9")},
			{Destination: netip.MustParsePrefix("10.8.0.0/16"), NextHop: netip.MustParseAddr("192.0.2.9")}},
		Floating: []neutron.HostFloatingIP{{ID: uuid(8, 0), Floating: netip.MustParseAddr("10.0.0.200"),
			Fixed: netip.MustParseAddr("10.1.0.10")}}}
	for i, n := range s.Networks {
		r.Ports = append(r.Ports, neutron.HostRouterPort{ID: uuid(7, i), Network: n.ID, Gateway: i == 0,
			MAC:   fmt.Sprintf("fa:16:3e:aa:00:%02x", i),
			Addrs: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), 0, 1}), 24)}})
	}
	r.Ports[0].NextHops = []netip.Addr{netip.MustParseAddr("10.0.0.254")}
	s.Routers = []neutron.HostRouter{r}
	return s
}

const routerSpace = "qrouter-00090000-0000-4000-8000-000000000000"

func TestRouterStepByStep(t *testing.T) {
	t.Parallel()
	m := newModel()
	r := reconciler(m)
	mustApply(t, r, state(0, -1))
	s := withRouter(0)
	s.Networks = append(s.Networks, state(-1, -1, 1).Networks...)
	m.events = nil
	res := mustApply(t, r, s)
	if len(res.Up) != 2 || len(res.Down) > 0 {
		t.Errorf("up %v down %v, want a guest and the router's port up", res.Up, res.Down)
	}
	var got []string
	for _, e := range m.events {
		if strings.Contains(e, "router") {
			got = append(got, e)
		}
	}
	want := []string{
		"add router " + routerSpace,
		"filter of " + routerSpace,
		"set router " + routerSpace + " qg-00070000-00 mac=fa:16:3e:aa:00:00 addrs=[10.0.0.1/24 10.0.0.200/32]",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	// What was said at first is said twice more; then there is nothing to do.
	for _, want := range [][]string{{"announce router " + routerSpace}, {"announce router " + routerSpace}, nil} {
		m.events = nil
		mustApply(t, r, s)
		if d := cmp.Diff(want, m.events); d != "" {
			t.Error(d)
		}
	}
	m.events = nil
	mustApply(t, r, state())
	if !slices.Contains(m.events, "remove router "+routerSpace) {
		t.Errorf("events %v, want the router removed", m.events)
	}
}

func TestRoutesOfRouter(t *testing.T) {
	t.Parallel()
	s := withRouter(1, 1)
	p := Make(s, Zones(s.Networks, netdev.Snapshot{}, 0), settings, Parts())
	want := []netdev.Route{
		{To: netip.MustParsePrefix("0.0.0.0/0"), Via: netip.MustParseAddr("10.0.0.254"), Dev: "qg-00070000-00"},
		{To: netip.MustParsePrefix("10.9.0.0/16"), Via: netip.MustParseAddr("10.1.0.9"), Dev: "qr-00070001-00"},
	} // none by a next hop that no subnet has
	if d := cmp.Diff(want, p.Routers[0].Routes, cmp.Comparer(func(a, b netdev.Route) bool { return a == b })); d != "" {
		t.Error(d)
	}
	s.Routers[0].Routes[0].Destination = netip.MustParsePrefix("0.0.0.0/0")
	p = Make(s, Zones(s.Networks, netdev.Snapshot{}, 0), settings, Parts())
	if got := p.Routers[0].Routes; len(got) != 1 || got[0].Dev != "qr-00070001-00" {
		t.Errorf("routes %v, want the extra route alone as the default", got)
	}
}

func TestRouterCutsWhatItTranslatesNoMore(t *testing.T) {
	t.Parallel()
	m := newModel()
	r := reconciler(m)
	s := withRouter(1, 1)
	mustApply(t, r, s)
	fixed, floating := s.Routers[0].Floating[0].Fixed, s.Routers[0].Floating[0].Floating
	gateway, world := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("198.51.100.7")
	in := netdev.Flow{Proto: 6, Src: world, Dst: floating, DstPort: 22, ReplySrc: fixed, ReplySrcPort: 22,
		ReplyDst: world}
	out := netdev.Flow{Proto: 6, Src: fixed, Dst: world, ReplySrc: world, ReplyDst: floating}
	other := netdev.Flow{Proto: 6, Src: netip.MustParseAddr("10.1.0.11"), Dst: world, ReplySrc: world, ReplyDst: gateway}
	third := netip.MustParseAddr("10.2.0.5")
	plain := netdev.Flow{Proto: 6, Src: fixed, Dst: third, ReplySrc: third, ReplyDst: fixed}
	all := []netdev.Flow{in, out, other, plain}
	m.flows[routerSpace] = slices.Clone(all)
	restarted := reconciler(m)
	mustApply(t, restarted, s)
	if got := m.flows[routerSpace]; len(got) != len(all) {
		t.Errorf("a restart left %v, want all connections", got)
	}
	s.Revision++
	s.Routers[0].Floating = nil
	mustApply(t, restarted, s)
	if d := cmp.Diff([]netdev.Flow{other, plain}, m.flows[routerSpace],
		cmp.Comparer(func(a, b netdev.Flow) bool { return a == b })); d != "" {
		t.Error(d)
	}
}

func TestOneBadRouterDoesNotHoldUpOthers(t *testing.T) {
	t.Parallel()
	m := newModel()
	s := withRouter(1, 1)
	m.refuse = func(op netdev.Op) error {
		if op.Verb == netdev.SetRouter {
			return errors.New("no more devices")
		}
		return nil
	}
	r := reconciler(m)
	res := mustApply(t, r, s)
	why := res.Down[s.Routers[0].Ports[0].ID]
	if len(res.Up) != 2 || len(res.Down) != 2 || !strings.Contains(why, "no more devices") {
		t.Errorf("up %v down %v, want the router's ports alone down", res.Up, res.Down)
	}
	m.refuse = nil
	if res = mustApply(t, r, s); len(res.Up) != 4 {
		t.Errorf("up %v, want all after the trouble is over", res.Up)
	}
}
