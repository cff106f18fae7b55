package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"hypernova/keystone"
	"hypernova/keystone/api/policies"
	"hypernova/keystone/delegation"
	"hypernova/keystone/token"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

type accessRuleBare struct {
	ID      string `wire:"id"`
	Service string `wire:"service"`
	Method  string `wire:"method"`
	Path    string `wire:"path"`
}

func bareRule(r keystone.AccessRule) accessRuleBare {
	return accessRuleBare{r.ID, r.Service, r.Method, r.Path}
}

type accessRuleView struct {
	accessRuleBare
	Links links `wire:"links"`
}

func accessRuleViewer(r *api.Request) func(keystone.AccessRule) accessRuleView {
	return func(x keystone.AccessRule) accessRuleView {
		return accessRuleView{bareRule(x), links{r.URL("/users/%s/access_rules/%s", x.UserID, x.ID)}}
	}
}

type appCredentialView struct {
	ID           string                   `wire:"id"`
	Name         string                   `wire:"name"`
	Description  *string                  `wire:"description"`
	ProjectID    string                   `wire:"project_id"`
	UserID       string                   `wire:"user_id"`
	Roles        []shortRole              `wire:"roles"`
	Expires      *time.Time               `wire:"expires_at" time:"micro"`
	Unrestricted bool                     `wire:"unrestricted"`
	System       *string                  `wire:"system"`
	Rules        opt.Of[[]accessRuleBare] `wire:"access_rules"`
	Secret       string                   `wire:"secret" omit:"empty"`
	Links        links                    `wire:"links"`
}

type shortRole struct {
	ID       string  `wire:"id"`
	Name     string  `wire:"name"`
	DomainID *string `wire:"domain_id"`
}

func (a *appCredentialsAPI) view(ctx context.Context, r *api.Request,
	c keystone.AppCredential) (appCredentialView, error) {
	all, err := a.Roles.AllRoles(ctx)
	v := appCredentialView{ID: c.ID, Name: c.Name, Description: nullable(c.Description), ProjectID: c.ProjectID,
		UserID: c.UserID, Unrestricted: c.Unrestricted,
		Roles: []shortRole{}, Links: links{r.URL("/users/%s/application_credentials/%s", c.UserID, c.ID)}}
	for _, id := range c.RoleIDs {
		if o, ok := all[id]; ok {
			v.Roles = append(v.Roles, shortRole{o.ID, o.Name, nullable(o.DomainID)})
		}
	}
	if !c.Expires.IsZero() {
		v.Expires = &c.Expires
	}
	if c.Ruled {
		v.Rules = opt.Some(views(c.AccessRules, bareRule))
	}
	return v, err
}

type roleName struct {
	ID   string `wire:"id" is:"maxlen=64"`
	Name string `wire:"name" is:"maxlen=255"`
}

type accessRuleBody struct {
	ID      string `wire:"id" is:"maxlen=64"`
	Service string `wire:"service" is:"maxlen=64"`
	Method  string `wire:"method" is:"enum=DELETE|GET|HEAD|PATCH|POST|PUT"`
	Path    string `wire:"path" is:"maxlen=225,pattern=^/"`
}

type appCredentialCreate struct {
	Name         string                     `wire:"name" is:"required,minlen=1,maxlen=255,pattern=\\S"`
	Description  opt.Of[string]             `wire:"description" is:"nullable,maxlen=65535"`
	Secret       opt.Of[string]             `wire:"secret" is:"nullable,maxlen=4096"`
	Roles        []roleName                 `wire:"roles"`
	Expires      opt.Of[string]             `wire:"expires_at" is:"nullable"`
	Unrestricted opt.Of[bool]               `wire:"unrestricted" is:"nullable"`
	Rules        opt.Of[[]accessRuleBody]   `wire:"access_rules" is:"nullable"`
	Extra        map[string]json.RawMessage `wire:"*"` // taken and forgotten, as keystone does
}

type nameQuery struct {
	Name *string `wire:"name"`
}

type accessRuleQuery struct {
	Service *string `wire:"service"`
	Method  *string `wire:"method"`
	Path    *string `wire:"path"`
}

// appCredentialsAPI answers what is asked about application credentials.
type appCredentialsAPI struct {
	callerToken
	roleLoader

	Delegation *delegation.Service
}

var appCredentials = api.Resource[*appCredentialsAPI]{Name: "application_credential", Plural: "application_credentials",
	Ops: api.Ops[*appCredentialsAPI]{
		api.On("POST /users/{user_id}/application_credentials", policies.CreateApplicationCredential, http.StatusCreated,
			loadOwner[*appCredentialsAPI], (*appCredentialsAPI).create),
		api.ListOf("GET /users/{user_id}/application_credentials", policies.ListApplicationCredentials,
			loadOwner[*appCredentialsAPI], (*appCredentialsAPI).list),
		api.On("GET /users/{user_id}/application_credentials/{application_credential_id}", policies.GetApplicationCredential,
			http.StatusOK, (*appCredentialsAPI).loadOwner, (*appCredentialsAPI).show),
		api.On("DELETE /users/{user_id}/application_credentials/{application_credential_id}",
			policies.DeleteApplicationCredential, http.StatusNoContent, (*appCredentialsAPI).loadOwner,
			(*appCredentialsAPI).delete),
	}}

// accessRulesAPI answers what is asked about access rules.
type accessRulesAPI struct {
	callerToken

	Delegation *delegation.Service
}

var accessRules = api.Resource[*accessRulesAPI]{Name: "access_rule", Plural: "access_rules",
	Ops: api.Ops[*accessRulesAPI]{
		api.ListOf("GET /users/{user_id}/access_rules", policies.ListAccessRules, loadOwner[*accessRulesAPI],
			(*accessRulesAPI).list),
		api.On("GET /users/{user_id}/access_rules/{access_rule_id}", policies.GetAccessRule, http.StatusOK,
			loadOwner[*accessRulesAPI], (*accessRulesAPI).show),
		api.On("DELETE /users/{user_id}/access_rules/{access_rule_id}", policies.DeleteAccessRule, http.StatusNoContent,
			loadOwner[*accessRulesAPI], (*accessRulesAPI).delete),
	}}

// owner is the user that a path names. It is not looked up: whether there is such a user is no business of others.
type owner string

func (o owner) PolicyTarget() policy.Target {
	return policy.Target{"user_id": string(o), "target.user.id": string(o), "target.credential.user_id": string(o)}
}

// loadOwner is the load of operations below the path of a user.
func loadOwner[A any](_ A, _ context.Context, r *api.Request) (owner, error) {
	return owner(r.Param("user_id")), nil
}

// loadOwner is whose the application credential in the path is: naming oneself in the path makes nobody its owner.
// The path counts where there is no such credential.
func (a *appCredentialsAPI) loadOwner(ctx context.Context, r *api.Request) (owner, error) {
	c, err := a.Delegation.AppCredential(ctx, r.Param("application_credential_id"))
	if fault.Is(err, fault.NotFound) {
		return owner(r.Param("user_id")), nil
	}
	return owner(c.UserID), err
}

// own is the caller's token with what it was delegated by.
func (a *callerToken) own(ctx context.Context, r *api.Request) (*token.Token, error) {
	return a.Tokens.Inspect(ctx, r.HTTP.Header.Get("X-Auth-Token"), false)
}

// mayManage refuses to let a delegated token hand out or take away application credentials, except an unrestricted
// one of their kind.
func (a *callerToken) mayManage(ctx context.Context, r *api.Request) (*token.Token, error) {
	t, err := a.own(ctx, r)
	switch {
	case err != nil:
		return nil, err
	case t.Trust.ID != "":
		return nil, byTrust()
	case t.AppCredential.ID != "" && !t.AppCredential.Unrestricted:
		return nil, fault.Forbiddenf(
			"You are not authorized to perform the requested action: Using method 'application_credential' is not allowed for managing additional application credentials.")
	}
	return t, nil
}

func byTrust() error {
	return fault.Forbiddenf("Cannot manage application credentials with a token issued via delegation.")
}

// maySee refuses to show a trustee what the trustor has handed out to others.
func (a *callerToken) maySee(ctx context.Context, r *api.Request) error {
	t, err := a.own(ctx, r)
	if err == nil && t.Trust.ID != "" {
		err = byTrust()
	}
	return err
}

func (a *appCredentialsAPI) create(ctx context.Context, r *api.Request, o owner,
	in *appCredentialCreate) (appCredentialView, error) {
	var v appCredentialView
	t, err := a.mayManage(ctx, r)
	if err != nil {
		return v, err
	}
	if t.Scope.Project == "" {
		return v, fault.Invalidf("Invalid application credential: it needs a token for a project.")
	}
	c := keystone.AppCredential{Name: in.Name, Description: in.Description.Or(""), UserID: string(o),
		ProjectID:    t.Scope.Project,
		Unrestricted: in.Unrestricted.Or(false), Ruled: in.Rules.Has()}
	if c.RoleIDs, err = a.handedRoles(ctx, t, in.Roles); err != nil {
		return v, err
	}
	if c.Expires, err = expiry(in.Expires); err != nil {
		return v, err
	}
	for _, x := range in.Rules.Value {
		if x.ID == "" && (x.Service == "" || x.Method == "" || x.Path == "") {
			return v, fault.Invalidf(
				"Invalid input for field 'access_rules': a rule needs an id, or a service, a method and a path.")
		}
		c.AccessRules = append(c.AccessRules, keystone.AccessRule{ID: x.ID, Service: x.Service, Method: x.Method,
			Path: x.Path})
	}
	if t.Ruled() {
		return v, fault.Forbiddenf("A token that access rules restrict cannot make application credentials.")
	}
	c, secret, err := a.Delegation.CreateAppCredential(ctx, c, in.Secret.Or(""))
	if err != nil {
		return v, err
	}
	v, err = a.view(ctx, r, c)
	v.Secret = secret
	return v, err
}

func expiry(o opt.Of[string]) (time.Time, error) {
	if !o.Has() {
		return time.Time{}, nil
	}
	at, err := api.ParseTime(o.Value)
	if err != nil {
		err = fault.Invalidf("Invalid input for field 'expires_at': %s is not a date and time.", o.Value)
	}
	return at, err
}

// handedRoles are the named roles with all that they imply, or where none is named all of the token's. The token must
// have them.
func (a *appCredentialsAPI) handedRoles(ctx context.Context, t *token.Token, named []roleName) ([]string, error) {
	var held, want []string
	for _, o := range t.Roles {
		held = append(held, o.ID)
	}
	if len(named) == 0 {
		return held, nil
	}
	want, err := a.roleIDs(ctx, named)
	if err != nil {
		return nil, fault.Body(err)
	}
	if want, err = a.Roles.Expand(ctx, want); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(want, func(id string) bool { return !slices.Contains(held, id) }) {
		return nil, fault.Invalidf(
			"Invalid application credential: Cannot create an application credential with unassigned role")
	}
	return want, nil
}

// roleIDs finds roles that are named by id or, the global ones, by name; fault.NotFound.
func (a *roleLoader) roleIDs(ctx context.Context, named []roleName) ([]string, error) {
	all, err := a.Roles.AllRoles(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, n := range named {
		id := n.ID
		for _, o := range all {
			if n.ID == "" && o.Name == n.Name && o.DomainID == "" {
				id = o.ID
			}
		}
		if _, ok := all[id]; !ok {
			return nil, fault.NotFoundf("Could not find role: %s.", n.ID+n.Name)
		}
		out = append(out, id)
	}
	return out, nil
}

func (a *appCredentialsAPI) list(ctx context.Context, r *api.Request, o owner,
	q *nameQuery) (api.Page[appCredentialView], error) {
	out := api.Page[appCredentialView]{Items: []appCredentialView{}}
	if err := a.maySee(ctx, r); err != nil {
		return out, err
	}
	cs, err := a.Delegation.AppCredentials(ctx, string(o))
	if err != nil {
		return out, err
	}
	for _, c := range cs {
		if q.Name != nil && c.Name != *q.Name || !resembles(r, []string{"name"}, c.Name) {
			continue
		}
		v, err := a.view(ctx, r, c)
		if err != nil {
			return out, err
		}
		out.Items = append(out.Items, v)
	}
	return out, nil
}

// ofUser finds the application credential in the path, if it is of the user in the path.
func (a *appCredentialsAPI) ofUser(ctx context.Context, r *api.Request) (keystone.AppCredential, error) {
	id := r.Param("application_credential_id")
	c, err := a.Delegation.AppCredential(ctx, id)
	if err == nil && c.UserID != r.Param("user_id") {
		err = fault.NotFoundf("Could not find Application Credential: %s.", id)
	}
	return c, err
}

func (a *appCredentialsAPI) show(ctx context.Context, r *api.Request, _ owner, _ *api.None) (appCredentialView, error) {
	if err := a.maySee(ctx, r); err != nil {
		return appCredentialView{}, err
	}
	c, err := a.ofUser(ctx, r)
	if err != nil {
		return appCredentialView{}, err
	}
	return a.view(ctx, r, c)
}

func (a *appCredentialsAPI) delete(ctx context.Context, r *api.Request, _ owner, _ *api.None) (api.None, error) {
	if _, err := a.mayManage(ctx, r); err != nil {
		return api.None{}, err
	}
	c, err := a.ofUser(ctx, r)
	if err != nil {
		return api.None{}, err
	}
	return api.None{}, a.Delegation.DeleteAppCredential(ctx, c.ID)
}

func (a *accessRulesAPI) list(ctx context.Context, r *api.Request, o owner,
	q *accessRuleQuery) (api.Page[accessRuleView], error) {
	if err := a.maySee(ctx, r); err != nil {
		return api.Page[accessRuleView]{Items: []accessRuleView{}}, err
	}
	xs, err := a.Delegation.AccessRules(ctx, string(o))
	xs = slices.DeleteFunc(xs, func(x keystone.AccessRule) bool {
		return q.Service != nil && x.Service != *q.Service || q.Method != nil && x.Method != *q.Method || q.Path != nil &&
			x.Path != *q.Path ||
			!resembles(r, []string{"service", "method", "path"}, x.Service, x.Method, x.Path)
	})
	return api.Page[accessRuleView]{Items: views(xs, accessRuleViewer(r))}, err
}

func (a *accessRulesAPI) ofUser(ctx context.Context, r *api.Request, o owner) (keystone.AccessRule, error) {
	id := r.Param("access_rule_id")
	x, err := a.Delegation.AccessRule(ctx, id)
	if err == nil && x.UserID != string(o) {
		err = fault.NotFoundf("Could not find Access Rule: %s.", id)
	}
	return x, err
}

func (a *accessRulesAPI) show(ctx context.Context, r *api.Request, o owner, _ *api.None) (accessRuleView, error) {
	if err := a.maySee(ctx, r); err != nil {
		return accessRuleView{}, err
	}
	x, err := a.ofUser(ctx, r, o)
	return accessRuleViewer(r)(x), err
}

func (a *accessRulesAPI) delete(ctx context.Context, r *api.Request, o owner, _ *api.None) (api.None, error) {
	if _, err := a.mayManage(ctx, r); err != nil {
		return api.None{}, err
	}
	x, err := a.ofUser(ctx, r, o)
	if err != nil {
		return api.None{}, err
	}
	return api.None{}, a.Delegation.DeleteAccessRule(ctx, x)
}
