// Package agents is the server side of the agents: agent records, the state that an agent requests, and its reports.
package agents

import (
	"context"
	"net/netip"
	"time"

	"hypernova/neutron"
	"hypernova/neutron/hosts"
	"hypernova/neutron/plugin"
	"hypernova/neutron/rpcapi"
	"hypernova/neutron/store"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/ids"
	"hypernova/oslo/messaging"
	"hypernova/oslo/opt"
	"hypernova/oslo/service"
)

// Binary is the role that serves the agents' topic.
const Binary = "neutron-server"

// Agents are the verbs of agent records and the handlers of the agents' topic.
type Agents struct {
	db     *db.DB
	plugin *plugin.Plugin
	down   time.Duration
	now    clock.Now
}

// New makes them; an agent that has been silent for longer than down is not alive.
func New(d *db.DB, p *plugin.Plugin, down time.Duration, now clock.Now) *Agents {
	if now == nil {
		now = clock.Real
	}
	return &Agents{db: d, plugin: p, down: down, now: now}
}

// Manager is the role that serves the agents' topic on a host. It needs no service group: any number of them may
// listen.
func (a *Agents) Manager(host string) service.Manager {
	return service.Manager{Binary: Binary, Host: host, Topic: rpcapi.Plugin, Level: rpcapi.Level, Register: a.register,
		Periodic: []service.Periodic{{Name: "ask_silent_agents", Spacing: max(a.down/4, 10*time.Millisecond), Fn: a.AskSilent}}}
}

// AskSilent asks the agents whose heartbeats do not arrive by their other address. The agents of a host are one
// process.
func (a *Agents) AskSilent(ctx context.Context) error {
	all, err := store.SilentAgents(ctx, a.db, a.now().Add(-a.down))
	if err != nil {
		return err
	}
	var silent []service.Silent
	for _, g := range all {
		if n := len(silent); n > 0 && silent[n-1].Host == g.Host && silent[n-1].Pulse == g.Pulse {
			continue
		}
		silent = append(silent, service.Silent{Host: g.Host, Binary: rpcapi.Process, Pulse: g.Pulse, Note: g.Note, Seen: g.Heartbeat})
	}
	return service.AskSilent(ctx, silent, func(ctx context.Context, s service.Silent, found string) error {
		return store.NoteAgents(ctx, a.db, s.Host, s.Pulse, s.Seen, found)
	})
}

func (a *Agents) register(s *messaging.Server) {
	rpcapi.HostState.Handle(s, a.state)
	rpcapi.PortsWired.Handle(s, func(ctx context.Context, r rpcapi.PortsWiredArgs) (messaging.None, error) {
		return messaging.None{}, a.plugin.Ports.Wired(ctx, r.Host, r.Up, r.Down, r.Reasons)
	})
	rpcapi.AgentReport.Handle(s, func(ctx context.Context, r rpcapi.AgentReportArgs) (messaging.None, error) {
		return messaging.None{}, a.Report(ctx, r)
	})
}

// state answers a pull with the sections that the agent does not have. An agent that knows no sections gets them all.
func (a *Agents) state(ctx context.Context, r rpcapi.HostStateArgs) (rpcapi.HostStateReply, error) {
	if r.Known != 0 {
		revision, err := a.plugin.Hosts.Revision(ctx, r.Host)
		if err != nil || revision == r.Known {
			return rpcapi.HostStateReply{Unchanged: err == nil}, err
		}
	}
	s, all, err := a.plugin.DHCP.ChangedState(ctx, r.Host, r.Have)
	if r.Have == nil {
		all = nil
	}
	return rpcapi.HostStateReply{State: s, Sections: all}, err
}

// Report takes a heartbeat. A host whose end of the tunnels moved makes the other hosts of its networks look again.
func (a *Agents) Report(ctx context.Context, r rpcapi.AgentReportArgs) error {
	now := a.now()
	tunnel, _ := netip.ParseAddr(r.TunnelIP)
	return a.db.Tx(ctx, func(tx *db.Tx) error {
		known, err := store.AgentsOn(ctx, tx, r.Host)
		if err != nil {
			return err
		}
		moved := len(known) == 0
		for _, k := range known {
			moved = moved || k.TunnelIP != tunnel
		}
		for _, f := range r.Agents {
			err := store.ReportAgent(ctx, tx, neutron.Agent{ID: ids.UUID(), Host: r.Host, Binary: f.Binary, Topic: f.Topic, Type: f.Type, Config: f.Config,
				TunnelIP: tunnel, Created: now, Started: r.Started, Heartbeat: now, Pulse: r.Pulse}, r.Level)
			if err != nil {
				return err
			}
		}
		if !moved {
			return nil
		}
		ns, err := store.NetworksOnHost(ctx, tx, r.Host)
		if err != nil {
			return err
		}
		var c hosts.Changes
		for _, n := range ns {
			c.Network(n.ID)
		}
		return a.plugin.Hosts.Apply(ctx, tx, &c)
	})
}

// Show reads an agent.
func (a *Agents) Show(ctx context.Context, id string) (neutron.Agent, error) {
	g, err := store.Agent(ctx, a.db, id)
	return a.seen(g), err
}

// List lists agents. alive, where it is set, asks for those that are, or are not.
func (a *Agents) List(ctx context.Context, l db.ListArgs, alive opt.Of[bool]) ([]neutron.Agent, error) {
	if alive.Has() {
		l.Where = append(l.Where, store.Since(a.now().Add(-a.down), alive.Value))
	}
	gs, err := store.Agents(ctx, a.db, l)
	for i := range gs {
		gs[i] = a.seen(gs[i])
	}
	return gs, err
}

func (a *Agents) seen(g neutron.Agent) neutron.Agent {
	g.Alive = g.AliveAt(a.now(), a.down)
	return g
}

// Update changes what operators may change of an agent.
func (a *Agents) Update(ctx context.Context, id string, adminUp opt.Of[bool], description opt.Of[string]) (neutron.Agent, error) {
	var g neutron.Agent
	err := a.db.Tx(ctx, func(tx *db.Tx) error {
		var err error
		if g, err = store.Agent(ctx, tx, id); err != nil {
			return err
		}
		g.AdminUp = adminUp.Or(g.AdminUp)
		if description.Set { // null is none
			g.Description = description.Or("")
		}
		return store.UpdateAgent(ctx, tx, g)
	})
	return a.seen(g), err
}

// Delete forgets an agent; one that is alive comes back with its next report.
func (a *Agents) Delete(ctx context.Context, id string) error {
	return store.DeleteAgent(ctx, a.db, id)
}
