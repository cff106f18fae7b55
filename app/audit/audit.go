// Package audit finds inconsistencies in a cloud: tasks that are stuck, and resources that are held for servers that
// no longer exist. The caller gathers the facts; the package neither reads nor changes anything itself.
//
// It compares the records of the services with each other. It does not rely on values that users can write, such as
// the device_id of a port.
//
// It leaves out servers that a task owns, because a task may hold resources that its server does not have yet. Records
// of services that share no transaction may differ for a moment, so a finding counts only if it is found again later;
// see Again.
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
	Routers  []neutron.Router
	Floating []neutron.FloatingIP
	Claims   map[string][]string // the consumers of each node, by the node's id
	Lost     []string            // credentials that no key of their repository opens
	Local    *Local              // nil: no servers run on this host

	Shelved map[string]string // the image of each shelved server, as compute wrote it down
	Images  map[string]string // the status of each of those images that exists

	Held       map[string][]string // the ports of each server, as compute wrote them down
	Unreadable map[string]bool     // servers whose rows cannot be read: of them nothing else is judged
	Found      []Finding           // what was found while the facts were gathered: damage, and where nobody could look
	// What could not be looked at. Nothing that would rest on it is judged.
	NoNova, NoClaims, NoPorts, NoImages bool
}

// Local is what a compute host has.
type Local struct {
	Host   string
	Guests []virt.Info
	Taps   []string // network devices that are named like those of ports
	// Leftovers are what operations on servers have on the host.
	Leftovers []virt.Leftover
	// Troubles are what the hypervisor knows of the host that limits its servers.
	Troubles []virt.Trouble
	Remove   string // how an operator removes a guest by hand; %[1]s stands for its id
}

// Finding is one thing that is not as it must be. A note is nothing wrong, but worth knowing. Blind is a place where
// nobody could look, so that nothing is known of it.
type Finding struct {
	Rule    string `json:"rule"`
	Subject string `json:"subject"` // what it is about: "server <id>", "port <id>"
	Text    string `json:"text"`
	Note    bool   `json:"note"`
	Blind   bool   `json:"blind,omitempty"`
	Repair  string `json:"repair,omitempty"` // what a repair does about it; empty: only a person can decide
	Person  string `json:"person,omitempty"` // why, and by which command
	Of      Of     `json:"-"`
}

// Of are the ids of what a finding is about, for who repairs it.
type Of struct{ Server, Port, Node, Host, Device string }

// String is one line.
func (f Finding) String() string { return f.Subject + ": " + f.Text }

// Cure is what becomes of it, or what to do about it; empty for what needs no cure.
func (f Finding) Cure() string {
	if f.Repair != "" {
		return "--repair: " + f.Repair
	}
	return f.Person
}

// Findings returns the findings, sorted by rule and subject.
func Findings(f Facts) []Finding {
	j := judge{Facts: f, servers: map[string]*nova.Server{}, busy: map[string]bool{}, owed: map[jobs.CleanupArgs]bool{},
		nodes: map[string]*nova.Node{}, computes: map[string]bool{}, holders: map[string]*nova.Server{}}
	for i := range f.Servers {
		j.servers[f.Servers[i].ID] = &f.Servers[i]
		for _, p := range f.Held[f.Servers[i].ID] {
			j.holders[p] = &f.Servers[i]
		}
	}
	for id := range f.Unreadable {
		j.busy[id] = true
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
	if !f.NoNova {
		j.all()
	}
	for _, id := range j.Lost {
		j.say("credential-sealed", "credential "+id, "no key in [credential] key_repository opens it").
			person("the key may be in a backup: bring it back, or, if it is lost, openstack credential delete %s", id)
	}
	j.found = append(j.found, f.Found...)
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
	return count(fs, func(f Finding) bool { return !f.Note && !f.Blind })
}

// Blind counts the places where nobody could look.
func Blind(fs []Finding) int { return count(fs, func(f Finding) bool { return f.Blind }) }

func count(fs []Finding, is func(Finding) bool) (n int) {
	for _, f := range fs {
		if is(f) {
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
	computes map[string]bool         // hosts that have a nova-compute on record
	holders  map[string]*nova.Server // by the ports that compute wrote down
	found    []Finding
}

func (j *judge) say(rule, subject, format string, args ...any) *entry {
	j.found = append(j.found, Finding{Rule: rule, Subject: subject, Text: fmt.Sprintf(format, args...)})
	return (*entry)(&j.found[len(j.found)-1])
}

func (j *judge) note(rule, subject, format string, args ...any) *entry {
	e := j.say(rule, subject, format, args...)
	e.Note = true
	return e
}

// entry is a finding that is being written.
type entry Finding

func (e *entry) repair(of Of, format string, args ...any) {
	e.Of, e.Repair = of, fmt.Sprintf(format, args...)
}

func (e *entry) person(format string, args ...any) { e.Person = fmt.Sprintf(format, args...) }

func (j *judge) since(t time.Time) time.Duration { return j.Now.Sub(t).Round(time.Second) }
