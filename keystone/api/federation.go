package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"hypernova/keystone"
	"hypernova/keystone/api/policies"
	"hypernova/keystone/federation"
	"hypernova/keystone/federation/mapping"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

type idpView struct {
	ID          string   `wire:"id"`
	DomainID    string   `wire:"domain_id"`
	Enabled     bool     `wire:"enabled"`
	Description *string  `wire:"description"`
	RemoteIDs   []string `wire:"remote_ids"`
	TTL         *int64   `wire:"authorization_ttl"`
	Links       idpLinks `wire:"links"`
}

type idpLinks struct {
	Self      string `wire:"self"`
	Protocols string `wire:"protocols"`
}

func idpViewer(r *api.Request) func(keystone.IdentityProvider) idpView {
	return func(p keystone.IdentityProvider) idpView {
		self := r.URL("/OS-FEDERATION/identity_providers/%s", p.ID)
		v := idpView{p.ID, p.DomainID, p.Enabled, p.Description, p.RemoteIDs, p.TTL, idpLinks{self, self + "/protocols"}}
		if v.RemoteIDs == nil {
			v.RemoteIDs = []string{}
		}
		return v
	}
}

type idpCreate struct {
	DomainID    opt.Of[string]   `wire:"domain_id" is:"nullable,maxlen=64"`
	Enabled     opt.Of[bool]     `wire:"enabled"`
	Description opt.Of[string]   `wire:"description" is:"nullable,maxlen=65535"`
	RemoteIDs   opt.Of[[]string] `wire:"remote_ids" is:"nullable,unique,each(maxlen=64)"`
	TTL         opt.Of[int64]    `wire:"authorization_ttl" is:"nullable,min=0"`
}

type idpUpdate struct {
	Enabled     opt.Of[bool]     `wire:"enabled"`
	Description opt.Of[string]   `wire:"description" is:"nullable,maxlen=65535"`
	RemoteIDs   opt.Of[[]string] `wire:"remote_ids" is:"nullable,unique,each(maxlen=64)"`
	TTL         opt.Of[int64]    `wire:"authorization_ttl" is:"nullable,min=0"`
}

type partnerQuery struct {
	ID      *string `wire:"id"`
	Enabled *string `wire:"enabled"`
}

func (q *partnerQuery) match(id string, enabled bool) bool {
	return (q.ID == nil || *q.ID == id) && (q.Enabled == nil || set(q.Enabled) == enabled)
}

// identityProvidersAPI answers what is asked about identity providers.
type identityProvidersAPI struct {
	providerLoader
}

var identityProviders = api.Resource[*identityProvidersAPI]{Name: "identity_provider", Plural: "identity_providers",
	Ops: api.Ops[*identityProvidersAPI]{
		api.Do("PUT /OS-FEDERATION/identity_providers/{idp_id}", policies.CreateIdentityProvider, http.StatusCreated,
			(*identityProvidersAPI).create),
		api.List("GET /OS-FEDERATION/identity_providers", policies.ListIdentityProviders, (*identityProvidersAPI).list),
		api.On("GET /OS-FEDERATION/identity_providers/{idp_id}", policies.GetIdentityProvider, http.StatusOK,
			(*identityProvidersAPI).loadIDP, (*identityProvidersAPI).show),
		api.On("PATCH /OS-FEDERATION/identity_providers/{idp_id}", policies.UpdateIdentityProvider, http.StatusOK,
			(*identityProvidersAPI).loadIDP, (*identityProvidersAPI).update, api.NonEmpty()),
		api.On("DELETE /OS-FEDERATION/identity_providers/{idp_id}", policies.DeleteIdentityProvider, http.StatusNoContent,
			(*identityProvidersAPI).loadIDP, (*identityProvidersAPI).delete),
	}}

func (a *providerLoader) loadIDP(ctx context.Context, r *api.Request) (keystone.IdentityProvider, error) {
	return a.Federation.IdentityProvider(ctx, r.Param("idp_id"))
}

func (a *identityProvidersAPI) create(ctx context.Context, r *api.Request, in *idpCreate) (idpView, error) {
	p, err := a.Federation.CreateIdentityProvider(ctx, keystone.IdentityProvider{ID: r.Param("idp_id"),
		DomainID: in.DomainID.Or(""),
		Enabled:  in.Enabled.Or(false), Description: in.Description.Ptr(), RemoteIDs: in.RemoteIDs.Or(nil),
		TTL: in.TTL.Ptr()})
	return idpViewer(r)(p), err
}

func (a *identityProvidersAPI) list(ctx context.Context, r *api.Request, q *partnerQuery) (api.Page[idpView], error) {
	out := api.Page[idpView]{Items: []idpView{}}
	ps, err := a.Federation.IdentityProviders(ctx)
	for _, p := range ps {
		if q.match(p.ID, p.Enabled) && resembles(r, []string{"id"}, p.ID) {
			out.Items = append(out.Items, idpViewer(r)(p))
		}
	}
	return out, err
}

func (a *identityProvidersAPI) show(_ context.Context, r *api.Request, p keystone.IdentityProvider,
	_ *api.None) (idpView, error) {
	return idpViewer(r)(p), nil
}

func (a *identityProvidersAPI) update(ctx context.Context, r *api.Request, p keystone.IdentityProvider,
	in *idpUpdate) (idpView, error) {
	p, err := a.Federation.UpdateIdentityProvider(ctx, p.ID, func(p *keystone.IdentityProvider) {
		p.Enabled = in.Enabled.Or(p.Enabled)
		if in.Description.Set {
			p.Description = in.Description.Ptr()
		}
		if in.RemoteIDs.Set {
			p.RemoteIDs = in.RemoteIDs.Or(nil)
		}
		if in.TTL.Set {
			p.TTL = in.TTL.Ptr()
		}
	})
	return idpViewer(r)(p), err
}

func (a *identityProvidersAPI) delete(ctx context.Context, _ *api.Request, p keystone.IdentityProvider,
	_ *api.None) (api.None, error) {
	return api.None{}, a.Federation.DeleteIdentityProvider(ctx, p.ID)
}

type protocolView struct {
	ID        string        `wire:"id"`
	Mapping   string        `wire:"mapping_id"`
	Attribute string        `wire:"remote_id_attribute" omit:"empty"`
	Links     protocolLinks `wire:"links"`
}

type protocolLinks struct {
	Self     string `wire:"self"`
	Provider string `wire:"identity_provider"`
}

func protocolViewer(r *api.Request) func(keystone.Protocol) protocolView {
	return func(p keystone.Protocol) protocolView {
		idp := r.URL("/OS-FEDERATION/identity_providers/%s", p.ProviderID)
		return protocolView{p.ID, p.MappingID, p.RemoteIDAttribute, protocolLinks{idp + "/protocols/" + p.ID, idp}}
	}
}

// protocolEntry is a protocol in a list, which says more of it than the protocol itself.
type protocolEntry struct {
	ID        string        `wire:"id"`
	Mapping   string        `wire:"mapping_id"`
	Provider  string        `wire:"idp_id"`
	Attribute *string       `wire:"remote_id_attribute"`
	Links     protocolLinks `wire:"links"`
}

func protocolLister(r *api.Request) func(keystone.Protocol) protocolEntry {
	return func(p keystone.Protocol) protocolEntry {
		return protocolEntry{p.ID, p.MappingID, p.ProviderID, nullable(p.RemoteIDAttribute), protocolViewer(r)(p).Links}
	}
}

type protocolCreate struct {
	Mapping   string         `wire:"mapping_id" is:"required,minlen=1,maxlen=64"`
	Attribute opt.Of[string] `wire:"remote_id_attribute" is:"nullable,maxlen=64"`
}

type protocolUpdate struct {
	Mapping   string         `wire:"mapping_id" is:"required,minlen=1,maxlen=64"`
	Attribute opt.Of[string] `wire:"remote_id_attribute" is:"maxlen=64"`
}

const protocolPath = "/OS-FEDERATION/identity_providers/{idp_id}/protocols"

// protocolsAPI answers what is asked about the protocols of identity providers.
type protocolsAPI struct {
	providerLoader
}

var protocols = api.Resource[*protocolsAPI]{Name: "protocol", Plural: "protocols", Ops: api.Ops[*protocolsAPI]{
	api.Do("PUT "+protocolPath+"/{protocol_id}", policies.CreateProtocol, http.StatusCreated, (*protocolsAPI).create),
	api.ListOf("GET "+protocolPath, policies.ListProtocols, (*protocolsAPI).loadIDP, (*protocolsAPI).list),
	api.On("GET "+protocolPath+"/{protocol_id}", policies.GetProtocol, http.StatusOK, (*protocolsAPI).load,
		(*protocolsAPI).show),
	api.On("PATCH "+protocolPath+"/{protocol_id}", policies.UpdateProtocol, http.StatusOK, (*protocolsAPI).load,
		(*protocolsAPI).update, api.NonEmpty()),
	api.On("DELETE "+protocolPath+"/{protocol_id}", policies.DeleteProtocol, http.StatusNoContent, (*protocolsAPI).load,
		(*protocolsAPI).delete),
}}

func (a *protocolsAPI) load(ctx context.Context, r *api.Request) (keystone.Protocol, error) {
	return a.Federation.Protocol(ctx, r.Param("idp_id"), r.Param("protocol_id"))
}

func (a *protocolsAPI) create(ctx context.Context, r *api.Request, in *protocolCreate) (protocolView, error) {
	p := keystone.Protocol{ID: r.Param("protocol_id"), ProviderID: r.Param("idp_id"), MappingID: in.Mapping,
		RemoteIDAttribute: in.Attribute.Or("")}
	return protocolViewer(r)(p), a.Federation.CreateProtocol(ctx, p)
}

func (a *protocolsAPI) list(ctx context.Context, r *api.Request, p keystone.IdentityProvider,
	_ *api.None) (api.Page[protocolEntry], error) {
	ps, err := a.Federation.Protocols(ctx, p.ID)
	return api.Page[protocolEntry]{Items: views(ps, protocolLister(r))}, err
}

func (a *protocolsAPI) show(_ context.Context, r *api.Request, p keystone.Protocol, _ *api.None) (protocolView, error) {
	return protocolViewer(r)(p), nil
}

func (a *protocolsAPI) update(ctx context.Context, r *api.Request, p keystone.Protocol,
	in *protocolUpdate) (protocolView, error) {
	p, err := a.Federation.UpdateProtocol(ctx, p.ProviderID, p.ID, func(p *keystone.Protocol) {
		p.MappingID, p.RemoteIDAttribute = in.Mapping, in.Attribute.Or(p.RemoteIDAttribute)
	})
	return protocolViewer(r)(p), err
}

func (a *protocolsAPI) delete(ctx context.Context, _ *api.Request, p keystone.Protocol, _ *api.None) (api.None, error) {
	return api.None{}, a.Federation.DeleteProtocol(ctx, p.ProviderID, p.ID)
}

type mappingView struct {
	ID     string          `wire:"id"`
	Schema string          `wire:"schema_version"`
	Rules  json.RawMessage `wire:"rules"`
	Links  links           `wire:"links"`
}

func mappingViewer(r *api.Request) func(keystone.Mapping) mappingView {
	return func(m keystone.Mapping) mappingView {
		return mappingView{m.ID, m.Schema, m.Rules, links{r.URL("/OS-FEDERATION/mappings/%s", m.ID)}}
	}
}

type mappingBody struct {
	ID     opt.Of[string]    `wire:"id" is:"maxlen=64"`
	Schema opt.Of[string]    `wire:"schema_version" is:"enum=1.0|2.0"`
	Rules  []json.RawMessage `wire:"rules" is:"required,minitems=1"`
}

// rules are the body's rules as they were sent, once they are known to be some.
func (b *mappingBody) rules(version string) (json.RawMessage, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(b.Rules); err != nil {
		return nil, err
	}
	raw := bytes.TrimSpace(out.Bytes())
	_, err := mapping.Parse(version, raw)
	return raw, err
}

// mappingsAPI answers what is asked about mappings.
type mappingsAPI struct {
	Federation *federation.Service
}

var mappings = api.Resource[*mappingsAPI]{Name: "mapping", Plural: "mappings", Ops: api.Ops[*mappingsAPI]{
	api.Do("PUT /OS-FEDERATION/mappings/{mapping_id}", policies.CreateMapping, http.StatusCreated, (*mappingsAPI).create),
	api.List("GET /OS-FEDERATION/mappings", policies.ListMappings, (*mappingsAPI).list),
	api.On("GET /OS-FEDERATION/mappings/{mapping_id}", policies.GetMapping, http.StatusOK, (*mappingsAPI).load,
		(*mappingsAPI).show),
	api.On("PATCH /OS-FEDERATION/mappings/{mapping_id}", policies.UpdateMapping, http.StatusOK, (*mappingsAPI).load,
		(*mappingsAPI).update),
	api.On("DELETE /OS-FEDERATION/mappings/{mapping_id}", policies.DeleteMapping, http.StatusNoContent,
		(*mappingsAPI).load, (*mappingsAPI).delete),
}}

func (a *mappingsAPI) load(ctx context.Context, r *api.Request) (keystone.Mapping, error) {
	return a.Federation.Mapping(ctx, r.Param("mapping_id"))
}

func (a *mappingsAPI) create(ctx context.Context, r *api.Request, in *mappingBody) (mappingView, error) {
	raw, err := in.rules(in.Schema.Or(mapping.Plain))
	if err != nil {
		return mappingView{}, err
	}
	m := keystone.Mapping{ID: r.Param("mapping_id"), Schema: in.Schema.Or(mapping.Plain), Rules: raw}
	return mappingViewer(r)(m), a.Federation.CreateMapping(ctx, m)
}

func (a *mappingsAPI) list(ctx context.Context, r *api.Request, _ *api.None) (api.Page[mappingView], error) {
	ms, err := a.Federation.Mappings(ctx)
	return api.Page[mappingView]{Items: views(ms, mappingViewer(r))}, err
}

func (a *mappingsAPI) show(_ context.Context, r *api.Request, m keystone.Mapping, _ *api.None) (mappingView, error) {
	return mappingViewer(r)(m), nil
}

func (a *mappingsAPI) update(ctx context.Context, r *api.Request, m keystone.Mapping,
	in *mappingBody) (mappingView, error) {
	m, err := a.Federation.UpdateMapping(ctx, m.ID, func(m *keystone.Mapping) error {
		m.Schema = in.Schema.Or(m.Schema)
		rules, err := in.rules(m.Schema)
		m.Rules = rules
		return err
	})
	return mappingViewer(r)(m), err
}

func (a *mappingsAPI) delete(ctx context.Context, _ *api.Request, m keystone.Mapping, _ *api.None) (api.None, error) {
	return api.None{}, a.Federation.DeleteMapping(ctx, m.ID)
}

type spView struct {
	ID          string  `wire:"id"`
	Enabled     bool    `wire:"enabled"`
	Description *string `wire:"description"`
	AuthURL     string  `wire:"auth_url"`
	URL         string  `wire:"sp_url"`
	RelayState  string  `wire:"relay_state_prefix"`
	Links       links   `wire:"links"`
}

func spViewer(r *api.Request) func(keystone.ServiceProvider) spView {
	return func(p keystone.ServiceProvider) spView {
		return spView{p.ID, p.Enabled, p.Description, p.AuthURL, p.URL, p.RelayState,
			links{r.URL("/OS-FEDERATION/service_providers/%s", p.ID)}}
	}
}

type spBody struct {
	Enabled     opt.Of[bool]   `wire:"enabled"`
	Description opt.Of[string] `wire:"description" is:"nullable,maxlen=65535"`
	AuthURL     opt.Of[string] `wire:"auth_url" is:"maxlen=225,url"`
	URL         opt.Of[string] `wire:"sp_url" is:"maxlen=225,url"`
	RelayState  opt.Of[string] `wire:"relay_state_prefix" is:"nullable,maxlen=255"`
}

// relayState is how ECP's relay states begin where nobody says otherwise.
const relayState = "ss:mem:"

// serviceProvidersAPI answers what is asked about service providers.
type serviceProvidersAPI struct {
	Federation *federation.Service
}

var serviceProviders = api.Resource[*serviceProvidersAPI]{Name: "service_provider", Plural: "service_providers",
	Ops: api.Ops[*serviceProvidersAPI]{
		api.Do("PUT /OS-FEDERATION/service_providers/{service_provider_id}", policies.CreateServiceProvider,
			http.StatusCreated, (*serviceProvidersAPI).create),
		api.List("GET /OS-FEDERATION/service_providers", policies.ListServiceProviders, (*serviceProvidersAPI).list),
		api.On("GET /OS-FEDERATION/service_providers/{service_provider_id}", policies.GetServiceProvider, http.StatusOK,
			(*serviceProvidersAPI).load, (*serviceProvidersAPI).show),
		api.On("PATCH /OS-FEDERATION/service_providers/{service_provider_id}", policies.UpdateServiceProvider, http.StatusOK,
			(*serviceProvidersAPI).load, (*serviceProvidersAPI).update, api.NonEmpty()),
		api.On("DELETE /OS-FEDERATION/service_providers/{service_provider_id}", policies.DeleteServiceProvider,
			http.StatusNoContent, (*serviceProvidersAPI).load, (*serviceProvidersAPI).delete),
	}}

func (a *serviceProvidersAPI) load(ctx context.Context, r *api.Request) (keystone.ServiceProvider, error) {
	return a.Federation.ServiceProvider(ctx, r.Param("service_provider_id"))
}

func (a *serviceProvidersAPI) create(ctx context.Context, r *api.Request, in *spBody) (spView, error) {
	if !in.AuthURL.Has() || !in.URL.Has() {
		return spView{}, fault.Invalidf("'auth_url' and 'sp_url' are required properties")
	}
	p := keystone.ServiceProvider{ID: r.Param("service_provider_id"), Enabled: in.Enabled.Or(false),
		Description: in.Description.Ptr(),
		AuthURL:     in.AuthURL.Value, URL: in.URL.Value, RelayState: in.RelayState.Or(relayState)}
	return spViewer(r)(p), a.Federation.CreateServiceProvider(ctx, p)
}

func (a *serviceProvidersAPI) list(ctx context.Context, r *api.Request, q *partnerQuery) (api.Page[spView], error) {
	out := api.Page[spView]{Items: []spView{}}
	ps, err := a.Federation.ServiceProviders(ctx)
	for _, p := range ps {
		if q.match(p.ID, p.Enabled) && resembles(r, []string{"id"}, p.ID) {
			out.Items = append(out.Items, spViewer(r)(p))
		}
	}
	return out, err
}

func (a *serviceProvidersAPI) show(_ context.Context, r *api.Request, p keystone.ServiceProvider,
	_ *api.None) (spView, error) {
	return spViewer(r)(p), nil
}

func (a *serviceProvidersAPI) update(ctx context.Context, r *api.Request, p keystone.ServiceProvider,
	in *spBody) (spView, error) {
	p, err := a.Federation.UpdateServiceProvider(ctx, p.ID, func(p *keystone.ServiceProvider) {
		p.Enabled, p.AuthURL, p.URL = in.Enabled.Or(p.Enabled), in.AuthURL.Or(p.AuthURL), in.URL.Or(p.URL)
		if in.Description.Set {
			p.Description = in.Description.Ptr()
		}
		if in.RelayState.Set {
			p.RelayState = in.RelayState.Or(relayState)
		}
	})
	return spViewer(r)(p), err
}

func (a *serviceProvidersAPI) delete(ctx context.Context, _ *api.Request, p keystone.ServiceProvider,
	_ *api.None) (api.None, error) {
	return api.None{}, a.Federation.DeleteServiceProvider(ctx, p.ID)
}
