package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"hypernova/keystone"
	"hypernova/keystone/api/policies"
	"hypernova/keystone/catalog"
	"hypernova/keystone/token"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

type authRequest struct {
	Identity struct {
		Methods  []string `wire:"methods" is:"required,minitems=1,maxitems=8"`
		Password *struct {
			User struct {
				ID       string     `wire:"id" is:"maxlen=64"`
				Name     string     `wire:"name" is:"maxlen=255"`
				Domain   *reference `wire:"domain"`
				Password string     `wire:"password" is:"required,maxlen=4096"`
			} `wire:"user" is:"required"`
		} `wire:"password"`
		Token *struct {
			ID string `wire:"id" is:"required,maxlen=4096"`
		} `wire:"token"`
		TOTP *struct {
			User struct {
				ID       string     `wire:"id" is:"maxlen=64"`
				Name     string     `wire:"name" is:"maxlen=255"`
				Domain   *reference `wire:"domain"`
				Passcode string     `wire:"passcode" is:"required,maxlen=64"`
			} `wire:"user" is:"required"`
		} `wire:"totp"`
		AppCredential *struct {
			ID   string `wire:"id" is:"maxlen=64"`
			Name string `wire:"name" is:"maxlen=255"`
			User *struct {
				ID     string     `wire:"id" is:"maxlen=64"`
				Name   string     `wire:"name" is:"maxlen=255"`
				Domain *reference `wire:"domain"`
			} `wire:"user"`
			Secret string `wire:"secret" is:"required,maxlen=4096"`
		} `wire:"application_credential"`
		Mapped *struct {
			ID       string `wire:"id" is:"maxlen=4096"`
			Provider string `wire:"identity_provider" is:"maxlen=64"`
			Protocol string `wire:"protocol" is:"maxlen=64"`
		} `wire:"mapped"`
		Rest map[string]json.RawMessage `wire:"*"` // other methods' proofs: refused by their name in methods
	} `wire:"identity" is:"required"`
	Scope json.RawMessage `wire:"scope"`
}

type reference struct {
	ID   string `wire:"id" json:"id" is:"maxlen=64"`
	Name string `wire:"name" json:"name" is:"maxlen=255"`
}

type tokenQuery struct {
	NoCatalog    *string `wire:"nocatalog"`
	AllowExpired *string `wire:"allow_expired"`
}

type tokenView struct {
	Methods  []string       `wire:"methods"`
	User     tokenUser      `wire:"user"`
	AuditIDs []string       `wire:"audit_ids"`
	Expires  time.Time      `wire:"expires_at" time:"zmicro"`
	Issued   time.Time      `wire:"issued_at" time:"zmicro"`
	Project  *scopeView     `wire:"project" omit:"empty"`
	IsDomain *bool          `wire:"is_domain" omit:"empty"`
	Domain   *names         `wire:"domain" omit:"empty"`
	System   *systemView    `wire:"system" omit:"empty"`
	Roles    []names        `wire:"roles" omit:"empty"`
	Catalog  *[]catalogView `wire:"catalog" omit:"empty"`

	Trust         *tokenTrust         `wire:"OS-TRUST:trust" omit:"empty"`
	AppCredential *tokenAppCredential `wire:"application_credential" omit:"empty"`
	Providers     []providerEntry     `wire:"service_providers" omit:"empty"`
}

type tokenTrust struct {
	ID            string `wire:"id"`
	Trustor       idOnly `wire:"trustor_user"`
	Trustee       idOnly `wire:"trustee_user"`
	Impersonation bool   `wire:"impersonation"`
}

type idOnly struct {
	ID string `wire:"id"`
}

type tokenAppCredential struct {
	ID         string                   `wire:"id"`
	Name       string                   `wire:"name"`
	Restricted bool                     `wire:"restricted"`
	Rules      opt.Of[[]accessRuleBare] `wire:"access_rules"`
}

type providerEntry struct {
	ID      string `wire:"id"`
	AuthURL string `wire:"auth_url"`
	URL     string `wire:"sp_url"`
}

type tokenUser struct {
	names
	Domain     names            `wire:"domain"`
	Expires    *time.Time       `wire:"password_expires_at" time:"zmicro"`
	Federation *tokenFederation `wire:"OS-FEDERATION" omit:"empty"`
}

type scopeView struct {
	names
	Domain names `wire:"domain"`
}

type systemView struct {
	All bool `wire:"all"`
}

type catalogView struct {
	ID        string         `wire:"id"`
	Type      string         `wire:"type"`
	Name      string         `wire:"name"`
	Endpoints []catalogEntry `wire:"endpoints"`
}

type catalogEntry struct {
	ID        string  `wire:"id"`
	Interface string  `wire:"interface"`
	RegionID  *string `wire:"region_id"`
	Region    *string `wire:"region"`
	URL       string  `wire:"url"`
}

// tokensAPI gives, shows and revokes tokens, and tells callers what their token reaches.
type tokensAPI struct {
	scopeFinder
	tokenViewer
}

var tokens = api.Resource[*tokensAPI]{Name: "token", Plural: "tokens", Ops: api.Ops[*tokensAPI]{
	api.Do("POST /auth/tokens", nil, http.StatusCreated, (*tokensAPI).authenticate, api.NoAuth(), api.EnvelopeIn("auth"),
		api.EnvelopeOut(""), api.Query[tokenQuery]()),
	api.On("GET /auth/tokens", policies.ValidateToken, http.StatusOK, (*tokensAPI).load, (*tokensAPI).show,
		api.MissingShown()),
	api.On("DELETE /auth/tokens", policies.RevokeToken, http.StatusNoContent, (*tokensAPI).load, (*tokensAPI).revoke,
		api.MissingShown()),
	api.List("GET /auth/catalog", policies.GetAuthCatalog, (*tokensAPI).ownCatalog, api.EnvelopeOut("catalog")),
	api.List("GET /auth/projects", policies.GetAuthProjects, (*tokensAPI).ownProjects, api.EnvelopeOut("projects")),
	api.List("GET /auth/domains", policies.GetAuthDomains, (*tokensAPI).ownDomains, api.EnvelopeOut("domains")),
	api.List("GET /auth/system", policies.GetAuthSystem, (*tokensAPI).ownSystem, api.EnvelopeOut("system")),
}}

// subject is the token that X-Subject-Token names.
type subject struct {
	text string
	*token.Token
}

func (s subject) PolicyTarget() policy.Target {
	return policy.Target{"target.token.user_id": s.User, "target.token.user.domain.id": s.OwnerDomain.ID}
}

// accessRulesHeader is how a service says that it minds access rules when it asks about a token.
const accessRulesHeader = "OpenStack-Identity-Access-Rules"

func (a *tokensAPI) load(ctx context.Context, r *api.Request) (subject, error) {
	text := r.HTTP.Header.Get("X-Subject-Token")
	if text == "" {
		return subject{}, fault.Invalidf("The X-Subject-Token header is missing.")
	}
	expired := r.HTTP.URL.Query().Get("allow_expired")
	t, err := a.Tokens.Inspect(ctx, text, expired == "1" || expired == "true" || expired == "True")
	if err == nil && t.Ruled() && r.HTTP.Method != http.MethodDelete {
		if v, bad := strconv.ParseFloat(r.HTTP.Header.Get(accessRulesHeader), 64); bad != nil || v < 1 {
			err = fault.NotFoundf(
				"Attempted to use an application credential with access rules on a service that does not mind them.")
		}
	}
	return subject{text, t}, err
}

// login is the answer to a login: a token, or where the user's rules ask for more, a receipt with status 401.
type login struct {
	Token    *tokenView   `wire:"token" omit:"empty"`
	Receipt  *receiptView `wire:"receipt" omit:"empty"`
	Required [][]string   `wire:"required_auth_methods" omit:"empty"`
}

type receiptView struct {
	Methods []string    `wire:"methods"`
	User    receiptUser `wire:"user"`
	Expires time.Time   `wire:"expires_at" time:"zmicro"`
	Issued  time.Time   `wire:"issued_at" time:"zmicro"`
}

type receiptUser struct {
	names
	Domain names `wire:"domain"`
}

func (a *tokensAPI) authenticate(ctx context.Context, r *api.Request, in *authRequest) (login, error) {
	req, err := in.request()
	if err != nil {
		return login{}, err
	}
	if m := in.Identity.Mapped; m != nil && m.ID == "" && slices.Contains(in.Identity.Methods, "mapped") {
		if req.Vouched, err = vouched(ctx, a.Federation, r, m.Provider, m.Protocol); err != nil {
			return login{}, err
		}
		req.Unscoped = req.Scope == nil
	}
	req.Receipt = r.HTTP.Header.Get("Openstack-Auth-Receipt")
	text, t, err := a.Tokens.Authenticate(ctx, req)
	var more *token.Insufficient
	if errors.As(err, &more) {
		r.SetStatus(http.StatusUnauthorized)
		r.SetHeader("Openstack-Auth-Receipt", more.Receipt)
		p := more.Proved
		return login{Receipt: &receiptView{p.Methods, receiptUser{names{p.Owner.ID, p.Owner.Name},
			names{p.OwnerDomain.ID, p.OwnerDomain.Name}},
			p.Expires, p.Issued}, Required: more.Required}, nil
	}
	if err != nil {
		return login{}, err
	}
	r.SetHeader("X-Subject-Token", text)
	r.SetHeader("Vary", "X-Auth-Token")
	v, err := a.tokenView(ctx, t, api.QueryOf[tokenQuery](r).NoCatalog == nil)
	return login{Token: &v}, err
}

func (in *authRequest) request() (token.Request, error) {
	var req token.Request
	for _, m := range in.Identity.Methods {
		switch m {
		case "password":
			p := in.Identity.Password
			if p == nil {
				return req, absent("password")
			}
			proof := token.PasswordProof{UserID: p.User.ID, UserName: p.User.Name, Password: p.User.Password}
			proof.DomainID, proof.DomainName = p.User.Domain.parts()
			if proof.UserID == "" && (proof.UserName == "" || p.User.Domain == nil || *p.User.Domain == (reference{})) {
				return req, fault.Invalidf("Expecting to find a user's id, or name and domain, in password.user.")
			}
			req.Password = &proof
		case "token":
			if in.Identity.Token == nil {
				return req, absent("token")
			}
			req.Token = in.Identity.Token.ID
		case "mapped":
			if in.Identity.Mapped == nil {
				return req, absent("mapped")
			}
			req.Token = in.Identity.Mapped.ID // a provider's own word is in the headers
		case "totp":
			if in.Identity.TOTP == nil {
				return req, absent("totp")
			}
			u := in.Identity.TOTP.User
			proof := token.PasswordProof{UserID: u.ID, UserName: u.Name, Password: u.Passcode}
			proof.DomainID, proof.DomainName = u.Domain.parts()
			if proof.UserID == "" && (proof.UserName == "" || proof.DomainID+proof.DomainName == "") {
				return req, fault.Invalidf("Expecting to find a user's id, or name and domain, in totp.user.")
			}
			req.TOTP = &proof
		case "application_credential":
			proof, err := in.appCredential()
			if err != nil {
				return req, err
			}
			req.AppCredential = proof
		default:
			return req, fault.New(fault.Unauthorized, "Attempted to authenticate with an unsupported method.")
		}
	}
	return req, in.scope(&req)
}

func absent(method string) error {
	return fault.Invalidf("Expecting to find %s in identity. The server could not comply with the request since it is either malformed or otherwise incorrect.", method)
}

func (r *reference) parts() (id, name string) {
	switch {
	case r == nil:
		return "", ""
	case r.Name != "": // of two ways to name it the name counts
		return "", r.Name
	}
	return r.ID, ""
}

func (in *authRequest) appCredential() (*token.AppCredentialProof, error) {
	c := in.Identity.AppCredential
	if c == nil {
		return nil, absent("application_credential")
	}
	p := &token.AppCredentialProof{ID: c.ID, Name: c.Name, Secret: c.Secret}
	if p.ID != "" {
		return p, nil
	}
	if c.Name == "" || c.User == nil {
		return nil, fault.Invalidf("Expecting to find an id, or name and user, in application_credential.")
	}
	p.UserID, p.UserName = c.User.ID, c.User.Name
	p.DomainID, p.DomainName = c.User.Domain.parts()
	if p.UserID == "" && (p.UserName == "" || p.DomainID+p.DomainName == "") {
		return nil, fault.Invalidf("Expecting to find a user's id, or name and domain, in application_credential.user.")
	}
	return p, nil
}

func (in *authRequest) scope(req *token.Request) error {
	if len(in.Scope) == 0 {
		return nil
	}
	if isNull(in.Scope) {
		return fault.Invalidf("Invalid input for field 'scope': null is not of type 'object', 'string'.")
	}
	if string(in.Scope) == `"unscoped"` {
		req.Unscoped = true
		return nil
	}
	var s struct {
		Unscoped *struct{}  `json:"unscoped"`
		Domain   *reference `json:"domain"`
		Project  *struct {
			reference
			Domain *reference `json:"domain"`
		} `json:"project"`
		System *struct {
			All bool `json:"all"`
		} `json:"system"`
		Trust *reference `json:"OS-TRUST:trust"`
	}
	if err := json.Unmarshal(in.Scope, &s); err != nil {
		return fault.Invalidf(
			"Invalid input for field 'scope': it must be \"unscoped\" or an object with project, domain or system.")
	}
	var named map[string]json.RawMessage
	if err := json.Unmarshal(in.Scope, &named); err != nil {
		return err
	}
	kinds := 0
	for _, k := range []string{"project", "domain", "unscoped", "system", "OS-TRUST:trust"} {
		if raw, there := named[k]; there {
			if kinds++; isNull(raw) {
				return fault.Invalidf("Invalid input for field 'scope/%s': null is not of type 'object'.", k)
			}
		}
	}
	if kinds != 1 {
		return notInScope("system, project, domain, OS-TRUST:trust or unscoped", "scope")
	}
	var c token.ScopeClaim
	switch {
	case s.Unscoped != nil:
		req.Unscoped = true
		return nil
	case s.Project != nil:
		c.ProjectID, c.ProjectName = s.Project.ID, s.Project.Name
		c.DomainID, c.DomainName = s.Project.Domain.parts()
		switch {
		case c.ProjectID == "" && c.ProjectName == "":
			return fault.Invalidf("Invalid input for field scope/project: id or name must be present.")
		case s.Project.Domain != nil && c.DomainID == "" && c.DomainName == "":
			return fault.Invalidf("Invalid input for field scope/project/domain: id or name must be present.")
		case c.ProjectName != "" && s.Project.Domain == nil:
			return notInScope("domain", "project")
		case c.ProjectName != "":
			c.ProjectID = "" // of two ways to name it the name counts
		}
	case s.Domain != nil:
		if c.DomainID, c.DomainName = s.Domain.parts(); c.DomainID == "" && c.DomainName == "" {
			return fault.Invalidf("Invalid input for field scope/domain: id or name must be present.")
		}
	case s.System != nil:
		c.System = true
	case s.Trust != nil:
		if c.Trust = s.Trust.ID; c.Trust == "" {
			return notInScope("trust_id", "trust")
		}
	}
	req.Scope = &c
	return nil
}

func notInScope(what, where string) error {
	return fault.Invalidf(
		"Expecting to find %s in %s. The server could not comply with the request since it is either malformed or "+
			"otherwise incorrect. The client is assumed to be in error.", what, where)
}

func (a *tokensAPI) show(ctx context.Context, r *api.Request, s subject, q *tokenQuery) (tokenView, error) {
	r.SetHeader("X-Subject-Token", s.text)
	r.SetHeader("Vary", "X-Auth-Token")
	return a.tokenView(ctx, s.Token, q.NoCatalog == nil)
}

func (a *tokensAPI) revoke(ctx context.Context, _ *api.Request, s subject, _ *api.None) (api.None, error) {
	return api.None{}, a.Tokens.Revoke(ctx, s.text)
}

func (a *tokenViewer) tokenView(ctx context.Context, t *token.Token, withCatalog bool) (tokenView, error) {
	v := tokenView{Methods: t.Methods, AuditIDs: t.AuditIDs, Expires: t.Expires, Issued: t.Issued,
		User: tokenUser{names: names{t.Owner.ID, t.Owner.Name}, Domain: names{t.OwnerDomain.ID, t.OwnerDomain.Name}}}
	v.User.Federation = federationView(t.Federation)
	if !t.Owner.PasswordExpires.IsZero() {
		v.User.Expires = &t.Owner.PasswordExpires
	}
	for _, r := range t.Roles {
		v.Roles = append(v.Roles, names{r.ID, r.Name})
	}
	switch {
	case t.Scope.Project != "":
		v.Project = &scopeView{names{t.Project.ID, t.Project.Name}, names{t.ProjectDomain.ID, t.ProjectDomain.Name}}
		v.IsDomain = &t.Project.IsDomain
		v.delegated(t)
	case t.Scope.Domain != "":
		v.Domain = &names{t.Domain.ID, t.Domain.Name}
	case t.Scope.System:
		v.System = &systemView{true}
	default:
		return v, nil
	}
	around, err := a.at(ctx, t.Epoch)
	if err != nil {
		return v, err
	}
	v.Providers = around.providers
	if withCatalog {
		c, err := a.catalogOf(ctx, around, t.Scope.Project)
		if err != nil {
			return v, err
		}
		v.Catalog = &c
	}
	return v, nil
}

// delegated shows what a token was delegated by.
func (v *tokenView) delegated(t *token.Token) {
	switch {
	case t.Trust.ID != "":
		v.IsDomain = nil
		v.Trust = &tokenTrust{t.Trust.ID, idOnly{t.Trust.TrustorID}, idOnly{t.Trust.TrusteeID}, t.Trust.Impersonation}
	case t.AppCredential.ID != "":
		c := t.AppCredential
		v.AppCredential = &tokenAppCredential{ID: c.ID, Name: c.Name, Restricted: !c.Unrestricted}
		if c.Ruled {
			v.AppCredential.Rules = opt.Some(views(c.AccessRules, bareRule))
		}
	}
}

func catalogViews(es []catalog.Entry, project string) []catalogView {
	out := []catalogView{}
	for _, e := range es {
		v := catalogView{ID: e.ID, Type: e.Type, Name: e.Name, Endpoints: []catalogEntry{}}
		for _, p := range e.Endpoints {
			if url, ok := catalog.URL(p.URL, project); ok {
				v.Endpoints = append(v.Endpoints, catalogEntry{p.ID, p.Interface, nullable(p.RegionID), nullable(p.RegionID), url})
			}
		}
		out = append(out, v)
	}
	return out
}

func (a *tokensAPI) ownCatalog(ctx context.Context, r *api.Request, _ *api.None) (api.Page[catalogView], error) {
	if r.Caller.ProjectID == "" && r.Caller.DomainID == "" && r.Caller.System == "" {
		return api.Page[catalogView]{}, fault.Forbiddenf("An unscoped token has no catalog.")
	}
	es, err := a.Catalog.EntriesFor(ctx, r.Caller.ProjectID)
	return api.Page[catalogView]{Items: catalogViews(es, r.Caller.ProjectID)}, err
}

func (a *scopeFinder) ownProjects(ctx context.Context, r *api.Request, _ *api.None) (api.Page[projectView], error) {
	groups, err := a.ownGroups(ctx, r)
	if err != nil {
		return api.Page[projectView]{}, err
	}
	ps, err := a.scopesOf(ctx, r.Caller.UserID, keystone.OnProject, groups...)
	return api.Page[projectView]{Items: views(ps, projectViewer(r))}, err
}

func (a *scopeFinder) ownDomains(ctx context.Context, r *api.Request, _ *api.None) (api.Page[domainView], error) {
	groups, err := a.ownGroups(ctx, r)
	if err != nil {
		return api.Page[domainView]{}, err
	}
	ds, err := a.scopesOf(ctx, r.Caller.UserID, keystone.OnDomain, groups...)
	return api.Page[domainView]{Items: views(ds, domainViewer(r))}, err
}

func (a *tokensAPI) ownSystem(ctx context.Context, r *api.Request, _ *api.None) (api.Page[systemView], error) {
	out := api.Page[systemView]{Items: []systemView{}}
	groups, err := a.ownGroups(ctx, r)
	if err != nil {
		return out, err
	}
	held, err := a.Roles.Effective(ctx, r.Caller.UserID, keystone.OnSystem, keystone.OnSystem, groups...)
	if len(held) > 0 {
		out.Items = append(out.Items, systemView{true})
	}
	return out, err
}

// scopesOf are the enabled projects or domains a user could have a token for.
func (a *scopeFinder) scopesOf(ctx context.Context, user, kind string, groups ...string) ([]keystone.Project, error) {
	ids, err := a.Roles.Scopes(ctx, user, kind, groups...)
	if err != nil {
		return nil, err
	}
	out := []keystone.Project{}
	for _, id := range ids {
		p, err := a.Identity.Projects.Get(ctx, id)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if p.Enabled {
			out = append(out, p)
		}
	}
	return out, nil
}
