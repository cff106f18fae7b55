package api

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"hypernova/keystone"
	"hypernova/keystone/api/policies"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

type regionView struct {
	ID          string                     `wire:"id"`
	ParentID    *string                    `wire:"parent_region_id"`
	Description string                     `wire:"description"`
	Links       links                      `wire:"links"`
	Extra       map[string]json.RawMessage `wire:"*"`
}

type serviceView struct {
	ID          string                     `wire:"id"`
	Type        string                     `wire:"type"`
	Name        string                     `wire:"name"`
	Description string                     `wire:"description" omit:"empty"`
	Enabled     bool                       `wire:"enabled"`
	Links       links                      `wire:"links"`
	Extra       map[string]json.RawMessage `wire:"*"`
}

type endpointView struct {
	ID          string                     `wire:"id"`
	ServiceID   string                     `wire:"service_id"`
	Interface   string                     `wire:"interface"`
	RegionID    *string                    `wire:"region_id"`
	Region      *string                    `wire:"region"`
	URL         string                     `wire:"url"`
	Name        string                     `wire:"name" omit:"empty"`
	Description string                     `wire:"description" omit:"empty"`
	Enabled     bool                       `wire:"enabled"`
	Links       links                      `wire:"links"`
	Extra       map[string]json.RawMessage `wire:"*"`
}

func regionViewer(r *api.Request) func(keystone.Region) regionView {
	return func(g keystone.Region) regionView {
		return regionView{g.ID, nullable(g.ParentID), g.Description, links{r.URL("/regions/%s", g.ID)}, g.Extra}
	}
}

func serviceViewer(r *api.Request) func(keystone.Service) serviceView {
	return func(s keystone.Service) serviceView {
		return serviceView{s.ID, s.Type, s.Name, s.Description, s.Enabled, links{r.URL("/services/%s", s.ID)}, s.Extra}
	}
}

func endpointViewer(r *api.Request) func(keystone.Endpoint) endpointView {
	return func(e keystone.Endpoint) endpointView {
		return endpointView{e.ID, e.ServiceID, e.Interface, nullable(e.RegionID), nullable(e.RegionID), e.URL, e.Name,
			e.Description, e.Enabled,
			links{r.URL("/endpoints/%s", e.ID)}, e.Extra}
	}
}

type regionBody struct {
	ID          opt.Of[string]             `wire:"id" is:"nullable,maxlen=255"`
	ParentID    opt.Of[string]             `wire:"parent_region_id" is:"nullable,maxlen=255"`
	Description opt.Of[string]             `wire:"description" is:"nullable,maxlen=255"`
	Extra       map[string]json.RawMessage `wire:"*"`
}

type serviceBody struct {
	Type        opt.Of[string]             `wire:"type" is:"minlen=1,maxlen=255"`
	Name        opt.Of[string]             `wire:"name" is:"minlen=1,maxlen=255"`
	Description opt.Of[string]             `wire:"description" is:"nullable,maxlen=65535"`
	Enabled     opt.Of[bool]               `wire:"enabled"`
	Extra       map[string]json.RawMessage `wire:"*"`
}

type endpointBody struct {
	ID          opt.Of[string]             `wire:"id" is:"maxlen=255"` // taken and forgotten, as keystone does
	ServiceID   opt.Of[string]             `wire:"service_id" is:"minlen=1,maxlen=64"`
	Interface   opt.Of[string]             `wire:"interface" is:"enum=admin|internal|public"`
	RegionID    opt.Of[string]             `wire:"region_id" is:"nullable,maxlen=255"`
	Region      opt.Of[string]             `wire:"region" is:"nullable,maxlen=255"`
	URL         opt.Of[string]             `wire:"url" is:"minlen=1,maxlen=2048,pattern=^[a-zA-Z0-9+.-]+:.+"`
	Name        opt.Of[string]             `wire:"name" is:"nullable,maxlen=255"`
	Description opt.Of[string]             `wire:"description" is:"nullable,maxlen=65535"`
	Enabled     opt.Of[bool]               `wire:"enabled"`
	Extra       map[string]json.RawMessage `wire:"*"`
}

type regionQuery struct {
	Parent *string `wire:"parent_region_id"`
}

type serviceQuery struct {
	Type *string `wire:"type"`
	Name *string `wire:"name"`
}

type endpointQuery struct {
	ServiceID *string `wire:"service_id"`
	Interface *string `wire:"interface"`
	RegionID  *string `wire:"region_id"`
	Region    *string `wire:"region"`
}

// regionsAPI answers what is asked about regions.
type regionsAPI struct {
	catalogLoader
}

var regions = api.Resource[*regionsAPI]{Name: "region", Plural: "regions", Ops: api.Ops[*regionsAPI]{
	api.Do("POST /regions", policies.CreateRegion, http.StatusCreated, (*regionsAPI).create),
	api.List("GET /regions", policies.ListRegions, (*regionsAPI).list),
	api.On("GET /regions/{region_id}", policies.GetRegion, http.StatusOK, (*regionsAPI).loadRegion, (*regionsAPI).show),
	api.Do("PUT /regions/{region_id}", policies.CreateRegion, http.StatusCreated, (*regionsAPI).put),
	api.On("PATCH /regions/{region_id}", policies.UpdateRegion, http.StatusOK, (*regionsAPI).loadRegion,
		(*regionsAPI).update, api.NonEmpty()),
	api.On("DELETE /regions/{region_id}", policies.DeleteRegion, http.StatusNoContent, (*regionsAPI).loadRegion,
		(*regionsAPI).delete),
}}

// servicesAPI answers what is asked about services.
type servicesAPI struct {
	catalogLoader
}

var services = api.Resource[*servicesAPI]{Name: "service", Plural: "services", Ops: api.Ops[*servicesAPI]{
	api.Do("POST /services", policies.CreateService, http.StatusCreated, (*servicesAPI).create),
	api.List("GET /services", policies.ListServices, (*servicesAPI).list),
	api.On("GET /services/{service_id}", policies.GetService, http.StatusOK, (*servicesAPI).loadService,
		(*servicesAPI).show),
	api.On("PATCH /services/{service_id}", policies.UpdateService, http.StatusOK, (*servicesAPI).loadService,
		(*servicesAPI).update, api.NonEmpty()),
	api.On("DELETE /services/{service_id}", policies.DeleteService, http.StatusNoContent, (*servicesAPI).loadService,
		(*servicesAPI).delete),
}}

// endpointsAPI answers what is asked about endpoints.
type endpointsAPI struct {
	catalogLoader
}

var endpoints = api.Resource[*endpointsAPI]{Name: "endpoint", Plural: "endpoints", Ops: api.Ops[*endpointsAPI]{
	api.Do("POST /endpoints", policies.CreateEndpoint, http.StatusCreated, (*endpointsAPI).create),
	api.List("GET /endpoints", policies.ListEndpoints, (*endpointsAPI).list),
	api.On("GET /endpoints/{endpoint_id}", policies.GetEndpoint, http.StatusOK, (*endpointsAPI).loadEndpoint,
		(*endpointsAPI).show, api.MissingShown()),
	api.On("PATCH /endpoints/{endpoint_id}", policies.UpdateEndpoint, http.StatusOK, (*endpointsAPI).loadEndpoint,
		(*endpointsAPI).update, api.MissingShown(), api.NonEmpty()),
	api.On("DELETE /endpoints/{endpoint_id}", policies.DeleteEndpoint, http.StatusNoContent, (*endpointsAPI).loadEndpoint,
		(*endpointsAPI).delete, api.MissingShown()),
}}

func (a *catalogLoader) loadRegion(ctx context.Context, r *api.Request) (keystone.Region, error) {
	return a.Catalog.Regions.Get(ctx, r.Param("region_id"))
}

func (a *regionsAPI) create(ctx context.Context, r *api.Request, in *regionBody) (regionView, error) {
	v, err := a.Catalog.Regions.Create(ctx, keystone.Region{ID: in.ID.Or(""), ParentID: in.ParentID.Or(""),
		Description: in.Description.Or(""), Extra: in.Extra})
	return regionViewer(r)(v), err
}

func (a *regionsAPI) put(ctx context.Context, r *api.Request, in *regionBody) (regionView, error) {
	if in.ID.Has() && in.ID.Value != r.Param("region_id") {
		return regionView{}, fault.Invalidf("Conflicting region IDs specified: \"%s\" != \"%s\"", in.ID.Value,
			r.Param("region_id"))
	}
	in.ID = opt.Some(r.Param("region_id"))
	return a.create(ctx, r, in)
}

func (a *regionsAPI) list(ctx context.Context, r *api.Request, q *regionQuery) (api.Page[regionView], error) {
	vs, err := a.Catalog.Regions.List(ctx)
	vs = slices.DeleteFunc(vs, func(v keystone.Region) bool {
		return q.Parent != nil && v.ParentID != *q.Parent || !resembles(r, []string{"parent_region_id"}, v.ParentID)
	})
	return api.Page[regionView]{Items: views(vs, regionViewer(r))}, err
}

func (a *regionsAPI) show(_ context.Context, r *api.Request, v keystone.Region, _ *api.None) (regionView, error) {
	return regionViewer(r)(v), nil
}

func (a *regionsAPI) update(ctx context.Context, r *api.Request, v keystone.Region,
	in *regionBody) (regionView, error) {
	v, err := a.Catalog.Regions.Update(ctx, v.ID, func(v keystone.Region) keystone.Region {
		if in.ParentID.Set {
			v.ParentID = in.ParentID.Or("")
		}
		if in.Description.Set {
			v.Description = in.Description.Or("")
		}
		v.Extra = overlay(v.Extra, in.Extra)
		return v
	})
	return regionViewer(r)(v), err
}

func overlay(old, more map[string]json.RawMessage) map[string]json.RawMessage {
	if len(more) == 0 {
		return old
	}
	out := map[string]json.RawMessage{}
	maps.Copy(out, old)
	maps.Copy(out, more)
	return out
}

func (a *regionsAPI) delete(ctx context.Context, _ *api.Request, v keystone.Region, _ *api.None) (api.None, error) {
	return api.None{}, a.Catalog.Regions.Delete(ctx, v.ID)
}

func (a *catalogLoader) loadService(ctx context.Context, r *api.Request) (keystone.Service, error) {
	return a.Catalog.Services.Get(ctx, r.Param("service_id"))
}

func (b *serviceBody) apply(v keystone.Service) keystone.Service {
	v.Type, v.Enabled = b.Type.Or(v.Type), b.Enabled.Or(v.Enabled)
	if b.Name.Set {
		v.Name = b.Name.Or("")
	}
	if b.Description.Set {
		v.Description = b.Description.Or("")
	}
	v.Extra = overlay(v.Extra, b.Extra)
	return v
}

func (a *servicesAPI) create(ctx context.Context, r *api.Request, in *serviceBody) (serviceView, error) {
	if !in.Type.Has() {
		return serviceView{}, fault.Invalidf("'type' is a required property")
	}
	v, err := a.Catalog.Services.Create(ctx, in.apply(keystone.Service{Enabled: true}))
	return serviceViewer(r)(v), err
}

func (a *servicesAPI) list(ctx context.Context, r *api.Request, q *serviceQuery) (api.Page[serviceView], error) {
	vs, err := a.Catalog.Services.List(ctx)
	vs = slices.DeleteFunc(vs, func(v keystone.Service) bool {
		return q.Type != nil && v.Type != *q.Type || q.Name != nil && v.Name != *q.Name ||
			!resembles(r, []string{"type", "name"}, v.Type, v.Name)
	})
	return api.Page[serviceView]{Items: views(vs, serviceViewer(r))}, err
}

func (a *servicesAPI) show(_ context.Context, r *api.Request, v keystone.Service, _ *api.None) (serviceView, error) {
	return serviceViewer(r)(v), nil
}

func (a *servicesAPI) update(ctx context.Context, r *api.Request, v keystone.Service,
	in *serviceBody) (serviceView, error) {
	v, err := a.Catalog.Services.Update(ctx, v.ID, in.apply)
	return serviceViewer(r)(v), err
}

func (a *servicesAPI) delete(ctx context.Context, _ *api.Request, v keystone.Service, _ *api.None) (api.None, error) {
	return api.None{}, a.Catalog.Services.Delete(ctx, v.ID)
}

func (a *catalogLoader) loadEndpoint(ctx context.Context, r *api.Request) (keystone.Endpoint, error) {
	return a.Catalog.Endpoints.Get(ctx, r.Param("endpoint_id"))
}

func (b *endpointBody) apply(v keystone.Endpoint) keystone.Endpoint {
	v.ServiceID, v.Interface, v.URL = b.ServiceID.Or(v.ServiceID), b.Interface.Or(v.Interface), b.URL.Or(v.URL)
	v.Enabled = b.Enabled.Or(v.Enabled)
	if b.Region.Set {
		v.RegionID = b.Region.Or("")
	}
	if b.RegionID.Set {
		v.RegionID = b.RegionID.Or("")
	}
	if b.Name.Set {
		v.Name = b.Name.Or("")
	}
	if b.Description.Set {
		v.Description = b.Description.Or("")
	}
	v.Extra = overlay(v.Extra, b.Extra)
	return v
}

func (a *endpointsAPI) create(ctx context.Context, r *api.Request, in *endpointBody) (endpointView, error) {
	for name, o := range map[string]opt.Of[string]{"service_id": in.ServiceID, "interface": in.Interface, "url": in.URL} {
		if !o.Has() {
			return endpointView{}, fault.Invalidf("'%s' is a required property", name)
		}
	}
	v, err := a.Catalog.Endpoints.Put(ctx, in.apply(keystone.Endpoint{Enabled: true}))
	return endpointViewer(r)(v), err
}

func (a *endpointsAPI) list(ctx context.Context, r *api.Request, q *endpointQuery) (api.Page[endpointView], error) {
	vs, err := a.Catalog.Endpoints.List(ctx)
	region := q.RegionID
	if region == nil {
		region = q.Region
	}
	vs = slices.DeleteFunc(vs, func(v keystone.Endpoint) bool {
		return q.ServiceID != nil && v.ServiceID != *q.ServiceID || q.Interface != nil && v.Interface != *q.Interface ||
			region != nil && v.RegionID != *region ||
			!resembles(r, []string{"interface", "service_id", "region_id"}, v.Interface, v.ServiceID, v.RegionID)
	})
	return api.Page[endpointView]{Items: views(vs, endpointViewer(r))}, err
}

func (a *endpointsAPI) show(_ context.Context, r *api.Request, v keystone.Endpoint, _ *api.None) (endpointView, error) {
	return endpointViewer(r)(v), nil
}

func (a *endpointsAPI) update(ctx context.Context, r *api.Request, v keystone.Endpoint,
	in *endpointBody) (endpointView, error) {
	v, err := a.Catalog.Endpoints.Update(ctx, v.ID, in.apply)
	return endpointViewer(r)(v), err
}

func (a *endpointsAPI) delete(ctx context.Context, _ *api.Request, v keystone.Endpoint, _ *api.None) (api.None, error) {
	return api.None{}, a.Catalog.Endpoints.Delete(ctx, v.ID)
}
