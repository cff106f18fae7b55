// Package oidctest is an OpenID Connect provider for tests.
package oidctest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Provider is a running provider. Client and secret are always cloud and secret.
type Provider struct {
	*httptest.Server
	t testing.TB

	mu       sync.Mutex
	key      *rsa.PrivateKey
	kid      int
	people   map[string]Person
	opaque   map[string]map[string]any
	approved map[string]string // device codes, and whose they became
	asked    map[string]int    // requests by path
	visitor  string            // who sits at the browser
	codes    map[string]visit  // what browsers were sent back with
}

// visit is one login by a browser.
type visit struct{ name, nonce, challenge, redirect string }

// Person is somebody who can log in.
type Person struct {
	Password string
	Claims   map[string]any
}

// New starts a provider that ends with the test.
func New(t testing.TB, people map[string]Person) *Provider {
	t.Helper()
	p := &Provider{t: t, people: people, opaque: map[string]map[string]any{}, approved: map[string]string{},
		asked: map[string]int{}, codes: map[string]visit{}}
	p.Rotate()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discover)
	mux.HandleFunc("GET /keys", p.keys)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("POST /device", p.device)
	mux.HandleFunc("POST /introspect", p.introspect)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.asked[r.URL.Path]++
		p.mu.Unlock()
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

// Asked is how often a path was asked for.
func (p *Provider) Asked(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[path]
}

// Rotate replaces the signing key; tokens of the old one are signed by nobody any more.
func (p *Provider) Rotate() {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key, p.kid = key, p.kid+1
}

// Claims are those of a token made now for somebody, with changes laid over them.
func (p *Provider) Claims(name string, changes map[string]any) map[string]any {
	now := time.Now()
	c := map[string]any{"iss": p.URL, "sub": name, "aud": "cloud", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	for k, v := range p.people[name].Claims {
		c[k] = v
	}
	for k, v := range changes {
		if c[k] = v; v == nil {
			delete(c, k)
		}
	}
	return c
}

// Sign makes a token with the present key.
func (p *Provider) Sign(claims map[string]any) string {
	p.mu.Lock()
	key, kid := p.key, p.kid
	p.mu.Unlock()
	text := Unsigned(map[string]any{"alg": "RS256", "kid": strconv.Itoa(kid), "typ": "JWT"}, claims)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		p.t.Error(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// Token is a good token of somebody.
func (p *Provider) Token(name string) string { return p.Sign(p.Claims(name, nil)) }

// Opaque makes a token that only introspection explains.
func (p *Provider) Opaque(claims map[string]any) string {
	raw := make([]byte, 16)
	rand.Read(raw)
	text := "opaque-" + base64.RawURLEncoding.EncodeToString(raw)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opaque[text] = claims
	return text
}

// Modulus is the public key's number, with which those who confuse algorithms would sign.
func (p *Provider) Modulus() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.key.N.Bytes()
}

// Unsigned is the first two parts of a token.
func Unsigned(header, claims map[string]any) string {
	part := func(v any) string {
		b, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	return part(header) + "." + part(claims)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

func (p *Provider) discover(w http.ResponseWriter, _ *http.Request) {
	answer(w, 200, map[string]any{"issuer": p.URL, "jwks_uri": p.URL + "/keys", "token_endpoint": p.URL + "/token",
		"authorization_endpoint": p.URL + "/authorize", "introspection_endpoint": p.URL + "/introspect",
		"device_authorization_endpoint":         p.URL + "/device",
		"id_token_signing_alg_values_supported": []string{"RS256"}})
}

func (p *Provider) keys(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	answer(w, 200, map[string]any{"keys": []any{map[string]any{"kty": "RSA", "use": "sig", "alg": "RS256",
		"kid": strconv.Itoa(p.kid),
		"n":   base64.RawURLEncoding.EncodeToString(p.key.N.Bytes()),
		"e":   base64.RawURLEncoding.EncodeToString(big.NewInt(int64(p.key.E)).Bytes())}}})
}

// client reports whether the request is by the one client there is.
func client(w http.ResponseWriter, r *http.Request) bool {
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	if id == "cloud" && secret == "secret" {
		return true
	}
	answer(w, 401, map[string]any{"error": "invalid_client"})
	return false
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	if !client(w, r) {
		return
	}
	name := ""
	switch r.PostFormValue("grant_type") {
	case "password":
		if u, ok := p.people[r.PostFormValue("username")]; ok && u.Password == r.PostFormValue("password") {
			name = r.PostFormValue("username")
		}
	case "client_credentials":
		name = "service-account"
	case "authorization_code":
		if v, ok := p.take(r.PostFormValue("code")); ok {
			sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
			if v.redirect != r.PostFormValue("redirect_uri") || v.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) {
				answer(w, 400, map[string]any{"error": "invalid_grant"})
				return
			}
			id := p.Sign(p.Claims(v.name, map[string]any{"nonce": v.nonce}))
			answer(w, 200, map[string]any{"access_token": id, "id_token": id, "token_type": "Bearer", "expires_in": 3600})
			return
		}
		if _, known := p.people[r.PostFormValue("code")]; known {
			name = r.PostFormValue("code") // whoever can say a name, is it: this is a test
		}
	case "urn:ietf:params:oauth:grant-type:device_code":
		p.mu.Lock()
		who, known := p.approved[r.PostFormValue("device_code")]
		p.mu.Unlock()
		if known && who == "" {
			answer(w, 400, map[string]any{"error": "authorization_pending"})
			return
		}
		name = who
	}
	if name == "" {
		answer(w, 401, map[string]any{"error": "invalid_grant"})
		return
	}
	token := p.Token(name)
	answer(w, 200, map[string]any{"access_token": token, "id_token": token, "token_type": "Bearer", "expires_in": 3600})
}

// Visit says who sits at the browsers that come from now on.
func (p *Provider) Visit(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.visitor = name
}

// authorize logs the visitor in without a word, and sends the browser back with a code; where nobody sits there, with
// an error.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || q.Get("client_id") != "cloud" || q.Get("response_type") != "code" ||
		q.Get("code_challenge_method") != "S256" {
		answer(w, 400, map[string]any{"error": "invalid_request"})
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	out := url.Values{"state": {q.Get("state")}}
	if p.visitor == "" {
		out.Set("error", "access_denied")
	} else {
		code := rand.Text()
		p.codes[code] = visit{p.visitor, q.Get("nonce"), q.Get("code_challenge"), q.Get("redirect_uri")}
		out.Set("code", code)
	}
	back.RawQuery = out.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// take is what a code stands for, once.
func (p *Provider) take(code string) (visit, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v, ok := p.codes[code]
	delete(p.codes, code)
	return v, ok
}

// Forget gives the codes that are out the nonce of somebody else's login.
func (p *Provider) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for code, v := range p.codes {
		v.nonce = "another"
		p.codes[code] = v
	}
}

func (p *Provider) device(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	code := fmt.Sprintf("device-%d", len(p.approved))
	p.approved[code] = ""
	answer(w, 200, map[string]any{"device_code": code, "user_code": code, "verification_uri": p.URL + "/activate",
		"expires_in": 600, "interval": 1})
}

// Approve lets somebody take a device in.
func (p *Provider) Approve(code, name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.approved[code] = name
}

func (p *Provider) introspect(w http.ResponseWriter, r *http.Request) {
	if !client(w, r) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	claims, ok := p.opaque[r.PostFormValue("token")]
	out := map[string]any{"active": ok}
	for k, v := range claims {
		out[k] = v
	}
	answer(w, 200, out)
}
