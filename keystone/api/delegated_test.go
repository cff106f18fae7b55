package api_test

import (
	"encoding/json"
	"fmt"
	"testing"
)

// delegatedTokens are tokens of demo that are worth less than demo: by a trust, and by application credentials of
// both kinds.
func (c *cloud) delegatedTokens() map[string]string {
	c.t.Helper()
	demo, me, you := c.login("demo", demoProject), c.id("users", "demo"), c.id("users", "stranger")
	trust := c.trust(demo, me, you, `,"impersonation":true`).at("trust", "id").(string)
	out := map[string]string{
		"trust": c.want(201, "POST", "/v3/auth/tokens", "", trustAuth("stranger", trust)).header.Get("X-Subject-Token"),
	}
	for name, unrestricted := range map[string]bool{"restricted": false, "unrestricted": true} {
		a := c.want(201, "POST", "/v3/users/"+me+"/application_credentials", demo,
			fmt.Sprintf(`{"application_credential":{"name":%q,"secret":"s","unrestricted":%t}}`, name, unrestricted))
		out[name] = c.want(201, "POST", "/v3/auth/tokens", "", fmt.Sprintf(
			`{"auth":{"identity":{"methods":["application_credential"],"application_credential":{"id":%q,"secret":"s"}}}}`,
			a.at("application_credential", "id"))).header.Get("X-Subject-Token")
	}
	return out
}

func TestADelegatedTokenSeesNoSecretThatItDidNotMake(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	demo, me, home := c.login("demo", demoProject), c.id("users", "demo"), c.id("projects", "demo")
	keys, all := "/v3/users/"+me+"/credentials/OS-EC2", "/v3/credentials"
	access := c.want(201, "POST", keys, demo, fmt.Sprintf(`{"tenant_id":%q}`, home)).at("credential", "access").(string)
	cert := c.want(201, "POST", all, demo,
		fmt.Sprintf(`{"credential":{"user_id":%q,"project_id":%q,"type":"cert","blob":"x"}}`, me, home)).
		at("credential", "id").(string)
	for name, tok := range c.delegatedTokens() {
		if n := len(c.want(200, "GET", keys, tok, "").at("credentials").([]any)); n != 0 {
			t.Errorf("%s: sees %d keys of the owner", name, n)
		}
		if n := len(c.want(200, "GET", all, tok, "").at("credentials").([]any)); n != 0 {
			t.Errorf("%s: sees %d credentials of the owner", name, n)
		}
		for _, path := range []string{keys + "/" + access, all + "/" + cert} {
			c.want(403, "GET", path, tok, "")
			c.want(403, "DELETE", path, tok, "")
		}
		c.want(403, "PATCH", all+"/"+cert, tok, `{"credential":{"blob":"y"}}`)

		own := c.want(201, "POST", all, tok,
			fmt.Sprintf(`{"credential":{"user_id":%q,"project_id":%q,"type":"cert","blob":"mine"}}`, me, home)).
			at("credential", "id").(string)
		if got := c.want(200, "GET", all+"/"+own, tok, "").at("credential", "blob"); got != "mine" {
			t.Errorf("%s: its own secret is %v", name, got)
		}
		c.want(403, "PATCH", all+"/"+own, tok, `{"credential":{"type":"totp"}}`)
		c.want(200, "PATCH", all+"/"+own, tok, `{"credential":{"blob":"still mine"}}`)
		if name == "restricted" {
			c.want(403, "POST", keys, tok, fmt.Sprintf(`{"tenant_id":%q}`, home))
			continue
		}
		mine := c.want(201, "POST", keys, tok, fmt.Sprintf(`{"tenant_id":%q}`, home)).at("credential", "access").(string)
		if got := c.want(200, "GET", keys, tok, "").at("credentials").([]any); len(got) != 1 {
			t.Errorf("%s: sees %d keys, made one", name, len(got))
		}
		c.want(204, "DELETE", keys+"/"+mine, tok, "")
	}
	// a key and a certificate, and one more from each token
	if n := len(c.want(200, "GET", all, demo, "").at("credentials").([]any)); n != 5 {
		t.Errorf("the owner sees %d credentials", n)
	}
}

func TestADelegatedTokenGetsNothingWorthMoreThanItself(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	demo, me, home := c.login("demo", demoProject), c.id("users", "demo"), c.id("projects", "demo")
	app := c.want(201, "POST", "/v3/users/"+me+"/application_credentials", demo,
		`{"application_credential":{"name":"seen","access_rules":[{"service":"compute","method":"GET","path":"/v2.1/servers"}]}}`)
	id, rule := app.at("application_credential", "id").(string), app.at("application_credential", "access_rules", 0,
		"id").(string)
	user := "/v3/users/" + me
	for name, tok := range c.delegatedTokens() {
		byTrust, restricted := 200, 403
		if name == "trust" {
			byTrust = 403
		}
		c.want(403, "POST", "/v3/credentials", tok,
			fmt.Sprintf(`{"credential":{"user_id":%q,"project_id":%q,"type":"totp","blob":"GEZDGNBVGY3TQOJQ"}}`, me, home))
		for _, path := range []string{"/application_credentials", "/application_credentials/" + id, "/access_rules",
			"/access_rules/" + rule} {
			c.want(byTrust, "GET", user+path, tok, "")
		}
		if name == "unrestricted" {
			restricted = 201
		}
		c.want(restricted, "POST", user+"/application_credentials", tok, `{"application_credential":{"name":"more"}}`)
		for _, scope := range []string{project("other"), domain, system} {
			if a := c.do("POST", "/v3/auth/tokens", "",
				fmt.Sprintf(`{"auth":{"identity":{"methods":["token"],"token":{"id":%q}},"scope":%s}}`, tok,
					scope)); a.status < 400 {
				t.Errorf("%s: traded for %s: %d", name, scope, a.status)
			}
		}
	}
}

func TestATokenOfASignedRequestIsNotForIdentity(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	admin, demo, me := c.login("admin", project("admin")), c.login("demo", demoProject), c.id("users", "demo")
	key := c.want(201, "POST", "/v3/users/"+me+"/credentials/OS-EC2", demo, fmt.Sprintf(`{"tenant_id":%q}`,
		c.id("projects", "demo")))
	var k struct {
		Credential struct{ Access, Secret string }
	}
	if err := json.Unmarshal([]byte(key.text), &k); err != nil {
		t.Fatal(err)
	}
	tok := c.want(200, "POST", "/v3/ec2tokens", admin, signed(k.Credential.Access, k.Credential.Secret)).header.Get(
		"X-Subject-Token")
	trade := func(scope string) string {
		return fmt.Sprintf(`{"auth":{"identity":{"methods":["token"],"token":{"id":%q}}%s}}`, tok, scope)
	}
	for _, path := range []string{"/v3/users/" + me, "/v3/auth/projects", "/v3/credentials", "/v3/users/" + me +
		"/credentials/OS-EC2"} {
		c.want(403, "GET", path, tok, "")
	}
	if a := c.want(200, "GET", "/v3/auth/tokens", admin, "", "X-Subject-Token", tok); a.at("token", "user",
		"name") != "demo" {
		t.Errorf("got %s", a.text)
	}
	again := c.want(201, "POST", "/v3/auth/tokens", "", trade("")).header.Get("X-Subject-Token")
	c.want(403, "GET", "/v3/auth/projects", again, "")
	c.want(401, "POST", "/v3/auth/tokens", "", trade(`,"scope":`+project("other")))
	c.want(201, "POST", "/v3/auth/tokens", "", trade(`,"scope":`+demoProject))
}
