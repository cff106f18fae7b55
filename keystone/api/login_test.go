package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"hypernova/keystone/oidc/oidctest"
)

// federate sets up provider "idp" with protocol "openid" and these rules; it answers who can log in there.
func (c *cloud) federate(rules string, more string) *oidctest.Provider {
	c.t.Helper()
	version := "1.0"
	if strings.Contains(rules, `"domain":{"name":`) {
		version = "2.0"
	}
	p := oidctest.New(c.t, map[string]oidctest.Person{
		"alice": {Password: "pw", Claims: map[string]any{"groups": []string{"ops", "unknown"}, "email": "alice@example.org",
			"preferred_username": "alice"}},
		"bob": {Password: "pw", Claims: map[string]any{"groups": []string{"dev"}, "preferred_username": "bob"}},
	})
	admin := c.login("admin", project("admin"))
	const f = "/v3/OS-FEDERATION"
	c.want(201, "PUT", f+"/identity_providers/idp", admin,
		fmt.Sprintf(`{"identity_provider":{"enabled":true,"remote_ids":[%q]%s}}`, p.URL, more))
	c.want(201, "PUT", f+"/mappings/m", admin, `{"mapping":{"schema_version":"`+version+`","rules":`+rules+`}}`)
	c.want(201, "PUT", f+"/identity_providers/idp/protocols/openid", admin, `{"protocol":{"mapping_id":"m"}}`)
	return p
}

const authPath = "/v3/OS-FEDERATION/identity_providers/idp/protocols/openid/auth"

// enter logs in by a provider's token.
func (c *cloud) enter(status int, token string) answer {
	c.t.Helper()
	return c.want(status, "POST", authPath, "", "", "Authorization", "Bearer "+token)
}

func (c *cloud) rescope(status int, tok, scope string) answer {
	c.t.Helper()
	return c.want(status, "POST", "/v3/auth/tokens", "",
		fmt.Sprintf(`{"auth":{"identity":{"methods":["token"],"token":{"id":%q}},"scope":%s}}`, tok, scope))
}

const byGroups = `[{"remote":[{"type":"OIDC-preferred_username"},{"type":"OIDC-groups","whitelist":["ops","unknown"]}],
	"local":[{"user":{"name":"{0}"}},{"groups":"{1}","domain":{"id":"default"}}]}]`

func TestLoginByAnIdentityProvider(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	p := c.federate(byGroups, "")
	admin := c.login("admin", project("admin"))
	ops := c.want(201, "POST", "/v3/groups", admin, `{"group":{"name":"ops"}}`).at("group", "id").(string)
	c.want(204, "PUT", "/v3/projects/"+c.id("projects", "demo")+"/groups/"+ops+"/roles/"+c.id("roles", "member"), admin,
		"")
	a := c.enter(201, p.Token("alice"))
	idp := c.want(200, "GET", "/v3/OS-FEDERATION/identity_providers/idp", admin, "").at("identity_provider", "domain_id")
	if a.at("token", "user", "name") != "alice" || a.at("token", "user", "domain", "id") != idp ||
		a.at("token", "methods", 0) != "mapped" ||
		a.at("token", "user", "OS-FEDERATION", "groups", 0, "id") != ops || a.at("token", "user", "OS-FEDERATION", "protocol",
		"id") != "openid" {
		t.Errorf("got %s", a.text)
	}
	tok := a.header.Get("X-Subject-Token")
	if again := c.enter(201, p.Token("alice")); again.at("token", "user", "id") != a.at("token", "user", "id") {
		t.Errorf("the same person is two users: %s", again.text)
	}
	if ps := c.want(200, "GET", "/v3/OS-FEDERATION/projects", tok, ""); ps.at("projects", 0, "name") != "demo" {
		t.Errorf("got %s", ps.text)
	}
	if ps := c.want(200, "GET", "/v3/auth/projects", tok, ""); ps.at("projects", 0, "name") != "demo" {
		t.Errorf("got %s", ps.text)
	}
	scoped := c.rescope(201, tok, demoProject)
	if scoped.at("token", "roles", 0, "name") != "member" || scoped.at("token", "user", "OS-FEDERATION",
		"identity_provider", "id") != "idp" {
		t.Errorf("got %s", scoped.text)
	}
	text := scoped.header.Get("X-Subject-Token")
	c.want(200, "GET", "/v3/auth/tokens", admin, "", "X-Subject-Token", text)
	c.rescope(401, tok, project("other"))
	// The provider's word ends with the provider.
	c.want(200, "PATCH", "/v3/OS-FEDERATION/identity_providers/idp", admin, `{"identity_provider":{"enabled":false}}`)
	c.want(404, "GET", "/v3/auth/tokens", admin, "", "X-Subject-Token", text)
	c.enter(403, p.Token("alice"))
}

func TestLoginsThatFail(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	p := c.federate(byGroups, "")
	admin := c.login("admin", project("admin"))
	c.want(401, "POST", authPath, "", "")
	c.want(401, "POST", authPath, "", "", "Authorization", "Basic eDp5")
	c.enter(401, "nonsense")
	c.enter(401, p.Token("bob")+"x")
	c.enter(401, p.Sign(p.Claims("alice", map[string]any{"preferred_username": nil}))) // no rule fits
	c.want(404, "POST", "/v3/OS-FEDERATION/identity_providers/nope/protocols/openid/auth", "", "", "Authorization",
		"Bearer x")
	c.want(404, "POST", "/v3/OS-FEDERATION/identity_providers/idp/protocols/nope/auth", "", "", "Authorization",
		"Bearer x")
	c.want(200, "PATCH", "/v3/OS-FEDERATION/mappings/m", admin,
		`{"mapping":{"rules":[{"remote":[{"type":"OIDC-sub"}],"local":[{"user":{"name":"{0}"}},{"group":{"id":"nope"}}]}]}}`)
	c.enter(500, p.Token("alice"))
	token := p.Token("alice")
	p.Close()
	c.now = c.now.Add(2 * time.Second)
	c.enter(500, token) // the keys are known still
	c.want(201, "PUT", "/v3/OS-FEDERATION/identity_providers/two", admin,
		`{"identity_provider":{"enabled":true,"remote_ids":["http://127.0.0.1:1"]}}`)
	c.want(201, "PUT", "/v3/OS-FEDERATION/identity_providers/two/protocols/openid", admin,
		`{"protocol":{"mapping_id":"m"}}`)
	away := p.Sign(p.Claims("alice", map[string]any{"iss": "http://127.0.0.1:1"}))
	c.want(503, "POST", "/v3/OS-FEDERATION/identity_providers/two/protocols/openid/auth", "", "", "Authorization",
		"Bearer "+away)
}

func TestMappingsMakeProjectsAndGiveRoles(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	p := c.federate(`[{"remote":[{"type":"OIDC-preferred_username"},{"type":"OIDC-email"}],
		"local":[{"user":{"name":"{0}","email":"{1}"}},{"projects":[{"name":"home of {0}","roles":[{"name":"member"}]},
			{"name":"shared","domain":{"name":"Default"},"roles":[{"name":"reader"}]}]}]}]`, "")
	admin := c.login("admin", project("admin"))
	a := c.enter(201, p.Token("alice"))
	tok, me := a.header.Get("X-Subject-Token"), a.at("token", "user", "id").(string)
	ps := c.want(200, "GET", "/v3/auth/projects?sort_key=name", tok, "")
	if l, _ := ps.at("projects").([]any); len(l) != 2 {
		t.Fatalf("got %s", ps.text)
	}
	home := c.rescope(201, tok, fmt.Sprintf(`{"project":{"name":"home of alice","domain":{"id":%q}}}`,
		a.at("token", "user", "domain", "id")))
	if home.at("token", "roles", 0, "name") != "member" {
		t.Errorf("got %s", home.text)
	}
	c.rescope(201, tok, project("shared"))
	u := c.want(200, "GET", "/v3/users/"+me, admin, "")
	if u.at("user", "email") != "alice@example.org" || u.at("user", "federated", 0, "idp_id") != "idp" ||
		u.at("user", "federated", 0, "protocols", 0, "unique_id") != "alice" {
		t.Errorf("got %s", u.text)
	}
	if l := c.want(200, "GET", "/v3/users?unique_id=alice&idp_id=idp", admin, ""); l.at("users", 0, "id") != me ||
		l.at("users", 1) != nil {
		t.Errorf("got %s", l.text)
	}
	if l := c.want(200, "GET", "/v3/users?unique_id=nobody", admin, ""); l.at("users", 0) != nil {
		t.Errorf("got %s", l.text)
	}
	// A role that is not there: nothing is made.
	c.want(200, "PATCH", "/v3/OS-FEDERATION/mappings/m", admin, `{"mapping":{"rules":[{"remote":[{"type":"OIDC-sub"}],
		"local":[{"user":{"name":"{0}"}},{"projects":[{"name":"none","roles":[{"name":"nope"}]}]}]}]}}`)
	c.enter(404, p.Token("bob"))
	if l := c.want(200, "GET", "/v3/users?name=bob", admin, ""); l.at("users", 0) != nil {
		t.Errorf("a login that failed left %s", l.text)
	}
}

func TestMembershipsOutlastTheLoginForAsLongAsTheProviderSays(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	p := c.federate(byGroups, `,"authorization_ttl":10`)
	admin := c.login("admin", project("admin"))
	ops := c.want(201, "POST", "/v3/groups", admin, `{"group":{"name":"ops"}}`).at("group", "id").(string)
	c.want(204, "PUT", "/v3/projects/"+c.id("projects", "demo")+"/groups/"+ops+"/roles/"+c.id("roles", "member"), admin,
		"")
	a := c.enter(201, p.Token("alice"))
	me := a.at("token", "user", "id").(string)
	tok := c.rescope(201, a.header.Get("X-Subject-Token"), demoProject).header.Get("X-Subject-Token")
	ac := c.want(201, "POST", "/v3/users/"+me+"/application_credentials", tok, `{"application_credential":{"name":"a"}}`)
	login := fmt.Sprintf(`{"auth":{"identity":{"methods":["application_credential"],"application_credential":{"id":%q,"secret":%q}}}}`,
		ac.at("application_credential", "id"), ac.at("application_credential", "secret"))
	c.now = c.now.Add(9 * time.Minute)
	c.want(201, "POST", "/v3/auth/tokens", "", login)
	c.now = c.now.Add(2 * time.Minute)
	c.want(401, "POST", "/v3/auth/tokens", "", login)
	c.enter(201, p.Token("alice"))
	c.want(201, "POST", "/v3/auth/tokens", "", login)
	// the provider has taken the group back
	c.enter(201, p.Sign(p.Claims("alice", map[string]any{"groups": []string{"unknown"}})))
	c.want(401, "POST", "/v3/auth/tokens", "", login)
}

func TestWhatIsRememberedOfATokenEndsWithTheMembershipItRestsOn(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	p := c.federate(byGroups, `,"authorization_ttl":10`)
	admin := c.login("admin", project("admin"))
	ops := c.want(201, "POST", "/v3/groups", admin, `{"group":{"name":"ops"}}`).at("group", "id").(string)
	c.want(204, "PUT", "/v3/projects/"+c.id("projects", "demo")+"/groups/"+ops+"/roles/"+c.id("roles", "member"), admin,
		"")
	// An administrator has made the user, and says who they are at the provider.
	made := c.want(201, "POST", "/v3/users", admin, `{"user":{"name":"alice","password":"Correct-horse-7",
		"federated":[{"idp_id":"idp","protocols":[{"protocol_id":"openid","unique_id":"alice"}]}]}}`).at("user", "id")
	if a := c.enter(201, p.Token("alice")); a.at("token", "user", "id") != made {
		t.Fatalf("got %s", a.text)
	}
	tok := c.want(201, "POST", "/v3/auth/tokens", "", authBody("alice", "Correct-horse-7", demoProject)).header.Get(
		"X-Subject-Token")
	c.now = c.now.Add(9 * time.Minute)
	c.want(200, "GET", "/v3/regions", tok, "")
	c.now = c.now.Add(2 * time.Minute)
	c.want(401, "GET", "/v3/regions", tok, "")
}

func TestProvidersCannotSpeakForEachOthersUsersNorForOurs(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	p := c.federate(`[{"remote":[{"type":"OIDC-sub"}],"local":[{"user":{"name":"{0}"}}]}]`, `,"domain_id":"default"`)
	admin := c.login("admin", project("admin"))
	mine := c.enter(201, p.Sign(p.Claims("alice", map[string]any{"sub": "admin"})))
	if mine.at("token", "user", "id") == c.id("users", "admin") || mine.at("token", "user", "name") == "admin" {
		t.Fatalf("a provider made itself admin: %s", mine.text)
	}
	c.enter(201, p.Token("alice"))
	c.want(201, "PUT", "/v3/OS-FEDERATION/identity_providers/two", admin,
		`{"identity_provider":{"enabled":true,"domain_id":"default","remote_ids":["http://two.example"]}}`)
	c.want(201, "PUT", "/v3/OS-FEDERATION/identity_providers/two/protocols/openid", admin,
		`{"protocol":{"mapping_id":"m"}}`)
	c.want(401, "POST", "/v3/OS-FEDERATION/identity_providers/two/protocols/openid/auth", "", "", "Authorization",
		"Bearer "+p.Token("alice"))
	other := oidctest.New(t, map[string]oidctest.Person{"alice": {}})
	c.want(200, "PATCH", "/v3/OS-FEDERATION/identity_providers/two", admin,
		fmt.Sprintf(`{"identity_provider":{"remote_ids":[%q]}}`, other.URL))
	c.want(409, "POST", "/v3/OS-FEDERATION/identity_providers/two/protocols/openid/auth", "", "", "Authorization",
		"Bearer "+other.Token("alice"))
}

func TestAMappingCanNameAUserOfThisCloud(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	p := c.federate(`[{"remote":[{"type":"OIDC-sub"}],"local":[{"user":{"name":"{0}","type":"local","domain":{"id":"default"}}}]}]`, "")
	a := c.enter(201, p.Sign(p.Claims("alice", map[string]any{"sub": "demo"})))
	if a.at("token", "user", "id") != c.id("users", "demo") || a.at("token", "user", "OS-FEDERATION") != nil {
		t.Errorf("got %s", a.text)
	}
	c.rescope(201, a.header.Get("X-Subject-Token"), demoProject)
	c.enter(401, p.Token("alice")) // no such user here
	// The same by the general way in.
	body := `{"auth":{"identity":{"methods":["mapped"],"mapped":{"identity_provider":"idp","protocol":"openid"}},"scope":` + demoProject + `}}`
	c.want(201, "POST", "/v3/auth/tokens", "", body, "Authorization", "Bearer "+
		p.Sign(p.Claims("alice", map[string]any{"sub": "demo"})))
	c.want(401, "POST", "/v3/auth/tokens", "", body)
}

func TestAnAdministratorTiesAUserToAProvider(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	p := c.federate(byGroups, "")
	admin := c.login("admin", project("admin"))
	const known = `"federated":[{"idp_id":"idp","protocols":[{"protocol_id":"openid","unique_id":"alice"}]}]`
	c.want(400, "POST", "/v3/users", admin,
		`{"user":{"name":"u","federated":[{"idp_id":"nope","protocols":[{"protocol_id":"openid","unique_id":"alice"}]}]}}`)
	u := c.want(201, "POST", "/v3/users", admin, `{"user":{"name":"u",`+known+`}}`)
	id := u.at("user", "id").(string)
	c.want(409, "POST", "/v3/users", admin, `{"user":{"name":"w",`+known+`}}`)
	ops := c.want(201, "POST", "/v3/groups", admin, `{"group":{"name":"ops"}}`).at("group", "id").(string)
	c.want(204, "PUT", "/v3/projects/"+c.id("projects", "demo")+"/groups/"+ops+"/roles/"+c.id("roles", "member"), admin,
		"")
	a := c.enter(201, p.Token("alice"))
	if a.at("token", "user", "id") != id || a.at("token", "user", "name") != "u" {
		t.Errorf("got %s", a.text)
	}
	c.rescope(201, a.header.Get("X-Subject-Token"), demoProject) // by the group of the provider's word
	if u := c.want(200, "PATCH", "/v3/users/"+id, admin, `{"user":{"federated":null}}`); u.at("user", "federated") != nil {
		t.Errorf("got %s", u.text)
	}
	if a := c.enter(201, p.Token("alice")); a.at("token", "user", "id") == id {
		t.Errorf("got %s", a.text)
	}
}

// The device flow ends between the client and the provider; what the client brings from there is taken here.
func TestLoginByTheDeviceFlow(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	p := c.federate(byGroups, "")
	device := oauth2.Config{ClientID: "cloud", ClientSecret: "secret", Endpoint: oauth2.Endpoint{TokenURL: p.URL +
		"/token", DeviceAuthURL: p.URL + "/device"}}
	code, err := device.DeviceAuth(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.Approve(code.DeviceCode, "alice")
	tok, err := device.DeviceAccessToken(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	if a := c.enter(201, tok.AccessToken); a.at("token", "user", "name") != "alice" {
		t.Errorf("got %s", a.text)
	}
}
