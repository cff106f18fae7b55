package api

import (
	"context"
	"net/http"

	"hypernova/keystone"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

type endpointGroupView struct {
	ID          string            `wire:"id"`
	Name        string            `wire:"name"`
	Description *string           `wire:"description"`
	Filters     map[string]string `wire:"filters"`
	Links       links             `wire:"links"`
}

func endpointGroupViewer(r *api.Request) func(keystone.EndpointGroup) endpointGroupView {
	return func(g keystone.EndpointGroup) endpointGroupView {
		return endpointGroupView{g.ID, g.Name, nullable(g.Description), g.Filters, links{r.URL("/OS-EP-FILTER/endpoint_groups/%s", g.ID)}}
	}
}

type endpointGroupCreate struct {
	Name        string            `wire:"name" is:"required,name"`
	Description opt.Of[string]    `wire:"description" is:"nullable,maxlen=65535"`
	Filters     map[string]string `wire:"filters" is:"required,minitems=1"`
}

type endpointGroupUpdate struct {
	Name        opt.Of[string]            `wire:"name" is:"name"`
	Description opt.Of[string]            `wire:"description" is:"nullable,maxlen=65535"`
	Filters     opt.Of[map[string]string] `wire:"filters" is:"minitems=1"`
}

var endpointGroups = api.Resource[*API]{Name: "endpoint_group", Plural: "endpoint_groups", Ops: api.Ops[*API]{
	api.Do("POST /OS-EP-FILTER/endpoint_groups", groupsAdd, http.StatusCreated, (*API).createEndpointGroup),
	api.List("GET /OS-EP-FILTER/endpoint_groups", groupsList, (*API).listEndpointGroups),
	api.On("GET /OS-EP-FILTER/endpoint_groups/{endpoint_group_id}", groupsGet, http.StatusOK, (*API).loadEndpointGroup, (*API).showEndpointGroup),
	api.On("PATCH /OS-EP-FILTER/endpoint_groups/{endpoint_group_id}", groupsPut, http.StatusOK, (*API).loadEndpointGroup, (*API).updateEndpointGroup, api.NonEmpty()),
	api.On("DELETE /OS-EP-FILTER/endpoint_groups/{endpoint_group_id}", groupsDrop, http.StatusNoContent, (*API).loadEndpointGroup, (*API).deleteEndpointGroup),
	api.ListOf("GET /OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects", groupsProjects, (*API).loadEndpointGroup, (*API).groupProjects, api.EnvelopeOut("projects")),
	api.ListOf("GET /OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/endpoints", groupsMembers, (*API).loadEndpointGroup, (*API).groupEndpoints, api.EnvelopeOut("endpoints")),
	api.On("GET /OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects/{project_id}", groupsCheck, http.StatusOK, (*API).loadGroupInProject, (*API).showGroupInProject, api.EnvelopeOut("project_endpoint_group")),
	api.On("PUT /OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects/{project_id}", groupsGive, http.StatusNoContent, (*API).loadGroupInProject, (*API).giveGroup),
	api.On("DELETE /OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects/{project_id}", groupsTake, http.StatusNoContent, (*API).loadGroupInProject, (*API).takeGroup),
	api.ListOf("GET /OS-EP-FILTER/projects/{project_id}/endpoint_groups", groupsOf, (*API).loadProject, (*API).projectGroups),
}}

var endpointFilters = api.Resource[*API]{Name: "endpoint", Plural: "endpoints", Ops: api.Ops[*API]{
	api.ListOf("GET /OS-EP-FILTER/endpoints/{endpoint_id}/projects", filterProjects, (*API).loadEndpoint, (*API).endpointProjects, api.EnvelopeOut("projects")),
	api.ListOf("GET /OS-EP-FILTER/projects/{project_id}/endpoints", filterList, (*API).loadProject, (*API).projectEndpoints),
	api.On("GET /OS-EP-FILTER/projects/{project_id}/endpoints/{endpoint_id}", filterCheck, http.StatusNoContent, (*API).loadGift, (*API).checkGift),
	api.On("PUT /OS-EP-FILTER/projects/{project_id}/endpoints/{endpoint_id}", filterGive, http.StatusNoContent, (*API).loadGift, (*API).give),
	api.On("DELETE /OS-EP-FILTER/projects/{project_id}/endpoints/{endpoint_id}", filterTake, http.StatusNoContent, (*API).loadGift, (*API).take),
}}

func (a *API) loadEndpointGroup(ctx context.Context, r *api.Request) (keystone.EndpointGroup, error) {
	return a.Catalog.EndpointGroup(ctx, r.Param("endpoint_group_id"))
}

// validFilters refuses what endpoints cannot be told apart by.
func validFilters(fs map[string]string) error {
	for name, want := range fs {
		if name == "interface" && want != "admin" && want != "internal" && want != "public" {
			return fault.Invalidf("Invalid input for field 'filters': interface is one of admin, internal, public.")
		}
		if name != "service_id" && name != "region_id" && name != "interface" {
			return fault.Invalidf("Expecting to find service_id or region_id or interface in endpoint_group. The server could not comply with the request since it is either malformed or otherwise incorrect.")
		}
	}
	return nil
}

func (a *API) createEndpointGroup(ctx context.Context, r *api.Request, in *endpointGroupCreate) (endpointGroupView, error) {
	if err := validFilters(in.Filters); err != nil {
		return endpointGroupView{}, err
	}
	g, err := a.Catalog.PutEndpointGroup(ctx, keystone.EndpointGroup{Name: in.Name, Description: in.Description.Or(""), Filters: in.Filters})
	return endpointGroupViewer(r)(g), err
}

func (a *API) listEndpointGroups(ctx context.Context, r *api.Request, q *nameQuery) (api.Page[endpointGroupView], error) {
	out := api.Page[endpointGroupView]{Items: []endpointGroupView{}}
	gs, err := a.Catalog.EndpointGroups(ctx)
	for _, g := range gs {
		if (q.Name == nil || g.Name == *q.Name) && resembles(r, []string{"name"}, g.Name) {
			out.Items = append(out.Items, endpointGroupViewer(r)(g))
		}
	}
	return out, err
}

func (a *API) showEndpointGroup(_ context.Context, r *api.Request, g keystone.EndpointGroup, _ *api.None) (endpointGroupView, error) {
	return endpointGroupViewer(r)(g), nil
}

func (a *API) updateEndpointGroup(ctx context.Context, r *api.Request, g keystone.EndpointGroup, in *endpointGroupUpdate) (endpointGroupView, error) {
	g.Name = in.Name.Or(g.Name)
	if in.Description.Set {
		g.Description = in.Description.Or("")
	}
	if in.Filters.Has() {
		if err := validFilters(in.Filters.Value); err != nil {
			return endpointGroupView{}, err
		}
		g.Filters = in.Filters.Value
	}
	g, err := a.Catalog.PutEndpointGroup(ctx, g)
	return endpointGroupViewer(r)(g), err
}

func (a *API) deleteEndpointGroup(ctx context.Context, _ *api.Request, g keystone.EndpointGroup, _ *api.None) (api.None, error) {
	return api.None{}, a.Catalog.DeleteEndpointGroup(ctx, g.ID)
}

// projectsByID shows projects; one that has just gone is left out.
func (a *API) projectsByID(ctx context.Context, r *api.Request, ids []string, err error) (api.Page[projectView], error) {
	out := api.Page[projectView]{Items: []projectView{}}
	for _, id := range ids {
		p, err := a.Identity.Project(ctx, id)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return out, err
		}
		if err == nil {
			out.Items = append(out.Items, projectViewer(r)(p))
		}
	}
	return out, err
}

func (a *API) groupProjects(ctx context.Context, r *api.Request, g keystone.EndpointGroup, _ *api.None) (api.Page[projectView], error) {
	ids, err := a.Catalog.GroupProjects(ctx, g.ID)
	return a.projectsByID(ctx, r, ids, err)
}

func (a *API) groupEndpoints(ctx context.Context, r *api.Request, g keystone.EndpointGroup, _ *api.None) (api.Page[endpointView], error) {
	es, err := a.Catalog.GroupEndpoints(ctx, g)
	return api.Page[endpointView]{Items: views(es, endpointViewer(r))}, err
}

// gift is an endpoint or a group of them, and the project that it is about.
type gift struct {
	project  keystone.Project
	endpoint string
	group    keystone.EndpointGroup
}

func (a *API) loadGroupInProject(ctx context.Context, r *api.Request) (gift, error) {
	g, err := a.loadEndpointGroup(ctx, r)
	if err != nil {
		return gift{}, err
	}
	p, err := a.loadProject(ctx, r)
	return gift{project: p, group: g}, err
}

type groupInProjectView struct {
	Group   string `wire:"endpoint_group_id"`
	Project string `wire:"project_id"`
	Links   links  `wire:"links"`
}

func (a *API) showGroupInProject(ctx context.Context, r *api.Request, g gift, _ *api.None) (groupInProjectView, error) {
	gs, err := a.Catalog.ProjectGroups(ctx, g.project.ID)
	for _, have := range gs {
		if have.ID == g.group.ID {
			return groupInProjectView{g.group.ID, g.project.ID, links{r.URL("/OS-EP-FILTER/endpoint_groups/%s/projects/%s", g.group.ID, g.project.ID)}}, nil
		}
	}
	if err == nil {
		err = fault.NotFoundf("Endpoint Group %s is not in project %s.", g.group.ID, g.project.ID)
	}
	return groupInProjectView{}, err
}

func (a *API) giveGroup(ctx context.Context, _ *api.Request, g gift, _ *api.None) (api.None, error) {
	return api.None{}, a.Catalog.GiveGroup(ctx, g.group.ID, g.project.ID)
}

func (a *API) takeGroup(ctx context.Context, _ *api.Request, g gift, _ *api.None) (api.None, error) {
	return api.None{}, a.Catalog.TakeGroup(ctx, g.group.ID, g.project.ID)
}

func (a *API) projectGroups(ctx context.Context, r *api.Request, p keystone.Project, _ *api.None) (api.Page[endpointGroupView], error) {
	gs, err := a.Catalog.ProjectGroups(ctx, p.ID)
	return api.Page[endpointGroupView]{Items: views(gs, endpointGroupViewer(r))}, err
}

func (a *API) endpointProjects(ctx context.Context, r *api.Request, e keystone.Endpoint, _ *api.None) (api.Page[projectView], error) {
	ids, err := a.Catalog.EndpointProjects(ctx, e.ID)
	return a.projectsByID(ctx, r, ids, err)
}

func (a *API) projectEndpoints(ctx context.Context, r *api.Request, p keystone.Project, _ *api.None) (api.Page[endpointView], error) {
	es, err := a.Catalog.ProjectEndpoints(ctx, p.ID)
	return api.Page[endpointView]{Items: views(es, endpointViewer(r))}, err
}

func (a *API) loadGift(ctx context.Context, r *api.Request) (gift, error) {
	e, err := a.loadEndpoint(ctx, r)
	if err != nil {
		return gift{}, err
	}
	p, err := a.loadProject(ctx, r)
	return gift{project: p, endpoint: e.ID}, err
}

func (a *API) checkGift(ctx context.Context, _ *api.Request, g gift, _ *api.None) (api.None, error) {
	ids, err := a.Catalog.EndpointProjects(ctx, g.endpoint)
	for _, id := range ids {
		if id == g.project.ID {
			return api.None{}, nil
		}
	}
	if err == nil {
		err = fault.NotFoundf("Endpoint %s is not in project %s.", g.endpoint, g.project.ID)
	}
	return api.None{}, err
}

func (a *API) give(ctx context.Context, _ *api.Request, g gift, _ *api.None) (api.None, error) {
	return api.None{}, a.Catalog.GiveEndpoint(ctx, g.endpoint, g.project.ID)
}

func (a *API) take(ctx context.Context, _ *api.Request, g gift, _ *api.None) (api.None, error) {
	return api.None{}, a.Catalog.TakeEndpoint(ctx, g.endpoint, g.project.ID)
}
