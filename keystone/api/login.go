package api

import (
	"context"
	"net/http"
	"strings"

	"hypernova/keystone/api/policies"
	"hypernova/keystone/federation"
	"hypernova/keystone/token"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// federatedLoginsAPI gives tokens to users of identity providers.
type federatedLoginsAPI struct {
	scopeFinder
	tokenViewer
}

var federatedLogins = api.Resource[*federatedLoginsAPI]{Name: "token", Plural: "tokens",
	Ops: api.Ops[*federatedLoginsAPI]{
		api.Do("POST "+protocolPath+"/{protocol_id}/auth", nil, http.StatusCreated, (*federatedLoginsAPI).login, api.NoAuth(),
			api.EnvelopeOut("token")),
		api.Do("GET "+protocolPath+"/{protocol_id}/auth", nil, http.StatusCreated, (*federatedLoginsAPI).login, api.NoAuth(),
			api.EnvelopeOut("token")),
		api.List("GET /OS-FEDERATION/projects", policies.GetAuthProjects, (*federatedLoginsAPI).ownProjects,
			api.EnvelopeOut("projects")),
		api.List("GET /OS-FEDERATION/domains", policies.GetAuthDomains, (*federatedLoginsAPI).ownDomains,
			api.EnvelopeOut("domains")),
	}}

// bearer is the token of the Authorization header; fault.Unauthorized without one.
func bearer(r *http.Request) (string, error) {
	scheme, text, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "bearer") || strings.TrimSpace(text) == "" {
		return "", fault.New(fault.Unauthorized,
			"The request you have made requires authentication: it needs the header Authorization: Bearer, with a token of the identity provider.")
	}
	return strings.TrimSpace(text), nil
}

// vouched takes the word of an identity provider that the request carries a token of.
func vouched(ctx context.Context, f *federation.Service, r *api.Request, provider,
	protocol string) (*token.Vouched, error) {
	text, err := bearer(r.HTTP)
	if err != nil {
		return nil, err
	}
	p, err := f.Login(ctx, provider, protocol, text)
	if err != nil {
		return nil, err
	}
	return vouchedFor(p), nil
}

func (a *federatedLoginsAPI) login(ctx context.Context, r *api.Request, _ *api.None) (tokenView, error) {
	v, err := vouched(ctx, a.Federation, r, r.Param("idp_id"), r.Param("protocol_id"))
	if err != nil {
		return tokenView{}, err
	}
	text, t, err := a.Tokens.Authenticate(ctx, token.Request{Vouched: v, Unscoped: true})
	if err != nil {
		return tokenView{}, err
	}
	r.SetHeader("X-Subject-Token", text)
	r.SetHeader("Vary", "X-Auth-Token")
	return a.tokenView(ctx, t, true)
}

// ownGroups are the groups that the caller's token itself puts its user in.
func (a *scopeFinder) ownGroups(ctx context.Context, r *api.Request) ([]string, error) {
	t, err := a.Tokens.Inspect(ctx, r.HTTP.Header.Get("X-Auth-Token"), false)
	if err != nil {
		return nil, err
	}
	return t.Groups(), nil
}

type tokenFederation struct {
	Groups   []idOnly `wire:"groups"`
	Provider idOnly   `wire:"identity_provider"`
	Protocol idOnly   `wire:"protocol"`
}

func federationView(f *token.Federation) *tokenFederation {
	if f == nil {
		return nil
	}
	v := &tokenFederation{Groups: []idOnly{}, Provider: idOnly{f.Provider}, Protocol: idOnly{f.Protocol}}
	for _, g := range f.Groups {
		v.Groups = append(v.Groups, idOnly{g})
	}
	return v
}
