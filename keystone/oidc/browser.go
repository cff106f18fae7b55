package oidc

import (
	"context"
	"crypto/subtle"
	"errors"
	"slices"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Question is one login by a browser: the authorization code flow with a nonce and PKCE (RFC 7636). Its three secrets
// are the caller's to keep; State comes back with the answer and is the caller's to compare.
type Question struct {
	Issuer, Redirect       string
	State, Nonce, Verifier string
}

// flow is this cloud as a client of the issuer. fault.Unauthorized where the operator has named no client, or the
// issuer has no such flow.
func (v *Verifier) flow(ctx context.Context, q Question) (*oauth2.Config, error) {
	if v.c.WebClientID == "" {
		return nil, refuse("[oidc] websso_client_id is not set: nobody logs in by a browser")
	}
	p, err := v.provider(ctx, q.Issuer)
	if err != nil {
		return nil, err
	}
	if p.endpoint.AuthURL == "" || p.endpoint.TokenURL == "" {
		return nil, refuse("issuer %s has no authorization code flow", q.Issuer)
	}
	return &oauth2.Config{ClientID: v.c.WebClientID, ClientSecret: v.c.WebClientSecret, Endpoint: p.endpoint,
		RedirectURL: q.Redirect,
		Scopes: append([]string{oidc.ScopeOpenID}, slices.DeleteFunc(slices.Clone(v.c.WebScopes), func(s string) bool {
			return s == oidc.ScopeOpenID
		})...)}, nil
}

// Ask is the issuer's page that a browser is to be sent to.
func (v *Verifier) Ask(ctx context.Context, q Question) (string, error) {
	f, err := v.flow(ctx, q)
	if err != nil {
		return "", err
	}
	return f.AuthCodeURL(q.State, oidc.Nonce(q.Nonce), oauth2.S256ChallengeOption(q.Verifier)), nil
}

// Exchange trades the code that the browser brought for what the issuer says of its user, as attributes for a mapping.
// fault.Unauthorized for a code that the issuer refuses and for an answer to another question, fault.Unavailable when
// the issuer does not answer.
func (v *Verifier) Exchange(ctx context.Context, q Question, code string) (map[string][]string, error) {
	f, err := v.flow(ctx, q)
	if err != nil {
		return nil, err
	}
	t, err := f.Exchange(oidc.ClientContext(ctx, v.client), code, oauth2.VerifierOption(q.Verifier))
	var no *oauth2.RetrieveError
	switch {
	case errors.As(err, &no) && no.Response.StatusCode < 500:
		return nil, refuse("issuer %s refuses the code: %v", q.Issuer, err)
	case err != nil:
		return nil, v.away(q.Issuer, err)
	}
	text, ok := t.Extra("id_token").(string)
	if !ok || len(text) > maxToken {
		return nil, refuse("issuer %s sends no id_token", q.Issuer)
	}
	claims, err := v.signed(ctx, []string{q.Issuer}, text)
	if errors.Is(err, errOpaque) {
		err = refuse("the id_token of %s is no JWT", q.Issuer)
	}
	if err != nil {
		return nil, err
	}
	nonce, _ := claims["nonce"].(string)
	switch sub, _ := claims["sub"].(string); {
	case !slices.Contains(texts(claims["aud"]), v.c.WebClientID):
		return nil, refuse("the id_token is for %v", claims["aud"])
	case subtle.ConstantTimeCompare([]byte(nonce), []byte(q.Nonce)) != 1:
		return nil, refuse("the id_token answers another question")
	case sub == "":
		return nil, refuse("the id_token names no subject")
	}
	return withSubject(claims), nil
}

func withSubject(claims map[string]any) map[string][]string {
	out := Attributes(claims)
	out["REMOTE_USER"] = texts(claims["sub"])
	return out
}
