package api

import (
	"context"
	"net/http"

	"hypernova/neutron"
	"hypernova/neutron/agentserver"
	"hypernova/neutron/plugin"
	"hypernova/neutron/routers"
	"hypernova/oslo/api"
	"hypernova/oslo/policy"
)

// l3AgentsAPI serves which agents carry which routers.
type l3AgentsAPI struct {
	ops    *routers.Routers
	agents *agentserver.Server
}

func l3AgentsOf(p *plugin.Plugin, a *agentserver.Server) resource {
	type self = *l3AgentsAPI
	of := &l3AgentsAPI{p.Routers, a}
	bound := api.Bind(of, api.Resource[self]{Name: "router", Plural: "routers", Ops: api.Ops[self]{
		api.List("GET /agents/{agent_id}/l3-routers", getL3Routers, self.routersOn),
		api.Do("POST /agents/{agent_id}/l3-routers", createL3Router, http.StatusCreated, self.add, api.Bare()),
		api.Do("DELETE /agents/{agent_id}/l3-routers/{router_id}", deleteL3Router, http.StatusNoContent, self.remove),
	}})
	bound = append(bound, api.Bind(of, api.Resource[self]{Name: "agent", Plural: "agents", Ops: api.Ops[self]{
		api.List("GET /routers/{router_id}/l3-agents", getL3Agents, self.agentsOf),
	}})...)
	return resource{bound: bound, rules: []*policy.Rule{createL3Router, getL3Routers, deleteL3Router, getL3Agents},
		extensions: []extension{{"l3_agent_scheduler", "L3 Agent Scheduler", "Which agents carry which routers."}}}
}

func (a *l3AgentsAPI) routersOn(ctx context.Context, r *api.Request, _ *api.None) (api.Page[routerView], error) {
	rs, err := a.ops.OnAgent(ctx, r.Param("agent_id"))
	return api.Page[routerView]{Items: views(rs, viewRouter)}, err
}

type l3RouterBody struct {
	Router string `wire:"router_id" is:"required"`
}

func (a *l3AgentsAPI) add(ctx context.Context, r *api.Request, in *l3RouterBody) (*api.None, error) {
	return nil, a.ops.AddToAgent(ctx, r.Param("agent_id"), in.Router)
}

func (a *l3AgentsAPI) remove(ctx context.Context, r *api.Request, _ *api.None) (api.None, error) {
	return api.None{}, a.ops.RemoveFromAgent(ctx, r.Param("agent_id"), r.Param("router_id"))
}

// l3AgentView is an agent that carries a router. Routers here have no standby, so ha_state is null.
type l3AgentView struct {
	agentView
	HAState *string `wire:"ha_state"`
}

func (a *l3AgentsAPI) agentsOf(ctx context.Context, r *api.Request, _ *api.None) (api.Page[l3AgentView], error) {
	gs, err := a.ops.Agent(ctx, r.Param("router_id"))
	return api.Page[l3AgentView]{Items: views(gs, func(g neutron.Agent) l3AgentView {
		return l3AgentView{agentView: viewAgent(a.agents.Seen(g))}
	})}, err
}
