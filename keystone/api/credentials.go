package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"hypernova/keystone"
	"hypernova/keystone/api/policies"
	"hypernova/keystone/credential"
	"hypernova/keystone/token"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

type credentialView struct {
	ID        string                     `wire:"id"`
	UserID    string                     `wire:"user_id"`
	ProjectID *string                    `wire:"project_id"`
	Type      string                     `wire:"type"`
	Blob      string                     `wire:"blob"`
	Links     links                      `wire:"links"`
	Extra     map[string]json.RawMessage `wire:"*"`
}

func credentialViewer(r *api.Request) func(keystone.Credential) credentialView {
	return func(c keystone.Credential) credentialView {
		return credentialView{c.ID, c.UserID, nullable(c.ProjectID), c.Type, c.Blob, links{r.URL("/credentials/%s", c.ID)},
			c.Extra}
	}
}

type credentialCreate struct {
	ID        opt.Of[string]             `wire:"id" is:"maxlen=255"` // taken and forgotten, as keystone does
	UserID    string                     `wire:"user_id" is:"required,maxlen=64"`
	ProjectID opt.Of[string]             `wire:"project_id" is:"nullable,maxlen=64"`
	Type      string                     `wire:"type" is:"required,maxlen=255"`
	Blob      string                     `wire:"blob" is:"required,maxlen=65535"`
	Extra     map[string]json.RawMessage `wire:"*"`
}

func (c *credentialCreate) PolicyTarget() policy.Target {
	return policy.Target{"target.credential.user_id": c.UserID}
}

type credentialUpdate struct {
	UserID    opt.Of[string]             `wire:"user_id" is:"maxlen=64"`
	ProjectID opt.Of[string]             `wire:"project_id" is:"nullable,maxlen=64"`
	Type      opt.Of[string]             `wire:"type" is:"maxlen=255"`
	Blob      opt.Of[string]             `wire:"blob" is:"maxlen=65535"`
	Extra     map[string]json.RawMessage `wire:"*"`
}

type credentialQuery struct {
	UserID *string `wire:"user_id" filter:"user_id"`
	Type   *string `wire:"type" filter:"type"`
}

// credentialsAPI answers what is asked about credentials of all types.
type credentialsAPI struct {
	callerToken

	Credentials *credential.Service
}

var credentials = api.Resource[*credentialsAPI]{Name: "credential", Plural: "credentials",
	Ops: api.Ops[*credentialsAPI]{
		api.Do("POST /credentials", policies.CreateCredential, http.StatusCreated, (*credentialsAPI).create),
		api.ListOf("GET /credentials", nil, api.Nothing[*credentialsAPI], (*credentialsAPI).list),
		api.On("GET /credentials/{credential_id}", policies.GetCredential, http.StatusOK, (*credentialsAPI).load,
			(*credentialsAPI).show),
		api.On("PATCH /credentials/{credential_id}", policies.UpdateCredential, http.StatusOK, (*credentialsAPI).load,
			(*credentialsAPI).update, api.NonEmpty()),
		api.On("DELETE /credentials/{credential_id}", policies.DeleteCredential, http.StatusNoContent,
			(*credentialsAPI).loadHeld, (*credentialsAPI).delete),
	}}

func (a *credentialsAPI) load(ctx context.Context, r *api.Request) (keystone.Credential, error) {
	return a.Credentials.Credential(ctx, r.Param("credential_id"))
}

// loadHeld finds a credential that is to go, be it one that nobody can open any more.
func (a *credentialsAPI) loadHeld(ctx context.Context, r *api.Request) (keystone.Credential, error) {
	return a.Credentials.Held(ctx, r.Param("credential_id"))
}

// reaches keeps a delegated token to the project that it is for: what belongs to the user alone is not delegated.
func reaches(t *token.Token, project string) error {
	if t.Delegated() && project != t.Scope.Project {
		return fault.Forbiddenf(
			"You are not authorized to perform the requested action: Credential project does not match the project " +
				"scope of the delegated token.")
	}
	return nil
}

// delegates keeps a delegated token to the credentials that were made by the same trust or application credential.
// Any other secret could be worth more than the token: it may give roles that were not delegated, or outlive the
// delegation.
func delegates(t *token.Token, c keystone.Credential) error {
	if err := reaches(t, c.ProjectID); err != nil {
		return err
	}
	if t.Delegated() && !credential.MadeBy(c, t.DelegatedBy()) {
		return fault.Forbiddenf(
			"You are not authorized to perform the requested action: the credential was not made by what the token was " +
				"delegated by.")
	}
	return nil
}

// harmless refuses that a delegated token makes a secret which proves its user to this service, as a passcode's seed
// does.
func harmless(t *token.Token, kind string) error {
	if t.Delegated() && strings.EqualFold(kind, credential.TypeTOTP) {
		return fault.Forbiddenf(
			"You are not authorized to perform the requested action: a delegated token cannot give its user a second " +
				"factor.")
	}
	return nil
}

func (a *credentialsAPI) create(ctx context.Context, r *api.Request, in *credentialCreate) (credentialView, error) {
	c := keystone.Credential{UserID: in.UserID, ProjectID: in.ProjectID.Or(""), Type: in.Type, Blob: in.Blob,
		Extra: in.Extra}
	t, err := a.own(ctx, r)
	if err != nil {
		return credentialView{}, err
	}
	if err := reaches(t, c.ProjectID); err != nil {
		return credentialView{}, err
	}
	if err := harmless(t, c.Type); err != nil {
		return credentialView{}, err
	}
	c.MadeBy = t.DelegatedBy()
	if credential.IsEC2(c.Type) {
		if _, err := a.mayHoldKeys(ctx, r); err != nil {
			return credentialView{}, err
		}
		if c.ProjectID == "" {
			return credentialView{},
				fault.Invalidf("Expecting to find project_id in credential. The server could not comply with the request since it is either malformed or otherwise incorrect.")
		}
		if c.Blob, err = stamped(c.Blob, t); err != nil {
			return credentialView{}, err
		}
	}
	c, err = a.Credentials.Create(ctx, c)
	return credentialViewer(r)(c), err
}

// stamped writes into an EC2 key what its maker acts by, so that its tokens can do no more.
func stamped(blob string, t *token.Token) (string, error) {
	_, all, err := credential.ParseEC2(blob)
	if err != nil || !t.Delegated() {
		return blob, err
	}
	name := "trust_id"
	if t.Trust.ID == "" {
		name = "app_cred_id"
	}
	if all[name], err = json.Marshal(t.DelegatedBy()); err != nil {
		return blob, err
	}
	b, err := json.Marshal(all)
	return string(b), err
}

// mayHoldKeys refuses restricted application credentials.
func (a *callerToken) mayHoldKeys(ctx context.Context, r *api.Request) (*token.Token, error) {
	t, err := a.own(ctx, r)
	if err == nil && t.AppCredential.ID != "" && !t.AppCredential.Unrestricted {
		err = fault.Forbiddenf("You are not authorized to perform the requested action: Using method 'application_credential' is not allowed for managing additional credentials.")
	}
	return t, err
}

// list shows those that the caller may see one by one.
func (a *credentialsAPI) list(ctx context.Context, r *api.Request, _ api.None,
	q *credentialQuery) (api.Page[credentialView], error) {
	out := api.Page[credentialView]{Items: []credentialView{}}
	if err := r.Require(policies.ListCredentials,
		policy.Target{"target.credential.user_id": r.Caller.UserID}); err != nil {
		return out, err
	}
	t, err := a.own(ctx, r)
	if err != nil {
		return out, err
	}
	cs, err := a.Credentials.Credentials(ctx, db.ListArgs{Where: like(api.Where(r, q), r, "user_id", "type")})
	for _, c := range cs {
		if r.Allowed(policies.GetCredential, c.PolicyTarget()) && delegates(t, c) == nil {
			out.Items = append(out.Items, credentialViewer(r)(c))
		}
	}
	return out, err
}

func (a *credentialsAPI) show(ctx context.Context, r *api.Request, c keystone.Credential,
	_ *api.None) (credentialView, error) {
	t, err := a.own(ctx, r)
	if err == nil {
		err = delegates(t, c)
	}
	if err != nil {
		return credentialView{}, err
	}
	return credentialViewer(r)(c), nil
}

func (a *credentialsAPI) update(ctx context.Context, r *api.Request, c keystone.Credential,
	in *credentialUpdate) (credentialView, error) {
	t, err := a.own(ctx, r)
	if err != nil {
		return credentialView{}, err
	}
	if err := delegates(t, c); err != nil {
		return credentialView{}, err
	}
	old := c
	c.UserID, c.Type, c.Blob = in.UserID.Or(c.UserID), in.Type.Or(c.Type), in.Blob.Or(c.Blob)
	if in.ProjectID.Set {
		c.ProjectID = in.ProjectID.Or("")
	}
	if err := harmless(t, c.Type); err != nil {
		return credentialView{}, err
	}
	if credential.IsEC2(old.Type) || credential.IsEC2(c.Type) {
		if err := sameKey(old, c); err != nil {
			return credentialView{}, err
		}
	}
	if err := r.Require(policies.UpdateCredential, c.PolicyTarget()); err != nil {
		return credentialView{}, err
	}
	if err := reaches(t, c.ProjectID); err != nil {
		return credentialView{}, err
	}
	if len(in.Extra) > 0 {
		merged := keystone.Extra{}
		for _, m := range []keystone.Extra{c.Extra, in.Extra} {
			for k, v := range m {
				merged[k] = v
			}
		}
		c.Extra = merged
	}
	return credentialViewer(r)(c), a.Credentials.Update(ctx, c)
}

// sameKey refuses to change what an EC2 key is delegated by, and its access key, which its id is made of.
func sameKey(old, c keystone.Credential) error {
	now, _, err := credential.ParseEC2(c.Blob)
	if err != nil {
		return err
	}
	if !credential.IsEC2(old.Type) {
		return fault.Invalidf("A credential of another type cannot become an EC2 key.")
	}
	was, _, err := credential.ParseEC2(old.Blob)
	if err != nil {
		return err
	}
	if was.Trust != now.Trust || was.AppCredential != now.AppCredential {
		return fault.Invalidf("trust_id and app_cred_id can not be updated for credential")
	}
	return nil
}

func (a *credentialsAPI) delete(ctx context.Context, r *api.Request, c keystone.Credential,
	_ *api.None) (api.None, error) {
	t, err := a.own(ctx, r)
	if err == nil {
		err = delegates(t, c)
	}
	if err != nil {
		return api.None{}, err
	}
	return api.None{}, a.Credentials.Delete(ctx, c.ID)
}
