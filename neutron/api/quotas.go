package api

import (
	"context"
	"net/http"

	"hypernova/neutron/plugin"
	"hypernova/neutron/quota"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/policy"
)

// limits is a quota set: a number for each resource, by its name.
type limits struct {
	Project string           `wire:"project_id" omit:"empty"`
	Tenant  string           `wire:"tenant_id" omit:"empty"`
	Limits  map[string]int64 `wire:"*"`
}

type quotaDetail struct {
	Limit    int64 `wire:"limit"`
	Used     int64 `wire:"used"`
	Reserved int64 `wire:"reserved"`
}

type details struct {
	Details map[string]quotaDetail `wire:"*"`
}

type quotaBody struct {
	Project string         `wire:"project_id"`
	Tenant  string         `wire:"tenant_id"`
	Force   bool           `wire:"force" is:"boolish"`
	Check   bool           `wire:"check_limit" is:"boolish"`
	Limits  map[string]int `wire:"*" is:"each(intish,min=-1,max=2147483647)"`
}

type tenantView struct {
	Tenant string `wire:"tenant_id"`
}

type projectView struct {
	Project string `wire:"project_id"`
}

// ofProject is the project of the path. It is not checked that it exists, as in neutron.
type ofProject string

// PolicyTarget is the project's own.
func (p ofProject) PolicyTarget() policy.Target {
	return projectTarget(string(p))
}

func (a *quotasAPI) load(_ context.Context, r *api.Request) (ofProject, error) {
	return ofProject(r.Param("project_id")), nil
}

// loadSeen is the project of the path for a caller who may read its quotas. Every role reads those of its own
// project.
func (a *quotasAPI) loadSeen(_ context.Context, r *api.Request) (ofProject, error) {
	p := ofProject(r.Param("project_id"))
	if string(p) == r.Caller.ProjectID {
		return p, nil
	}
	return p, r.Require(getQuota, p.PolicyTarget())
}

// ownProject is the caller's project, where the token is of one.
func ownProject(r *api.Request) (string, error) {
	if r.Caller.ProjectID == "" {
		return "", fault.Invalidf("Tenant-id was missing from quota request.").Coded("QuotaMissingTenant")
	}
	return r.Caller.ProjectID, nil
}

// quotasAPI serves the quotas of projects.
type quotasAPI struct{ quotas *quota.Quotas }

func quotasOf(p *plugin.Plugin) resource {
	ops := api.Resource[*quotasAPI]{Name: "quota", Plural: "quotas", Ops: api.Ops[*quotasAPI]{
		api.List("GET /quotas", updateQuota, (*quotasAPI).list),
		api.Do("GET /quotas/tenant", nil, http.StatusOK, (*quotasAPI).tenant, api.Envelope("tenant")),
		api.Do("GET /quotas/project", nil, http.StatusOK, (*quotasAPI).project, api.Envelope("project")),
		api.On("GET /quotas/{project_id}", nil, http.StatusOK, (*quotasAPI).loadSeen, (*quotasAPI).show),
		api.On("GET /quotas/{project_id}/default", nil, http.StatusOK, (*quotasAPI).loadSeen, (*quotasAPI).defaults),
		api.On("GET /quotas/{project_id}/details", nil, http.StatusOK, (*quotasAPI).loadSeen, (*quotasAPI).details),
		api.On("PUT /quotas/{project_id}", updateQuota, http.StatusOK, (*quotasAPI).load, (*quotasAPI).update),
		api.On("DELETE /quotas/{project_id}", deleteQuota, http.StatusNoContent, (*quotasAPI).load, (*quotasAPI).delete),
	}}
	return resource{bound: api.Bind(&quotasAPI{p.Quotas}, ops), rules: []*policy.Rule{getQuota, updateQuota, deleteQuota},
		extensions: []extension{
			{"quota_details", "Quota Details", "Use beside limits."},
			{"quotas", "Quotas", "Limits of projects."},
		}}
}

func (a *quotasAPI) list(ctx context.Context, _ *api.Request, _ *api.None) (api.Page[limits], error) {
	sets, err := a.quotas.List(ctx)
	return api.Page[limits]{Items: views(sets, func(s quota.Set) limits {
		return limits{Project: s.Project, Tenant: s.Project, Limits: s.Limits}
	})}, err
}

func (a *quotasAPI) tenant(_ context.Context, r *api.Request, _ *api.None) (tenantView, error) {
	project, err := ownProject(r)
	return tenantView{project}, err
}

func (a *quotasAPI) project(_ context.Context, r *api.Request, _ *api.None) (projectView, error) {
	project, err := ownProject(r)
	return projectView{project}, err
}

func (a *quotasAPI) show(ctx context.Context, _ *api.Request, p ofProject, _ *api.None) (limits, error) {
	s, err := a.quotas.Show(ctx, string(p))
	return limits{Limits: s.Limits}, err
}

func (a *quotasAPI) defaults(_ context.Context, _ *api.Request, p ofProject, _ *api.None) (limits, error) {
	return limits{Limits: a.quotas.Default(string(p)).Limits}, nil
}

func (a *quotasAPI) details(ctx context.Context, _ *api.Request, p ofProject, _ *api.None) (details, error) {
	s, err := a.quotas.Detail(ctx, string(p))
	d := details{Details: map[string]quotaDetail{}}
	for name, limit := range s.Limits {
		d.Details[name] = quotaDetail{Limit: limit, Used: s.Used[name]}
	}
	return d, err
}

func (a *quotasAPI) update(ctx context.Context, _ *api.Request, p ofProject, in *quotaBody) (limits, error) {
	want := make(map[string]int64, len(in.Limits))
	for name, n := range in.Limits {
		want[name] = int64(n)
	}
	s, err := a.quotas.Update(ctx, string(p), want)
	return limits{Limits: s.Limits}, err
}

func (a *quotasAPI) delete(ctx context.Context, _ *api.Request, p ofProject, _ *api.None) (api.None, error) {
	return api.None{}, a.quotas.Delete(ctx, string(p))
}
