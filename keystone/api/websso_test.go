package api_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"hypernova/keystone/oidc/oidctest"
)

const dashboard = "https://Dashboard.example/auth/websso/"

// browser follows no redirect by itself, and keeps cookies.
type browser struct {
	t *testing.T
	*http.Client
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}}
}

// visit answers the status, where the browser is sent, and the page.
func (b *browser) visit(address string) (int, string, string, http.Header) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	resp, err := b.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Location"), string(page), resp.Header
}

// webCloud has the provider "corp", where alice sits at the browser.
func webCloud(t *testing.T) (*cloud, *oidctest.Provider, string) {
	t.Helper()
	c := start(&cloud{t: t})
	p := oidctest.New(t, map[string]oidctest.Person{"alice": {Claims: map[string]any{"preferred_username": "alice"}}})
	p.Visit("alice")
	admin := c.login("admin", project("admin"))
	c.want(201, "PUT", "/v3/OS-FEDERATION/mappings/m", admin,
		`{"mapping":{"rules":[{"local":[{"user":{"name":"{0}"}}],"remote":[{"type":"OIDC-preferred_username"}]}]}}`)
	c.want(201, "PUT", "/v3/OS-FEDERATION/identity_providers/corp", admin,
		fmt.Sprintf(`{"identity_provider":{"enabled":true,"remote_ids":[%q]}}`, p.URL))
	c.want(201, "PUT", "/v3/OS-FEDERATION/identity_providers/corp/protocols/openid", admin,
		`{"protocol":{"mapping_id":"m"}}`)
	return c, p, "?origin=" + url.QueryEscape(strings.ToLower(dashboard))
}

const named = "/v3/auth/OS-FEDERATION/identity_providers/corp/protocols/openid/websso"

var tokenField = regexp.MustCompile(`name="token" id="token" value="([^"]+)"`)

func TestADashboardGetsATokenForWhoeverSitsAtTheBrowser(t *testing.T) {
	t.Parallel()
	c, _, origin := webCloud(t)
	for _, path := range []string{named, "/v3/auth/OS-FEDERATION/websso/openid"} {
		b := newBrowser(t)
		status, there, _, h := b.visit(c.url + path + origin)
		cookie := h.Get("Set-Cookie")
		if status != 302 || !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Lax") ||
			!strings.Contains(cookie, "Path="+named) {
			t.Fatalf("%s: %d %s %s", path, status, there, cookie)
		}
		status, back, _, _ := b.visit(there)
		if status != 302 || !strings.HasPrefix(back, c.url+named+"?") {
			t.Fatalf("%d %s", status, back)
		}
		at, err := url.Parse(back)
		if err != nil {
			t.Fatal(err)
		}
		kept := b.Jar.Cookies(at)[0].Value
		status, _, page, h := b.visit(back)
		field := tokenField.FindStringSubmatch(page)
		if status != 200 || field == nil || !strings.Contains(page, `action="`+strings.ToLower(dashboard)+`"`) ||
			!strings.HasPrefix(h.Get("Content-Type"), "text/html") || h.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v %s", status, h, page)
		}
		me := c.want(200, "GET", "/v3/auth/tokens", field[1], "", "X-Subject-Token", field[1])
		if me.at("token", "user", "name") != "alice" || me.at("token", "user", "OS-FEDERATION", "identity_provider",
			"id") != "corp" || me.at("token", "project") != nil {
			t.Errorf("got %s", me.text)
		}
		// The answer was taken, and the cookie with it; and the provider takes no code twice.
		for range 2 {
			if status, _, page, _ := b.visit(back); status != 401 || strings.Contains(page, "token\"") {
				t.Errorf("once more: %d %s", status, page)
			}
			plant(b, at, kept)
		}
	}
}

func TestALoginByABrowserIsBoundToItsQuestion(t *testing.T) {
	t.Parallel()
	c, p, origin := webCloud(t)
	begin := func(b *browser) (there string) {
		t.Helper()
		status, there, page, _ := b.visit(c.url + named + origin)
		if status != 302 {
			t.Fatalf("%d %s", status, page)
		}
		return there
	}
	for name, spoil := range map[string]func(b *browser, back *url.URL){
		"another state": func(_ *browser, back *url.URL) { set(back, "state", "other") },
		"no code":       func(_ *browser, back *url.URL) { set(back, "code", "") },
		"another code":  func(_ *browser, back *url.URL) { set(back, "code", "other") },
		"another issuer": func(_ *browser, back *url.URL) {
			set(back, "iss", "https://evil.example")
		},
		"another nonce":     func(*browser, *url.URL) { p.Forget() },
		"another browser":   func(b *browser, _ *url.URL) { b.Jar = newBrowser(t).Jar },
		"a forged cookie":   func(b *browser, back *url.URL) { plant(b, back, "forged") },
		"a token as cookie": func(b *browser, back *url.URL) { plant(b, back, c.login("demo", demoProject)) },
		"another's answer": func(_ *browser, back *url.URL) {
			other := newBrowser(t)
			_, there, _, _ := other.visit(begin(other))
			u, err := url.Parse(there)
			if err != nil {
				t.Fatal(err)
			}
			set(back, "code", u.Query().Get("code"))
		},
		"too late": func(*browser, *url.URL) { c.now = c.now.Add(11 * time.Minute) },
	} {
		b := newBrowser(t)
		_, to, _, _ := b.visit(begin(b))
		back, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		was := c.now
		spoil(b, back)
		if status, _, page, _ := b.visit(back.String()); status != 401 || strings.Contains(page, "name=\"token\"") {
			t.Errorf("%s: %d %s", name, status, page)
		}
		c.now = was
	}
	p.Visit("")
	b := newBrowser(t)
	_, back, _, _ := b.visit(begin(b))
	if status, _, page, _ := b.visit(back); status != 401 {
		t.Errorf("nobody: %d %s", status, page)
	}
}

// An answer ends its question, also for another browser that has the cookie and a second answer of the provider.
func TestAQuestionIsAnsweredOnce(t *testing.T) {
	t.Parallel()
	c, _, origin := webCloud(t)
	b := newBrowser(t)
	_, there, _, _ := b.visit(c.url + named + origin)
	_, first, _, _ := b.visit(there)
	_, second, _, _ := b.visit(there)
	at, err := url.Parse(first)
	if err != nil {
		t.Fatal(err)
	}
	kept := b.Jar.Cookies(at)[0].Value
	if status, _, page, _ := b.visit(first); status != 200 {
		t.Fatalf("%d %s", status, page)
	}
	other := newBrowser(t)
	plant(other, at, kept)
	if status, _, page, _ := other.visit(second); first == second || status != 401 ||
		strings.Contains(page, "name=\"token\"") {
		t.Errorf("the second answer: %d %s", status, page)
	}
}

func TestALoginByABrowserIsForDashboardsThatAreTrusted(t *testing.T) {
	t.Parallel()
	c, _, origin := webCloud(t)
	admin := c.login("admin", project("admin"))
	for path, want := range map[string]int{named: 400, named + "?origin=": 400,
		named + "?origin=https://evil.example/auth/websso/": 401,
		named + origin + "x": 401, named + "?origin=javascript:alert(1)": 401, "/v3/auth/OS-FEDERATION/websso/saml2" +
			origin: 404,
		"/v3/auth/OS-FEDERATION/identity_providers/nobody/protocols/openid/websso" + origin: 404} {
		if status, there, page, h := newBrowser(t).visit(c.url + path); status != want || there != "" ||
			h.Get("Set-Cookie") != "" {
			t.Errorf("%s: got %d, want %d: %s %s", path, status, want, there, page)
		}
	}
	// Of two providers with the protocol, the path must name one; a disabled one is none.
	c.want(201, "PUT", "/v3/OS-FEDERATION/identity_providers/other", admin,
		`{"identity_provider":{"enabled":true,"remote_ids":["https://other.example"]}}`)
	c.want(201, "PUT", "/v3/OS-FEDERATION/identity_providers/other/protocols/openid", admin,
		`{"protocol":{"mapping_id":"m"}}`)
	c.want(400, "GET", "/v3/auth/OS-FEDERATION/websso/openid"+origin, "", "")
	c.want(200, "PATCH", "/v3/OS-FEDERATION/identity_providers/corp", admin, `{"identity_provider":{"enabled":false}}`)
	c.want(403, "GET", named+origin, "", "")
}

func set(u *url.URL, name, value string) {
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
}

// plant puts a cookie in the place of the browser's own.
func plant(b *browser, at *url.URL, value string) {
	b.Jar = newBrowser(b.t).Jar
	b.Jar.SetCookies(at, []*http.Cookie{{Name: "keystone_websso", Value: value, Path: named}})
}
