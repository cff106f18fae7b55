package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"hypernova/keystone/identity"
	"hypernova/keystone/store"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
)

// Who asks about somebody who is not there waits as long as who asks with a wrong password, and reads the same words.
func TestUnknownUsersCostWhatWrongPasswordsCost(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	me, token := c.id("users", "demo"), c.login("demo", demoProject)
	ac := c.want(201, "POST", "/v3/users/"+me+"/application_credentials", token,
		`{"application_credential":{"name":"a","secret":"s"}}`)
	c.want(200, "PATCH", "/v3/users/"+c.id("users", "stranger"), c.login("admin", project("admin")),
		`{"user":{"enabled":false}}`)
	password := func(user string) string {
		return `{"auth":{"identity":{"methods":["password"],"password":{"user":{` + user + `,"password":"wrong"}}}}}`
	}
	secret := func(id string) string {
		return fmt.Sprintf(`{"auth":{"identity":{"methods":["application_credential"],"application_credential":{"id":%q,"secret":"wrong"}}}}`, id)
	}
	first := ""
	for name, body := range map[string]string{
		"wrong":                  password(`"name":"demo","domain":{"id":"default"}`),
		"disabled":               password(`"name":"stranger","domain":{"id":"default"}`),
		"unknown":                password(`"name":"nobody","domain":{"id":"default"}`),
		"unknown id":             password(`"id":"nobody"`),
		"unknown long id":        password(`"id":"` + strings.Repeat("a", 64) + `"`),
		"unknown domain":         password(`"name":"demo","domain":{"name":"nowhere"}`),
		"wrong secret":           secret(ac.at("application_credential", "id").(string)),
		"unknown app credential": secret("nobody"),
	} {
		before := c.passwords.Paid()
		a := c.want(401, "POST", "/v3/auth/tokens", "", body)
		if paid := c.passwords.Paid() - before; paid != 1 {
			t.Errorf("%s: %d comparisons were paid for, want 1", name, paid)
		}
		if first == "" {
			first = a.text
		}
		if a.text != first {
			t.Errorf("%s: %s, but another one %s", name, a.text, first)
		}
	}
}

// A right password is remembered, and so checked sooner than a wrong one: not where it must be refused, or who
// guesses would see it.
func TestARightPasswordThatIsRefusedCostsWhatAWrongOneCosts(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	admin := c.login("admin", project("admin"))
	c.login("demo", demoProject)
	c.login("stranger", project("other"))
	c.want(200, "PATCH", "/v3/users/"+c.id("users", "stranger"), admin, `{"user":{"enabled":false}}`)
	try := func(user, password string) {
		t.Helper()
		before := c.passwords.Paid()
		c.want(401, "POST", "/v3/auth/tokens", "", fmt.Sprintf(
			`{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":%q,"domain":{"id":"default"},"password":%q}}}}}`, user, password))
		if paid := c.passwords.Paid() - before; paid != 1 {
			t.Errorf("%s with %s: %d comparisons were paid for, want 1", user, password, paid)
		}
	}
	for range 3 {
		try("demo", "wrong")
	}
	try("demo", "wrong")
	try("demo", "secret") // locked by now
	try("stranger", "wrong")
	try("stranger", "secret")
}

func TestUsersCanBeExemptFromTheRules(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	admin, me := c.login("admin", project("admin")), c.id("users", "demo")
	c.want(200, "PATCH", "/v3/users/"+me, admin, `{"user":{"options":{"ignore_lockout_failure_attempts":true}}}`)
	for range 10 {
		c.want(401, "POST", "/v3/auth/tokens", "", authBody("demo", "wrong", ""))
	}
	c.login("demo", demoProject)
	strict := start(&cloud{t: t, rules: identity.Compliance{ExpiresAfter: 10 * day, InactiveAfter: 10 * day}})
	admin, me = strict.login("admin", project("admin")), strict.id("users", "demo")
	strict.want(200, "PATCH", "/v3/users/"+me, admin,
		`{"user":{"options":{"ignore_password_expiry":true,"ignore_user_inactivity":true}}}`)
	strict.now = strict.now.Add(30 * day)
	strict.login("demo", demoProject)
	strict.want(401, "POST", "/v3/auth/tokens", "", authBody("stranger", "secret", ""))
}

// A process that remembers what a token proves forgets it when another process ends the token.
func TestRevocationReachesOtherProcesses(t *testing.T) {
	t.Parallel()
	if store.Fresh > time.Second {
		t.Errorf("a process trusts its memory for %s", store.Fresh)
	}
	c := newCloud(t)
	far := store.NewEpochs(c.db) // of another process
	if _, err := far.Current(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, end := range []struct {
		name string
		do   func(tok string)
	}{
		{"the token is revoked", func(tok string) {
			c.want(204, "DELETE", "/v3/auth/tokens", tok, "", "X-Subject-Token", tok)
		}},
		{"the role is taken", func(string) {
			c.want(204, "DELETE", "/v3/projects/"+c.id("projects", "demo")+"/users/"+c.id("users", "demo")+"/roles/"+
				c.id("roles", "member"), c.login("admin", project("admin")), "")
		}},
	} {
		tok := c.login("demo", demoProject)
		before, err := store.NewEpochs(c.db).Current(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		end.do(tok)
		// Every process asks for the epoch before it trusts its memory, and never reads one older than Fresh.
		if after, err := store.NewEpochs(c.db).Current(t.Context()); err != nil || after == before {
			t.Errorf("%s: the epoch is %d and was %d: %v", end.name, after, before, err)
		}
		c.want(404, "GET", "/v3/auth/tokens", c.login("admin", project("admin")), "", "X-Subject-Token", tok)
	}
	// The other process sees it by itself, without a word from anybody.
	now, err := store.NewEpochs(c.db).Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		if got, err := far.Current(t.Context()); err != nil || got == now {
			tick.Stop()
			break
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("the other process never saw it")
		}
	}
}

// together sends the same request from eight clients at once and counts the answers by status. Without a body each
// client has a path of its own below path.
func (c *cloud) together(method, path, tok string, body func(i int) string) map[int]int {
	c.t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	got := map[int]int{}
	for i := range 8 {
		wg.Go(func() {
			path, text := path, ""
			if body == nil {
				path = fmt.Sprintf("%s/%d", path, i)
			} else {
				text = body(i)
			}
			req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(text))
			if err != nil {
				c.t.Error(err)
				return
			}
			req.Header.Set("X-Auth-Token", tok)
			req.Header.Set("Content-Type", "application/json")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				c.t.Error(err)
				return
			}
			resp.Body.Close()
			mu.Lock()
			defer mu.Unlock()
			got[resp.StatusCode]++
		})
	}
	wg.Wait()
	return got
}

// Names are unique, and changes of different attributes all stay, whoever writes at the same time.
func TestManyClientsAtOnce(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		c := &cloud{t: t, now: clock.Real()}
		c.build(d, func() time.Time { return c.now })
		admin, me, home := c.login("admin", project("admin")), c.id("users", "demo"), c.id("projects", "demo")
		group := c.want(201, "POST", "/v3/groups", admin, `{"group":{"name":"g"}}`).at("group", "id").(string)
		for path, body := range map[string]string{
			"/v3/users": `{"user":{"name":"same"}}`, "/v3/projects": `{"project":{"name":"same"}}`,
			"/v3/groups": `{"group":{"name":"same"}}`,
			"/v3/roles":  `{"role":{"name":"same"}}`, "/v3/domains": `{"domain":{"name":"same"}}`,
		} {
			if got := c.together("POST", path, admin, func(int) string { return body }); got[201] != 1 || got[409] != 7 {
				t.Errorf("POST %s: got %v, want one made and seven conflicts", path, got)
			}
		}
		endpoint := c.want(200, "GET", "/v3/endpoints", admin, "").at("endpoints", 0, "id").(string)
		for path, name := range map[string]string{"/v3/users/" + me: "user", "/v3/projects/" + home: "project",
			"/v3/groups/" + group:                  "group",
			"/v3/roles/" + c.id("roles", "member"): "role", "/v3/services/" + c.id("services", "cinder"): "service",
			"/v3/regions/RegionOne":     "region",
			"/v3/endpoints/" + endpoint: "endpoint"} {
			if got := c.together("PATCH", path, admin, func(i int) string {
				return fmt.Sprintf(`{%q:{"mark%d":"x"}}`, name, i)
			}); got[200] != 8 {
				t.Errorf("PATCH %s: got %v", path, got)
			}
			a := c.want(200, "GET", path, admin, "")
			for i := range 8 {
				if a.at(name, fmt.Sprintf("mark%d", i)) != "x" {
					t.Errorf("%s lost mark%d: %s", path, i, a.text)
				}
			}
		}
		if got := c.together("PUT", "/v3/projects/"+home+"/tags", admin, nil); got[201]+got[204] != 8 {
			t.Errorf("tags: got %v", got)
		}
		if a := c.want(200, "GET", "/v3/projects/"+home+"/tags", admin, ""); len(a.at("tags").([]any)) != 8 {
			t.Errorf("a tag was lost: %s", a.text)
		}
		for _, path := range []string{"/v3/groups/" + group + "/users/" + me, "/v3/projects/" + home + "/users/" + me +
			"/roles/" + c.id("roles", "manager")} {
			if got := c.together("PUT", path, admin, func(int) string { return "" }); got[204] != 8 {
				t.Errorf("PUT %s: got %v", path, got)
			}
			if got := c.together("DELETE", path, admin, func(int) string { return "" }); got[204] != 1 || got[404] != 7 {
				t.Errorf("DELETE %s: got %v", path, got)
			}
		}
	}, dbtest.Migrations{Name: "keystone", FS: store.Migrations()})
}
