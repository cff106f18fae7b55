package api

import (
	"context"
	"net/http"

	"hypernova/keystone"
	"hypernova/keystone/api/policies"
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
		return endpointGroupView{g.ID, g.Name, nullable(g.Description), g.Filters,
			links{r.URL("/OS-EP-FILTER/endpoint_groups/%s", g.ID)}}
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

// endpointGroupsAPI answers what is asked about groups of endpoints and the projects that see them.
type endpointGroupsAPI struct {
	directoryLoader
	catalogLoader
}

var endpointGroups = api.Resource[*endpointGroupsAPI]{Name: "endpoint_group", Plural: "endpoint_groups",
	Ops: api.Ops[*endpointGroupsAPI]{
		api.Do("POST /OS-EP-FILTER/endpoint_groups", policies.CreateEndpointGroup, http.StatusCreated,
			(*endpointGroupsAPI).create),
		api.List("GET /OS-EP-FILTER/endpoint_groups", policies.ListEndpointGroups, (*endpointGroupsAPI).list),
		api.On("GET /OS-EP-FILTER/endpoint_groups/{endpoint_group_id}", policies.GetEndpointGroup, http.StatusOK,
			(*endpointGroupsAPI).load, (*endpointGroupsAPI).show),
		api.On("PATCH /OS-EP-FILTER/endpoint_groups/{endpoint_group_id}", policies.UpdateEndpointGroup, http.StatusOK,
			(*endpointGroupsAPI).load, (*endpointGroupsAPI).update, api.NonEmpty()),
		api.On("DELETE /OS-EP-FILTER/endpoint_groups/{endpoint_group_id}", policies.DeleteEndpointGroup, http.StatusNoContent,
			(*endpointGroupsAPI).load, (*endpointGroupsAPI).delete),
		api.ListOf("GET /OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects",
			policies.ListProjectsAssociatedWithEndpointGroup, (*endpointGroupsAPI).load, (*endpointGroupsAPI).projects,
			api.EnvelopeOut("projects")),
		api.ListOf("GET /OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/endpoints",
			policies.ListEndpointsAssociatedWithEndpointGroup, (*endpointGroupsAPI).load, (*endpointGroupsAPI).endpoints,
			api.EnvelopeOut("endpoints")),
		api.On("GET /OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects/{project_id}",
			policies.GetEndpointGroupInProject, http.StatusOK, (*endpointGroupsAPI).loadInProject,
			(*endpointGroupsAPI).showInProject, api.EnvelopeOut("project_endpoint_group")),
		api.On("PUT /OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects/{project_id}",
			policies.AddEndpointGroupToProject, http.StatusNoContent, (*endpointGroupsAPI).loadInProject,
			(*endpointGroupsAPI).give),
		api.On("DELETE /OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects/{project_id}",
			policies.RemoveEndpointGroupFromProject, http.StatusNoContent, (*endpointGroupsAPI).loadInProject,
			(*endpointGroupsAPI).take),
		api.ListOf("GET /OS-EP-FILTER/projects/{project_id}/endpoint_groups", policies.ListEndpointGroupsForProject,
			(*endpointGroupsAPI).loadProject, (*endpointGroupsAPI).ofProject),
	}}

// endpointFiltersAPI answers which endpoints a project sees.
type endpointFiltersAPI struct {
	directoryLoader
	catalogLoader
}

var endpointFilters = api.Resource[*endpointFiltersAPI]{Name: "endpoint", Plural: "endpoints",
	Ops: api.Ops[*endpointFiltersAPI]{
		api.ListOf("GET /OS-EP-FILTER/endpoints/{endpoint_id}/projects", policies.ListProjectsForEndpoint,
			(*endpointFiltersAPI).loadEndpoint, (*endpointFiltersAPI).projects, api.EnvelopeOut("projects")),
		api.ListOf("GET /OS-EP-FILTER/projects/{project_id}/endpoints", policies.ListEndpointsForProject,
			(*endpointFiltersAPI).loadProject, (*endpointFiltersAPI).ofProject),
		api.On("GET /OS-EP-FILTER/projects/{project_id}/endpoints/{endpoint_id}", policies.CheckEndpointInProject,
			http.StatusNoContent, (*endpointFiltersAPI).load, (*endpointFiltersAPI).check),
		api.On("PUT /OS-EP-FILTER/projects/{project_id}/endpoints/{endpoint_id}", policies.AddEndpointToProject,
			http.StatusNoContent, (*endpointFiltersAPI).load, (*endpointFiltersAPI).give),
		api.On("DELETE /OS-EP-FILTER/projects/{project_id}/endpoints/{endpoint_id}", policies.RemoveEndpointFromProject,
			http.StatusNoContent, (*endpointFiltersAPI).load, (*endpointFiltersAPI).take),
	}}

func (a *endpointGroupsAPI) load(ctx context.Context, r *api.Request) (keystone.EndpointGroup, error) {
	return a.Catalog.Groups.Get(ctx, r.Param("endpoint_group_id"))
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

func (a *endpointGroupsAPI) create(ctx context.Context, r *api.Request,
	in *endpointGroupCreate) (endpointGroupView, error) {
	if err := validFilters(in.Filters); err != nil {
		return endpointGroupView{}, err
	}
	g, err := a.Catalog.Groups.Put(ctx, keystone.EndpointGroup{Name: in.Name, Description: in.Description.Or(""),
		Filters: in.Filters})
	return endpointGroupViewer(r)(g), err
}

func (a *endpointGroupsAPI) list(ctx context.Context, r *api.Request,
	q *nameQuery) (api.Page[endpointGroupView], error) {
	out := api.Page[endpointGroupView]{Items: []endpointGroupView{}}
	gs, err := a.Catalog.Groups.List(ctx)
	for _, g := range gs {
		if (q.Name == nil || g.Name == *q.Name) && resembles(r, []string{"name"}, g.Name) {
			out.Items = append(out.Items, endpointGroupViewer(r)(g))
		}
	}
	return out, err
}

func (a *endpointGroupsAPI) show(_ context.Context, r *api.Request, g keystone.EndpointGroup,
	_ *api.None) (endpointGroupView, error) {
	return endpointGroupViewer(r)(g), nil
}

func (a *endpointGroupsAPI) update(ctx context.Context, r *api.Request, g keystone.EndpointGroup,
	in *endpointGroupUpdate) (endpointGroupView, error) {
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
	g, err := a.Catalog.Groups.Put(ctx, g)
	return endpointGroupViewer(r)(g), err
}

func (a *endpointGroupsAPI) delete(ctx context.Context, _ *api.Request, g keystone.EndpointGroup,
	_ *api.None) (api.None, error) {
	return api.None{}, a.Catalog.Groups.Delete(ctx, g.ID)
}

// projectsByID shows projects; one that has just gone is left out.
func (a *directoryLoader) projectsByID(ctx context.Context, r *api.Request, ids []string,
	err error) (api.Page[projectView], error) {
	out := api.Page[projectView]{Items: []projectView{}}
	for _, id := range ids {
		p, err := a.Identity.Projects.Get(ctx, id)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return out, err
		}
		if err == nil {
			out.Items = append(out.Items, projectViewer(r)(p))
		}
	}
	return out, err
}

func (a *endpointGroupsAPI) projects(ctx context.Context, r *api.Request, g keystone.EndpointGroup,
	_ *api.None) (api.Page[projectView], error) {
	ids, err := a.Catalog.Groups.Projects(ctx, g.ID)
	return a.projectsByID(ctx, r, ids, err)
}

func (a *endpointGroupsAPI) endpoints(ctx context.Context, r *api.Request, g keystone.EndpointGroup,
	_ *api.None) (api.Page[endpointView], error) {
	es, err := a.Catalog.Groups.Endpoints(ctx, g)
	return api.Page[endpointView]{Items: views(es, endpointViewer(r))}, err
}

// association is an endpoint or a group of them, and the project that it is about.
type association struct {
	project  keystone.Project
	endpoint string
	group    keystone.EndpointGroup
}

func (a *endpointGroupsAPI) loadInProject(ctx context.Context, r *api.Request) (association, error) {
	g, err := a.load(ctx, r)
	if err != nil {
		return association{}, err
	}
	p, err := a.loadProject(ctx, r)
	return association{project: p, group: g}, err
}

type groupInProjectView struct {
	Group   string `wire:"endpoint_group_id"`
	Project string `wire:"project_id"`
	Links   links  `wire:"links"`
}

func (a *endpointGroupsAPI) showInProject(ctx context.Context, r *api.Request, g association,
	_ *api.None) (groupInProjectView, error) {
	gs, err := a.Catalog.Groups.OfProject(ctx, g.project.ID)
	for _, have := range gs {
		if have.ID == g.group.ID {
			return groupInProjectView{g.group.ID, g.project.ID, links{r.URL("/OS-EP-FILTER/endpoint_groups/%s/projects/%s",
				g.group.ID, g.project.ID)}}, nil
		}
	}
	if err == nil {
		err = fault.NotFoundf("Endpoint Group %s is not in project %s.", g.group.ID, g.project.ID)
	}
	return groupInProjectView{}, err
}

func (a *endpointGroupsAPI) give(ctx context.Context, _ *api.Request, g association, _ *api.None) (api.None, error) {
	return api.None{}, a.Catalog.Groups.AddToProject(ctx, g.group.ID, g.project.ID)
}

func (a *endpointGroupsAPI) take(ctx context.Context, _ *api.Request, g association, _ *api.None) (api.None, error) {
	return api.None{}, a.Catalog.Groups.RemoveFromProject(ctx, g.group.ID, g.project.ID)
}

func (a *endpointGroupsAPI) ofProject(ctx context.Context, r *api.Request, p keystone.Project,
	_ *api.None) (api.Page[endpointGroupView], error) {
	gs, err := a.Catalog.Groups.OfProject(ctx, p.ID)
	return api.Page[endpointGroupView]{Items: views(gs, endpointGroupViewer(r))}, err
}

func (a *endpointFiltersAPI) projects(ctx context.Context, r *api.Request, e keystone.Endpoint,
	_ *api.None) (api.Page[projectView], error) {
	ids, err := a.Catalog.Endpoints.Projects(ctx, e.ID)
	return a.projectsByID(ctx, r, ids, err)
}

func (a *endpointFiltersAPI) ofProject(ctx context.Context, r *api.Request, p keystone.Project,
	_ *api.None) (api.Page[endpointView], error) {
	es, err := a.Catalog.Endpoints.OfProject(ctx, p.ID)
	return api.Page[endpointView]{Items: views(es, endpointViewer(r))}, err
}

func (a *endpointFiltersAPI) load(ctx context.Context, r *api.Request) (association, error) {
	e, err := a.loadEndpoint(ctx, r)
	if err != nil {
		return association{}, err
	}
	p, err := a.loadProject(ctx, r)
	return association{project: p, endpoint: e.ID}, err
}

func (a *endpointFiltersAPI) check(ctx context.Context, _ *api.Request, g association, _ *api.None) (api.None, error) {
	ids, err := a.Catalog.Endpoints.Projects(ctx, g.endpoint)
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

func (a *endpointFiltersAPI) give(ctx context.Context, _ *api.Request, g association, _ *api.None) (api.None, error) {
	return api.None{}, a.Catalog.Endpoints.AddToProject(ctx, g.endpoint, g.project.ID)
}

func (a *endpointFiltersAPI) take(ctx context.Context, _ *api.Request, g association, _ *api.None) (api.None, error) {
	return api.None{}, a.Catalog.Endpoints.RemoveFromProject(ctx, g.endpoint, g.project.ID)
}
