package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"hypernova/neutron"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
	"hypernova/oslo/service"
)

// zoneName is the one availability zone there is.
const zoneName = "nova"

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
	v := agentView{ID: g.ID, Type: g.Type, Binary: g.Binary, Topic: g.Topic, Host: g.Host, AdminUp: g.AdminUp, Created: g.Created, Started: g.Started, Heartbeat: g.Heartbeat,
		Description: orNil(described(g)), Configurations: g.Config, Alive: g.Alive}
	if g.Type == "DHCP agent" {
		v.Zone = orNil(zoneName)
	}
	return v
}

// described is what operators wrote about an agent and, where it is not alive, what was found of its process: as compute shows the reason of
// a service that is down.
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

func agentResource() api.Resource[*API] {
	return api.Resource[*API]{Name: "agent", Plural: "agents", Ops: api.Ops[*API]{
		api.List("GET /agents", nil, (*API).listAgents),
		api.On("GET /agents/{agent_id}", getAgent, http.StatusOK, (*API).agent, (*API).showAgent),
		api.On("PUT /agents/{agent_id}", updateAgent, http.StatusOK, (*API).agent, (*API).updateAgent),
		api.On("DELETE /agents/{agent_id}", deleteAgent, http.StatusNoContent, (*API).agent, (*API).deleteAgent),
	}}
}

// agent loads the agent of the path for a caller who may see agents.
func (a *API) agent(ctx context.Context, r *api.Request) (neutron.Agent, error) {
	if !r.Allowed(getAgent, nil) {
		return neutron.Agent{}, neutron.Missing("Agent", r.Param("agent_id"))
	}
	return a.agents.Show(ctx, r.Param("agent_id"))
}

func (a *API) listAgents(ctx context.Context, r *api.Request, q *listQuery) (api.Page[agentView], error) {
	alive := opt.Of[bool]{}
	known := filters{"id": text, "host": text, "binary": text, "topic": text, "agent_type": text, "admin_state_up": truth, "description": text}
	args, err := q.args(r, listing{known: known,
		special: func(name string, values []string) ([]db.Cond, bool, error) {
			switch name {
			case "alive":
				v, err := value(name, truth, values[len(values)-1])
				if b, ok := v.(bool); ok {
					alive = opt.Some(b)
				}
				return nil, true, err
			case "availability_zone":
				if slices.Contains(values, zoneName) {
					return []db.Cond{db.EqTo("agent_type", "DHCP agent")}, true, nil
				}
				return []db.Cond{db.Any()}, true, nil
			}
			return nil, false, nil
		}})
	if err != nil || !r.Allowed(getAgent, nil) { // a list hides what its reader may not see
		return api.Page[agentView]{}, err
	}
	gs, err := whole(args.ListArgs, func(a2 db.ListArgs) ([]neutron.Agent, error) { return a.agents.List(ctx, a2, alive) })
	return page(q, gs, func(g neutron.Agent) string { return g.ID }, viewAgent), err
}

func (a *API) showAgent(_ context.Context, _ *api.Request, g neutron.Agent, _ *api.None) (agentView, error) {
	return viewAgent(g), nil
}

func (a *API) updateAgent(ctx context.Context, _ *api.Request, g neutron.Agent, in *agentChange) (agentView, error) {
	u, err := a.agents.Update(ctx, g.ID, in.AdminUp, in.Description)
	return viewAgent(u), err
}

func (a *API) deleteAgent(ctx context.Context, _ *api.Request, g neutron.Agent, _ *api.None) (api.None, error) {
	return api.None{}, a.agents.Delete(ctx, g.ID)
}

type zoneView struct {
	Name     string `wire:"name"`
	Resource string `wire:"resource"`
	State    string `wire:"state"`
}

func zoneResource() api.Resource[*API] {
	return api.Resource[*API]{Name: "availability_zone", Plural: "availability_zones", Ops: api.Ops[*API]{
		api.List("GET /availability_zones", nil, (*API).listZones),
	}}
}

func (a *API) listZones(_ context.Context, r *api.Request, q *listQuery) (api.Page[zoneView], error) {
	v := zoneView{Name: zoneName, Resource: "network", State: "available"}
	for name, values := range q.Filters {
		have, ok := map[string]string{"name": v.Name, "resource": v.Resource, "state": v.State}[name]
		if !ok {
			return api.Page[zoneView]{}, noFilter(name)
		}
		if !slices.Contains(values, have) {
			return api.Page[zoneView]{}, nil
		}
	}
	if !r.Allowed(getZone, nil) { // a list hides what its reader may not see
		return api.Page[zoneView]{}, nil
	}
	return api.Page[zoneView]{Items: []zoneView{v}}, nil
}

// knownZones refuses hints that name a zone that is not there.
func knownZones(hints []string) error {
	for _, h := range hints {
		if h != zoneName {
			return fault.NotFoundf("AvailabilityZone %s could not be found.", h).Coded("AvailabilityZoneNotFound")
		}
	}
	return nil
}
