package l2

import (
	"slices"
	"strings"
	"time"

	"hypernova/neutron/agent/netdev"
)

// Repair is an object of the host that another program changed and that is set again.
type Repair struct {
	Kind string // filter, link, namespace, router, uplink, forward or neighbour
	What string
}

// repairs lists the steps that undo changes of other programs.
func repairs(steps Steps, have netdev.Snapshot) []Repair {
	kinds := map[netdev.Verb]string{
		netdev.AddLink: "link", netdev.SetLink: "link", netdev.RemoveLink: "link",
		netdev.AddSpace: "namespace", netdev.SetSpace: "namespace", netdev.RemoveSpace: "namespace",
		netdev.AddRouter: "router", netdev.SetRouter: "router", netdev.RemoveRouter: "router",
		netdev.AddUplink: "uplink", netdev.AddForward: "forward", netdev.RemoveFwd: "forward",
		netdev.AddNeighbour: "neighbour", netdev.RemoveNeigh: "neighbour",
	}
	var out []Repair
	for _, stage := range [][]Step{steps.Unplug, steps.Build, steps.Route, steps.Clear} {
		for _, s := range stage {
			found, there := have.Links[s.Link.Name]
			if there && s.Verb == netdev.SetLink && (found.Note == lostNote) != (s.Link.Note == lostNote) {
				continue // the agent's own note
			}
			what := s.String()
			if odd := have.Links[s.Link.Name].Odd + have.Spaces[s.Space.Name].Odd + have.Routers[s.Router.Name].Odd; odd != "" {
				what += " (" + odd + ")"
			}
			out = append(out, Repair{kinds[s.Verb], what})
		}
	}
	return out
}

// repeats keeps a repair that does not hold from filling the log.
type repeats struct {
	what string
	at   time.Time
	left int // repairs that were not logged
}

const (
	logEvery = time.Minute // the same repair
	logMost  = 8           // things named in one line
)

// logRepairs writes one line for the repairs of an Apply. The same repairs again are logged once in logEvery.
func (r *Reconciler) logRepairs(drift []Repair, failed int, began time.Time) {
	what := make([]string, len(drift))
	for i, d := range drift {
		what[i] = d.What
	}
	slices.Sort(what)
	all := strings.Join(what, "; ")
	if all == r.logged.what && began.Sub(r.logged.at) < logEvery {
		r.logged.left++
		return
	}
	if len(what) > logMost {
		all = strings.Join(what[:logMost], "; ") + "; …"
	}
	r.log.Warn("another program changed the network agent's objects on this host; they are set again", "count", len(drift),
		"what", all, "refused", failed, "not_logged", r.logged.left, "took", time.Since(began))
	r.logged = repeats{what: strings.Join(what, "; "), at: began}
}

// lostNote marks a tap that was made in the place of one that a guest had open, for an agent that is started later.
const lostNote = "hypernova lost"

// unplugged finds the ports whose guest holds a device that is not on the host any more, with the reason. A tap that
// nobody has open says nothing: its guest may be off, or not have begun. It notes those taps in the plan.
func (r *Reconciler) unplugged(plan *Plan, have netdev.Snapshot) map[string]string {
	down := map[string]string{}
	plugged, lost := map[string]bool{}, map[string]bool{}
	for i, l := range plan.Links {
		if l.Kind != netdev.Tap {
			continue
		}
		found, there := have.Links[l.Name]
		switch {
		case have.Plugged[l.Name]:
			plugged[l.Name] = true
			continue
		case !r.lost[l.Name] && found.Note != lostNote && (there || !r.plugged[l.Name]):
			continue
		}
		lost[l.Name] = true
		plan.Links[i].Note = lostNote
		for _, id := range plan.users[l.Name] {
			down[id] = "the device " + l.Name + " was removed from the host while the guest used it; " +
				"the guest gets the new one when its server is rebooted hard"
		}
	}
	r.plugged, r.lost = plugged, lost
	return down
}
