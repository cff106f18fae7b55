package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"hypernova/keystone"
	"hypernova/keystone/client"
	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
)

// id finds something by its name.
func (c *cloud) id(list, name string) string {
	c.t.Helper()
	return c.want(200, "GET", "/v3/"+list+"?name="+name, c.login("admin", project("admin")), "").at(list, 0, "id").(string)
}

func appCredentialAuth(id, secret string) string {
	return fmt.Sprintf(`{"auth":{"identity":{"methods":["application_credential"],"application_credential":{"id":%q,"secret":%q}}}}`, id, secret)
}

func (c *cloud) appCredential(tok, user, members string) (id, secret string) {
	c.t.Helper()
	a := c.want(201, "POST", "/v3/users/"+user+"/application_credentials", tok, `{"application_credential":{`+members+`}}`)
	return a.at("application_credential", "id").(string), a.at("application_credential", "secret").(string)
}

func TestAnApplicationCredentialActsForItsUserOnOneProject(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	demo, user := c.login("demo", demoProject), c.id("users", "demo")
	id, secret := c.appCredential(demo, user, `"name":"a","roles":[{"name":"reader"}]`)
	show := c.want(200, "GET", "/v3/users/"+user+"/application_credentials/"+id, demo, "")
	if strings.Contains(show.text, secret) || show.at("application_credential", "unrestricted") != false {
		t.Errorf("got %s", show.text)
	}
	c.want(401, "POST", "/v3/auth/tokens", "", appCredentialAuth(id, "wrong"))
	c.want(401, "POST", "/v3/auth/tokens", "", appCredentialAuth("nope", secret))
	scoped := strings.TrimSuffix(appCredentialAuth(id, secret), "}}") + `,"scope":` + project("other") + `}}`
	c.want(401, "POST", "/v3/auth/tokens", "", scoped)
	a := c.want(201, "POST", "/v3/auth/tokens", "", appCredentialAuth(id, secret))
	if a.at("token", "project", "name") != "demo" || a.at("token", "roles", 0, "name") != "reader" ||
		a.at("token", "roles", 1) != nil ||
		a.at("token", "application_credential", "restricted") != true {
		t.Errorf("got %s", a.text)
	}
	tok := a.header.Get("X-Subject-Token")
	if len(tok) > 255 {
		t.Errorf("the token has %d characters", len(tok))
	}
	// By name, too.
	byName := fmt.Sprintf(`{"auth":{"identity":{"methods":["application_credential"],"application_credential":{"name":"a","user":{"name":"demo","domain":{"id":"default"}},"secret":%q}}}}`, secret)
	c.want(201, "POST", "/v3/auth/tokens", "", byName)
	// It makes no others, lets nobody out of its bounds, and ends with itself.
	c.want(403, "POST", "/v3/users/"+user+"/application_credentials", tok, `{"application_credential":{"name":"b"}}`)
	c.want(403, "GET", "/v3/OS-TRUST/trusts?trustor_user_id="+user, tok, "")
	trade := fmt.Sprintf(`{"auth":{"identity":{"methods":["token"],"token":{"id":%q}},"scope":%s}}`, tok, project("other"))
	c.want(401, "POST", "/v3/auth/tokens", "", trade)
	c.want(204, "DELETE", "/v3/users/"+user+"/application_credentials/"+id, demo, "")
	c.want(401, "GET", "/v3/auth/projects", tok, "")
}

func TestAnApplicationCredentialHoldsNoMoreThanItsUser(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	admin, demo, user := c.login("admin", project("admin")), c.login("demo", demoProject), c.id("users", "demo")
	c.want(400, "POST", "/v3/users/"+user+"/application_credentials", demo,
		`{"application_credential":{"name":"a","roles":[{"name":"admin"}]}}`)
	c.want(403, "POST", "/v3/users/"+user+"/application_credentials", admin, `{"application_credential":{"name":"a"}}`)
	id, secret := c.appCredential(demo, user, `"name":"a"`)
	tok := c.want(201, "POST", "/v3/auth/tokens", "", appCredentialAuth(id, secret)).header.Get("X-Subject-Token")
	c.want(204, "DELETE", "/v3/projects/"+c.id("projects", "demo")+"/users/"+user+"/roles/"+c.id("roles", "member"), admin,
		"")
	c.want(401, "GET", "/v3/auth/projects", tok, "")
	c.want(401, "POST", "/v3/auth/tokens", "", appCredentialAuth(id, secret))
}

func TestWhatWasHandedOutGoesWithItsProject(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	admin, demo, me, you := c.login("admin", project("admin")), c.login("demo", demoProject), c.id("users", "demo"),
		c.id("users", "stranger")
	app, secret := c.appCredential(demo, me, `"name":"a"`)
	trust := c.trust(demo, me, you, `,"impersonation":true`).at("trust", "id").(string)
	key := c.want(201, "POST", "/v3/users/"+me+"/credentials/OS-EC2", demo, fmt.Sprintf(`{"tenant_id":%q}`,
		c.id("projects", "demo"))).at("credential", "access").(string)
	c.want(204, "DELETE", "/v3/projects/"+c.id("projects", "demo"), admin, "")
	c.want(404, "GET", "/v3/users/"+me+"/application_credentials/"+app, admin, "")
	c.want(404, "GET", "/v3/OS-TRUST/trusts/"+trust, admin, "")
	c.want(404, "GET", "/v3/users/"+me+"/credentials/OS-EC2/"+key, admin, "")
	c.want(401, "POST", "/v3/auth/tokens", "", appCredentialAuth(app, secret))
	c.want(401, "POST", "/v3/auth/tokens", "", trustAuth("stranger", trust))
}

func TestApplicationCredentialsExpireAndAreCounted(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	demo, user := c.login("demo", demoProject), c.id("users", "demo")
	soon := c.now.Add(10 * time.Minute).Format("2006-01-02T15:04:05.000000")
	id, secret := c.appCredential(demo, user, fmt.Sprintf(`"name":"a","expires_at":%q`, soon))
	a := c.want(201, "POST", "/v3/auth/tokens", "", appCredentialAuth(id, secret))
	if got := a.at("token", "expires_at"); got != soon+"Z" {
		t.Errorf("the token lives until %v, its credential until %s", got, soon)
	}
	past := c.now.Add(-time.Minute).Format("2006-01-02T15:04:05.000000")
	c.want(400, "POST", "/v3/users/"+user+"/application_credentials", demo,
		fmt.Sprintf(`{"application_credential":{"name":"b","expires_at":%q}}`, past))
	c.want(409, "POST", "/v3/users/"+user+"/application_credentials", demo, `{"application_credential":{"name":"a"}}`)
	for i := range 4 {
		c.appCredential(demo, user, fmt.Sprintf(`"name":"more%d"`, i))
	}
	c.want(403, "POST", "/v3/users/"+user+"/application_credentials", demo,
		`{"application_credential":{"name":"too many"}}`)
	c.now = c.now.Add(11 * time.Minute)
	c.want(401, "POST", "/v3/auth/tokens", "", appCredentialAuth(id, secret))
}

func TestAccessRulesBindTokensToRequests(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	demo, user := c.login("demo", demoProject), c.id("users", "demo")
	rules := `"access_rules":[{"service":"identity","method":"GET","path":"/v3/auth/**"},{"service":"compute","method":"GET","path":"/v2.1/servers"}]`
	id, secret := c.appCredential(demo, user, `"name":"a","unrestricted":true,`+rules)
	a := c.want(201, "POST", "/v3/auth/tokens", "", appCredentialAuth(id, secret))
	tok := a.header.Get("X-Subject-Token")
	c.want(200, "GET", "/v3/auth/projects", tok, "")
	c.want(401, "GET", "/v3/users/"+user, tok, "")
	c.want(403, "POST", "/v3/auth/tokens", "", fmt.Sprintf(`{"auth":{"identity":{"methods":["token"],"token":{"id":%q}}}}`,
		tok))
	// A service that does not mind rules is not told that the token is good.
	admin := c.login("admin", project("admin"))
	c.want(404, "GET", "/v3/auth/tokens", admin, "", "X-Subject-Token", tok)
	c.want(200, "GET", "/v3/auth/tokens", admin, "", "X-Subject-Token", tok, "OpenStack-Identity-Access-Rules", "1.0")
	far := client.New(httpc.New(httpc.Config{Base: c.url + "/v3", Name: "keystone", Retries: -1,
		Tokens: &httpc.Password{AuthURL: c.url + "/v3", Username: "admin", Password: "secret", ProjectName: "admin"}}))
	for name, v := range map[string]keystone.API{"near": c.api.Tokens, "far": far} {
		ok := keystone.WithUse(t.Context(), keystone.Use{Service: "compute", Method: "GET", Path: "/v2.1/servers"})
		if _, err := v.Validate(ok, tok); err != nil {
			t.Errorf("%s: a request that a rule covers: %v", name, err)
		}
		other := keystone.WithUse(t.Context(), keystone.Use{Service: "compute", Method: "POST", Path: "/v2.1/servers"})
		if _, err := v.Validate(other, tok); !fault.Is(err, fault.Unauthorized) {
			t.Errorf("%s: a request that no rule covers: %v", name, err)
		}
		if _, err := v.Validate(t.Context(), tok); !fault.Is(err, fault.Unauthorized) {
			t.Errorf("%s: an unknown request: %v", name, err)
		}
	}
	// The same rule is kept once and cannot go while it is in use.
	c.appCredential(demo, user, `"name":"b",`+rules)
	list := c.want(200, "GET", "/v3/users/"+user+"/access_rules", demo, "").at("access_rules").([]any)
	if len(list) != 2 {
		t.Errorf("%d rules are kept", len(list))
	}
	c.want(403, "DELETE", "/v3/users/"+user+"/access_rules/"+list[0].(map[string]any)["id"].(string), demo, "")
}

func trustAuth(user, id string) string {
	return authBody(user, "secret", fmt.Sprintf(`{"OS-TRUST:trust":{"id":%q}}`, id))
}

func (c *cloud) trust(tok, trustor, trustee, more string) answer {
	c.t.Helper()
	return c.do("POST", "/v3/OS-TRUST/trusts", tok,
		fmt.Sprintf(`{"trust":{"trustor_user_id":%q,"trustee_user_id":%q,"project_id":%q,"roles":[{"name":"member"}]%s}}`,
			trustor, trustee, c.id("projects", "demo"), more))
}

func TestATrustLetsTheTrusteeActAndNobodyElse(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	demo, me, you := c.login("demo", demoProject), c.id("users", "demo"), c.id("users", "stranger")
	a := c.trust(demo, me, you, `,"impersonation":true,"remaining_uses":2`)
	if a.status != 201 || a.at("trust", "roles", 0, "name") != "member" || a.at("trust", "remaining_uses") != float64(2) {
		t.Fatalf("got %d %s", a.status, a.text)
	}
	id := a.at("trust", "id").(string)
	c.want(403, "POST", "/v3/auth/tokens", "", trustAuth("boss", id))
	b := c.want(201, "POST", "/v3/auth/tokens", "", trustAuth("stranger", id))
	if b.at("token", "user", "name") != "demo" || b.at("token", "OS-TRUST:trust", "trustee_user", "id") != you ||
		b.at("token", "project", "name") != "demo" {
		t.Errorf("got %s", b.text)
	}
	tok := b.header.Get("X-Subject-Token")
	c.want(200, "GET", "/v3/users/"+me, tok, "")
	c.want(403, "POST", "/v3/users/"+me+"/application_credentials", tok, `{"application_credential":{"name":"x"}}`)
	c.want(403, "POST", "/v3/auth/tokens", "", fmt.Sprintf(`{"auth":{"identity":{"methods":["token"],"token":{"id":%q}}}}`,
		tok))
	c.want(201, "POST", "/v3/auth/tokens", "", trustAuth("stranger", id))
	c.want(401, "POST", "/v3/auth/tokens", "", trustAuth("stranger", id)) // used up
	c.want(404, "GET", "/v3/OS-TRUST/trusts/"+id, demo, "")

	plain := c.trust(demo, me, you, `,"impersonation":false`).at("trust", "id").(string)
	d := c.want(201, "POST", "/v3/auth/tokens", "", trustAuth("stranger", plain))
	if d.at("token", "user", "name") != "stranger" {
		t.Errorf("got %s", d.text)
	}
	c.want(204, "DELETE", "/v3/OS-TRUST/trusts/"+plain, demo, "")
	c.want(401, "GET", "/v3/auth/projects", d.header.Get("X-Subject-Token"), "")
}

func TestATrustEndsWithWhatItStandsOn(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	admin, demo, me, you := c.login("admin", project("admin")), c.login("demo", demoProject), c.id("users", "demo"),
		c.id("users", "stranger")
	if a := c.trust(demo, you, me, `,"impersonation":false`); a.status != 403 {
		t.Errorf("a trust in another's name: %d %s", a.status, a.text)
	}
	if a := c.trust(demo, me, "nobody", `,"impersonation":false`); a.status != 404 {
		t.Errorf("a trust to nobody: %d %s", a.status, a.text)
	}
	if a := c.trust(demo, me, you, `,"impersonation":false,"expires_at":"2001-01-01T00:00:00Z"`); a.status != 400 {
		t.Errorf("a trust of the past: %d %s", a.status, a.text)
	}
	soon := c.trust(demo, me, you, fmt.Sprintf(`,"impersonation":true,"expires_at":%q`,
		c.now.Add(time.Minute).Format(time.RFC3339))).at("trust", "id").(string)
	tok := c.want(201, "POST", "/v3/auth/tokens", "", trustAuth("stranger", soon)).header.Get("X-Subject-Token")
	c.now = c.now.Add(2 * time.Minute)
	c.want(401, "GET", "/v3/auth/projects", tok, "")
	long := c.trust(demo, me, you, `,"impersonation":true`).at("trust", "id").(string)
	tok = c.want(201, "POST", "/v3/auth/tokens", "", trustAuth("stranger", long)).header.Get("X-Subject-Token")
	c.want(200, "GET", "/v3/auth/projects", tok, "")
	c.want(200, "PATCH", "/v3/users/"+me, admin, `{"user":{"enabled":false}}`)
	c.want(401, "GET", "/v3/auth/projects", tok, "")
	c.want(401, "POST", "/v3/auth/tokens", "", trustAuth("stranger", long))
}

func TestATrustIsHandedOnOnlyNarrower(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	demo, me, you, third := c.login("demo", demoProject), c.id("users", "demo"), c.id("users", "stranger"),
		c.id("users", "boss")
	first := c.trust(demo, me, you, `,"impersonation":true,"allow_redelegation":true,"redelegation_count":1`).at("trust",
		"id").(string)
	tok := c.want(201, "POST", "/v3/auth/tokens", "", trustAuth("stranger", first)).header.Get("X-Subject-Token")
	if a := c.trust(tok, me, third, `,"impersonation":true,"remaining_uses":1`); a.status != 403 {
		t.Errorf("uses of a trust that is handed on: %d %s", a.status, a.text)
	}
	a := c.trust(tok, me, third, `,"impersonation":true`)
	if a.status != 201 || a.at("trust", "redelegated_trust_id") != first ||
		a.at("trust", "redelegation_count") != float64(0) {
		t.Fatalf("got %d %s", a.status, a.text)
	}
	second := a.at("trust", "id").(string)
	last := c.want(201, "POST", "/v3/auth/tokens", "", trustAuth("boss", second))
	if last.at("token", "user", "name") != "demo" {
		t.Errorf("got %s", last.text)
	}
	if a := c.trust(last.header.Get("X-Subject-Token"), me, you, `,"impersonation":true`); a.status != 403 {
		t.Errorf("a trust handed on too often: %d %s", a.status, a.text)
	}
	if a := c.trust(demo, me, you,
		`,"impersonation":true,"allow_redelegation":true,"redelegation_count":9`); a.status != 403 {
		t.Errorf("a trust to be handed on nine times: %d %s", a.status, a.text)
	}
	c.want(204, "DELETE", "/v3/OS-TRUST/trusts/"+first, demo, "")
	c.want(401, "GET", "/v3/auth/projects", last.header.Get("X-Subject-Token"), "")
	c.want(404, "GET", "/v3/OS-TRUST/trusts/"+second, demo, "")
}

func TestATrustDoesNotOutliveTheRole(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	admin, demo, me, you := c.login("admin", project("admin")), c.login("demo", demoProject), c.id("users", "demo"),
		c.id("users", "stranger")
	id := c.trust(demo, me, you, `,"impersonation":true`).at("trust", "id").(string)
	tok := c.want(201, "POST", "/v3/auth/tokens", "", trustAuth("stranger", id)).header.Get("X-Subject-Token")
	c.want(204, "DELETE", "/v3/projects/"+c.id("projects", "demo")+"/users/"+me+"/roles/"+c.id("roles", "member"), admin,
		"")
	c.want(401, "GET", "/v3/auth/projects", tok, "")
}

// A key stands for what its maker acted by, and a user's other secrets are out of a delegated token's reach.
func TestDelegatedTokensReachOnlyTheirProjectsCredentials(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	demo, me, you := c.login("demo", demoProject), c.id("users", "demo"), c.id("users", "stranger")
	home, other := c.id("projects", "demo"), c.id("projects", "other")
	seed := c.want(201, "POST", "/v3/credentials", demo,
		fmt.Sprintf(`{"credential":{"user_id":%q,"type":"totp","blob":"GEZDGNBVGY3TQOJQ"}}`, me)).at("credential",
		"id").(string)
	id := c.trust(demo, me, you, `,"impersonation":true`).at("trust", "id").(string)
	tok := c.want(201, "POST", "/v3/auth/tokens", "", trustAuth("stranger", id)).header.Get("X-Subject-Token")
	c.want(403, "GET", "/v3/credentials/"+seed, tok, "")
	c.want(403, "DELETE", "/v3/credentials/"+seed, tok, "")
	c.want(403, "POST", "/v3/users/"+me+"/credentials/OS-EC2", tok, fmt.Sprintf(`{"tenant_id":%q}`, other))
	key := c.want(201, "POST", "/v3/users/"+me+"/credentials/OS-EC2", tok, fmt.Sprintf(`{"tenant_id":%q}`, home))
	if key.at("credential", "trust_id") != id {
		t.Errorf("got %s", key.text)
	}
	var body struct {
		Credential struct{ Access, Secret string } `json:"credential"`
	}
	if err := json.Unmarshal([]byte(key.text), &body); err != nil {
		t.Fatal(err)
	}
	a := c.want(200, "POST", "/v3/ec2tokens", c.login("admin", project("admin")), signed(body.Credential.Access,
		body.Credential.Secret))
	if a.at("token", "OS-TRUST:trust", "id") != id || a.at("token", "user", "name") != "demo" {
		t.Errorf("got %s", a.text)
	}
	if n := len(c.want(200, "GET", "/v3/credentials", tok, "").at("credentials").([]any)); n != 1 {
		t.Errorf("the trustee sees %d credentials", n)
	}
}
