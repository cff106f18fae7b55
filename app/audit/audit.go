// Package audit says what is not as it must be in a cloud: work that is stuck, and things that are held for servers that are gone. It
// judges facts that others have gathered; it neither reads nor changes anything itself.
//
// A server that a job owns is not judged: a job may hold things that no server has yet. What services that share no transaction say at
// about the same time may contradict without anything being wrong, so a finding counts only when it is found again later; see Again.
package audit

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"hypernova/neutron"
	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/virt"
	"hypernova/oslo/tasks"
)

// Facts are what the services and this host say.
type Facts struct {
	Now      time.Time
	Patience time.Duration // work that is overdue by more is stuck
	Down     time.Duration // a service not heard of for longer is down

	Servers  []nova.Server // those that exist
	Tasks    []tasks.Info
	Services []nova.Service
	Nodes    []nova.Node
	Agents   []neutron.Agent
	Ports    []neutron.Port
	Claims   map[string][]string // the consumers of each node, by the node's id
	Lost     []string            // credentials that no key of their repository opens
	Local    *Local              // nil: no servers run on this host
}

// Local is what a compute host has.
type Local struct {
	Host   string
	Guests []virt.Info
	Taps   []string // network devices that are named like those of ports
	Remove string   // how an operator removes a guest by hand; %[1]s stands for its id
}

// Finding is one thing that is not as it must be. A note is nothing wrong, but worth knowing.
type Finding struct {
	Rule    string `json:"rule"`
	Subject string `json:"subject"` // what it is about: "server <id>", "port <id>"
	Text    string `json:"text"`
	Note    bool   `json:"note"`
}

// String is one line.
func (f Finding) String() string { return f.Subject + ": " + f.Text }

// Judge finds everything that is wrong, by rule and subject.
func Judge(f Facts) []Finding {
	j := judge{Facts: f, servers: map[string]*nova.Server{}, busy: map[string]bool{}, owed: map[jobs.CleanupArgs]bool{}, nodes: map[string]*nova.Node{}, computes: map[string]bool{}}
	for i := range f.Servers {
		j.servers[f.Servers[i].ID] = &f.Servers[i]
	}
	for _, t := range f.Tasks {
		var owed jobs.CleanupArgs
		switch {
		case t.State == "dead":
		case t.Kind == jobs.Cleanup.Name() && json.Unmarshal([]byte(t.Args), &owed) == nil:
			j.owed[owed] = true
		case t.Kind == jobs.Forget.Name():
			j.busy[strings.TrimPrefix(t.Key, "forget:")] = true
		default:
			j.busy[t.Key] = true
		}
	}
	for i := range f.Nodes {
		j.nodes[f.Nodes[i].ID] = &f.Nodes[i]
	}
	for _, s := range f.Services {
		if s.Binary == nova.BinaryCompute {
			j.computes[s.Host] = true
		}
	}
	j.tasks()
	j.states()
	j.claims()
	j.ports()
	j.records()
	j.local()
	for _, id := range j.Lost {
		j.say("credential-sealed", "credential "+id, "no key in [credential] key_repository opens it: bring back the key that sealed it, or delete "+
			"it (openstack credential delete %s)", id)
	}
	slices.SortStableFunc(j.found, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.Rule, b.Rule), strings.Compare(a.Subject, b.Subject))
	})
	return j.found
}

// Again keeps what was found both times.
func Again(first, second []Finding) []Finding {
	type key struct{ rule, subject string }
	seen := map[key]bool{}
	for _, f := range first {
		seen[key{f.Rule, f.Subject}] = true
	}
	return slices.DeleteFunc(slices.Clone(second), func(f Finding) bool { return !seen[key{f.Rule, f.Subject}] })
}

// Wrong counts the findings that are more than notes.
func Wrong(fs []Finding) int {
	n := 0
	for _, f := range fs {
		if !f.Note {
			n++
		}
	}
	return n
}

type judge struct {
	Facts
	servers  map[string]*nova.Server
	busy     map[string]bool // servers that a job owns
	owed     map[jobs.CleanupArgs]bool
	nodes    map[string]*nova.Node
	computes map[string]bool // hosts that have a nova-compute on record
	found    []Finding
}

func (j *judge) say(rule, subject, format string, args ...any) {
	j.found = append(j.found, Finding{Rule: rule, Subject: subject, Text: fmt.Sprintf(format, args...)})
}

func (j *judge) note(rule, subject, format string, args ...any) {
	j.say(rule, subject, format, args...)
	j.found[len(j.found)-1].Note = true
}

func (j *judge) since(t time.Time) time.Duration { return j.Now.Sub(t).Round(time.Second) }

// tasks finds work that nobody does. Work that was given up has been told of to whoever asked for it, and is kept for the operator.
func (j *judge) tasks() {
	for _, t := range j.Tasks {
		subject := "task " + string(t.ID)
		late := j.Now.Sub(t.Due) > j.Patience
		switch {
		case t.State == "dead":
			j.note("task-dead", subject, "%s of %s was given up %s ago: %s; see hypernova tasks", t.Kind, t.Key, j.since(t.Due), t.Reason)
		case t.State == "running" && late:
			j.say("task-stuck", subject, "%s of %s: %s let its lease end %s ago, and nobody went on; does a nova-conductor run?", t.Kind, t.Key, t.Owner, j.since(t.Due))
		case t.State == "queued" && late && !j.behind(t):
			j.say("task-stuck", subject, "%s of %s has waited for a worker for %s; does a nova-conductor run?", t.Kind, t.Key, j.since(t.Due))
		}
	}
}

// behind reports that another task of the same key is in the way.
func (j *judge) behind(t tasks.Info) bool {
	return slices.ContainsFunc(j.Tasks, func(o tasks.Info) bool { return o.Key == t.Key && o.ID != t.ID && o.State != "dead" })
}

// states finds servers that are on their way somewhere with nobody to take them there.
func (j *judge) states() {
	for id, s := range j.servers {
		switch {
		case j.busy[id]:
		case s.Task != nova.Idle:
			j.say("server-stuck", "server "+id, "is %s, but no task does that", s.Task)
		case s.VM == nova.Building:
			j.say("server-stuck", "server "+id, "is being built, but no task does that")
		}
	}
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
				j.say("allocation-orphaned", "allocation of "+c, "on %s is held for a server that is gone", j.nodeName(node))
			case s.Host == "":
				j.say("allocation-orphaned", "allocation of "+c, "on %s is held for a server that is on no host", j.nodeName(node))
			case j.nodes[node] != nil && s.Host != j.nodes[node].Host:
				j.say("allocation-misplaced", "allocation of "+c, "is on %s, but the server is on %s", j.nodeName(node), s.Host)
			}
		}
	}
	for id, s := range j.servers {
		if s.Host != "" && !j.busy[id] && held[id] == "" {
			j.say("allocation-missing", "server "+id, "is on %s without an allocation", s.Host)
		}
	}
}

func (j *judge) nodeName(id string) string {
	if n := j.nodes[id]; n != nil {
		return n.Name
	}
	return id
}

// ports finds ports of servers that are gone, and those that are bound where nothing is or where their server is not.
func (j *judge) ports() {
	for _, p := range j.Ports {
		if !strings.HasPrefix(p.DeviceOwner, "compute:") || j.busy[p.DeviceID] {
			continue
		}
		s := j.servers[p.DeviceID]
		switch {
		case s == nil:
			j.say("port-orphaned", "port "+p.ID, "belongs to server %s, which is gone", p.DeviceID)
		case p.Host != "" && !j.computes[p.Host]:
			j.say("port-misplaced", "port "+p.ID, "of server %s is bound to host %s, which is gone", p.DeviceID, p.Host)
		case p.Host != s.Host:
			j.say("port-misplaced", "port "+p.ID, "is bound to host %q, but its server %s is on %q", p.Host, p.DeviceID, s.Host)
		}
	}
}

// records finds nodes without a service, and tells of services and agents that are silent.
func (j *judge) records() {
	for _, n := range j.Nodes {
		if !j.computes[n.Host] {
			j.say("node-orphaned", "node "+n.Name, "is on record for host %s, which has no nova-compute", n.Host)
		}
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
		switch s := j.servers[g.ID]; {
		case j.busy[g.ID] || j.owed[jobs.CleanupArgs{Server: g.ID, Host: host}]:
		case s == nil:
			j.say("guest-orphaned", "guest "+g.ID, "is on this host, but its server is gone; nova-compute removes guests of servers that were deleted, one that never was a server's "+
				"is the operator's: "+j.Local.Remove, g.ID)
		case s.Host != host:
			j.say("guest-orphaned", "guest "+g.ID, "is on this host, but its server is on %q", s.Host)
		}
	}
	for id, s := range j.servers {
		if s.Host == host && !here[id] && !j.busy[id] && s.VM != nova.Error {
			j.say("guest-missing", "server "+id, "is %s on this host, but there is no such guest", s.Status())
		}
	}
	devices := map[string]bool{}
	for _, p := range j.Ports {
		if p.Host == host || j.busy[p.DeviceID] {
			devices[neutron.Device(p.ID)] = true
		}
	}
	for _, t := range j.Local.Taps {
		if !devices[t] {
			j.say("tap-orphaned", "device "+t, "is on this host, but it is no port's; neutron-agent removes it when it runs, or: ip link delete %s", t)
		}
	}
}
