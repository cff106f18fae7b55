package routers

import (
	"context"
	"maps"
	"slices"

	"hypernova/neutron"
	"hypernova/neutron/change"
	"hypernova/neutron/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// giveHost chooses a host for a router that has none. Without a live L3 agent it stays without; Place gives it one
// later. The caller writes the router.
func (s *Routers) giveHost(ctx context.Context, tx *change.Tx, r *neutron.Router) error {
	if r.Host != "" {
		return nil
	}
	host, err := s.choose(ctx, tx)
	if err != nil || host == "" {
		return err
	}
	return s.move(ctx, tx, r, host)
}

// l3Agents are the L3 agents.
func l3Agents(ctx context.Context, q db.Querier) ([]neutron.Agent, error) {
	return store.Agents(ctx, q, db.ListArgs{Where: []db.Cond{db.EqTo("agent_type", neutron.TypeL3Agent)}})
}

// choose returns the host with the fewest routers among those with a live L3 agent; empty if there is none.
func (s *Routers) choose(ctx context.Context, tx *change.Tx) (string, error) {
	agents, err := l3Agents(ctx, tx)
	if err != nil {
		return "", err
	}
	counts, err := store.RoutersByHost(ctx, tx)
	if err != nil {
		return "", err
	}
	best := ""
	for _, a := range agents {
		if !a.AdminUp || !a.AliveAt(tx.Now(), s.Down) {
			continue
		}
		if n, least := counts[a.Host], counts[best]; best == "" || n < least || n == least && a.Host < best {
			best = a.Host
		}
	}
	return best, nil
}

// move gives a router another host, or none, and binds its ports there. The caller writes the router.
func (s *Routers) move(ctx context.Context, tx *change.Tx, r *neutron.Router, host string) error {
	tx.Router(*r)
	r.Host, r.Held = host, false
	tx.Router(*r)
	ps, err := store.PortsOfRouter(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	for _, was := range ps {
		is := was
		if _, err := s.Ports.Rebind(ctx, tx, &is, host); err != nil {
			return err
		}
		if _, err := s.Ports.Save(ctx, tx, was, is); err != nil {
			return err
		}
	}
	status := neutron.StatusActive
	if host == "" {
		status = neutron.StatusDown
	}
	return store.SetFloatingStatus(ctx, tx, r.ID, status)
}

// Place gives hosts to the routers that need one. With fromDead it also moves those whose L3 agent is down or gone,
// unless an operator switched the agent off. Each router is a transaction of its own.
func (s *Routers) Place(ctx context.Context, fromDead bool) error {
	homeless, err := store.RoutersWithoutHost(ctx, s.Change.DB)
	if err != nil {
		return err
	}
	if fromDead {
		lost, err := s.lost(ctx, s.Change.DB)
		if err != nil {
			return err
		}
		homeless = append(homeless, lost...)
	}
	for _, r := range homeless {
		if err := s.place(ctx, r.ID, r.Host); err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	return nil
}

// lost are the routers on hosts without a live L3 agent.
func (s *Routers) lost(ctx context.Context, q db.Querier) ([]neutron.Router, error) {
	counts, err := store.RoutersByHost(ctx, q)
	if err != nil || len(counts) == 0 {
		return nil, err
	}
	agents, err := l3Agents(ctx, q)
	if err != nil {
		return nil, err
	}
	for _, a := range agents {
		if !a.AdminUp || a.AliveAt(s.Change.Now(), s.Down) {
			delete(counts, a.Host)
		}
	}
	if len(counts) == 0 {
		return nil, nil
	}
	return store.Routers(ctx, q, db.ListArgs{Where: []db.Cond{db.InList("host", slices.Sorted(maps.Keys(counts)))}})
}

// place gives a router a host if it still has the one that it had.
func (s *Routers) place(ctx context.Context, id, had string) error {
	return s.Change.Do(ctx, func(tx *change.Tx) error {
		r, err := store.Router(ctx, tx, id)
		if err != nil || r.Host != had {
			return err
		}
		host, err := s.choose(ctx, tx)
		if err != nil || host == "" || host == had {
			return err
		}
		if err := s.move(ctx, tx, &r, host); err != nil {
			return err
		}
		s.Change.Log.InfoContext(ctx, "router placed", "router", r.ID, "host", host, "before", had)
		return store.MoveRouter(ctx, tx, r)
	})
}

// OnAgent are the routers that an agent carries. Faults: AgentNotFound.
func (s *Routers) OnAgent(ctx context.Context, agent string) ([]neutron.Router, error) {
	a, err := store.Agent(ctx, s.Change.DB, agent)
	if err != nil || a.Type != neutron.TypeL3Agent {
		return nil, err
	}
	return store.Routers(ctx, s.Change.DB, db.ListArgs{Where: []db.Cond{db.EqTo("host", a.Host)}})
}

// Agent returns the L3 agent that carries a router; none for a router without a host, or one that does not exist.
func (s *Routers) Agent(ctx context.Context, id string) ([]neutron.Agent, error) {
	r, err := store.Router(ctx, s.Change.DB, id)
	if fault.Is(err, fault.NotFound) || err == nil && r.Host == "" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return store.Agents(ctx, s.Change.DB, db.ListArgs{Where: []db.Cond{db.EqTo("agent_type", neutron.TypeL3Agent),
		db.EqTo("host", r.Host)}})
}

// AddToAgent makes an agent carry a router that no other one carries. Faults: RouterNotFound, AgentNotFound,
// InvalidL3Agent, RouterHostedByL3Agent.
func (s *Routers) AddToAgent(ctx context.Context, agent, id string) error {
	return s.Change.Do(ctx, func(tx *change.Tx) error {
		r, err := store.Router(ctx, tx, id)
		if err != nil {
			return err
		}
		a, err := store.Agent(ctx, tx, agent)
		if err != nil {
			return err
		}
		if a.Type != neutron.TypeL3Agent || !a.AdminUp {
			return fault.NotFoundf("Agent %s is not a L3 Agent or has been disabled", agent).Coded("InvalidL3Agent")
		}
		if r.Host == a.Host {
			return nil
		}
		if r.Host != "" {
			holder := ""
			agents, err := l3Agents(ctx, tx)
			if err != nil {
				return err
			}
			for _, o := range agents {
				if o.Host == r.Host {
					holder = o.ID
				}
			}
			return fault.Conflictf("The router %s has been already hosted by the L3 Agent %s.", id, holder).
				Coded("RouterHostedByL3Agent")
		}
		if err := s.move(ctx, tx, &r, a.Host); err != nil {
			return err
		}
		return store.MoveRouter(ctx, tx, r)
	})
}

// RemoveFromAgent takes a router from an agent. It has no host then until its next interface or gateway, or until an
// operator gives it to an agent. Faults: RouterNotFound, AgentNotFound.
func (s *Routers) RemoveFromAgent(ctx context.Context, agent, id string) error {
	return s.Change.Do(ctx, func(tx *change.Tx) error {
		a, err := store.Agent(ctx, tx, agent)
		if err != nil {
			return err
		}
		r, err := store.Router(ctx, tx, id)
		if err != nil || r.Host != a.Host || a.Type != neutron.TypeL3Agent {
			return err
		}
		if err := s.move(ctx, tx, &r, ""); err != nil {
			return err
		}
		r.Held = true
		return store.MoveRouter(ctx, tx, r)
	})
}
