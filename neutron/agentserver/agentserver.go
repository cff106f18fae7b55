// Package agentserver serves the network agents: it keeps their records, answers pulls of host states, and takes
// reports of ports.
package agentserver

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"hypernova/neutron"
	"hypernova/neutron/hoststate"
	"hypernova/neutron/plugin"
	"hypernova/neutron/rpcapi"
	"hypernova/neutron/store"
	"hypernova/oslo/db"
	"hypernova/oslo/ids"
	"hypernova/oslo/messaging"
	"hypernova/oslo/opt"
	"hypernova/oslo/service"
)

// Binary is the role that serves the agents' topic.
const Binary = "neutron-server"

// Server keeps the agents' records and serves the agents' topic. Only Manager works on the zero value.
type Server struct {
	plugin *plugin.Plugin
	down   time.Duration
	began  time.Time
}

// New makes it. An agent without a heartbeat for longer than down is not alive.
func New(p *plugin.Plugin, down time.Duration) *Server {
	return &Server{plugin: p, down: down, began: p.Change.Now()}
}

// Manager is the role that serves the agents' topic on a host. It is in no service group: any number of them may
// listen.
func (a *Server) Manager(host string) service.Manager {
	return service.Manager{Binary: Binary, Host: host, Topic: rpcapi.Plugin, Level: rpcapi.Level, Register: a.register,
		Periodic: []service.Periodic{{Name: "ask_silent_agents", Spacing: max(a.down/4, 10*time.Millisecond),
			Fn: a.AskSilent}, {Name: "place_routers", Spacing: max(a.down/4, 10*time.Millisecond), Fn: a.PlaceRouters}}}
}

// PlaceRouters gives hosts to routers that need one, and moves those of agents that are down. A server that has just
// begun moves none: the agents had nobody to report to.
func (a *Server) PlaceRouters(ctx context.Context) error {
	return a.plugin.Routers.Place(ctx, a.plugin.Change.Now().Sub(a.began) > a.down)
}

// AskSilent requests the health endpoint of agents whose heartbeats do not arrive, and notes the outcome in their
// records. The agents of a host are one process.
func (a *Server) AskSilent(ctx context.Context) error {
	all, err := store.SilentAgents(ctx, a.plugin.Change.DB, a.plugin.Change.Now().Add(-a.down))
	if err != nil {
		return err
	}
	var silent []service.Silent
	for _, g := range all {
		if n := len(silent); n > 0 && silent[n-1].Host == g.Host && silent[n-1].Pulse == g.Pulse {
			continue
		}
		silent = append(silent, service.Silent{Host: g.Host, Binary: rpcapi.Process, Pulse: g.Pulse, Note: g.Note,
			Seen: g.Heartbeat})
	}
	return service.AskSilent(ctx, silent, func(ctx context.Context, s service.Silent, found string) error {
		return store.NoteAgents(ctx, a.plugin.Change.DB, s.Host, s.Pulse, s.Seen, found)
	})
}

func (a *Server) register(s *messaging.Server) {
	rpcapi.HostState.Handle(s, a.state)
	rpcapi.PortsWired.Handle(s, func(ctx context.Context, r rpcapi.PortsWiredArgs) (messaging.None, error) {
		return messaging.None{}, a.plugin.Ports.Wired(ctx, r.Host, r.Up, r.Down, r.Reasons)
	})
	rpcapi.AgentReport.Handle(s, func(ctx context.Context, r rpcapi.AgentReportArgs) (messaging.None, error) {
		return messaging.None{}, a.Report(ctx, r)
	})
}

// state answers a pull with the sections that the agent does not have. An agent that knows no sections gets them all.
func (a *Server) state(ctx context.Context, r rpcapi.HostStateArgs) (rpcapi.HostStateReply, error) {
	if r.Known != 0 {
		revision, err := a.plugin.States.Revision(ctx, r.Host)
		if err != nil || revision == r.Known {
			return rpcapi.HostStateReply{Unchanged: err == nil}, err
		}
	}
	s, all, err := a.plugin.DHCP.HostState(ctx, r.Host, r.Have)
	if r.Have == nil {
		all = nil
	}
	return rpcapi.HostStateReply{State: s, Sections: all}, err
}

// Report records a heartbeat. If the host is new or its tunnel address changed, the states of its networks change. A
// host that begins to carry routers gets those that wait for one.
func (a *Server) Report(ctx context.Context, r rpcapi.AgentReportArgs) error {
	now := a.plugin.Change.Now()
	tunnel, _ := netip.ParseAddr(r.TunnelIP)
	carries := false // routers, which it did not when it was last heard of
	err := a.plugin.Change.DB.Tx(ctx, func(tx *db.Tx) error {
		known, err := store.AgentsOn(ctx, tx, r.Host)
		if err != nil {
			return err
		}
		moved := len(known) == 0
		for _, k := range known {
			moved = moved || k.TunnelIP != tunnel
		}
		carries = false
		for _, f := range r.Agents {
			carries = carries || f.Type == neutron.TypeL3Agent && !slices.ContainsFunc(known, func(k neutron.Agent) bool {
				return k.Type == f.Type && k.AliveAt(now, a.down)
			})
			err := store.ReportAgent(ctx, tx, neutron.Agent{ID: ids.UUID(), Host: r.Host, Binary: f.Binary,
				Topic: f.Topic, Type: f.Type, Config: f.Config,
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
		var c hoststate.Changes
		for _, n := range ns {
			c.Network(n.ID)
		}
		return a.plugin.States.Apply(ctx, tx, &c)
	})
	if err != nil || !carries {
		return err
	}
	return a.plugin.Routers.Place(ctx, false)
}

// Show reads an agent.
func (a *Server) Show(ctx context.Context, id string) (neutron.Agent, error) {
	g, err := store.Agent(ctx, a.plugin.Change.DB, id)
	return a.Seen(g), err
}

// List lists agents: all, or those that are alive or not.
func (a *Server) List(ctx context.Context, l db.ListArgs, alive opt.Of[bool]) ([]neutron.Agent, error) {
	if alive.Has() {
		l.Where = append(l.Where, store.Since(a.plugin.Change.Now().Add(-a.down), alive.Value))
	}
	gs, err := store.Agents(ctx, a.plugin.Change.DB, l)
	for i := range gs {
		gs[i] = a.Seen(gs[i])
	}
	return gs, err
}

// Seen is an agent's record with whether it is alive.
func (a *Server) Seen(g neutron.Agent) neutron.Agent {
	g.Alive = g.AliveAt(a.plugin.Change.Now(), a.down)
	return g
}

// Update changes the attributes of an agent that operators may change.
func (a *Server) Update(ctx context.Context, id string, adminUp opt.Of[bool], description opt.Of[string]) (
	neutron.Agent, error) {
	var g neutron.Agent
	err := a.plugin.Change.DB.Tx(ctx, func(tx *db.Tx) error {
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
	return a.Seen(g), err
}

// Delete deletes an agent's record. One that is alive gets a new record with its next heartbeat.
func (a *Server) Delete(ctx context.Context, id string) error {
	return store.DeleteAgent(ctx, a.plugin.Change.DB, id)
}
