package oidc

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hypernova/keystone/oidc/oidctest"
	"hypernova/oslo/fault"
)

func people() map[string]oidctest.Person {
	return map[string]oidctest.Person{"alice": {Password: "pw", Claims: map[string]any{"groups": []string{"ops", "dev"},
		"name": "Alice"}}}
}

func verifier(t *testing.T, change func(*Config)) *Verifier {
	t.Helper()
	c := Config{Audiences: []string{"cloud"}, ClientID: "cloud", ClientSecret: "secret", Leeway: time.Minute,
		Timeout: 5 * time.Second}
	if change != nil {
		change(&c)
	}
	v, err := New(c, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestGoodTokensAreTaken(t *testing.T) {
	t.Parallel()
	p := oidctest.New(t, people())
	v := verifier(t, nil)
	for name, token := range map[string]string{
		"signed":                  p.Token("alice"),
		"one audience of several": p.Sign(p.Claims("alice", map[string]any{"aud": []string{"account", "cloud"}})),
		"the authorized party":    p.Sign(p.Claims("alice", map[string]any{"aud": "account", "azp": "cloud"})),
		"expired within the skew": p.Sign(p.Claims("alice",
			map[string]any{"exp": time.Now().Add(-30 * time.Second).Unix()})),
		"opaque":                   p.Opaque(p.Claims("alice", nil)),
		"opaque without an issuer": p.Opaque(p.Claims("alice", map[string]any{"iss": nil})),
	} {
		got, err := v.Vouch(t.Context(), []string{p.URL}, token)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff([]string{"ops", "dev"}, got["OIDC-groups"]); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		if got["HTTP_OIDC_NAME"][0] != "Alice" || got["REMOTE_USER"][0] != "alice" {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestTokensThatProveNothingAreRefused(t *testing.T) {
	t.Parallel()
	p, stranger := oidctest.New(t, people()), oidctest.New(t, people())
	none := oidctest.Unsigned(map[string]any{"alg": "none"}, p.Claims("alice", nil)) + "."
	confused := oidctest.Unsigned(map[string]any{"alg": "HS256", "kid": "1"}, p.Claims("alice", nil))
	mac := hmac.New(sha256.New, p.Modulus())
	mac.Write([]byte(confused))
	confused += "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	good := p.Token("alice")
	v := verifier(t, nil)
	for name, token := range map[string]string{
		"empty":                      "",
		"nonsense":                   "nonsense",
		"no algorithm":               none,
		"a symmetric algorithm":      confused,
		"a changed signature":        good[:len(good)-6] + "AAAAAA",
		"another issuer":             stranger.Token("alice"),
		"another issuer's signature": stranger.Sign(p.Claims("alice", nil)),
		"another client's token":     p.Sign(p.Claims("alice", map[string]any{"aud": "shop"})),
		"expired": p.Sign(p.Claims("alice",
			map[string]any{"exp": time.Now().Add(-2 * time.Minute).Unix()})),
		"without an end":              p.Sign(p.Claims("alice", map[string]any{"exp": nil})),
		"not yet":                     p.Sign(p.Claims("alice", map[string]any{"nbf": time.Now().Add(time.Hour).Unix()})),
		"of nobody":                   p.Sign(p.Claims("alice", map[string]any{"sub": nil})),
		"opaque and unknown":          "opaque-unknown",
		"opaque of another client":    p.Opaque(p.Claims("alice", map[string]any{"aud": "shop"})),
		"opaque of another issuer":    p.Opaque(p.Claims("alice", map[string]any{"iss": "https://other.example"})),
		"opaque, active, but expired": p.Opaque(p.Claims("alice", map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})),
	} {
		if got, err := v.Vouch(t.Context(), []string{p.URL}, token); !fault.Is(err, fault.Unauthorized) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	if stranger.Asked("/.well-known/openid-configuration") != 0 {
		t.Error("an issuer that nobody has written down was spoken to")
	}
}

func TestWhatIsNotConfiguredRefuses(t *testing.T) {
	t.Parallel()
	p := oidctest.New(t, people())
	for name, v := range map[string]struct {
		change func(*Config)
		issuer []string
		token  string
	}{
		"no audiences":     {func(c *Config) { c.Audiences = nil }, []string{p.URL}, p.Token("alice")},
		"no issuer":        {nil, nil, p.Token("alice")},
		"no introspection": {func(c *Config) { c.ClientID = "" }, []string{p.URL}, p.Opaque(p.Claims("alice", nil))},
	} {
		if _, err := verifier(t, v.change).Vouch(t.Context(), v.issuer, v.token); !fault.Is(err, fault.Unauthorized) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestProvidersThatDoNotAnswerAreNoRefusal(t *testing.T) {
	t.Parallel()
	p := oidctest.New(t, people())
	v := verifier(t, func(c *Config) { c.ClientSecret = "wrong" })
	if _, err := v.Vouch(t.Context(), []string{p.URL}, p.Opaque(p.Claims("alice", nil))); !fault.Is(err,
		fault.Unavailable) {
		t.Errorf("a wrong introspection secret: %v", err)
	}
	token := p.Token("alice")
	p.Close()
	if _, err := verifier(t, nil).Vouch(t.Context(), []string{p.URL}, token); !fault.Is(err, fault.Unavailable) {
		t.Errorf("gone: %v", err)
	}
	half := oidctest.New(t, people())
	mux := http.NewServeMux()
	mux.Handle("/", half.Config.Handler)
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	half.Config.Handler = mux
	if _, err := verifier(t, nil).Vouch(t.Context(), []string{half.URL}, half.Token("alice")); !fault.Is(err,
		fault.Unavailable) {
		t.Errorf("no keys: %v", err)
	}
}

// ticking is a clock that a test moves.
type ticking struct {
	mu sync.Mutex
	at time.Time
}

func (c *ticking) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *ticking) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func TestKeysAreRememberedAndRotatedOnesAreFound(t *testing.T) {
	t.Parallel()
	p := oidctest.New(t, people())
	clock := &ticking{at: time.Now()}
	v, err := New(Config{Audiences: []string{"cloud"}, Leeway: time.Minute, Timeout: 5 * time.Second}, clock.now)
	if err != nil {
		t.Fatal(err)
	}
	check := func(want bool, token string) {
		t.Helper()
		if _, err := v.Vouch(t.Context(), []string{p.URL}, token); (err == nil) != want {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	old := p.Token("alice")
	for range 10 {
		check(true, old)
	}
	if n := p.Asked("/keys"); n != 1 {
		t.Errorf("the keys were fetched %d times", n)
	}
	p.Rotate()
	for range 10 {
		check(false, p.Token("alice")) // within the pause nobody makes this cloud hammer the provider
	}
	if n := p.Asked("/keys"); n != 1 {
		t.Errorf("the keys were fetched %d times", n)
	}
	clock.move(rekey)
	check(true, p.Token("alice"))
	clock.move(2 * rekey)
	p.Rotate()
	check(true, p.Token("alice"))
	check(false, old)
	p.Close()
	clock.move(2 * rediscover) // what is known of a provider that is gone stays good; tokens that have ended do not
	check(false, p.Token("alice"))
	check(true, p.Sign(p.Claims("alice", map[string]any{"exp": clock.now().Add(time.Hour).Unix()})))
}
