package api_test

import (
	"fmt"
	"testing"
	"time"

	"hypernova/keystone/ldap"
	"hypernova/keystone/ldap/ldaptest"
	"hypernova/keystone/ldapidentity"
)

// directoryCloud has a domain "people" whose users are in an LDAP server.
func directoryCloud(t *testing.T) (c *cloud, s *ldaptest.Server, domain string) {
	t.Helper()
	s = ldaptest.New(t, ldaptest.People)
	src, err := ldap.Open(ldapidentity.Options{"ldap": {"url": s.URL, "user": "cn=reader," + ldaptest.Suffix,
		"password": "reader secret", "suffix": ldaptest.Suffix,
		"user_id_attribute": "uid", "user_name_attribute": "uid", "user_enabled_attribute": "employeeType"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(src.Close)
	c = start(&cloud{t: t, sources: directories{"people": src}})
	admin := c.login("admin", project("admin"))
	return c, s, c.want(201, "POST", "/v3/domains", admin, `{"domain":{"name":"people"}}`).at("domain", "id").(string)
}

func directoryLogin(user, password, scope string) string {
	if scope != "" {
		scope = `,"scope":` + scope
	}
	return fmt.Sprintf(`{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":%q,"domain":{"name":"people"},"password":%q}}}%s}}`, user, password, scope)
}

func TestUsersOfADirectoryLogInAndHoldRoles(t *testing.T) {
	t.Parallel()
	c, _, domain := directoryCloud(t)
	admin := c.login("admin", project("admin"))
	us := c.want(200, "GET", "/v3/users?domain_id="+domain+"&sort_key=name", admin, "")
	if us.at("users", 0, "name") != "alice" || us.at("users", 0, "email") != "alice@example.org" ||
		us.at("users", 2, "enabled") != false {
		t.Fatalf("got %s", us.text)
	}
	alice := us.at("users", 0, "id").(string)
	if l := c.want(200, "GET", "/v3/users?domain_id="+domain+"&name__contains=li&limit=1", admin, ""); l.at("users", 0,
		"id") != alice || l.at("users", 1) != nil {
		t.Errorf("got %s", l.text)
	}
	gs := c.want(200, "GET", "/v3/groups?domain_id="+domain+"&name=operators", admin, "")
	ops := gs.at("groups", 0, "id").(string)
	a := c.want(201, "POST", "/v3/auth/tokens", "", directoryLogin("alice", "alice secret", ""))
	if a.at("token", "user", "id") != alice || a.at("token", "user", "domain", "id") != domain {
		t.Errorf("got %s", a.text)
	}
	c.want(401, "POST", "/v3/auth/tokens", "", directoryLogin("alice", "alice secret", demoProject))
	c.want(204, "PUT", "/v3/projects/"+c.id("projects", "demo")+"/groups/"+ops+"/roles/"+c.id("roles", "member"), admin,
		"")
	tok := c.want(201, "POST", "/v3/auth/tokens", "", directoryLogin("alice", "alice secret", demoProject)).header.Get(
		"X-Subject-Token")
	c.want(200, "GET", "/v3/auth/tokens", admin, "", "X-Subject-Token", tok)
	if ps := c.want(200, "GET", "/v3/auth/projects", tok, ""); ps.at("projects", 0, "name") != "demo" {
		t.Errorf("got %s", ps.text)
	}
	if l := c.want(200, "GET", "/v3/role_assignments?effective&user.id="+alice, admin, ""); l.at("role_assignments", 0,
		"role", "id") == nil {
		t.Errorf("got %s", l.text)
	}
	c.want(204, "GET", "/v3/groups/"+ops+"/users/"+alice, admin, "")
	if l := c.want(200, "GET", "/v3/groups/"+ops+"/users", admin, ""); l.at("users", 1, "name") != "bob" ||
		l.at("users", 2) != nil {
		t.Errorf("got %s", l.text)
	}
	if l := c.want(200, "GET", "/v3/users/"+alice+"/groups", admin, ""); l.at("groups", 0, "id") != ops {
		t.Errorf("got %s", l.text)
	}
	// What belongs to users can belong to these.
	ac := c.want(201, "POST", "/v3/users/"+alice+"/application_credentials", tok,
		`{"application_credential":{"name":"a"}}`)
	c.want(201, "POST", "/v3/auth/tokens", "",
		fmt.Sprintf(`{"auth":{"identity":{"methods":["application_credential"],"application_credential":{"id":%q,"secret":%q}}}}`,
			ac.at("application_credential", "id"), ac.at("application_credential", "secret")))
	for _, refused := range []string{directoryLogin("alice", "", ""), directoryLogin("alice", "bob secret", ""),
		directoryLogin("carol", "carol secret", ""),
		directoryLogin("*", "alice secret", ""), directoryLogin("nobody", "x", ""), directoryLogin("alice)(uid=*",
			"alice secret", "")} {
		if a := c.do("POST", "/v3/auth/tokens", "", refused); a.status != 401 ||
			a.at("error", "message") != "The request you have made requires authentication." {
			t.Errorf("%s: %d %s", refused, a.status, a.text)
		}
	}
}

func TestADirectoryIsNotWrittenTo(t *testing.T) {
	t.Parallel()
	c, _, domain := directoryCloud(t)
	admin := c.login("admin", project("admin"))
	alice := c.want(200, "GET", "/v3/users?name=alice&domain_id="+domain, admin, "").at("users", 0, "id").(string)
	ops := c.want(200, "GET", "/v3/groups?name=operators&domain_id="+domain, admin, "").at("groups", 0, "id").(string)
	local := c.want(201, "POST", "/v3/groups", admin, `{"group":{"name":"local"}}`).at("group", "id").(string)
	c.want(403, "POST", "/v3/users", admin, fmt.Sprintf(`{"user":{"name":"u","domain_id":%q}}`, domain))
	c.want(403, "PATCH", "/v3/users/"+alice, admin, `{"user":{"enabled":false}}`)
	c.want(403, "DELETE", "/v3/users/"+alice, admin, "")
	c.want(403, "POST", "/v3/users/"+alice+"/password", "", `{"user":{"original_password":"alice secret","password":"x"}}`)
	c.want(403, "POST", "/v3/groups", admin, fmt.Sprintf(`{"group":{"name":"g","domain_id":%q}}`, domain))
	c.want(403, "PATCH", "/v3/groups/"+ops, admin, `{"group":{"name":"x"}}`)
	c.want(403, "DELETE", "/v3/groups/"+ops, admin, "")
	c.want(403, "PUT", "/v3/groups/"+ops+"/users/"+c.id("users", "demo"), admin, "")
	c.want(403, "PUT", "/v3/groups/"+local+"/users/"+alice, admin, "")
	c.want(403, "DELETE", "/v3/groups/"+ops+"/users/"+alice, admin, "")
}

func TestADirectoryThatIsAwayKeepsOnlyItsOwnUsersOut(t *testing.T) {
	t.Parallel()
	c, s, domain := directoryCloud(t)
	admin := c.login("admin", project("admin"))
	alice := c.want(200, "GET", "/v3/users?name=alice&domain_id="+domain, admin, "").at("users", 0, "id").(string)
	c.want(204, "PUT", "/v3/projects/"+c.id("projects", "demo")+"/users/"+alice+"/roles/"+c.id("roles", "member"), admin,
		"")
	tok := c.want(201, "POST", "/v3/auth/tokens", "", directoryLogin("alice", "alice secret", demoProject)).header.Get(
		"X-Subject-Token")
	s.Stop()
	c.want(200, "GET", "/v3/auth/tokens", admin, "", "X-Subject-Token", tok) // remembered for a moment
	c.now = c.now.Add(ldapidentity.Fresh + time.Second)
	c.want(503, "GET", "/v3/auth/tokens", admin, "", "X-Subject-Token", tok)
	c.want(503, "POST", "/v3/auth/tokens", "", directoryLogin("alice", "alice secret", ""))
	c.want(503, "GET", "/v3/users?domain_id="+domain, admin, "")
	c.login("demo", demoProject)
	c.want(200, "GET", "/v3/users", admin, "")
	s.Start()
	c.want(200, "GET", "/v3/auth/tokens", admin, "", "X-Subject-Token", tok)
	// With its domain go its users, their tokens and what was granted to them; the directory keeps them.
	c.want(200, "PATCH", "/v3/domains/"+domain, admin, `{"domain":{"enabled":false}}`)
	c.want(204, "DELETE", "/v3/domains/"+domain, admin, "")
	c.want(404, "GET", "/v3/auth/tokens", admin, "", "X-Subject-Token", tok)
	if l := c.want(200, "GET", "/v3/role_assignments?user.id="+alice, admin, ""); l.at("role_assignments", 0) != nil {
		t.Errorf("got %s", l.text)
	}
}

func TestATrustMayNameSomebodyOfADirectoryWhoHasNeverLoggedIn(t *testing.T) {
	t.Parallel()
	c, _, domain := directoryCloud(t)
	admin := c.login("admin", project("admin"))
	alice := c.want(200, "GET", "/v3/users?name=alice&domain_id="+domain, admin, "").at("users", 0, "id").(string)
	trust := func(trustee string) string {
		return fmt.Sprintf(`{"trust":{"trustor_user_id":%q,"trustee_user_id":%q,"impersonation":false,"project_id":%q,"roles":[{"name":"member"}]}}`,
			c.id("users", "admin"), trustee, c.id("projects", "admin"))
	}
	made := c.want(201, "POST", "/v3/OS-TRUST/trusts", admin, trust(alice)).at("trust", "id").(string)
	c.want(404, "POST", "/v3/OS-TRUST/trusts", admin, trust("nobody"))
	c.want(201, "POST", "/v3/credentials", admin, fmt.Sprintf(`{"credential":{"user_id":%q,"type":"cert","blob":"x"}}`,
		alice))
	c.want(201, "POST", "/v3/users/"+alice+"/credentials/OS-EC2", admin, fmt.Sprintf(`{"tenant_id":%q}`,
		c.id("projects", "demo")))
	tok := c.want(201, "POST", "/v3/auth/tokens", "", directoryLogin("alice", "alice secret",
		fmt.Sprintf(`{"OS-TRUST:trust":{"id":%q}}`, made)))
	if tok.at("token", "user", "id") != alice || tok.at("token", "OS-TRUST:trust", "id") != made {
		t.Errorf("got %s", tok.text)
	}
}
