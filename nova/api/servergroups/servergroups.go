// Package servergroups is the operations of the Compute API on server groups.
package servergroups

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/servergroups"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

// Resources are the operations with their receiver.
func Resources(g *servergroups.Groups) []api.Bound { return api.Bind(&groupsAPI{g}, groupOps) }

// groupsAPI answers what is asked about server groups.
type groupsAPI struct{ ServerGroups *servergroups.Groups }

var groupOps = api.Resource[*groupsAPI]{Name: "server_group", Plural: "server_groups", Ops: api.Ops[*groupsAPI]{
	api.List("GET /os-server-groups", policies.ServerGroupsIndex, (*groupsAPI).list, api.StrictFrom("2.75")),
	api.Do("POST /os-server-groups", policies.ServerGroupsCreate, 200, (*groupsAPI).create),
	api.On("GET /os-server-groups/{server_group_id}", policies.ServerGroupsShow, 200, (*groupsAPI).load,
		(*groupsAPI).show),
	api.On("DELETE /os-server-groups/{server_group_id}", policies.ServerGroupsDelete, 204, (*groupsAPI).load,
		(*groupsAPI).delete),
}}

type groupQuery struct {
	All    *string     `wire:"all_projects"`
	Offset opt.Of[int] `wire:"offset" is:"intish,min=0"`
	api.Paging
}

type groupView struct {
	ID       string            `wire:"id"`
	Name     string            `wire:"name"`
	Policies []string          `wire:"policies" mv:"-2.63"`
	Policy   string            `wire:"policy" mv:"2.64-"`
	Rules    groupRules        `wire:"rules" mv:"2.64-"`
	Members  []string          `wire:"members"`
	Metadata map[string]string `wire:"metadata" mv:"-2.63"`
	Project  string            `wire:"project_id" mv:"2.13-"`
	User     string            `wire:"user_id" mv:"2.13-"`
}

type groupRules struct {
	MaxPerHost opt.Of[int] `wire:"max_server_per_host" is:"digits,min=1,max=2147483647" omit:"empty"`
}

type groupCreate struct {
	Name     string     `wire:"name" is:"required,name"`
	First    []string   `wire:"policies" mv:"-2.14" is:"required,minitems=1,maxitems=1,each(enum=affinity|anti-affinity)"`
	Policies []string   `wire:"policies" mv:"2.15-2.63" is:"required,minitems=1,maxitems=1,each(enum=affinity|anti-affinity|soft-affinity|soft-anti-affinity)"`
	Policy   string     `wire:"policy" mv:"2.64-" is:"required,enum=affinity|anti-affinity|soft-affinity|soft-anti-affinity"`
	Rules    groupRules `wire:"rules" mv:"2.64-"`
}

func view(g *nova.ServerGroup) groupView {
	out := groupView{ID: g.ID, Name: g.Name, Policies: []string{string(g.Policy)}, Policy: string(g.Policy),
		Members: append([]string{}, g.Members...), Metadata: map[string]string{}, Project: g.Project, User: g.User}
	if g.MaxPerHost > 0 {
		out.Rules.MaxPerHost = opt.Some(g.MaxPerHost)
	}
	return out
}

// load loads the group of the path. For callers who are no administrators, one of another project is fault.NotFound.
func (a *groupsAPI) load(ctx context.Context, r *api.Request) (*nova.ServerGroup, error) {
	id := r.Param("server_group_id")
	g, err := a.ServerGroups.Group(ctx, id)
	if err == nil && g.Project != r.Caller.ProjectID && !r.Caller.Admin() {
		return nil, fault.NotFoundf("Instance group %s could not be found.", id)
	}
	return &g, err
}

func (a *groupsAPI) list(ctx context.Context, r *api.Request, q *groupQuery) (api.Page[groupView], error) {
	project := r.Caller.ProjectID
	if q.All != nil {
		if err := r.Require(policies.ServerGroupsIndexAllProjects, nil); err != nil {
			return api.Page[groupView]{}, err
		}
		project = ""
	}
	if q.Marker != "" && r.AtLeast(75) { // these lists have an offset instead
		return api.Page[groupView]{}, fault.Invalidf("Additional properties are not allowed ('marker' was unexpected)")
	}
	all, err := a.ServerGroups.List(ctx, project, q.Offset.Or(0), q.Limit)
	p := api.Page[groupView]{}
	for i := range all {
		p.Items = append(p.Items, view(&all[i]))
	}
	return p, err
}

func (a *groupsAPI) show(_ context.Context, _ *api.Request, g *nova.ServerGroup, _ *api.None) (groupView, error) {
	return view(g), nil
}

func (a *groupsAPI) create(ctx context.Context, r *api.Request, in *groupCreate) (groupView, error) {
	policy := in.Policy
	for _, p := range append(in.First, in.Policies...) {
		policy = p
	}
	g, err := a.ServerGroups.Create(ctx, nova.ServerGroup{Name: in.Name, Project: r.Caller.ProjectID,
		User: r.Caller.UserID, Policy: nova.GroupPolicy(policy), MaxPerHost: in.Rules.MaxPerHost.Or(0)})
	return view(&g), err
}

func (a *groupsAPI) delete(ctx context.Context, _ *api.Request, g *nova.ServerGroup, _ *api.None) (api.None, error) {
	return api.None{}, a.ServerGroups.Delete(ctx, g.ID)
}
