package api

import (
	"context"
	"net/http"

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

// ofProject is the project of the path; nobody asks whether it exists.
type ofProject string

// PolicyTarget is the project's own.
func (p ofProject) PolicyTarget() policy.Target {
	return policy.Target{"project_id": string(p), "tenant_id": string(p)}
}

func (a *API) quotaProject(_ context.Context, r *api.Request) (ofProject, error) {
	return ofProject(r.Param("project_id")), nil
}

// quotaSeen is the project of the path for who may read its quotas: those of the own project are no secret, whatever the role.
func (a *API) quotaSeen(_ context.Context, r *api.Request) (ofProject, error) {
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

func quotaResource() api.Resource[*API] {
	return api.Resource[*API]{Name: "quota", Plural: "quotas", Ops: api.Ops[*API]{
		api.List("GET /quotas", updateQuota, (*API).listQuotas),
		api.Do("GET /quotas/tenant", nil, http.StatusOK, (*API).quotaTenant, api.Envelope("tenant")),
		api.Do("GET /quotas/project", nil, http.StatusOK, (*API).quotaOwn, api.Envelope("project")),
		api.On("GET /quotas/{project_id}", nil, http.StatusOK, (*API).quotaSeen, (*API).showQuota),
		api.On("GET /quotas/{project_id}/default", nil, http.StatusOK, (*API).quotaSeen, (*API).defaultQuota),
		api.On("GET /quotas/{project_id}/details", nil, http.StatusOK, (*API).quotaSeen, (*API).quotaDetails),
		api.On("PUT /quotas/{project_id}", updateQuota, http.StatusOK, (*API).quotaProject, (*API).updateQuota),
		api.On("DELETE /quotas/{project_id}", deleteQuota, http.StatusNoContent, (*API).quotaProject, (*API).deleteQuota),
	}}
}

func (a *API) listQuotas(ctx context.Context, _ *api.Request, _ *api.None) (api.Page[limits], error) {
	sets, err := a.n.Quotas.List(ctx)
	return api.Page[limits]{Items: views(sets, func(s quota.Set) limits { return limits{Project: s.Project, Tenant: s.Project, Limits: s.Limits} })}, err
}

func (a *API) quotaTenant(_ context.Context, r *api.Request, _ *api.None) (tenantView, error) {
	project, err := ownProject(r)
	return tenantView{project}, err
}

func (a *API) quotaOwn(_ context.Context, r *api.Request, _ *api.None) (projectView, error) {
	project, err := ownProject(r)
	return projectView{project}, err
}

func (a *API) showQuota(ctx context.Context, _ *api.Request, p ofProject, _ *api.None) (limits, error) {
	s, err := a.n.Quotas.Show(ctx, string(p))
	return limits{Limits: s.Limits}, err
}

func (a *API) defaultQuota(_ context.Context, _ *api.Request, p ofProject, _ *api.None) (limits, error) {
	return limits{Limits: a.n.Quotas.Default(string(p)).Limits}, nil
}

func (a *API) quotaDetails(ctx context.Context, _ *api.Request, p ofProject, _ *api.None) (details, error) {
	s, err := a.n.Quotas.Detail(ctx, string(p))
	d := details{Details: map[string]quotaDetail{}}
	for name, limit := range s.Limits {
		d.Details[name] = quotaDetail{Limit: limit, Used: s.Used[name]}
	}
	return d, err
}

func (a *API) updateQuota(ctx context.Context, _ *api.Request, p ofProject, in *quotaBody) (limits, error) {
	want := make(map[string]int64, len(in.Limits))
	for name, n := range in.Limits {
		want[name] = int64(n)
	}
	s, err := a.n.Quotas.Update(ctx, string(p), want)
	return limits{Limits: s.Limits}, err
}

func (a *API) deleteQuota(ctx context.Context, _ *api.Request, p ofProject, _ *api.None) (api.None, error) {
	return api.None{}, a.n.Quotas.Delete(ctx, string(p))
}
