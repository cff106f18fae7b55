package api_test

import (
	"fmt"
	"strings"
	"testing"

	"hypernova/keystone/limit"
)

func (c *cloud) limit(status int, admin, owner string, value int) answer {
	c.t.Helper()
	return c.want(status, "POST", "/v3/limits", admin,
		fmt.Sprintf(`{"limits":[{%s,"service_id":%q,"resource_name":"volumes","resource_limit":%d}]}`,
			owner, c.id("services", "cinder"), value))
}

func (c *cloud) register(admin string, value int) string {
	c.t.Helper()
	return c.want(201, "POST", "/v3/registered_limits", admin,
		fmt.Sprintf(`{"registered_limits":[{"service_id":%q,"resource_name":"volumes","default_limit":%d}]}`,
			c.id("services", "cinder"), value)).at("registered_limits", 0, "id").(string)
}

func TestLimitsStandOnRegisteredOnes(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	admin, home := c.login("admin", project("admin")), c.id("projects", "demo")
	mine := fmt.Sprintf(`"project_id":%q`, home)
	c.limit(403, admin, mine, 5)
	r := c.register(admin, 10)
	c.want(409, "POST", "/v3/registered_limits", admin,
		fmt.Sprintf(`{"registered_limits":[{"service_id":%q,"resource_name":"volumes","default_limit":1}]}`,
			c.id("services", "cinder")))
	c.limit(400, admin, `"project_id":"nope"`, 5)
	c.limit(400, admin, mine+`,"domain_id":"default"`, 5)
	l := c.limit(201, admin, mine, 5).at("limits", 0, "id").(string)
	c.limit(409, admin, mine, 6)
	c.want(403, "DELETE", "/v3/registered_limits/"+r, admin, "")
	c.want(403, "PATCH", "/v3/registered_limits/"+r, admin, `{"registered_limit":{"default_limit":3}}`)
	demo, stranger := c.login("demo", demoProject), c.login("stranger", project("other"))
	if a := c.want(200, "GET", "/v3/limits", demo, ""); a.at("limits", 0, "resource_limit") != float64(5) {
		t.Errorf("got %s", a.text)
	}
	if n := len(c.want(200, "GET", "/v3/limits", stranger, "").at("limits").([]any)); n != 0 {
		t.Errorf("another project sees %d limits", n)
	}
	c.want(200, "GET", "/v3/limits/"+l, demo, "")
	c.want(403, "GET", "/v3/limits/"+l, stranger, "")
	if a := c.want(200, "PATCH", "/v3/limits/"+l, admin, `{"limit":{"resource_limit":7}}`); a.at("limit",
		"resource_limit") != float64(7) {
		t.Errorf("got %s", a.text)
	}
	c.want(204, "DELETE", "/v3/limits/"+l, admin, "")
	c.want(204, "DELETE", "/v3/registered_limits/"+r, admin, "")
	if a := c.want(200, "GET", "/v3/limits/model", demo, ""); a.at("model", "name") != "flat" {
		t.Errorf("got %s", a.text)
	}
}

func TestTheStrictModelKeepsProjectsWithinTheirDomain(t *testing.T) {
	t.Parallel()
	c := start(&cloud{t: t, model: limit.Strict})
	admin, home := c.login("admin", project("admin")), c.id("projects", "demo")
	mine := fmt.Sprintf(`"project_id":%q`, home)
	c.register(admin, 10)
	c.limit(403, admin, mine, 11)
	top := c.limit(201, admin, `"domain_id":"default"`, 20).at("limits", 0, "id").(string)
	low := c.limit(201, admin, mine, 15).at("limits", 0, "id").(string)
	c.want(403, "PATCH", "/v3/limits/"+top, admin, `{"limit":{"resource_limit":14}}`)
	c.want(403, "PATCH", "/v3/limits/"+low, admin, `{"limit":{"resource_limit":21}}`)
	c.want(200, "PATCH", "/v3/limits/"+low, admin, `{"limit":{"resource_limit":20}}`)
}

func TestAProjectSeesTheEndpointsItWasGiven(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	admin, home := c.login("admin", project("admin")), c.id("projects", "demo")
	volumes := c.id("services", "cinder")
	all := c.want(200, "GET", "/v3/endpoints?service_id="+volumes+"&interface=public", admin, "")
	e := all.at("endpoints", 0, "id").(string)
	c.want(204, "PUT", "/v3/OS-EP-FILTER/projects/"+home+"/endpoints/"+e, admin, "")
	c.want(204, "HEAD", "/v3/OS-EP-FILTER/projects/"+home+"/endpoints/"+e, admin, "")
	catalog := func(user, scope string) string {
		return c.want(200, "GET", "/v3/auth/catalog", c.login(user, scope), "").text
	}
	if got := catalog("demo", demoProject); strings.Contains(got, `"keystone"`) || strings.Count(got, `"interface"`) != 1 {
		t.Errorf("the project's catalog is %s", got)
	}
	if got := catalog("stranger", project("other")); !strings.Contains(got, `"keystone"`) {
		t.Errorf("another project's catalog is %s", got)
	}
	c.want(400, "POST", "/v3/OS-EP-FILTER/endpoint_groups", admin,
		`{"endpoint_group":{"name":"g","filters":{"color":"red"}}}`)
	g := c.want(201, "POST", "/v3/OS-EP-FILTER/endpoint_groups", admin,
		`{"endpoint_group":{"name":"g","filters":{"interface":"internal"}}}`).at("endpoint_group", "id").(string)
	c.want(404, "GET", "/v3/OS-EP-FILTER/endpoint_groups/"+g+"/projects/"+home, admin, "")
	c.want(204, "PUT", "/v3/OS-EP-FILTER/endpoint_groups/"+g+"/projects/"+home, admin, "")
	c.want(200, "GET", "/v3/OS-EP-FILTER/endpoint_groups/"+g+"/projects/"+home, admin, "")
	if got := catalog("demo", demoProject); strings.Count(got, `"interface"`) != 3 {
		t.Errorf("the project's catalog is %s", got)
	}
	if n := len(c.want(200, "GET", "/v3/OS-EP-FILTER/projects/"+home+"/endpoints", admin,
		"").at("endpoints").([]any)); n != 3 {
		t.Errorf("%d endpoints", n)
	}
	c.want(204, "DELETE", "/v3/OS-EP-FILTER/endpoint_groups/"+g, admin, "")
	c.want(204, "DELETE", "/v3/OS-EP-FILTER/projects/"+home+"/endpoints/"+e, admin, "")
	c.want(404, "HEAD", "/v3/OS-EP-FILTER/projects/"+home+"/endpoints/"+e, admin, "")
	if got := catalog("demo", demoProject); !strings.Contains(got, `"keystone"`) {
		t.Errorf("the project's catalog is %s", got)
	}
}

func TestThePolicyOfAnEndpointIsTheNearest(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	admin, service := c.login("admin", project("admin")), c.id("services", "cinder")
	e := c.want(200, "GET", "/v3/endpoints?service_id="+service, admin, "").at("endpoints", 0, "id").(string)
	made := func(kind string) string {
		return c.want(201, "POST", "/v3/policies", admin, fmt.Sprintf(`{"policy":{"type":%q,"blob":"{}"}}`, kind)).at(
			"policy", "id").(string)
	}
	wide, near, own := made("wide"), made("near"), made("own")
	of := "/v3/endpoints/" + e + "/OS-ENDPOINT-POLICY/policy"
	c.want(404, "GET", of, admin, "")
	for _, step := range []struct{ id, path string }{{wide, "/services/" + service},
		{near, "/services/" + service + "/regions/RegionOne"}, {own, "/endpoints/" + e}} {
		path := "/v3/policies/" + step.id + "/OS-ENDPOINT-POLICY" + step.path
		c.want(404, "GET", path, admin, "")
		c.want(204, "PUT", path, admin, "")
		c.want(204, "GET", path, admin, "")
		if a := c.want(200, "GET", of, admin, ""); a.at("policy", "id") != step.id {
			t.Errorf("%s: got %s", step.path, a.text)
		}
	}
	if n := len(c.want(200, "GET", "/v3/policies/"+near+"/OS-ENDPOINT-POLICY/endpoints", admin,
		"").at("endpoints").([]any)); n != 2 {
		t.Errorf("%d endpoints have the policy of the region", n)
	}
	c.want(204, "DELETE", "/v3/policies/"+own, admin, "")
	if a := c.want(200, "GET", of, admin, ""); a.at("policy", "id") != near {
		t.Errorf("got %s", a.text)
	}
}

func TestADomainKeepsItsOptions(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	admin := c.login("admin", project("admin"))
	d := c.want(201, "POST", "/v3/domains", admin, `{"domain":{"name":"d"}}`).at("domain", "id").(string)
	path := "/v3/domains/" + d + "/config"
	c.want(404, "GET", path, admin, "")
	c.want(403, "PUT", path, admin, `{"config":{"DEFAULT":{"debug":true}}}`)
	c.want(201, "PUT", path, admin,
		`{"config":{"ldap":{"url":"ldap://a","password":"hush"},"identity":{"driver":"ldap"}}}`)
	a := c.want(200, "GET", path, admin, "")
	if a.at("config", "ldap", "url") != "ldap://a" || strings.Contains(a.text, "hush") {
		t.Errorf("got %s", a.text)
	}
	c.want(200, "PUT", path, admin, `{"config":{"ldap":{"url":"ldap://b"}}}`)
	c.want(404, "GET", path+"/identity", admin, "")
	c.want(403, "PATCH", path+"/ldap", admin, `{"config":{"identity":{"driver":"sql"}}}`)
	c.want(200, "PATCH", path+"/ldap", admin, `{"config":{"ldap":{"user":"u"}}}`)
	if a := c.want(200, "GET", path+"/ldap/user", admin, ""); a.at("config", "user") != "u" {
		t.Errorf("got %s", a.text)
	}
	if a := c.want(200, "GET", "/v3/domains/config/identity/driver/default", admin, ""); a.at("config",
		"driver") != "sql" {
		t.Errorf("got %s", a.text)
	}
	c.want(204, "DELETE", path+"/ldap/user", admin, "")
	c.want(404, "GET", path+"/ldap/user", admin, "")
	c.want(204, "DELETE", path, admin, "")
	c.want(404, "GET", path, admin, "")
}

func TestPartnersAreKept(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	admin := c.login("admin", project("admin"))
	const f = "/v3/OS-FEDERATION"
	a := c.want(201, "PUT", f+"/identity_providers/idp", admin,
		`{"identity_provider":{"remote_ids":["x"],"enabled":true}}`)
	c.want(200, "GET", "/v3/domains/"+a.at("identity_provider", "domain_id").(string), admin, "")
	c.want(409, "PUT", f+"/identity_providers/idp", admin, `{"identity_provider":{}}`)
	c.want(409, "PUT", f+"/identity_providers/two", admin, `{"identity_provider":{"remote_ids":["x"]}}`)
	c.want(400, "PUT", f+"/identity_providers/idp/protocols/openid", admin, `{"protocol":{"mapping_id":"nope"}}`)
	c.want(400, "PUT", f+"/mappings/m", admin, `{"mapping":{"rules":[]}}`)
	c.want(400, "PUT", f+"/mappings/m", admin, `{"mapping":{"rules":[{"local":[{"user":{"name":"{0}"}}],"remote":[{}]}]}}`)
	c.want(201, "PUT", f+"/mappings/m", admin, mappingDocument)
	if a := c.want(200, "GET", f+"/mappings/m", admin, ""); a.at("mapping", "rules", 0, "remote", 0,
		"type") != "REMOTE_USER" {
		t.Errorf("got %s", a.text)
	}
	c.want(201, "PUT", f+"/identity_providers/idp/protocols/openid", admin, `{"protocol":{"mapping_id":"m"}}`)
	c.want(404, "PUT", f+"/identity_providers/nope/protocols/openid", admin, `{"protocol":{"mapping_id":"m"}}`)
	c.want(400, "PUT", f+"/service_providers/sp", admin,
		`{"service_provider":{"auth_url":"no url","sp_url":"https://b.example/x"}}`)
	c.want(201, "PUT", f+"/service_providers/sp", admin,
		`{"service_provider":{"auth_url":"https://b.example/a","sp_url":"https://b.example/x","enabled":true}}`)
	tok := c.want(201, "POST", "/v3/auth/tokens", "", authBody("demo", "secret", demoProject))
	if tok.at("token", "service_providers", 0, "id") != "sp" {
		t.Errorf("got %s", tok.text)
	}
	c.want(204, "DELETE", f+"/identity_providers/idp", admin, "")
	c.want(404, "GET", f+"/identity_providers/idp/protocols/openid", admin, "")
}

const mappingDocument = `{"mapping":{"rules":[{"local":[{"user":{"name":"{0}"}}],"remote":[{"type":"REMOTE_USER"}]}]}}`
