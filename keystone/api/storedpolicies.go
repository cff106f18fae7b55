package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"hypernova/keystone"
	"hypernova/keystone/api/policies"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

type policyView struct {
	ID    string                     `wire:"id"`
	Type  string                     `wire:"type"`
	Blob  string                     `wire:"blob"`
	Links links                      `wire:"links"`
	Extra map[string]json.RawMessage `wire:"*"`
}

func policyViewer(r *api.Request) func(keystone.Policy) policyView {
	return func(p keystone.Policy) policyView {
		return policyView{p.ID, p.Type, p.Blob, links{r.URL("/policies/%s", p.ID)}, p.Extra}
	}
}

type policyBody struct {
	Type  opt.Of[string]             `wire:"type" is:"maxlen=255"`
	Blob  opt.Of[string]             `wire:"blob"`
	Extra map[string]json.RawMessage `wire:"*"`
}

type policyQuery struct {
	Type *string `wire:"type"`
}

// storedPoliciesAPI answers what is asked about stored policies.
type storedPoliciesAPI struct {
	catalogLoader
}

var storedPolicies = api.Resource[*storedPoliciesAPI]{Name: "policy", Plural: "policies",
	Ops: api.Ops[*storedPoliciesAPI]{
		api.Do("POST /policies", policies.CreatePolicy, http.StatusCreated, (*storedPoliciesAPI).create),
		api.List("GET /policies", policies.ListPolicies, (*storedPoliciesAPI).list),
		api.On("GET /policies/{policy_id}", policies.GetPolicy, http.StatusOK, (*storedPoliciesAPI).loadPolicy,
			(*storedPoliciesAPI).show),
		api.On("PATCH /policies/{policy_id}", policies.UpdatePolicy, http.StatusOK, (*storedPoliciesAPI).loadPolicy,
			(*storedPoliciesAPI).update, api.NonEmpty()),
		api.On("DELETE /policies/{policy_id}", policies.DeletePolicy, http.StatusNoContent, (*storedPoliciesAPI).loadPolicy,
			(*storedPoliciesAPI).delete),
	}}

func (a *catalogLoader) loadPolicy(ctx context.Context, r *api.Request) (keystone.Policy, error) {
	return a.Catalog.Policies.Get(ctx, r.Param("policy_id"))
}

func (a *storedPoliciesAPI) create(ctx context.Context, r *api.Request, in *policyBody) (policyView, error) {
	if !in.Type.Has() || !in.Blob.Has() {
		return policyView{}, fault.Invalidf("'type' and 'blob' are required properties")
	}
	p, err := a.Catalog.Policies.Put(ctx, keystone.Policy{Type: in.Type.Value, Blob: in.Blob.Value, Extra: in.Extra})
	return policyViewer(r)(p), err
}

func (a *storedPoliciesAPI) list(ctx context.Context, r *api.Request, q *policyQuery) (api.Page[policyView], error) {
	out := api.Page[policyView]{Items: []policyView{}}
	ps, err := a.Catalog.Policies.List(ctx)
	for _, p := range ps {
		if (q.Type == nil || p.Type == *q.Type) && resembles(r, []string{"type"}, p.Type) {
			out.Items = append(out.Items, policyViewer(r)(p))
		}
	}
	return out, err
}

func (a *storedPoliciesAPI) show(_ context.Context, r *api.Request, p keystone.Policy,
	_ *api.None) (policyView, error) {
	return policyViewer(r)(p), nil
}

func (a *storedPoliciesAPI) update(ctx context.Context, r *api.Request, p keystone.Policy,
	in *policyBody) (policyView, error) {
	p.Type, p.Blob = in.Type.Or(p.Type), in.Blob.Or(p.Blob)
	extra := keystone.Extra{}
	for _, m := range []keystone.Extra{p.Extra, in.Extra} {
		for k, v := range m {
			extra[k] = v
		}
	}
	p.Extra = extra
	p, err := a.Catalog.Policies.Put(ctx, p)
	return policyViewer(r)(p), err
}

func (a *storedPoliciesAPI) delete(ctx context.Context, _ *api.Request, p keystone.Policy,
	_ *api.None) (api.None, error) {
	return api.None{}, a.Catalog.Policies.Delete(ctx, p.ID)
}

// policyLinksAPI associates stored policies with endpoints, services and regions.
type policyLinksAPI struct {
	catalogLoader
}

// policyLinks are the three breadths of an association; each is asked about, made and taken away under a rule of its
// own.
var policyLinks = api.Resource[*policyLinksAPI]{Name: "policy_association", Plural: "policy_associations",
	Ops: slices.Concat(
		linkOps("endpoints/{endpoint_id}", policies.CheckPolicyAssociationForEndpoint,
			policies.CreatePolicyAssociationForEndpoint, policies.DeletePolicyAssociationForEndpoint),
		linkOps("services/{service_id}", policies.CheckPolicyAssociationForService,
			policies.CreatePolicyAssociationForService,
			policies.DeletePolicyAssociationForService),
		linkOps("services/{service_id}/regions/{region_id}", policies.CheckPolicyAssociationForRegionAndService,
			policies.CreatePolicyAssociationForRegionAndService, policies.DeletePolicyAssociationForRegionAndService),
		api.Ops[*policyLinksAPI]{
			api.ListOf("GET /policies/{policy_id}/OS-ENDPOINT-POLICY/endpoints", policies.ListEndpointsForPolicy,
				(*policyLinksAPI).loadPolicy, (*policyLinksAPI).endpoints, api.EnvelopeOut("endpoints")),
			api.On("GET /endpoints/{endpoint_id}/OS-ENDPOINT-POLICY/policy", policies.GetPolicyForEndpoint, http.StatusOK,
				(*policyLinksAPI).loadEndpoint, (*policyLinksAPI).ofEndpoint, api.EnvelopeOut("policy")),
		})}

func linkOps(path string, check, add, drop *policy.Rule) api.Ops[*policyLinksAPI] {
	path = "/policies/{policy_id}/OS-ENDPOINT-POLICY/" + path
	return api.Ops[*policyLinksAPI]{
		api.On("GET "+path, check, http.StatusNoContent, (*policyLinksAPI).load, (*policyLinksAPI).check),
		api.On("PUT "+path, add, http.StatusNoContent, (*policyLinksAPI).load, (*policyLinksAPI).add),
		api.On("DELETE "+path, drop, http.StatusNoContent, (*policyLinksAPI).load, (*policyLinksAPI).drop),
	}
}

// load looks up all that the path names.
func (a *policyLinksAPI) load(ctx context.Context, r *api.Request) (keystone.PolicyLink, error) {
	p, err := a.loadPolicy(ctx, r)
	l := keystone.PolicyLink{PolicyID: p.ID, EndpointID: r.Param("endpoint_id"), ServiceID: r.Param("service_id"),
		RegionID: r.Param("region_id")}
	if err == nil && l.EndpointID != "" {
		_, err = a.loadEndpoint(ctx, r)
	}
	if err == nil && l.ServiceID != "" {
		_, err = a.loadService(ctx, r)
	}
	if err == nil && l.RegionID != "" {
		_, err = a.loadRegion(ctx, r)
	}
	return l, err
}

func (a *policyLinksAPI) check(ctx context.Context, _ *api.Request, l keystone.PolicyLink,
	_ *api.None) (api.None, error) {
	return api.None{}, a.Catalog.Policies.CheckAssociation(ctx, l)
}

func (a *policyLinksAPI) add(ctx context.Context, _ *api.Request, l keystone.PolicyLink,
	_ *api.None) (api.None, error) {
	return api.None{}, a.Catalog.Policies.Associate(ctx, l)
}

func (a *policyLinksAPI) drop(ctx context.Context, _ *api.Request, l keystone.PolicyLink,
	_ *api.None) (api.None, error) {
	return api.None{}, a.Catalog.Policies.Dissociate(ctx, l)
}

func (a *policyLinksAPI) endpoints(ctx context.Context, r *api.Request, p keystone.Policy,
	_ *api.None) (api.Page[endpointView], error) {
	es, err := a.Catalog.Policies.Endpoints(ctx, p.ID)
	return api.Page[endpointView]{Items: views(es, endpointViewer(r))}, err
}

func (a *policyLinksAPI) ofEndpoint(ctx context.Context, r *api.Request, e keystone.Endpoint,
	_ *api.None) (policyView, error) {
	p, err := a.Catalog.Policies.OfEndpoint(ctx, e)
	return policyViewer(r)(p), err
}
