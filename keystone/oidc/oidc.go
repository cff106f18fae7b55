// Package oidc validates tokens of OpenID Connect providers. Signed tokens are checked against the provider's
// published keys, opaque ones by asking the provider. Browsers that bring no token are sent to the provider for one
// (browser.go).
//
// A token counts only when an issuer that the caller accepts has signed it with an asymmetric algorithm, when it is
// within its time, and when it was made for one of the audiences of this cloud: a token that another application was
// given proves nothing here.
package oidc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"hypernova/oslo/clock"
	"hypernova/oslo/fault"
)

// Config is section [oidc]: what this cloud is to its providers.
type Config struct {
	Audiences    []string `conf:"audiences" help:"Client ids whose OpenID Connect tokens are taken: one of them must be among a token's audiences, or be the client it was made for. Empty: nobody logs in by a token."`
	ClientID     string   `conf:"introspection_client_id" help:"The client as which identity providers are asked about tokens that are not signed. Empty: such tokens are refused."`
	ClientSecret string   `conf:"introspection_client_secret" secret:"true" help:"Its secret."`

	WebClientID     string   `conf:"websso_client_id" help:"The client as which browsers are sent to identity providers by a dashboard's login. Empty: they are not."`
	WebClientSecret string   `conf:"websso_client_secret" secret:"true" help:"Its secret."`
	WebScopes       []string `conf:"websso_scopes" default:"profile,email" help:"What it asks for besides openid."`

	Leeway  time.Duration `conf:"clock_skew" default:"60" min:"0" max:"300" help:"By how much the clocks of identity providers may differ from this one."`
	Timeout time.Duration `conf:"timeout" default:"10" min:"1" help:"How long an identity provider may take to answer."`
	CAFile  string        `conf:"ca_file" help:"Certificates to trust identity providers by, besides the system's."`
}

// Verifier checks tokens. It is safe for concurrent use.
type Verifier struct {
	c      Config
	now    clock.Now
	client *http.Client

	mu        sync.Mutex
	providers map[string]*provider
}

// provider is what a provider says of itself, and its keys.
type provider struct {
	verifier   *oidc.IDTokenVerifier
	introspect string
	endpoint   oauth2.Endpoint
	at         time.Time
}

// Providers are asked anew what they are after this time; their keys whenever one is not known, but not more often
// than rekey.
const (
	rediscover = time.Hour
	rekey      = 5 * time.Second
	maxToken   = 64 << 10
	maxAnswer  = 1 << 20
)

// algorithms that a provider may sign with. Symmetric ones would make every holder of the secret a provider.
func algorithms() []string {
	return []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384,
		oidc.ES512, oidc.EdDSA}
}

// New makes a verifier; fault.Invalid for certificates that cannot be read.
func New(c Config, now clock.Now) (*Verifier, error) {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute,
		DialContext: (&net.Dialer{Timeout: c.Timeout}).DialContext}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		pool, sysErr := x509.SystemCertPool()
		if sysErr != nil {
			pool = x509.NewCertPool()
		}
		if err != nil || !pool.AppendCertsFromPEM(pem) {
			return nil, fault.Invalidf("ca_file: %s has no certificates", c.CAFile).Because(err)
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &Verifier{c: c, now: now, providers: map[string]*provider{},
		client: &http.Client{Timeout: c.Timeout, Transport: &bounded{next: t, now: now, kept: map[string]keptAnswer{}}}}, nil
}

// refuse is what a client may know; the log knows why.
func refuse(format string, args ...any) error {
	return fault.New(fault.Unauthorized, "The request you have made requires "+
		"authentication.").Because(fmt.Errorf("oidc: "+format, args...))
}

// Verify answers what the token says, when one of the issuers vouches for it. fault.Unauthorized for a token that
// proves nothing, fault.Unavailable when its provider does not answer.
func (v *Verifier) Verify(ctx context.Context, issuers []string, token string) (map[string]any, error) {
	switch {
	case token == "" || len(token) > maxToken:
		return nil, refuse("a token of %d bytes", len(token))
	case len(v.c.Audiences) == 0:
		return nil, refuse("[oidc] audiences is not set: it names the clients whose tokens are taken here")
	case len(issuers) == 0:
		return nil, refuse("the identity provider has no remote_ids: one of them must be its issuer")
	}
	claims, err := v.signed(ctx, issuers, token)
	if errors.Is(err, errOpaque) {
		claims, err = v.opaque(ctx, issuers, token)
	}
	if err != nil {
		return nil, err
	}
	if !v.forUs(claims) {
		return nil, refuse("the token is for %v, client %v, and not for one of [oidc] audiences", claims["aud"],
			claims["azp"])
	}
	if sub, _ := claims["sub"].(string); sub == "" {
		return nil, refuse("the token names no subject")
	}
	return claims, nil
}

// Vouch is Verify with the answer as attributes for a mapping; REMOTE_USER is the subject.
func (v *Verifier) Vouch(ctx context.Context, issuers []string, token string) (map[string][]string, error) {
	claims, err := v.Verify(ctx, issuers, token)
	if err != nil {
		return nil, err
	}
	return withSubject(claims), nil
}

var errOpaque = errors.New("the token is opaque")

// issuerOf reads who claims to have signed a token; nothing is proved by it.
func issuerOf(token string) (string, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", false
	}
	head, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil || !json.Valid(head) {
		return "", false
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", false
	}
	var c struct {
		Issuer string `json:"iss"`
	}
	return c.Issuer, json.Unmarshal(body, &c) == nil
}

func (v *Verifier) signed(ctx context.Context, issuers []string, token string) (map[string]any, error) {
	issuer, ok := issuerOf(token)
	if !ok {
		return nil, errOpaque
	}
	// Only issuers that an administrator has written down are ever spoken to.
	if !slices.Contains(issuers, issuer) {
		return nil, refuse("issuer %q is not among the provider's remote_ids", issuer)
	}
	p, err := v.provider(ctx, issuer)
	if err != nil {
		return nil, err
	}
	var keysAway error
	t, err := p.verifier.Verify(context.WithValue(ctx, outcome{}, &keysAway), token)
	if keysAway != nil {
		return nil, v.away(issuer, keysAway)
	}
	if err != nil {
		return nil, refuse("%v", err)
	}
	claims := map[string]any{}
	if err := t.Claims(&claims); err != nil {
		return nil, refuse("%v", err)
	}
	return claims, nil
}

// forUs reports whether the token was made for this cloud.
func (v *Verifier) forUs(claims map[string]any) bool {
	for _, name := range []string{"aud", "azp", "client_id"} {
		for _, a := range texts(claims[name]) {
			if slices.Contains(v.c.Audiences, a) {
				return true
			}
		}
	}
	return false
}

// provider is the issuer's own description, kept for a while. A provider that cannot be reached goes on with what is
// known of it.
func (v *Verifier) provider(ctx context.Context, issuer string) (*provider, error) {
	v.mu.Lock()
	known := v.providers[issuer]
	v.mu.Unlock()
	if known != nil && v.now().Sub(known.at) < rediscover {
		return known, nil
	}
	// What is learned serves later requests too: it must not end with this one.
	lasting := oidc.ClientContext(context.WithoutCancel(ctx), v.client)
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, v.client), issuer)
	if err != nil {
		if known == nil {
			return nil, v.away(issuer, err)
		}
		later := *known
		later.at = v.now().Add(time.Minute - rediscover)
		v.keep(issuer, &later)
		return known, nil
	}
	p := &provider{at: v.now(), endpoint: found.Endpoint()}
	var more struct {
		Introspection string `json:"introspection_endpoint"`
		Keys          string `json:"jwks_uri"`
	}
	if err := found.Claims(&more); err != nil {
		return nil, v.away(issuer, err)
	}
	p.introspect = more.Introspection
	// A new set of keys each time: one that the provider has taken back is forgotten.
	p.verifier = oidc.NewVerifier(issuer, keySet{oidc.NewRemoteKeySet(lasting, more.Keys)},
		&oidc.Config{SkipClientIDCheck: true,
			SupportedSigningAlgs: algorithms(), Now: func() time.Time { return v.now().Add(-v.c.Leeway) }})
	v.keep(issuer, p)
	return p, nil
}

func (v *Verifier) keep(issuer string, p *provider) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.providers[issuer] = p
}

// keySet tells apart, through the context, keys that cannot be read from signatures that do not fit: the library does
// not.
type keySet struct{ *oidc.RemoteKeySet }

type outcome struct{}

// VerifySignature is oidc.KeySet.
func (k keySet) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.RemoteKeySet.VerifySignature(ctx, jwt)
	if away := new(awayError); errors.As(err, &away) {
		if at, ok := ctx.Value(outcome{}).(*error); ok {
			*at = err
		}
	}
	return payload, err
}

func (v *Verifier) away(issuer string, err error) error {
	return fault.Unavailablef("The identity provider cannot be asked at the moment.").
		Because(fmt.Errorf("issuer %s: %w: see that this host reaches %s/.well-known/openid-configuration and trusts its "+
			"certificate ([oidc] ca_file), and that remote_ids holds the issuer letter by letter",
			issuer, err, strings.TrimSuffix(issuer, "/")))
}

// opaque asks the provider about a token (RFC 7662).
func (v *Verifier) opaque(ctx context.Context, issuers []string, token string) (map[string]any, error) {
	if v.c.ClientID == "" {
		return nil, refuse("the token is no JWT, and [oidc] introspection_client_id is not set")
	}
	var away error
	for _, issuer := range issuers {
		p, err := v.provider(ctx, issuer)
		if err != nil {
			away = err
			continue
		}
		if p.introspect == "" {
			continue
		}
		claims, err := v.introspect(ctx, p.introspect, token)
		if err != nil {
			away = v.away(issuer, err)
			continue
		}
		if claims["active"] != true {
			continue
		}
		if err := v.inTime(claims); err != nil {
			return nil, err
		}
		if said, ok := claims["iss"].(string); ok && said != issuer {
			return nil, refuse("issuer %s answers for %s", issuer, said)
		}
		claims["iss"] = issuer
		delete(claims, "active")
		return claims, nil
	}
	if away != nil {
		return nil, away
	}
	return nil, refuse("no issuer knows the token")
}

func (v *Verifier) introspect(ctx context.Context, endpoint, token string) (map[string]any, error) {
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.SetBasicAuth(url.QueryEscape(v.c.ClientID), url.QueryEscape(v.c.ClientSecret))
	resp, err := v.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("introspection answers %s: see [oidc] introspection_client_id and "+
			"introspection_client_secret", resp.Status)
	}
	claims := map[string]any{}
	return claims, json.NewDecoder(resp.Body).Decode(&claims)
}

// inTime refuses what the provider calls active, but is not by its own times.
func (v *Verifier) inTime(claims map[string]any) error {
	now := v.now()
	if exp, ok := claims["exp"].(float64); ok && now.Add(-v.c.Leeway).After(time.Unix(int64(exp), 0)) {
		return refuse("the token has expired")
	}
	if nbf, ok := claims["nbf"].(float64); ok && now.Add(v.c.Leeway).Before(time.Unix(int64(nbf), 0)) {
		return refuse("the token is not good yet")
	}
	return nil
}
