package l2

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hypernova/neutron"
	"hypernova/neutron/agent/netdev"
	"hypernova/neutron/agent/nft"
)

func mustApply(t *testing.T, r *Reconciler, s neutron.HostState) Result {
	t.Helper()
	res, err := r.Apply(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// settled ends the test unless the host is exactly as planned.
func settled(t *testing.T, m *model, s neutron.HostState) {
	t.Helper()
	have, _ := m.Snapshot()
	plan := Make(s, Zones(s.Networks, have, settings.Owner), settings, Parts())
	if steps := Diff(plan, have); !steps.Empty() {
		t.Fatalf("not as planned: %v", steps)
	}
	links := len(plan.Links) + len(plan.Spaces)
	for _, r := range plan.Routers {
		links += len(r.Ports)
	}
	if links != len(have.Links) || len(plan.Routers) != len(have.Routers) || len(plan.Spaces) != len(have.Spaces) ||
		len(plan.Forwards) != len(have.Forwards) || len(plan.Neighbours) != len(have.Neighbours) {
		t.Fatalf("left over: %+v, planned %+v", have, plan)
	}
}

func TestFirstNetworkStepByStep(t *testing.T) {
	t.Parallel()
	m := newModel()
	res := mustApply(t, reconciler(m), state(-1, 2))
	if len(res.Up) != 2 || len(res.Down) != 0 {
		t.Errorf("up %v down %v, want both up", res.Up, res.Down)
	}
	want := []string{
		"filter",
		"add link bridge brq00010001-00 mtu=1450 up=true",
		"add namespace qdhcp-00010001-0001-4000-8000-000000000000 mac=fa:16:3e:00:00:02 addrs=[10.0.0.2/24 169.254.169.254/32]",
		"add link vxlan vxlan-101 mtu=1450 up=true master=brq00010001-00 vni=101 local=192.0.2.1",
		"add link tuntap tap00110000-00 mtu=1450 up=true master=brq00010001-00",
		"add link tuntap tap00110001-00 mtu=1450 up=true master=brq00010001-00",
		"add forward vxlan-101 fa:16:3e:ff:00:01 to 192.0.2.4",
		"add forward vxlan-101 00:00:00:00:00:00 to 192.0.2.4",
		"add neighbour brq00010001-00 10.0.0.100 fa:16:3e:ff:00:01",
	}
	if d := cmp.Diff(want, m.events); d != "" {
		t.Error(d)
	}
}

func TestPortThatGoesIsUnpluggedBeforeItsRules(t *testing.T) {
	t.Parallel()
	m := newModel()
	r := reconciler(m)
	mustApply(t, r, state(2))
	m.events = nil
	mustApply(t, r, state(1))
	want := []string{"remove link tap00100001-00", "filter"}
	if d := cmp.Diff(want, m.events); d != "" {
		t.Error(d)
	}
	if m.cuts != 2 { // at the start, and for the port that went
		t.Errorf("connections judged %d times, want 2", m.cuts)
	}
}

func TestNothingToDo(t *testing.T) {
	t.Parallel()
	m := newModel()
	mustApply(t, reconciler(m), state(2, 2))
	links := m.have.Links
	m.events = nil
	restarted := reconciler(m)
	mustApply(t, restarted, state(2, 2))
	// the one thing that cannot be compared is set again, in place
	if d := cmp.Diff([]string{"filter"}, m.events); d != "" {
		t.Errorf("a restarted agent did more than set the filter: %s", d)
	}
	m.events = nil
	mustApply(t, restarted, state(2, 2))
	if len(m.events) > 0 {
		t.Errorf("a second pass did %v", m.events)
	}
	if d := cmp.Diff(links, m.have.Links, cmpopts.EquateComparable(netdev.Link{})); d != "" {
		t.Error(d)
	}
}

func TestFilterIsSetAgainWhenItIsAnother(t *testing.T) {
	t.Parallel()
	m := newModel()
	r := reconciler(m)
	mustApply(t, r, state(1))
	for _, content := range []uint64{0, 7} { // gone, and there but another
		m.events, m.filter, m.cuts = nil, content, 0
		m.have.Generation++
		res := mustApply(t, r, state(1))
		if !slices.Equal(m.events, []string{"filter"}) {
			t.Errorf("content %d: events %v, want the filter set again", content, m.events)
		}
		if d := cmp.Diff([]Repair{{Kind: "filter", What: "bridge hypernova_ports"}}, res.Repaired); d != "" {
			t.Errorf("content %d: %s", content, d)
		}
		if m.cuts != 1 {
			t.Errorf("content %d: connections judged %d times, want once: some may have begun meanwhile", content, m.cuts)
		}
	}
	m.events = nil
	m.have.Generation++ // somebody else's table
	if res := mustApply(t, r, state(1)); len(m.events)+len(res.Repaired) > 0 {
		t.Errorf("events %v, repairs %v, want none", m.events, res.Repaired)
	}
}

func TestRandomStatesConverge(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(3, 4))
	m := newModel()
	r := reconciler(m)
	for range 300 {
		s := state(rnd.IntN(5)-1, rnd.IntN(5)-1, rnd.IntN(5)-1, rnd.IntN(5)-1)
		if rnd.IntN(4) == 0 {
			r = reconciler(m)
		}
		mustApply(t, r, s)
		settled(t, m, s)
	}
	mustApply(t, r, neutron.HostState{})
	settled(t, m, neutron.HostState{})
}

// TestKilledAnywhere kills the agent after each operation of a change and lets a new one go on.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	for _, change := range [][2]neutron.HostState{{state(), state(2, 3)}, {state(2, 3), state()},
		{state(3, 3, 1), state(1, 4, -1, 2)}, {state(2, 1), withRouter(2, 1)}, {withRouter(2, 1, 1), withRouter(1, 2)},
		{withRouter(1, 1), state()}} {
		for kill := 0; ; kill++ {
			m := newModel()
			mustApply(t, reconciler(m), change[0])
			m.budget = kill
			_, err := reconciler(m).Apply(t.Context(), change[1])
			finished := m.budget > 0
			m.budget = -1
			res := mustApply(t, reconciler(m), change[1])
			settled(t, m, change[1])
			if len(res.Down) > 0 {
				t.Fatalf("killed after %d: ports down %v", kill, res.Down)
			}
			if finished && err == nil {
				break
			}
		}
	}
}

func TestOneBadPortDoesNotHoldUpOthers(t *testing.T) {
	t.Parallel()
	s := state(3, 2)
	bad := s.Networks[0].Ports[1]
	m := newModel()
	m.refuse = func(op netdev.Op) error {
		if op.Link.Name == bad.Device {
			return errors.New("no more devices")
		}
		return nil
	}
	r := reconciler(m)
	res := mustApply(t, r, s)
	if len(res.Up) != 4 || !strings.Contains(res.Down[bad.ID], "no more devices") || len(res.Down) != 1 {
		t.Errorf("up %v down %v, want only %s down", res.Up, res.Down, bad.ID)
	}
	m.refuse = nil
	if res = mustApply(t, r, s); len(res.Up) != 5 {
		t.Errorf("up %v, want all after the trouble is over", res.Up)
	}
}

func TestBridgeFailureFailsItsNetworkAlone(t *testing.T) {
	t.Parallel()
	m := newModel()
	m.refuse = func(op netdev.Op) error {
		if op.Verb == netdev.AddLink && op.Link.Name == "brq00010000-00" {
			return errors.New("refused")
		}
		return nil
	}
	res := mustApply(t, reconciler(m), state(2, 2))
	if len(res.Up) != 2 || len(res.Down) != 2 {
		t.Errorf("up %v down %v, want the second network's two up", res.Up, res.Down)
	}
	for name := range m.have.Links {
		if strings.HasPrefix(name, "tap0010") {
			t.Errorf("tap %s was made without its bridge", name)
		}
	}
}

func TestWhatCannotBeWiredSaysWhy(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name   string
		change func(n *neutron.HostNetwork)
		want   string
	}{
		{"type", func(n *neutron.HostNetwork) { n.Type = "vlan" }, "types local, flat and vxlan, not vlan"},
		{"segment", func(n *neutron.HostNetwork) { n.Segment = 1 << 24 }, "no VXLAN network identifier"},
		{"MAC", func(n *neutron.HostNetwork) { n.Ports[0].MAC = "fa:16; drop" }, "MAC address"},
		{"device", func(n *neutron.HostNetwork) { n.Ports[0].Device = "eth0" }, "device name"},
		{"admin", func(n *neutron.HostNetwork) { n.Ports[0].AdminUp = false }, "administratively down"},
	}
	for _, row := range rows {
		s := state(1)
		row.change(&s.Networks[0])
		res := mustApply(t, reconciler(newModel()), s)
		if why := res.Down[s.Networks[0].Ports[0].ID]; !strings.Contains(why, row.want) || len(res.Up) > 0 {
			t.Errorf("%s: %q, want %q", row.name, why, row.want)
		}
	}
}

func TestZonesStayAndAreReusedOnlyWhenFree(t *testing.T) {
	t.Parallel()
	m := newModel()
	r := reconciler(m)
	mustApply(t, r, state(1, 1, 1))
	have, _ := m.Snapshot()
	before := Zones(state(1, 1, 1).Networks, have, settings.Owner)
	mustApply(t, r, state(-1, 1, 1)) // the first network goes
	have, _ = m.Snapshot()
	after := Zones(state(-1, 1, 1, 1).Networks, have, settings.Owner)
	for id, zone := range after {
		if was, ok := before[id]; ok && was != zone {
			t.Errorf("zone of %s moved from %d to %d", id, was, zone)
		}
	}
	seen := map[uint16]bool{}
	for _, zone := range after {
		if seen[zone] {
			t.Errorf("zone %d given twice: %v", zone, after)
		}
		seen[zone] = true
	}
}

func TestTunnelIsRebuiltWhenItsEndMoves(t *testing.T) {
	t.Parallel()
	m := newModel()
	s := state(-1, 1)
	mustApply(t, reconciler(m), s)
	tunnel := m.have.Links["vxlan-101"]
	tunnel.Local = s.Networks[0].Remote[0].Host
	m.have.Links["vxlan-101"] = tunnel
	mustApply(t, reconciler(m), s)
	settled(t, m, s)
}

// TestZonesOfTwoClouds: connections of one cloud are never mixed with, or judged by the rules of, another on the same
// host.
func TestZonesOfTwoClouds(t *testing.T) {
	t.Parallel()
	const one, other = 5, 5 + blocks // with the same block
	have, _ := newModel().Snapshot()
	mine := Zones(state(1, 1).Networks, have, one)
	bridge := func(id string, zone uint16) netdev.Link {
		return netdev.Link{Name: netdev.BridgeName(id), Kind: netdev.Bridge, Note: note(zone)}
	}
	have.Others = map[string]netdev.Link{}
	for id, zone := range mine {
		have.Others[netdev.BridgeName(id)] = bridge(id, zone)
	}
	theirs := Zones(state(-1, -1, 1, 1).Networks, have, other)
	rules := nft.Ruleset{}
	for id, zone := range theirs {
		rules.Networks = append(rules.Networks, nft.Network{ID: id, Zone: zone})
		for _, taken := range mine {
			if zone == taken {
				t.Errorf("both have zone %d", zone)
			}
		}
	}
	outside := foreign(rules, have, other)
	for _, zone := range mine {
		if !outside(zone) {
			t.Errorf("zone %d of the other cloud is judged", zone)
		}
	}
	for _, zone := range theirs {
		if outside(zone) {
			t.Errorf("the cloud's own zone %d is not judged", zone)
		}
	}
	if outside(firstZone(other)+900) || !outside(firstZone(other)+blockSize) || !outside(1) {
		t.Error("of zones without a network, those in the cloud's block and no others are judged")
	}
}

// A part that is added is planned, applied and removed like the others, and none of them knows it.
func TestPartOfItsOwn(t *testing.T) {
	t.Parallel()
	m := newModel()
	r := reconciler(m)
	mustApply(t, r, state(2))
	gateway := netip.MustParseAddr("10.0.0.1")
	r.parts = append(r.parts, Part{Name: "gateway", Network: func(p *Plan, n *Network, _ Settings) {
		p.Neighbours = append(p.Neighbours, netdev.Neighbour{Dev: n.Bridge, IP: gateway, MAC: n.DHCPMAC})
	}})
	const entry = "neighbour brq00010000-00 10.0.0.1 fa:16:3e:00:00:02"
	for _, step := range []struct {
		parts []Part
		want  []string
	}{{r.parts, []string{"add " + entry}}, {r.parts, nil}, {Parts(), []string{"remove " + entry}}} {
		m.events, r.parts = nil, step.parts
		mustApply(t, r, state(2))
		if d := cmp.Diff(step.want, m.events, cmpopts.EquateEmpty()); d != "" {
			t.Error(d)
		}
	}
}
