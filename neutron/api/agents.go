package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"hypernova/neutron"
	"hypernova/neutron/agentserver"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
	"hypernova/oslo/service"
)

type agentView struct {
	ID             string            `wire:"id"`
	Type           string            `wire:"agent_type"`
	Binary         string            `wire:"binary"`
	Topic          string            `wire:"topic"`
	Host           string            `wire:"host"`
	AdminUp        bool              `wire:"admin_state_up"`
	Created        time.Time         `wire:"created_at" time:"space"`
	Started        time.Time         `wire:"started_at" time:"space"`
	Heartbeat      time.Time         `wire:"heartbeat_timestamp" time:"space"`
	Description    *string           `wire:"description"`
	Configurations map[string]string `wire:"configurations"`
	Alive          bool              `wire:"alive"`
	Zone           *string           `wire:"availability_zone"`
}

func viewAgent(g neutron.Agent) agentView {
	v := agentView{ID: g.ID, Type: g.Type, Binary: g.Binary, Topic: g.Topic, Host: g.Host, AdminUp: g.AdminUp,
		Created: g.Created, Started: g.Started, Heartbeat: g.Heartbeat, Description: orNil(described(g)),
		Configurations: g.Config, Alive: g.Alive}
	if zoned(g.Type) {
		v.Zone = orNil(zoneName)
	}
	return v
}

const typeDHCPAgent = "DHCP agent"

// zoned reports a type of agent that is in an availability zone.
func zoned(kind string) bool { return kind == typeDHCPAgent || kind == neutron.TypeL3Agent }

// described is the operators' description of an agent and, if it is not alive, the state of its process, as nova
// shows the reason of a service that is down.
func described(g neutron.Agent) string {
	if g.Alive {
		return g.Description
	}
	return service.Why(g.Description, g.Note)
}

type agentChange struct {
	AdminUp     opt.Of[bool]   `wire:"admin_state_up" is:"boolish"`
	Description opt.Of[string] `wire:"description" is:"maxlen=255,nullable"`
}

// agentsAPI serves the records of agents.
type agentsAPI struct{ agents *agentserver.Server }

func agentsOf(a *agentserver.Server) resource {
	ops := api.Resource[*agentsAPI]{Name: "agent", Plural: "agents", Ops: api.Ops[*agentsAPI]{
		api.List("GET /agents", nil, (*agentsAPI).list),
		api.On("GET /agents/{agent_id}", getAgent, http.StatusOK, (*agentsAPI).load, (*agentsAPI).show),
		api.On("PUT /agents/{agent_id}", updateAgent, http.StatusOK, (*agentsAPI).load, (*agentsAPI).update),
		api.On("DELETE /agents/{agent_id}", deleteAgent, http.StatusNoContent, (*agentsAPI).load, (*agentsAPI).delete),
	}}
	return resource{bound: api.Bind(&agentsAPI{a}, ops), rules: []*policy.Rule{getAgent, updateAgent, deleteAgent},
		extensions: []extension{{"agent", "Agents", "Records of the agents on the hosts."}}}
}

// load reads the agent of the path for a caller who may see agents.
func (a *agentsAPI) load(ctx context.Context, r *api.Request) (neutron.Agent, error) {
	if !r.Allowed(getAgent, nil) {
		return neutron.Agent{}, neutron.Missing("Agent", r.Param("agent_id"))
	}
	return a.agents.Show(ctx, r.Param("agent_id"))
}

func (a *agentsAPI) list(ctx context.Context, r *api.Request, q *listQuery) (api.Page[agentView], error) {
	alive := opt.Of[bool]{}
	known := filters{"id": nil, "host": nil, "binary": nil, "topic": nil, "agent_type": nil, "admin_state_up": truth,
		"description": nil}
	args, err := q.args(ctx, r, listing{known: known,
		special: func(_ context.Context, name string, values []string) ([]db.Cond, bool, error) {
			switch name {
			case "alive":
				v, err := truth(values[len(values)-1])
				if b, ok := v.(bool); ok {
					alive = opt.Some(b)
				}
				return nil, true, err
			case "availability_zone":
				if slices.Contains(values, zoneName) {
					return []db.Cond{db.InList("agent_type", []string{typeDHCPAgent, neutron.TypeL3Agent})}, true, nil
				}
				return []db.Cond{db.Any()}, true, nil
			}
			return nil, false, nil
		}})
	if err != nil || !r.Allowed(getAgent, nil) { // a list hides what its reader may not see
		return api.Page[agentView]{}, err
	}
	gs, err := a.agents.List(ctx, args.ListArgs, alive)
	if f := fault.Of(err); f != nil && f.Code == db.MarkerNotFound { // as if there were no marker
		args.Marker = ""
		gs, err = a.agents.List(ctx, args.ListArgs, alive)
	}
	return api.PageOf(q.Window, gs, func(g neutron.Agent) string { return g.ID }, viewAgent), err
}

func (a *agentsAPI) show(_ context.Context, _ *api.Request, g neutron.Agent, _ *api.None) (agentView, error) {
	return viewAgent(g), nil
}

func (a *agentsAPI) update(ctx context.Context, _ *api.Request, g neutron.Agent, in *agentChange) (agentView, error) {
	u, err := a.agents.Update(ctx, g.ID, in.AdminUp, in.Description)
	return viewAgent(u), err
}

func (a *agentsAPI) delete(ctx context.Context, _ *api.Request, g neutron.Agent, _ *api.None) (api.None, error) {
	return api.None{}, a.agents.Delete(ctx, g.ID)
}
