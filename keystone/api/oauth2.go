package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"hypernova/keystone/token"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// clientCredentialsAPI gives tokens to clients of OAuth 2.0.
type clientCredentialsAPI struct {
	Tokens *token.Service
}

// clientCredentials is OAuth 2.0 (RFC 6749, 4.4): the client is an application credential, what it gets is a token
// like any other.
var clientCredentials = api.Resource[*clientCredentialsAPI]{Name: "token", Plural: "tokens",
	Ops: api.Ops[*clientCredentialsAPI]{
		api.Raw("POST /OS-OAUTH2/token", nil, api.Nothing[*clientCredentialsAPI], (*clientCredentialsAPI).grant,
			api.NoAuth()),
	}}

// maxForm bounds what a client of OAuth 2.0 or a browser may post.
const maxForm = 64 << 10

// refusedGrant is a refusal in the words of RFC 6749, 5.2.
type refusedGrant struct {
	status       int
	code, reason string
}

func (e *refusedGrant) Error() string { return e.code + ": " + e.reason }

type grantedToken struct {
	Token   string `json:"access_token"`
	Kind    string `json:"token_type"`
	Expires int64  `json:"expires_in"` // seconds
}

// grant answers in the forms of RFC 6749, except where the service itself is at fault.
func (a *clientCredentialsAPI) grant(ctx context.Context, r *api.Request, _ api.None, w http.ResponseWriter) error {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	status, answer := http.StatusOK, any(nil)
	granted, err := a.authenticate(ctx, r.HTTP, w)
	var no *refusedGrant
	switch {
	case errors.As(err, &no):
		status, answer = no.status, map[string]string{"error": no.code, "error_description": no.reason}
		if status == http.StatusUnauthorized {
			h.Set("WWW-Authenticate", `Basic realm="OS-OAUTH2"`)
			h.Add("WWW-Authenticate", `Keystone uri="`+r.URL("")+`"`)
		}
	case err != nil:
		return err
	default:
		answer = granted
	}
	h.Set("Content-Type", "application/json")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(answer)
}

func (a *clientCredentialsAPI) authenticate(ctx context.Context, r *http.Request, w http.ResponseWriter) (*grantedToken,
	error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return nil, &refusedGrant{http.StatusBadRequest, "invalid_request", "The body is not a form."}
	}
	switch kind := r.PostForm.Get("grant_type"); kind {
	case "client_credentials":
	case "":
		return nil, &refusedGrant{http.StatusBadRequest, "invalid_request", "The parameter grant_type is required."}
	default:
		return nil, &refusedGrant{http.StatusBadRequest, "unsupported_grant_type",
			"The parameter grant_type names what is not supported."}
	}
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	unknown := &refusedGrant{http.StatusUnauthorized, "invalid_client", "Client authentication failed."}
	if id == "" || secret == "" || !api.Storable(id) {
		return nil, unknown
	}
	text, t, err := a.Tokens.Authenticate(ctx, token.Request{AppCredential: &token.AppCredentialProof{ID: id,
		Secret: secret}})
	var more *token.Insufficient
	switch {
	case err == nil:
		return &grantedToken{text, "Bearer", int64(t.Expires.Sub(t.Issued) / time.Second)}, nil
	case fault.Is(err, fault.Unauthorized), fault.Is(err, fault.NotFound), errors.As(err, &more):
		return nil, unknown
	case fault.Is(err, fault.Invalid):
		return nil, &refusedGrant{http.StatusBadRequest, "invalid_request", fault.Message(err)}
	case fault.Is(err, fault.Forbidden):
		return nil, &refusedGrant{http.StatusForbidden, "other_error", fault.Message(err)}
	}
	return nil, err
}
