package l2

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"hypernova/neutron"
	"hypernova/neutron/agent/netdev"
)

// TestDriftIsToldAndUndone changes one thing after another behind the agent's back.
func TestDriftIsToldAndUndone(t *testing.T) {
	t.Parallel()
	s := state(1, 2)
	link := func(name string, change func(*netdev.Link)) func(*model) {
		return func(m *model) {
			l := m.have.Links[name]
			change(&l)
			m.have.Links[name] = l
		}
	}
	rows := []struct {
		name, kind string
		spoil      func(m *model)
	}{
		{"MTU", "link", link("tap00110000-00", func(l *netdev.Link) { l.MTU = 9000 })},
		{"membership", "link", link("tap00110000-00", func(l *netdev.Link) { l.Master = "" })},
		{"switched off", "link", link("brq00010001-00", func(l *netdev.Link) { l.Up = false })},
		{"zone note", "link", link("brq00010001-00", func(l *netdev.Link) { l.Note = "" })},
		{"trait", "link", link("tap00110000-00", func(l *netdev.Link) { l.Odd = "isolated" })},
		{"tunnel that learns", "link", link("vxlan-101", func(l *netdev.Link) { l.Odd = netdev.OddTunnel })},
		{"tap gone", "link", func(m *model) { m.remove("tap00110000-00") }},
		{"bridge gone", "link", func(m *model) { m.remove("brq00010001-00") }},
		{"a strange tap", "link", func(m *model) {
			m.have.Links["tap99999999-99"] = netdev.Link{Name: "tap99999999-99", Kind: netdev.Tap}
		}},
		{"address", "namespace", func(m *model) {
			for name, sp := range m.have.Spaces {
				sp.Addrs = nil
				m.have.Spaces[name] = sp
			}
		}},
		{"namespace gone", "namespace", func(m *model) { clear(m.have.Spaces) }},
		{"forwards gone", "forward", func(m *model) { m.have.Forwards = nil }},
		{"a forward to elsewhere", "forward", func(m *model) {
			m.have.Forwards = append(m.have.Forwards, netdev.Forward{Dev: "vxlan-101", MAC: netdev.FloodMAC,
				To: netip.MustParseAddr("198.51.100.1")})
		}},
		{"neighbours gone", "neighbour", func(m *model) { m.have.Neighbours = nil }},
	}
	for _, row := range rows {
		m := newModel()
		r := reconciler(m)
		if res := mustApply(t, r, s); len(res.Repaired) > 0 {
			t.Fatalf("%s: the first pass told of repairs: %v", row.name, res.Repaired)
		}
		m.have.Links, m.have.Spaces = maps.Clone(m.have.Links), maps.Clone(m.have.Spaces)
		row.spoil(m)
		res := mustApply(t, r, s)
		if len(res.Repaired) == 0 || !slices.ContainsFunc(res.Repaired, func(d Repair) bool { return d.Kind == row.kind }) {
			t.Errorf("%s: repairs %v, want one of a %s", row.name, res.Repaired, row.kind)
		}
		settled(t, m, s)
		if res := mustApply(t, r, s); len(res.Repaired) > 0 {
			t.Errorf("%s: repaired twice: %v", row.name, res.Repaired)
		}
	}
}

func TestTheServersChangesAreNoDrift(t *testing.T) {
	t.Parallel()
	m := newModel()
	r := reconciler(m)
	mustApply(t, r, state(1))
	next := state(3, 2)
	next.Revision = 1
	if res := mustApply(t, r, next); len(res.Repaired) > 0 {
		t.Errorf("repairs %v, want none", res.Repaired)
	}
}

// TestPortWhoseTapWasRemovedIsDown also across a restart of the agent, until the guest has the new tap.
func TestPortWhoseTapWasRemovedIsDown(t *testing.T) {
	t.Parallel()
	s := state(1)
	port := s.Networks[0].Ports[0]
	m := newModel()
	r := reconciler(m)
	up := func(what string, want bool) {
		t.Helper()
		res := mustApply(t, r, s)
		if got := slices.Contains(res.Up, port.ID); got != want || !want && !strings.Contains(res.Down[port.ID],
			"removed from the host") {
			t.Errorf("%s: up %t, reason %q, want up %t", what, got, res.Down[port.ID], want)
		}
	}
	up("before the guest begins", true)
	m.remove(port.Device)
	up("a tap that nobody held", true)
	m.have.Plugged = map[string]bool{port.Device: true}
	up("the guest runs", true)
	m.have.Plugged = nil
	up("the guest is off", true)
	m.have.Plugged = map[string]bool{port.Device: true}
	up("the guest runs again", true)
	m.have.Plugged = nil
	m.remove(port.Device)
	up("removed", false)
	up("still", false)
	r = reconciler(m)
	up("after a restart", false)
	m.have.Plugged = map[string]bool{port.Device: true}
	up("rebooted", true)
	m.have.Plugged = nil
	up("off", true)
	if note := m.have.Links[port.Device].Note; note != "" {
		t.Errorf("the tap is still noted %q", note)
	}
}

// TestWhatIsLeftIsToldOf: who clears a host must know what could not be removed.
func TestWhatIsLeftIsToldOf(t *testing.T) {
	t.Parallel()
	m := newModel()
	mustApply(t, reconciler(m), state(1))
	m.refuse = func(op netdev.Op) error {
		if op.Verb == netdev.RemoveSpace {
			return errors.New("busy")
		}
		return nil
	}
	res := mustApply(t, reconciler(m), neutron.HostState{})
	if len(res.Failed) != 1 || !strings.Contains(res.Failed[0].Error(), "busy") {
		t.Errorf("refusals %v, want that of the namespace", res.Failed)
	}
}
