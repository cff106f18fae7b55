package api

import (
	"context"
	"net/http"
	"time"

	"hypernova/keystone"
	"hypernova/keystone/api/policies"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

type eventView struct {
	Audit  string    `wire:"audit_id" omit:"empty"`
	Chain  string    `wire:"audit_chain_id" omit:"empty"`
	User   string    `wire:"user_id" omit:"empty"`
	Issued time.Time `wire:"issued_before" time:"zmicro"`
}

type eventQuery struct {
	Since *string `wire:"since"`
}

// revocationsAPI answers which tokens were revoked, and ends the tokens of a user.
type revocationsAPI struct {
	directoryLoader
	callerToken
}

var revocations = api.Resource[*revocationsAPI]{Name: "event", Plural: "events", Ops: api.Ops[*revocationsAPI]{
	api.List("GET /OS-REVOKE/events", policies.ListRevokeEvents, (*revocationsAPI).list),
	api.Do("GET /auth/tokens/OS-PKI/revoked", policies.RevocationList, http.StatusOK, (*revocationsAPI).listRevoked),
	api.Do("GET /OS-SIMPLE-CERT/ca", nil, http.StatusOK, (*revocationsAPI).gone, api.NoAuth()),
	api.Do("GET /OS-SIMPLE-CERT/certificates", nil, http.StatusOK, (*revocationsAPI).gone, api.NoAuth()),
	api.On("DELETE /users/{user_id}/tokens", policies.DeleteUserTokens, http.StatusNoContent, (*revocationsAPI).loadUser,
		(*revocationsAPI).endTokens),
}}

func (a *revocationsAPI) list(ctx context.Context, _ *api.Request, q *eventQuery) (api.Page[eventView], error) {
	out := api.Page[eventView]{Items: []eventView{}}
	var since time.Time
	if q.Since != nil {
		var err error
		if since, err = api.ParseTime(*q.Since); err != nil {
			return out, fault.Invalidf("Invalid input for field 'since': %s is not a date and time.", *q.Since)
		}
	}
	rs, err := a.Tokens.Revocations(ctx)
	for _, r := range rs {
		if !r.IssuedBefore.Before(since) {
			out.Items = append(out.Items, eventView{r.AuditID, r.AuditChainID, r.UserID, r.IssuedBefore})
		}
	}
	return out, err
}

// listRevoked refuses: Fernet tokens have no revocation list that could be signed.
func (a *revocationsAPI) listRevoked(_ context.Context, _ *api.Request, _ *api.None) (api.None, error) {
	return api.None{}, fault.Forbiddenf("The revocation list is not there: tokens are not of the PKI provider.")
}

// gone is what is left of the certificates that PKI tokens were signed with.
func (a *revocationsAPI) gone(context.Context, *api.Request, *api.None) (api.None, error) {
	return api.None{}, fault.New(fault.Gone, "Tokens are not signed any more, and there are no certificates.")
}

func (a *revocationsAPI) endTokens(ctx context.Context, r *api.Request, u keystone.User,
	_ *api.None) (api.None, error) {
	t, err := a.own(ctx, r)
	if err != nil {
		return api.None{}, err
	}
	if t.Delegated() && u.ID == r.Caller.UserID {
		return api.None{}, fault.Forbiddenf(
			"You are not authorized to perform the requested action: a delegated token cannot end its " +
				"user's other tokens.")
	}
	return api.None{}, a.Tokens.RevokeAll(ctx, u.ID)
}
