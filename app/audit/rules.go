package audit

import (
	"slices"

	"hypernova/neutron"
	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/oslo/tasks"
)

// all runs the rules that need compute's database.
func (j *judge) all() {
	j.tasks()
	j.states()
	if !j.NoClaims {
		j.claims()
	}
	if !j.NoPorts {
		j.ports()
		j.routers()
	}
	if !j.NoImages {
		j.shelved()
	}
	j.records()
	j.local()
}

// tasks finds tasks that are not run, and dead ones. The user has already seen the failure of a dead task; it is kept
// for the operator.
func (j *judge) tasks() {
	const conductor = "only a nova-conductor does work: start one (systemctl start hypernova-nova-conductor), or see " +
		"its log for why it does not"
	for _, t := range j.Tasks {
		subject := "task " + string(t.ID)
		late := j.Now.Sub(t.Due) > j.Patience
		switch {
		case t.State == "dead":
			j.note("task-dead", subject, "%s of %s was given up %s ago: %s", t.Kind, t.Key, j.since(t.Due), t.Reason).
				person("hypernova tasks retry %s, if what it failed of is cured; it is forgotten after 30 days", t.ID)
		case t.State == "running" && late:
			j.say("task-stuck", subject, "%s of %s: %s let its lease end %s ago, and nobody went on", t.Kind, t.Key, t.Owner,
				j.since(t.Due)).person(conductor)
		case t.State == "queued" && late && !j.behind(t):
			j.say("task-stuck", subject, "%s of %s has waited for a worker for %s", t.Kind, t.Key,
				j.since(t.Due)).person(conductor)
		}
	}
}

// behind reports that another task of the same key is in the way.
func (j *judge) behind(t tasks.Info) bool {
	return slices.ContainsFunc(j.Tasks, func(o tasks.Info) bool {
		return o.Key == t.Key && o.ID != t.ID &&
			o.State != "dead"
	})
}

// states finds servers that are being built or have a task state, but no task.
func (j *judge) states() {
	for id, s := range j.servers {
		if j.busy[id] || s.Task == nova.Idle && s.VM != nova.Building {
			continue
		}
		e := j.say("server-stuck", "server "+id, "is %s, but no task does that", cmpState(s))
		switch _, known := ActionOf(s.Task); {
		case s.Task == nova.Deleting:
			e.repair(Of{Server: id}, "queue its deletion again")
		case s.VM == nova.Building || s.State().BeingBuilt():
			e.repair(Of{Server: id}, "set it to ERROR, as a build that failed does; its user may delete it")
		case known:
			e.repair(Of{Server: id}, "queue that again")
		default:
			e.person("what it was doing is not known: openstack server set --state error %s", id)
		}
	}
}

func cmpState(s *nova.Server) string {
	if s.Task == nova.Idle {
		return "being built"
	}
	return string(s.Task)
}

// ActionOf is the action that a job does while a server has a task state.
func ActionOf(t nova.TaskState) (nova.ServerAction, bool) {
	for _, a := range nova.ServerActions() {
		if t != nova.Idle && a.Begin.Task == t {
			return a, true
		}
	}
	return nova.ServerAction{}, false
}

// claims compares what is claimed on nodes with the servers there.
func (j *judge) claims() {
	held := map[string]string{} // server → node's id
	for node, consumers := range j.Claims {
		for _, c := range consumers {
			held[c] = node
			s := j.servers[c]
			switch {
			case j.busy[c]:
			case s == nil:
				j.say("allocation-orphaned", "allocation of "+c, "on %s is held for a server that is gone", j.nodeName(node)).
					repair(Of{Server: c}, "give the allocation back")
			case s.Host == "":
				j.say("allocation-orphaned", "allocation of "+c, "on %s is held for a server that is on no host", j.nodeName(node)).
					repair(Of{Server: c}, "give the allocation back")
			case j.nodes[node] != nil && s.Host != j.nodes[node].Host:
				j.allocate(j.say("allocation-misplaced", "allocation of "+c, "is on %s, but the server is on %s", j.nodeName(node),
					s.Host), s)
			}
		}
	}
	for id, s := range j.servers {
		if s.Host != "" && !j.busy[id] && held[id] == "" {
			j.allocate(j.say("allocation-missing", "server "+id, "is on %s without an allocation", s.Host), s)
		}
	}
}

// allocate says how a server gets its allocation where it is.
func (j *judge) allocate(e *entry, s *nova.Server) {
	n := j.nodeOf(s)
	if n == nil {
		e.person("its host has no node on record: start nova-compute there, or delete the server (openstack server delete "+
			"%s)", s.ID)
		return
	}
	e.repair(Of{Server: s.ID, Node: n.ID}, "allocate what its flavor asks for on %s", n.Name)
}

// nodeOf is the node that a server is on.
func (j *judge) nodeOf(s *nova.Server) *nova.Node {
	var only *nova.Node
	for _, n := range j.nodes {
		if n.Host == s.Host && (n.Name == s.Node || s.Node == "") {
			only = n
		}
	}
	return only
}

func (j *judge) nodeName(id string) string {
	if n := j.nodes[id]; n != nil {
		return n.Name
	}
	return id
}

// ports finds ports that are held for servers that are gone, and those that are bound where their server is not.
// Whose a port is says compute's own record. The port's device_id, which its owner may write, is looked at only for
// ports that compute made or bound.
func (j *judge) ports() {
	for _, p := range j.Ports {
		if !p.Made && p.Host == "" || !p.Made && !isCompute(p) || j.busy[p.DeviceID] {
			continue
		}
		s := j.holders[p.ID]
		if s == nil {
			if at := j.servers[p.DeviceID]; at != nil && at.Project == p.Project {
				s = at
			}
		}
		switch {
		case s != nil && j.busy[s.ID]:
		case s == nil:
			j.astray(p)
		case p.Host != "" && !j.computes[p.Host]:
			j.place(j.say("port-misplaced", "port "+p.ID, "of server %s is bound to host %s, which is gone", s.ID, p.Host), p, s)
		case p.Host != s.Host:
			j.place(j.say("port-misplaced", "port "+p.ID, "is bound to host %q, but its server %s is on %q", p.Host, s.ID,
				s.Host), p, s)
		}
	}
}

func isCompute(p neutron.Port) bool {
	return len(p.DeviceOwner) > len(neutron.OwnerComputePrefix) &&
		p.DeviceOwner[:len(neutron.OwnerComputePrefix)] == neutron.OwnerComputePrefix
}

// astray judges a port that is held for no server that is known. Where its project has servers on the port's host, or
// some whose job may be about it, the port may be one's, and its owner has changed what it says: that is no fault of
// the cloud.
func (j *judge) astray(p neutron.Port) {
	for id, s := range j.servers {
		if s.Project != p.Project || !j.busy[id] && (p.Host == "" || s.Host != p.Host) {
			continue
		}
		j.note("port-astray", "port "+p.ID, "is bound to host %q, and its device_id %q is none of its project's servers",
			p.Host, p.DeviceID).
			person("it may be a server's on that host whose owner changed it: ask the owner, or openstack port delete %s", p.ID)
		return
	}
	e := j.say("port-orphaned", "port "+p.ID, "is held for server %s, which is gone", p.DeviceID)
	if p.Made {
		e.repair(Of{Server: p.DeviceID, Port: p.ID, Host: p.Host}, "delete it, as compute made it for the server")
		return
	}
	e.repair(Of{Server: p.DeviceID, Port: p.ID, Host: p.Host}, "give it back to its owner: no host, no device")
}

// place says how a port gets to its server's host.
func (j *judge) place(e *entry, p neutron.Port, s *nova.Server) {
	if s.Host == "" {
		e.repair(Of{Server: s.ID, Port: p.ID}, "take it off the host")
		return
	}
	e.repair(Of{Server: s.ID, Port: p.ID, Host: s.Host}, "bind it to host %s", s.Host)
}

// records finds nodes without a service, and tells of services and agents that are silent.
func (j *judge) records() {
	for _, n := range j.Nodes {
		if j.computes[n.Host] {
			continue
		}
		e := j.say("node-orphaned", "node "+n.Name, "is on record for host %s, which has no nova-compute", n.Host)
		if i := slices.IndexFunc(j.Servers, func(s nova.Server) bool { return s.Host == n.Host }); i >= 0 {
			e.person("there are servers on it: start nova-compute there again, or delete them (openstack server delete %s)",
				j.Servers[i].ID)
			continue
		}
		e.repair(Of{Node: n.ID, Host: n.Host}, "delete the record; a host that comes back makes it again")
	}
	for _, s := range j.Services {
		switch subject := s.Binary + " on " + s.Host; {
		case s.Seen.IsZero():
			j.note("service-down", subject, "has ended")
		case !s.Up(j.Now, j.Down):
			j.note("service-down", subject, "was last heard of %s ago", j.since(s.Seen))
		}
	}
	for _, a := range j.Agents {
		if !a.Alive {
			j.note("service-down", a.Binary+" on "+a.Host, "was last heard of %s ago", j.since(a.Heartbeat))
		}
	}
}

// local compares what is on this host with what should be.
func (j *judge) local() {
	if j.Local == nil {
		return
	}
	host, here := j.Local.Host, map[string]bool{}
	for _, g := range j.Local.Guests {
		here[g.ID] = true
		if g.Power == nova.PowerPaused && g.Cause != "" && !j.busy[g.ID] {
			j.say("guest-halted", "guest "+g.ID, "was halted by this host: it is %s", g.Why).
				person("when what halted it is over: openstack server unpause %s; for want of disk it goes on by itself when "+
					"there is room", g.ID)
		}
		switch s := j.servers[g.ID]; {
		case j.busy[g.ID] || j.owed[jobs.CleanupArgs{Server: g.ID, Host: host}]:
		case s == nil:
			j.stray(j.say("guest-orphaned", "guest "+g.ID, "is on this host, but its server is gone"), g.ID)
		case s.Host != host:
			j.stray(j.say("guest-orphaned", "guest "+g.ID, "is on this host, but its server is on %q", s.Host), g.ID)
		}
	}
	for id, s := range j.servers {
		if s.Host != host || here[id] || j.busy[id] || s.VM == nova.Error {
			continue
		}
		e := j.say("guest-missing", "server "+id, "is %s on this host, but there is no such guest", s.Status())
		if s.VM == nova.Active {
			e.repair(Of{Server: id, Host: host}, "reboot it hard, which makes the guest anew on the disk that is there; if "+
				"that fails (openstack server event list %s), the disk is gone: "+
				"openstack server delete %s", id, id)
			continue
		}
		e.person("whether it shall run is its user's to say: openstack server reboot --hard %s makes the guest anew", id)
	}
	j.leftovers()
	for _, t := range j.Local.Troubles {
		j.found = append(j.found, Finding{Rule: t.Rule, Subject: t.Subject, Text: t.Text, Note: t.Note, Person: t.Cure})
	}
	if j.NoPorts {
		return
	}
	devices := map[string]bool{}
	for _, p := range j.Ports {
		if p.Host == host || j.busy[p.DeviceID] {
			devices[neutron.Device(p.ID)] = true
		}
	}
	for _, t := range j.Local.Taps {
		if !devices[t] {
			j.say("tap-orphaned", "device "+t, "is on this host, but it is no port's; neutron-agent removes it when it runs").
				repair(Of{Device: t, Host: host}, "delete it, as \"ip link delete %s\" does", t)
		}
	}
}

// stray says what to do about a guest that is nobody's here.
func (j *judge) stray(e *entry, id string) {
	e.person("nova-compute removes guests of servers that were deleted, when it runs; one that never was a server's "+
		"may be somebody else's, and its disk the "+
		"only copy: "+j.Local.Remove, id)
}
