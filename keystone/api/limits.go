package api

import (
	"context"
	"net/http"
	"slices"

	"hypernova/keystone"
	"hypernova/keystone/api/policies"
	"hypernova/keystone/identity"
	"hypernova/keystone/limit"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

type registeredView struct {
	ID          string  `wire:"id"`
	ServiceID   string  `wire:"service_id"`
	RegionID    *string `wire:"region_id"`
	Resource    string  `wire:"resource_name"`
	Default     int64   `wire:"default_limit"`
	Description *string `wire:"description"`
	Links       links   `wire:"links"`
}

func registeredViewer(r *api.Request) func(keystone.RegisteredLimit) registeredView {
	return func(l keystone.RegisteredLimit) registeredView {
		return registeredView{l.ID, l.ServiceID, nullable(l.RegionID), l.Resource, l.Default, nullable(l.Description),
			links{r.URL("/registered_limits/%s", l.ID)}}
	}
}

type limitView struct {
	ID          string  `wire:"id"`
	ProjectID   *string `wire:"project_id"`
	DomainID    *string `wire:"domain_id"`
	ServiceID   string  `wire:"service_id"`
	RegionID    *string `wire:"region_id"`
	Resource    string  `wire:"resource_name"`
	Value       int64   `wire:"resource_limit"`
	Description *string `wire:"description"`
	Links       links   `wire:"links"`
}

func limitViewer(r *api.Request) func(keystone.Limit) limitView {
	return func(l keystone.Limit) limitView {
		return limitView{l.ID, nullable(l.ProjectID), nullable(l.DomainID), l.ServiceID, nullable(l.RegionID), l.Resource,
			l.Value,
			nullable(l.Description), links{r.URL("/limits/%s", l.ID)}}
	}
}

type registeredCreate struct {
	ServiceID   string         `wire:"service_id" is:"required,id"`
	RegionID    opt.Of[string] `wire:"region_id" is:"nullable,maxlen=255"`
	Resource    string         `wire:"resource_name" is:"required,minlen=1,maxlen=255,pattern=\\S"`
	Default     *int64         `wire:"default_limit" is:"required,min=-1,max=2147483647"`
	Description opt.Of[string] `wire:"description" is:"nullable,maxlen=65535"`
}

type registeredList struct {
	Limits []registeredCreate `wire:"registered_limits" is:"required,minitems=1"`
}

type registeredUpdate struct {
	ServiceID   opt.Of[string] `wire:"service_id" is:"id"`
	RegionID    opt.Of[string] `wire:"region_id" is:"nullable,maxlen=255"`
	Resource    opt.Of[string] `wire:"resource_name" is:"minlen=1,maxlen=255,pattern=\\S"`
	Default     opt.Of[int64]  `wire:"default_limit" is:"min=-1,max=2147483647"`
	Description opt.Of[string] `wire:"description" is:"nullable,maxlen=65535"`
}

type limitCreate struct {
	ProjectID   opt.Of[string] `wire:"project_id" is:"nullable,maxlen=64"`
	DomainID    opt.Of[string] `wire:"domain_id" is:"nullable,maxlen=64"`
	ServiceID   string         `wire:"service_id" is:"required,id"`
	RegionID    opt.Of[string] `wire:"region_id" is:"nullable,maxlen=255"`
	Resource    string         `wire:"resource_name" is:"required,minlen=1,maxlen=255,pattern=\\S"`
	Value       *int64         `wire:"resource_limit" is:"required,min=-1,max=2147483647"`
	Description opt.Of[string] `wire:"description" is:"nullable,maxlen=65535"`
}

type limitList struct {
	Limits []limitCreate `wire:"limits" is:"required,minitems=1"`
}

type limitUpdate struct {
	Value       opt.Of[int64]  `wire:"resource_limit" is:"min=-1,max=2147483647"`
	Description opt.Of[string] `wire:"description" is:"nullable,maxlen=65535"`
}

type registeredQuery struct {
	api.PageQuery
	ServiceID *string `wire:"service_id" filter:"service_id"`
	RegionID  *string `wire:"region_id" filter:"region_id"`
	Resource  *string `wire:"resource_name" filter:"resource_name"`
}

type limitQuery struct {
	api.PageQuery
	ServiceID *string `wire:"service_id" filter:"service_id"`
	RegionID  *string `wire:"region_id" filter:"region_id"`
	Resource  *string `wire:"resource_name" filter:"resource_name"`
	ProjectID *string `wire:"project_id" filter:"project_id"`
	DomainID  *string `wire:"domain_id" filter:"domain_id"`
}

// registeredLimitsAPI answers what is asked about registered limits.
type registeredLimitsAPI struct {
	Limits *limit.Service
}

var registeredLimits = api.Resource[*registeredLimitsAPI]{Name: "registered_limit", Plural: "registered_limits",
	Ops: api.Ops[*registeredLimitsAPI]{
		api.Do("POST /registered_limits", policies.CreateRegisteredLimits, http.StatusCreated, (*registeredLimitsAPI).create,
			api.EnvelopeIn(""), api.EnvelopeOut("registered_limits")),
		api.List("GET /registered_limits", policies.ListRegisteredLimits, (*registeredLimitsAPI).list),
		api.On("GET /registered_limits/{registered_limit_id}", policies.GetRegisteredLimit, http.StatusOK,
			(*registeredLimitsAPI).load, (*registeredLimitsAPI).show),
		api.On("PATCH /registered_limits/{registered_limit_id}", policies.UpdateRegisteredLimit, http.StatusOK,
			(*registeredLimitsAPI).load, (*registeredLimitsAPI).update),
		api.On("DELETE /registered_limits/{registered_limit_id}", policies.DeleteRegisteredLimit, http.StatusNoContent,
			(*registeredLimitsAPI).load, (*registeredLimitsAPI).delete),
	}}

// limitsAPI answers what is asked about limits and their model.
type limitsAPI struct {
	Identity *identity.Service
	Limits   *limit.Service
}

var limits = api.Resource[*limitsAPI]{Name: "limit", Plural: "limits", Ops: api.Ops[*limitsAPI]{
	api.Do("POST /limits", policies.CreateLimits, http.StatusCreated, (*limitsAPI).create, api.EnvelopeIn(""),
		api.EnvelopeOut("limits")),
	api.List("GET /limits", policies.ListLimits, (*limitsAPI).list),
	api.On("GET /limits/{limit_id}", policies.GetLimit, http.StatusOK, (*limitsAPI).load, (*limitsAPI).show),
	api.On("PATCH /limits/{limit_id}", policies.UpdateLimit, http.StatusOK, (*limitsAPI).load, (*limitsAPI).update),
	api.On("DELETE /limits/{limit_id}", policies.DeleteLimit, http.StatusNoContent, (*limitsAPI).load,
		(*limitsAPI).delete),
}}

type modelView struct {
	Name        string `wire:"name"`
	Description string `wire:"description"`
}

var limitModel = api.Resource[*limitsAPI]{Name: "model", Plural: "models", Ops: api.Ops[*limitsAPI]{
	api.Do("GET /limits/model", policies.GetLimitModel, http.StatusOK, (*limitsAPI).model),
}}

func (a *limitsAPI) model(context.Context, *api.Request, *api.None) (modelView, error) {
	name, what := a.Limits.Model()
	return modelView{name, what}, nil
}

func (a *registeredLimitsAPI) load(ctx context.Context, r *api.Request) (keystone.RegisteredLimit, error) {
	return a.Limits.Registered(ctx, r.Param("registered_limit_id"))
}

func (a *registeredLimitsAPI) create(ctx context.Context, r *api.Request,
	in *registeredList) ([]registeredView, error) {
	var ls []keystone.RegisteredLimit
	for _, l := range in.Limits {
		ls = append(ls, keystone.RegisteredLimit{ServiceID: l.ServiceID, RegionID: l.RegionID.Or(""), Resource: l.Resource,
			Default:     *l.Default,
			Description: l.Description.Or("")})
	}
	ls, err := a.Limits.CreateRegistered(ctx, ls)
	return views(ls, registeredViewer(r)), err
}

func (a *registeredLimitsAPI) list(ctx context.Context, r *api.Request,
	q *registeredQuery) (api.Page[registeredView], error) {
	where := like(api.Where(r, q), r, "service_id", "region_id", "resource_name")
	return page(q.PageQuery, where, func(la db.ListArgs) ([]keystone.RegisteredLimit,
		error) {
		return a.Limits.AllRegistered(ctx, la)
	},
		func(l keystone.RegisteredLimit) string { return l.ID }, registeredViewer(r))
}

func (a *registeredLimitsAPI) show(_ context.Context, r *api.Request, l keystone.RegisteredLimit,
	_ *api.None) (registeredView, error) {
	return registeredViewer(r)(l), nil
}

func (a *registeredLimitsAPI) update(ctx context.Context, r *api.Request, l keystone.RegisteredLimit,
	in *registeredUpdate) (registeredView, error) {
	l, err := a.Limits.UpdateRegistered(ctx, l.ID, func(l *keystone.RegisteredLimit) {
		l.ServiceID, l.Resource, l.Default = in.ServiceID.Or(l.ServiceID), in.Resource.Or(l.Resource),
			in.Default.Or(l.Default)
		if in.RegionID.Set {
			l.RegionID = in.RegionID.Or("")
		}
		if in.Description.Set {
			l.Description = in.Description.Or("")
		}
	})
	return registeredViewer(r)(l), err
}

func (a *registeredLimitsAPI) delete(ctx context.Context, _ *api.Request, l keystone.RegisteredLimit,
	_ *api.None) (api.None, error) {
	return api.None{}, a.Limits.DeleteRegistered(ctx, l)
}

func (a *limitsAPI) load(ctx context.Context, r *api.Request) (keystone.Limit, error) {
	return a.Limits.Limit(ctx, r.Param("limit_id"))
}

func (a *limitsAPI) create(ctx context.Context, r *api.Request, in *limitList) ([]limitView, error) {
	var ls []keystone.Limit
	for _, l := range in.Limits {
		if (l.ProjectID.Or("") == "") == (l.DomainID.Or("") == "") {
			return nil, fault.Invalidf("Invalid input for field 'limits': a limit is for a project or for a domain.")
		}
		ls = append(ls, keystone.Limit{ProjectID: l.ProjectID.Or(""), DomainID: l.DomainID.Or(""), ServiceID: l.ServiceID,
			RegionID: l.RegionID.Or(""),
			Resource: l.Resource, Value: *l.Value, Description: l.Description.Or("")})
	}
	ls, err := a.Limits.Create(ctx, ls)
	return views(ls, limitViewer(r)), err
}

// list shows all to administrators, services and the system, to others what is of their domain or project.
func (a *limitsAPI) list(ctx context.Context, r *api.Request, q *limitQuery) (api.Page[limitView], error) {
	where := like(api.Where(r, q), r, "service_id", "region_id", "resource_name", "project_id", "domain_id")
	c := r.Caller
	switch {
	case c.System != "" || c.Admin() || c.HasRole("service"):
	case c.DomainID != "":
		ps, err := a.Identity.Projects.List(ctx, db.ListArgs{Where: []db.Cond{db.EqTo("domain_id", c.DomainID)}})
		if err != nil {
			return api.Page[limitView]{}, err
		}
		ls, err := a.Limits.Limits(ctx, db.ListArgs{Where: where})
		ls = slices.DeleteFunc(ls, func(l keystone.Limit) bool {
			return l.DomainID != c.DomainID && !slices.ContainsFunc(ps,
				func(p keystone.Project) bool { return p.ID == l.ProjectID })
		})
		return api.Page[limitView]{Items: views(ls, limitViewer(r))}, err
	case c.ProjectID != "":
		where = append(where, db.EqTo("project_id", c.ProjectID))
	default:
		return api.Page[limitView]{Items: []limitView{}}, nil
	}
	return page(q.PageQuery, where, func(la db.ListArgs) ([]keystone.Limit, error) { return a.Limits.Limits(ctx, la) },
		func(l keystone.Limit) string { return l.ID }, limitViewer(r))
}

func (a *limitsAPI) show(_ context.Context, r *api.Request, l keystone.Limit, _ *api.None) (limitView, error) {
	return limitViewer(r)(l), nil
}

func (a *limitsAPI) update(ctx context.Context, r *api.Request, l keystone.Limit, in *limitUpdate) (limitView, error) {
	l, err := a.Limits.Update(ctx, l.ID, func(l *keystone.Limit) {
		l.Value = in.Value.Or(l.Value)
		if in.Description.Set {
			l.Description = in.Description.Or("")
		}
	})
	return limitViewer(r)(l), err
}

func (a *limitsAPI) delete(ctx context.Context, _ *api.Request, l keystone.Limit, _ *api.None) (api.None, error) {
	return api.None{}, a.Limits.Delete(ctx, l.ID)
}
