package l2

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"hypernova/neutron/agent/netdev"
)

// Step is one operation and the ports that suffer when it fails.
type Step struct {
	netdev.Op
	Ports []string
}

// Steps are the difference between a plan and a host, in the stages around the change of the packet filter.
type Steps struct {
	Unplug []Step // before: guests' devices that are no longer wanted
	Build  []Step // after: everything that is missing or different
	Route  []Step // each after the rules of its router
	Clear  []Step // last: what nobody uses any more
}

// Empty reports that the host is as planned.
func (s Steps) Empty() bool { return len(s.Unplug)+len(s.Build)+len(s.Route)+len(s.Clear) == 0 }

// Diff compares a plan with a host. It is a pure function of both.
func Diff(p Plan, have netdev.Snapshot) Steps {
	var s Steps
	for _, compare := range comparisons() {
		compare(&s, p, have)
	}
	return s
}

// comparisons are the comparisons per kind of object, in the order in which their steps are carried out within a stage.
func comparisons() []func(s *Steps, p Plan, have netdev.Snapshot) {
	return []func(s *Steps, p Plan, have netdev.Snapshot){
		func(s *Steps, p Plan, have netdev.Snapshot) { s.links(p, have, isBridge) },
		(*Steps).spaces,
		(*Steps).routers,
		func(s *Steps, p Plan, have netdev.Snapshot) { s.links(p, have, isPort) },
		(*Steps).uplinks,
		(*Steps).entries,
		(*Steps).unwanted,
	}
}

func isBridge(l netdev.Link) bool { return l.Kind == netdev.Bridge }
func isPort(l netdev.Link) bool   { return l.Kind != netdev.Bridge }

// unwanted removes the links that are not planned, ports of bridges before bridges.
func (s *Steps) unwanted(p Plan, have netdev.Snapshot) {
	wanted := map[string]bool{}
	for _, sp := range p.Spaces {
		wanted[sp.Outside] = true
	}
	for _, r := range p.Routers {
		for _, port := range r.Ports {
			wanted[port.Outside] = true
		}
	}
	for _, l := range p.Links {
		wanted[l.Name] = true
	}
	names := slices.SortedFunc(maps.Keys(have.Links), func(a, b string) int {
		return cmp.Or(-boolCompare(isPort(have.Links[a]), isPort(have.Links[b])), cmp.Compare(a, b))
	})
	for _, name := range names {
		if wanted[name] {
			continue
		}
		step := Step{Op: netdev.Op{Verb: netdev.RemoveLink, Link: have.Links[name]}}
		if have.Links[name].Kind == netdev.Tap {
			s.Unplug = append(s.Unplug, step)
		} else {
			s.Clear = append(s.Clear, step)
		}
	}
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func (s *Steps) links(p Plan, have netdev.Snapshot, of func(netdev.Link) bool) {
	for _, want := range p.Links {
		if !of(want) {
			continue
		}
		users := p.users[want.Name]
		found, ok := have.Links[want.Name]
		if ok && rebuilt(want, found) {
			s.Build = append(s.Build, Step{netdev.Op{Verb: netdev.RemoveLink, Link: found}, users})
			ok = false
		}
		switch {
		case !ok:
			s.Build = append(s.Build, Step{netdev.Op{Verb: netdev.AddLink, Link: want}, users})
		case found != want:
			s.Build = append(s.Build, Step{netdev.Op{Verb: netdev.SetLink, Link: want}, users})
		}
	}
}

// rebuilt reports differences that cannot be set on a living link.
func rebuilt(want, found netdev.Link) bool {
	return want.Kind != found.Kind || strings.Contains(found.Odd, netdev.OddTunnel) || want.VNI != found.VNI ||
		want.Local != found.Local || want.Port != found.Port
}

func (s *Steps) spaces(p Plan, have netdev.Snapshot) {
	wanted := map[string]bool{}
	for _, want := range p.Spaces {
		wanted[want.Name] = true
		users := p.users[want.Name]
		found, ok := have.Spaces[want.Name]
		outside := have.Links[want.Outside]
		switch {
		case !ok:
			s.Build = append(s.Build, Step{netdev.Op{Verb: netdev.AddSpace, Space: want}, users})
		case !found.Equal(want) || outside.Kind != netdev.Veth || outside.Odd != "" || outside.Master != want.Master ||
			!outside.Up || outside.MTU != want.MTU:
			s.Build = append(s.Build, Step{netdev.Op{Verb: netdev.SetSpace, Space: want}, users})
		}
	}
	for name, found := range have.Spaces {
		if !wanted[name] {
			s.Clear = append(s.Clear, Step{Op: netdev.Op{Verb: netdev.RemoveSpace, Space: found}})
		}
	}
	slices.SortFunc(s.Clear, func(a, b Step) int { return cmp.Compare(a.Space.Name, b.Space.Name) })
}

// uplinks compares the host's own devices on the bridges. One that is not planned is left where it is: the agent cannot
// know who put it there, and it leaves with its bridge.
func (s *Steps) uplinks(p Plan, have netdev.Snapshot) {
	for _, u := range p.Uplinks {
		if !slices.Contains(have.Uplinks, u) {
			s.Build = append(s.Build, Step{netdev.Op{Verb: netdev.AddUplink, Uplink: u}, p.users[u.Dev]})
		}
	}
}

// entries compares forwards and neighbours; those of a device that is made anew or goes are not in question.
func (s *Steps) entries(p Plan, have netdev.Snapshot) {
	again := map[string]bool{}
	for _, step := range s.Build {
		if step.Verb == netdev.RemoveLink {
			again[step.Link.Name] = true
		}
	}
	planned := map[string]bool{}
	for _, l := range p.Links {
		planned[l.Name] = true
	}
	for _, f := range p.Forwards {
		if again[f.Dev] || !slices.Contains(have.Forwards, f) {
			s.Build = append(s.Build, Step{netdev.Op{Verb: netdev.AddForward, Forward: f}, nil})
		}
	}
	for _, n := range p.Neighbours {
		if !slices.Contains(have.Neighbours, n) {
			s.Build = append(s.Build, Step{netdev.Op{Verb: netdev.AddNeighbour, Neighbour: n}, nil})
		}
	}
	s.stale(p, have, planned, again)
}

func (s *Steps) stale(p Plan, have netdev.Snapshot, planned, again map[string]bool) {
	for _, f := range have.Forwards {
		// A MAC that moved to another host was overwritten by the new entry; only broadcast entries live side by side.
		moved := f.MAC != netdev.FloodMAC && slices.ContainsFunc(p.Forwards, func(x netdev.Forward) bool {
			return x.Dev == f.Dev && x.MAC == f.MAC
		})
		if planned[f.Dev] && !again[f.Dev] && !moved && !slices.Contains(p.Forwards, f) {
			s.Clear = append(s.Clear, Step{Op: netdev.Op{Verb: netdev.RemoveFwd, Forward: f}})
		}
	}
	for _, n := range have.Neighbours {
		moved := slices.ContainsFunc(p.Neighbours, func(x netdev.Neighbour) bool { return x.Dev == n.Dev && x.IP == n.IP })
		if planned[n.Dev] && !moved && !slices.Contains(p.Neighbours, n) {
			s.Clear = append(s.Clear, Step{Op: netdev.Op{Verb: netdev.RemoveNeigh, Neighbour: n}})
		}
	}
}
