package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"hypernova/keystone"
	keystoneapi "hypernova/keystone/api"
	"hypernova/keystone/assignment"
	"hypernova/keystone/bootstrap"
	"hypernova/keystone/catalog"
	"hypernova/keystone/credential"
	"hypernova/keystone/delegation"
	"hypernova/keystone/federation"
	"hypernova/keystone/identity"
	"hypernova/keystone/ldapidentity"
	"hypernova/keystone/limit"
	"hypernova/keystone/oidc"
	"hypernova/keystone/store"
	"hypernova/keystone/token"
	"hypernova/oslo/api"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/policy"
)

// cloud is identity over a database in memory, bootstrapped, behind a test server.
type cloud struct {
	t   testing.TB
	url string
	now time.Time
	api keystoneapi.Deps

	rules identity.Compliance
	model string

	overrides map[string]string // of policies

	sources   directories
	passwords *identity.Passwords
	db        *db.DB
}

// directories are those of domains, by the domain's name.
type directories map[string]ldapidentity.Source

func (d directories) Source(_ context.Context, domain keystone.Project) (ldapidentity.Source, error) {
	return d[domain.Name], nil
}

func newCloud(t testing.TB) *cloud {
	t.Helper()
	return start(&cloud{t: t, rules: identity.Compliance{LockoutAttempts: 3, LockoutFor: time.Minute}})
}

// start brings up a cloud that is configured already.
func start(c *cloud) *cloud {
	t := c.t
	t.Helper()
	c.now = clock.Real()
	now := func() time.Time { return c.now }
	d := dbtest.Memory(t, dbtest.Migrations{Name: "keystone", FS: store.Migrations()})
	c.build(d, now)
	return c
}

func (c *cloud) build(d *db.DB, now clock.Now) {
	t := c.t
	passwords, err := identity.NewPasswords(4)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := token.OpenKeys("", 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := passwords.Demand(c.rules); err != nil {
		t.Fatal(err)
	}
	c.passwords, c.db = passwords, d
	epochs := store.NewEpochs(d)
	dir := ldapidentity.New(d, c.sources, now)
	roles := assignment.New(assignment.Deps{DB: d, Epochs: epochs, Directory: dir, Now: now})
	verifier, err := oidc.New(oidc.Config{Audiences: []string{"cloud"}, ClientID: "cloud", ClientSecret: "secret",
		WebClientID: "cloud", WebClientSecret: "secret", WebScopes: []string{"profile"}, Leeway: time.Minute,
		Timeout: 5 * time.Second}, now)
	if err != nil {
		t.Fatal(err)
	}
	credentials := credential.New(d, keys, now)
	c.api = keystoneapi.Deps{Roles: roles,
		Identity: identity.New(identity.Deps{DB: d, Epochs: epochs, Passwords: passwords, Directory: dir, Now: now}),
		Catalog:  catalog.New(d, epochs),
		Tokens: token.New(token.Config{Lifetime: time.Hour, AllowRescope: true, Seeds: credentials, Directory: dir},
			token.Deps{DB: d, Epochs: epochs, Keys: keys, Passwords: passwords, Roles: roles, Now: now}),
		Delegation: delegation.New(delegation.Config{Trusts: delegation.Trusts{MaxRedelegation: 3},
			AppCredentials: delegation.AppCredentials{PerUser: 5}},
			delegation.Deps{DB: d, Epochs: epochs, Passwords: passwords, Roles: roles, Now: now}),
		Credentials: credentials, Limits: limit.New(d, c.model),
		Federation: federation.New(federation.Config{Verifier: verifier},
			federation.Deps{DB: d, Epochs: epochs, Now: now}),
		WebSSO: keystoneapi.WebSSO{Dashboards: []string{dashboard}, Now: now}}
	enforcer, err := policy.New(keystoneapi.Rules(), c.overrides)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(keystoneapi.Handler(api.Config{Validator: c.api.Tokens, Policy: enforcer}, c.api))
	t.Cleanup(srv.Close)
	c.url = srv.URL
	plan := bootstrap.Plan{Region: "RegionOne", Projects: []string{"admin", "service", "demo", "other"},
		Services: []bootstrap.Service{{Type: "identity", Name: "keystone", URL: srv.URL + "/v3"},
			{Type: "volumev3", Name: "cinder", URL: "http://cinder/v3/$(project_id)s"}},
		Users: []bootstrap.User{
			{Name: "admin", Password: "secret", Grants: map[string][]string{"admin": {"admin"}}, OnSystem: []string{"admin"}},
			{Name: "demo", Password: "secret", Grants: map[string][]string{"demo": {"member"}, "other": {"reader"}}},
			{Name: "stranger", Password: "secret", Grants: map[string][]string{"other": {"member"}}},
			{Name: "auditor", Password: "secret", OnSystem: []string{"reader"}},
			{Name: "boss", Password: "secret", OnDomain: []string{"manager"}},
		}}
	verbs := bootstrap.Operations{Identity: c.api.Identity, Roles: roles, Catalog: c.api.Catalog}
	for range 2 { // the second run must change nothing
		if err := bootstrap.Run(t.Context(), verbs, plan); err != nil {
			t.Fatal(err)
		}
	}
}

// answer is a response with its decoded body.
type answer struct {
	status int
	header http.Header
	body   any
	text   string
}

// at walks members and list positions: at("token", "roles", 0, "name").
func (a answer) at(path ...any) any {
	v := a.body
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

func (c *cloud) do(method, path, tok, body string, header ...string) answer {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if tok != "" {
		req.Header.Set("X-Auth-Token", tok)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, text: string(b)}
	if len(b) > 0 {
		d := json.NewDecoder(bytes.NewReader(b))
		if err := d.Decode(&a.body); err != nil {
			c.t.Fatalf("%s %s: %v: %s", method, path, err, b)
		}
	}
	return a
}

func (c *cloud) want(status int, method, path, tok, body string, header ...string) answer {
	c.t.Helper()
	a := c.do(method, path, tok, body, header...)
	if a.status != status {
		c.t.Fatalf("%s %s: got %d, want %d: %s", method, path, a.status, status, a.text)
	}
	return a
}

const (
	demoProject = `{"project":{"name":"demo","domain":{"id":"default"}}}`
	system      = `{"system":{"all":true}}`
	domain      = `{"domain":{"id":"default"}}`
)

func authBody(user, password, scope string) string {
	s := ""
	if scope != "" {
		s = `,"scope":` + scope
	}
	return fmt.Sprintf(`{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":%q,"domain":{"name":"Default"},"password":%q}}}%s}}`,
		user, password, s)
}

func (c *cloud) login(user, scope string) string {
	c.t.Helper()
	return c.want(201, "POST", "/v3/auth/tokens", "", authBody(user, "secret", scope)).header.Get("X-Subject-Token")
}

func project(name string) string {
	return fmt.Sprintf(`{"project":{"name":%q,"domain":{"id":"default"}}}`, name)
}

func TestATokenTellsWhoWhereAndWhatFor(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	a := c.want(201, "POST", "/v3/auth/tokens", "", authBody("demo", "secret", demoProject))
	if got := a.header.Get("X-Subject-Token"); len(got) < 100 || len(got) > 255 {
		t.Errorf("the token has %d characters", len(got))
	}
	for _, tt := range []struct {
		want any
		path []any
	}{
		{"demo", []any{"token", "user", "name"}},
		{"Default", []any{"token", "user", "domain", "name"}},
		{"demo", []any{"token", "project", "name"}},
		{"default", []any{"token", "project", "domain", "id"}},
		{"member", []any{"token", "roles", 0, "name"}},
		{"reader", []any{"token", "roles", 1, "name"}},
		{"password", []any{"token", "methods", 0}},
		{false, []any{"token", "is_domain"}},
	} {
		if got := a.at(tt.path...); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.path, got, tt.want)
		}
	}
	volume := a.text[strings.Index(a.text, "volumev3"):]
	if id := a.at("token", "project", "id").(string); !strings.Contains(volume, "http://cinder/v3/"+id) {
		t.Errorf("the catalog's URL lacks the project: %s", volume)
	}
}

func TestAuthenticationIsRefused(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	for _, tt := range []struct {
		name, body string
		status     int
	}{
		{"wrong password", authBody("demo", "wrong", demoProject), 401},
		{"unknown user", authBody("nobody", "secret", demoProject), 401},
		{"project without a role", authBody("demo", "secret", project("admin")), 401},
		{"unknown project", authBody("demo", "secret", project("nope")), 401},
		{"system without a role", authBody("demo", "secret", system), 401},
		{"unsupported method", `{"auth":{"identity":{"methods":["magic"]}}}`, 401},
		{"no methods", `{"auth":{"identity":{"methods":[]}}}`, 400},
		{"method without its proof", `{"auth":{"identity":{"methods":["password"]}}}`, 400},
		{"no envelope", `{}`, 400},
		{"malformed", `{"auth":`, 400},
		{"scope of nothing", authBody("demo", "secret", `{}`), 400},
		{"wrong type", `{"auth":{"identity":{"methods":"password"}}}`, 400},
	} {
		a := c.do("POST", "/v3/auth/tokens", "", tt.body)
		if a.status != tt.status || a.at("error", "code") != float64(tt.status) || a.at("error", "message") == nil {
			t.Errorf("%s: got %d %s, want %d in identity's error shape", tt.name, a.status, a.text, tt.status)
		}
	}
}

func TestManyWrongPasswordsLockTheUserForAWhile(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	for range 3 {
		c.want(401, "POST", "/v3/auth/tokens", "", authBody("demo", "wrong", ""))
	}
	c.want(401, "POST", "/v3/auth/tokens", "", authBody("demo", "secret", ""))
	c.now = c.now.Add(2 * time.Minute)
	c.want(201, "POST", "/v3/auth/tokens", "", authBody("demo", "secret", ""))
}

func TestTokensAreValidatedRevokedAndExpire(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	demo, admin := c.login("demo", demoProject), c.login("admin", project("admin"))
	a := c.want(200, "GET", "/v3/auth/tokens", admin, "", "X-Subject-Token", demo)
	if a.at("token", "user", "name") != "demo" || a.at("token", "catalog") == nil {
		t.Errorf("got %s", a.text)
	}
	c.want(200, "HEAD", "/v3/auth/tokens", demo, "", "X-Subject-Token", demo)
	c.want(403, "GET", "/v3/auth/tokens", demo, "", "X-Subject-Token", admin)
	c.want(404, "GET", "/v3/auth/tokens", admin, "", "X-Subject-Token", demo[:len(demo)-2]+"xx")
	c.want(204, "DELETE", "/v3/auth/tokens", demo, "", "X-Subject-Token", demo)
	c.want(404, "GET", "/v3/auth/tokens", admin, "", "X-Subject-Token", demo)
	c.want(401, "GET", "/v3/auth/projects", demo, "")
	again := c.login("demo", demoProject)
	c.now = c.now.Add(61 * time.Minute)
	c.want(401, "GET", "/v3/auth/projects", again, "")
}

func TestARescopedTokenDiesWithItsFirst(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	first := c.login("demo", demoProject)
	c.now = c.now.Add(30 * time.Minute)
	body := fmt.Sprintf(`{"auth":{"identity":{"methods":["token"],"token":{"id":%q}},"scope":%s}}`, first,
		project("other"))
	a := c.want(201, "POST", "/v3/auth/tokens", "", body)
	if a.at("token", "project", "name") != "other" || len(a.at("token", "audit_ids").([]any)) != 2 {
		t.Errorf("got %s", a.text)
	}
	second := a.header.Get("X-Subject-Token")
	c.now = c.now.Add(31 * time.Minute)
	c.want(401, "GET", "/v3/auth/projects", second, "")
}

func TestLosingARoleOrThePasswordEndsTokens(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	admin, demo := c.login("admin", project("admin")), c.login("demo", demoProject)
	c.want(200, "GET", "/v3/auth/projects", demo, "")
	user := c.want(200, "GET", "/v3/users?name=demo", admin, "").at("users", 0, "id").(string)
	p := c.want(200, "GET", "/v3/projects?name=demo", admin, "").at("projects", 0, "id").(string)
	role := c.want(200, "GET", "/v3/roles?name=member", admin, "").at("roles", 0, "id").(string)
	c.want(204, "DELETE", "/v3/projects/"+p+"/users/"+user+"/roles/"+role, admin, "")
	c.want(401, "GET", "/v3/auth/projects", demo, "")

	other := c.login("demo", project("other"))
	c.now = c.now.Add(time.Second)
	c.want(204, "POST", "/v3/users/"+user+"/password", other,
		`{"user":{"original_password":"secret","password":"new secret"}}`)
	c.want(401, "GET", "/v3/auth/projects", other, "")
	c.want(401, "POST", "/v3/auth/tokens", "", authBody("demo", "secret", ""))
	c.now = c.now.Add(time.Second)
	c.want(201, "POST", "/v3/auth/tokens", "", authBody("demo", "new secret", project("other")))
}

func TestProjectsUsersRolesAndGroupsLive(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	admin := c.login("admin", project("admin"))
	p := c.want(201, "POST", "/v3/projects", admin,
		`{"project":{"name":"p","description":"d","tags":["red"],"color":"blue"}}`)
	id := p.at("project", "id").(string)
	if p.at("project", "domain_id") != "default" || p.at("project", "color") != "blue" ||
		p.at("project", "enabled") != true {
		t.Errorf("got %s", p.text)
	}
	c.want(409, "POST", "/v3/projects", admin, `{"project":{"name":"p"}}`)
	c.want(200, "PATCH", "/v3/projects/"+id, admin, `{"project":{"name":"q","color":null}}`)
	got := c.want(200, "GET", "/v3/projects/"+id, admin, "")
	if got.at("project", "name") != "q" || strings.Contains(got.text, "color") {
		t.Errorf("got %s", got.text)
	}
	if n := len(c.want(200, "GET", "/v3/projects?tags=red", admin, "").at("projects").([]any)); n != 1 {
		t.Errorf("%d projects have the tag", n)
	}
	if n := len(c.want(200, "GET", "/v3/projects?not-tags=red", admin, "").at("projects").([]any)); n != 4 {
		t.Errorf("%d projects lack the tag", n)
	}
	u := c.want(201, "POST", "/v3/users", admin, `{"user":{"name":"u","password":"pw","email":"u@example.org"}}`)
	uid := u.at("user", "id").(string)
	if strings.Contains(u.text, "pw") || u.at("user", "email") != "u@example.org" {
		t.Errorf("got %s", u.text)
	}
	g := c.want(201, "POST", "/v3/groups", admin, `{"group":{"name":"g"}}`).at("group", "id").(string)
	c.want(404, "HEAD", "/v3/groups/"+g+"/users/"+uid, admin, "")
	c.want(204, "PUT", "/v3/groups/"+g+"/users/"+uid, admin, "")
	c.want(204, "HEAD", "/v3/groups/"+g+"/users/"+uid, admin, "")
	r := c.want(201, "POST", "/v3/roles", admin, `{"role":{"name":"r"}}`).at("role", "id").(string)
	grant := "/v3/projects/" + id + "/groups/" + g + "/roles/" + r
	c.want(404, "HEAD", grant, admin, "")
	c.want(204, "PUT", grant, admin, "")
	c.want(204, "HEAD", grant, admin, "")
	list := c.want(200, "GET", "/v3/role_assignments?effective&include_names&user.id="+uid, admin, "")
	if list.at("role_assignments", 0, "role", "name") != "r" || list.at("role_assignments", 0, "scope", "project",
		"name") != "q" ||
		!strings.Contains(list.text, "/groups/"+g+"/users/"+uid) {
		t.Errorf("got %s", list.text)
	}
	tok := c.want(201, "POST", "/v3/auth/tokens", "", authBody("u", "pw",
		fmt.Sprintf(`{"project":{"id":%q}}`, id))).header.Get("X-Subject-Token")
	if n := len(c.want(200, "GET", "/v3/auth/projects", tok, "").at("projects").([]any)); n != 1 {
		t.Errorf("the user sees %d projects", n)
	}
	for _, path := range []string{"/v3/groups/" + g, "/v3/users/" + uid, "/v3/roles/" + r, "/v3/projects/" + id} {
		c.want(204, "DELETE", path, admin, "")
		c.want(404, "GET", path, admin, "")
	}
	c.want(401, "GET", "/v3/auth/projects", tok, "")
}

func TestInheritedGrantsReachDownTheTree(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	admin := c.login("admin", project("admin"))
	top := c.want(201, "POST", "/v3/projects", admin, `{"project":{"name":"top"}}`).at("project", "id").(string)
	low := c.want(201, "POST", "/v3/projects", admin, fmt.Sprintf(`{"project":{"name":"low","parent_id":%q}}`,
		top)).at("project", "id").(string)
	user := c.want(200, "GET", "/v3/users?name=auditor", admin, "").at("users", 0, "id").(string)
	role := c.want(200, "GET", "/v3/roles?name=reader", admin, "").at("roles", 0, "id").(string)
	c.want(204, "PUT", "/v3/OS-INHERIT/projects/"+top+"/users/"+user+"/roles/"+role+"/inherited_to_projects", admin, "")
	c.want(401, "POST", "/v3/auth/tokens", "", authBody("auditor", "secret", project("top")))
	c.want(201, "POST", "/v3/auth/tokens", "", authBody("auditor", "secret", project("low")))
	c.want(403, "DELETE", "/v3/projects/"+top, admin, "")
	ids := c.want(200, "GET", "/v3/projects/"+top+"?subtree_as_ids", admin, "")
	if m, _ := ids.at("project", "subtree").(map[string]any); len(m) != 1 {
		t.Errorf("got %s", ids.text)
	} else if _, ok := m[low]; !ok {
		t.Errorf("got %s", ids.text)
	}
}

func TestTheCatalogIsAdministered(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	admin := c.login("admin", project("admin"))
	s := c.want(201, "POST", "/v3/services", admin, `{"service":{"type":"dns","name":"d"}}`).at("service", "id").(string)
	e := c.want(201, "POST", "/v3/endpoints", admin,
		fmt.Sprintf(`{"endpoint":{"service_id":%q,"interface":"public","url":"http://dns","region_id":"R2"}}`,
			s)).at("endpoint", "id").(string)
	c.want(200, "GET", "/v3/regions/R2", admin, "")
	c.want(403, "DELETE", "/v3/regions/R2", admin, "")
	if a := c.want(200, "GET", "/v3/auth/catalog", admin, ""); !strings.Contains(a.text, "http://dns") {
		t.Errorf("the catalog lacks the new endpoint: %s", a.text)
	}
	c.want(200, "PATCH", "/v3/endpoints/"+e, admin, `{"endpoint":{"enabled":false}}`)
	if a := c.want(200, "GET", "/v3/auth/catalog", admin, ""); strings.Contains(a.text, "http://dns") {
		t.Errorf("the catalog shows a disabled endpoint: %s", a.text)
	}
	c.want(400, "POST", "/v3/endpoints", admin,
		`{"endpoint":{"service_id":"nope","interface":"public","url":"http://dns"}}`)
	c.want(204, "DELETE", "/v3/services/"+s, admin, "")
	c.want(404, "GET", "/v3/endpoints/"+e, admin, "")
}

func TestDomainsMustBeDisabledBeforeTheyGo(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	admin := c.login("admin", project("admin"))
	d := c.want(201, "POST", "/v3/domains", admin, `{"domain":{"name":"d"}}`).at("domain", "id").(string)
	u := c.want(201, "POST", "/v3/users", admin, fmt.Sprintf(`{"user":{"name":"u","domain_id":%q}}`, d)).at("user",
		"id").(string)
	c.want(403, "DELETE", "/v3/domains/"+d, admin, "")
	c.want(200, "PATCH", "/v3/domains/"+d, admin, `{"domain":{"enabled":false}}`)
	c.want(204, "DELETE", "/v3/domains/"+d, admin, "")
	c.want(404, "GET", "/v3/users/"+u, admin, "")
	c.want(404, "GET", "/v3/domains/"+d, admin, "")
}
