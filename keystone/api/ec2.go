package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"hypernova/keystone"
	"hypernova/keystone/api/policies"
	"hypernova/keystone/credential"
	"hypernova/keystone/identity"
	"hypernova/keystone/token"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/policy"
)

type ec2View struct {
	UserID   string  `wire:"user_id"`
	TenantID string  `wire:"tenant_id"`
	Access   string  `wire:"access"`
	Secret   string  `wire:"secret"`
	Trust    *string `wire:"trust_id"`
	Links    links   `wire:"links"`
}

func ec2Viewer(r *api.Request, c keystone.Credential) (ec2View, error) {
	e, _, err := credential.ParseEC2(c.Blob)
	return ec2View{c.UserID, c.ProjectID, e.Access, e.Secret, nullable(e.Trust),
		links{r.URL("/users/%s/credentials/OS-EC2/%s", c.UserID, e.Access)}}, err
}

type ec2Create struct {
	TenantID string                     `wire:"tenant_id" is:"required,id"`
	Extra    map[string]json.RawMessage `wire:"*"`
}

// ec2API answers what is asked about EC2 keys under the path of their user.
type ec2API struct {
	callerToken

	Identity    *identity.Service
	Credentials *credential.Service
}

var ec2Credentials = api.Resource[*ec2API]{Name: "credential", Plural: "credentials", Ops: api.Ops[*ec2API]{
	api.On("POST /users/{user_id}/credentials/OS-EC2", policies.EC2CreateCredential, http.StatusCreated,
		loadOwner[*ec2API], (*ec2API).create, api.EnvelopeIn("")),
	api.ListOf("GET /users/{user_id}/credentials/OS-EC2", policies.EC2ListCredentials, loadOwner[*ec2API], (*ec2API).list),
	api.On("GET /users/{user_id}/credentials/OS-EC2/{credential_id}", policies.EC2GetCredential, http.StatusOK,
		(*ec2API).load, (*ec2API).show, api.MissingShown()),
	api.On("DELETE /users/{user_id}/credentials/OS-EC2/{credential_id}", policies.EC2DeleteCredential,
		http.StatusNoContent, (*ec2API).load, (*ec2API).delete, api.MissingShown()),
}}

// key is an EC2 credential under a user's path.
type key struct {
	keystone.Credential
	owner
}

// PolicyTarget is the credential's own; a key of somebody else is nobody's business, whatever the path says.
func (k key) PolicyTarget() policy.Target { return k.Credential.PolicyTarget() }

func (a *ec2API) load(ctx context.Context, r *api.Request) (key, error) {
	c, err := a.Credentials.Held(ctx, credential.EC2ID(r.Param("credential_id")))
	if fault.Is(err, fault.NotFound) || err == nil && c.Type != credential.TypeEC2 {
		return key{}, fault.NotFoundf("Could not find credential: %s.", r.Param("credential_id"))
	}
	return key{c, owner(r.Param("user_id"))}, err
}

func (a *ec2API) create(ctx context.Context, r *api.Request, o owner, in *ec2Create) (ec2View, error) {
	t, err := a.mayHoldKeys(ctx, r)
	if err != nil {
		return ec2View{}, err
	}
	if _, err := a.Identity.Users.Get(ctx, string(o)); err != nil {
		return ec2View{}, err
	}
	if _, err := a.Identity.Projects.Get(ctx, in.TenantID); err != nil {
		return ec2View{}, err
	}
	if err := reaches(t, in.TenantID); err != nil {
		return ec2View{}, err
	}
	c, _, err := a.Credentials.CreateEC2(ctx, string(o), in.TenantID, credential.EC2{Trust: t.Trust.ID,
		AppCredential: t.AppCredential.ID})
	if err != nil {
		return ec2View{}, err
	}
	return ec2Viewer(r, c)
}

func (a *ec2API) list(ctx context.Context, r *api.Request, o owner, _ *api.None) (api.Page[ec2View], error) {
	out := api.Page[ec2View]{Items: []ec2View{}}
	t, err := a.own(ctx, r)
	if err != nil {
		return out, err
	}
	if _, err := a.Identity.Users.Get(ctx, string(o)); err != nil {
		return out, err
	}
	cs, err := a.Credentials.Credentials(ctx, db.ListArgs{Where: []db.Cond{db.EqTo("user_id", string(o)),
		db.EqTo("type", credential.TypeEC2)}})
	for _, c := range cs {
		if v, bad := ec2Viewer(r, c); bad == nil && delegates(t, c) == nil {
			out.Items = append(out.Items, v)
		}
	}
	return out, err
}

func (a *ec2API) show(ctx context.Context, r *api.Request, k key, _ *api.None) (ec2View, error) {
	t, err := a.own(ctx, r)
	if err == nil {
		err = delegates(t, k.Credential)
	}
	if err != nil {
		return ec2View{}, err
	}
	return ec2Viewer(r, k.Credential)
}

func (a *ec2API) delete(ctx context.Context, r *api.Request, k key, _ *api.None) (api.None, error) {
	t, err := a.mayHoldKeys(ctx, r)
	if err == nil {
		err = delegates(t, k.Credential)
	}
	if err != nil {
		return api.None{}, err
	}
	return api.None{}, a.Credentials.Delete(ctx, k.ID)
}

type signedBody struct {
	Access    string                     `wire:"access"`
	Signature string                     `wire:"signature"`
	Host      string                     `wire:"host"`
	Verb      string                     `wire:"verb"`
	Path      string                     `wire:"path"`
	Params    map[string]any             `wire:"params"`
	Headers   map[string]any             `wire:"headers"`
	BodyHash  string                     `wire:"body_hash"`
	Token     string                     `wire:"token"`
	Extra     map[string]json.RawMessage `wire:"*"`
}

// signedRequest has the same under three names, by the age of the client.
type signedRequest struct {
	Credentials *signedBody                `wire:"credentials"`
	Credential  *signedBody                `wire:"credential"`
	EC2         *signedBody                `wire:"ec2Credentials"`
	Extra       map[string]json.RawMessage `wire:"*"`
}

func (in *signedRequest) signed() credential.Signed {
	for _, b := range []*signedBody{in.Credentials, in.Credential, in.EC2} {
		if b != nil {
			return credential.Signed{Access: b.Access, Signature: b.Signature, Host: b.Host, Verb: b.Verb, Path: b.Path,
				Params:  texts(b.Params),
				Headers: texts(b.Headers), BodyHash: b.BodyHash, Token: b.Token}
		}
	}
	return credential.Signed{}
}

// texts reads members that clients send as numbers or truth values, too.
func texts(m map[string]any) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		out[k] = fmt.Sprint(v)
	}
	return out
}

// signaturesAPI checks signed requests to EC2 and S3 services.
type signaturesAPI struct {
	tokenViewer

	Tokens      *token.Service
	Credentials *credential.Service
}

var signatures = api.Resource[*signaturesAPI]{Name: "signature", Plural: "signatures", Ops: api.Ops[*signaturesAPI]{
	api.Do("POST /ec2tokens", policies.EC2TokensValidate, http.StatusOK, (*signaturesAPI).checkEC2, api.EnvelopeIn(""),
		api.EnvelopeOut("token")),
	api.Do("POST /s3tokens", policies.S3TokensValidate, http.StatusOK, (*signaturesAPI).checkS3, api.EnvelopeIn(""),
		api.EnvelopeOut("token")),
}}

func (a *signaturesAPI) checkEC2(ctx context.Context, r *api.Request, in *signedRequest) (tokenView, error) {
	s := in.signed()
	s.Token = ""
	text, v, err := a.signedToken(ctx, s)
	r.SetHeader("X-Subject-Token", text)
	return v, err
}

// checkS3 tells who has signed; unlike for EC2 the caller gets no token to act with.
func (a *signaturesAPI) checkS3(ctx context.Context, _ *api.Request, in *signedRequest) (tokenView, error) {
	s := in.signed()
	if s.Token == "" {
		return tokenView{}, fault.New(fault.Unauthorized, "Invalid EC2 signature.")
	}
	_, v, err := a.signedToken(ctx, s)
	return v, err
}

func (a *signaturesAPI) signedToken(ctx context.Context, s credential.Signed) (string, tokenView, error) {
	c, e, err := a.Credentials.Check(ctx, s)
	if err != nil {
		return "", tokenView{}, err
	}
	text, t, err := a.Tokens.Grant(ctx, token.Delegated{User: c.UserID, Project: c.ProjectID, Trust: e.Trust,
		AppCredential: e.AppCredential,
		Method:        token.MethodEC2})
	if err != nil {
		return "", tokenView{}, err
	}
	v, err := a.tokenView(ctx, t, true)
	return text, v, err
}
