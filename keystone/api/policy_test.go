package api_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	keystoneapi "hypernova/keystone/api"
	"hypernova/oslo/api"
)

// allowed says for each operation which of the callers get past the policy, as keystone's defaults have it:
// s(ystem reader), m(anager of the domain), o(wner: the user or project it is about), a(dmin), e(verybody with a token).
var allowed = map[string]string{
	"POST /auth/tokens":   "open",
	"GET /auth/tokens":    "s o a",
	"DELETE /auth/tokens": "o a",
	"GET /auth/catalog":   "e", "GET /auth/projects": "e", "GET /auth/domains": "e", "GET /auth/system": "e",

	"POST /domains": "a", "GET /domains": "s m a", "GET /domains/{domain_id}": "e", "PATCH /domains/{domain_id}": "a", "DELETE /domains/{domain_id}": "a",
	"POST /projects": "m a", "GET /projects": "s m a", "GET /projects/{project_id}": "s m o a",
	"PATCH /projects/{project_id}": "m a", "DELETE /projects/{project_id}": "m a",
	"GET /projects/{project_id}/tags": "s m o a", "PUT /projects/{project_id}/tags": "m a", "DELETE /projects/{project_id}/tags": "m a",
	"GET /projects/{project_id}/tags/{value}": "s m o a", "PUT /projects/{project_id}/tags/{value}": "m a", "DELETE /projects/{project_id}/tags/{value}": "m a",
	"POST /users": "m a", "GET /users": "s m a", "GET /users/{user_id}": "s m o a", "PATCH /users/{user_id}": "m a", "DELETE /users/{user_id}": "m a",
	"POST /users/{user_id}/password": "open", "GET /users/{user_id}/projects": "s m o a", "GET /users/{user_id}/groups": "s m o a",
	"POST /groups": "m a", "GET /groups": "s m a", "GET /groups/{group_id}": "s m a", "PATCH /groups/{group_id}": "m a", "DELETE /groups/{group_id}": "m a",
	"GET /groups/{group_id}/users": "s m a", "GET /groups/{group_id}/users/{user_id}": "s m a",
	"PUT /groups/{group_id}/users/{user_id}": "m a", "DELETE /groups/{group_id}/users/{user_id}": "m a",
	"POST /roles": "a", "GET /roles": "s m a", "GET /roles/{role_id}": "s m a", "PATCH /roles/{role_id}": "a", "DELETE /roles/{role_id}": "a",
	"GET /roles/{role_id}/implies": "s a", "GET /roles/{role_id}/implies/{implied_id}": "s a",
	"PUT /roles/{role_id}/implies/{implied_id}": "a", "DELETE /roles/{role_id}/implies/{implied_id}": "a", "GET /role_inferences": "s a",
	"GET /role_assignments": "s m a",
	"POST /regions":         "a", "GET /regions": "e", "GET /regions/{region_id}": "e", "PUT /regions/{region_id}": "a", "PATCH /regions/{region_id}": "a", "DELETE /regions/{region_id}": "a",
	"GET /OS-SIMPLE-CERT/ca": "open", "GET /OS-SIMPLE-CERT/certificates": "open",
	"DELETE /users/{user_id}/tokens": "o a", "GET /OS-REVOKE/events": "a", "GET /auth/tokens/OS-PKI/revoked": "a",
	"POST /ec2tokens": "a", "POST /s3tokens": "a",
	"POST /users/{user_id}/application_credentials": "o", "GET /users/{user_id}/application_credentials": "s o a",
	"GET /users/{user_id}/application_credentials/{application_credential_id}":    "s o a",
	"DELETE /users/{user_id}/application_credentials/{application_credential_id}": "o a",
	"GET /users/{user_id}/access_rules":                                           "s o", "GET /users/{user_id}/access_rules/{access_rule_id}": "s o",
	"DELETE /users/{user_id}/access_rules/{access_rule_id}": "o",
	"POST /OS-TRUST/trusts":                                 "o", "GET /OS-TRUST/trusts": "s a", "GET /OS-TRUST/trusts/{trust_id}": "x s o a",
	"DELETE /OS-TRUST/trusts/{trust_id}": "o a", "GET /OS-TRUST/trusts/{trust_id}/roles": "x s o a",
	"GET /OS-TRUST/trusts/{trust_id}/roles/{role_id}": "x s o a",
	"POST /credentials": "o a", "GET /credentials": "e", "GET /credentials/{credential_id}": "s o a",
	"PATCH /credentials/{credential_id}": "o a", "DELETE /credentials/{credential_id}": "o a",
	"POST /users/{user_id}/credentials/OS-EC2": "o a", "GET /users/{user_id}/credentials/OS-EC2": "s o a",
	"GET /users/{user_id}/credentials/OS-EC2/{credential_id}": "s o a", "DELETE /users/{user_id}/credentials/OS-EC2/{credential_id}": "o a",
	"POST /registered_limits": "a", "GET /registered_limits": "e", "GET /registered_limits/{registered_limit_id}": "e",
	"PATCH /registered_limits/{registered_limit_id}": "a", "DELETE /registered_limits/{registered_limit_id}": "a",
	"POST /limits": "a", "GET /limits": "e", "GET /limits/model": "e", "GET /limits/{limit_id}": "s m o a", "PATCH /limits/{limit_id}": "a", "DELETE /limits/{limit_id}": "a",
	"GET /domains/{domain_id}/config/{group}": "s a", "GET /domains/{domain_id}/config/{group}/{option}": "s a",
	"POST /OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}/auth": "open",
	"GET /OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}/auth":  "open",
	"GET /OS-FEDERATION/projects": "e", "GET /OS-FEDERATION/domains": "e",
	"POST /services": "a", "GET /services": "s a", "GET /services/{service_id}": "s a", "PATCH /services/{service_id}": "a", "DELETE /services/{service_id}": "a",
	"POST /endpoints": "a", "GET /endpoints": "s a", "GET /endpoints/{endpoint_id}": "s a", "PATCH /endpoints/{endpoint_id}": "a", "DELETE /endpoints/{endpoint_id}": "a",
}

var bodies = map[string]string{
	"POST /auth/tokens": authBody("demo", "secret", ""),
	"POST /domains":     `{"domain":{"name":"new"}}`, "PATCH /domains/{domain_id}": `{"domain":{"description":"x"}}`,
	"POST /projects": `{"project":{"name":"new","domain_id":"default"}}`, "PATCH /projects/{project_id}": `{"project":{"description":"x"}}`,
	"PUT /projects/{project_id}/tags": `{"tags":["a"]}`,
	"POST /users":                     `{"user":{"name":"new","domain_id":"default"}}`, "PATCH /users/{user_id}": `{"user":{"description":"x"}}`,
	"POST /users/{user_id}/password": `{"user":{"original_password":"wrong","password":"x"}}`,
	"POST /groups":                   `{"group":{"name":"new","domain_id":"default"}}`, "PATCH /groups/{group_id}": `{"group":{"description":"x"}}`,
	"POST /roles": `{"role":{"name":"new"}}`, "PATCH /roles/{role_id}": `{"role":{"description":"x"}}`,
	"POST /regions": `{"region":{"id":"new"}}`, "PUT /regions/{region_id}": `{"region":{}}`, "PATCH /regions/{region_id}": `{"region":{"description":"x"}}`,
	"POST /services": `{"service":{"type":"new"}}`, "PATCH /services/{service_id}": `{"service":{"name":"x"}}`,
	"PATCH /endpoints/{endpoint_id}":                `{"endpoint":{"name":"x"}}`,
	"POST /users/{user_id}/application_credentials": `{"application_credential":{"name":"new"}}`,
	"POST /OS-TRUST/trusts":                         `{"trust":{"trustor_user_id":"{demo}","trustee_user_id":"{stranger}","impersonation":true,"project_id":"{home}","roles":[{"name":"member"}]}}`,
	"POST /credentials":                             `{"credential":{"type":"totp","blob":"x","user_id":"{demo}"}}`, "PATCH /credentials/{credential_id}": `{"credential":{"type":"cert"}}`,
	"POST /users/{user_id}/credentials/OS-EC2": `{"tenant_id":"{home}"}`, "POST /ec2tokens": `{"credentials":{"access":"x","signature":"y"}}`, "POST /s3tokens": `{"credentials":{"access":"x","signature":"y"}}`,
	"POST /registered_limits": `{"registered_limits":[{"service_id":"{volumes}","resource_name":"new","default_limit":1}]}`, "PATCH /registered_limits/{registered_limit_id}": `{"registered_limit":{"description":"x"}}`,
	"POST /limits": `{"limits":[{"project_id":"{other}","service_id":"{volumes}","resource_name":"volumes","resource_limit":1}]}`, "PATCH /limits/{limit_id}": `{"limit":{"resource_limit":2}}`,
	"POST /OS-EP-FILTER/endpoint_groups": `{"endpoint_group":{"name":"new","filters":{"interface":"public"}}}`, "PATCH /OS-EP-FILTER/endpoint_groups/{endpoint_group_id}": `{"endpoint_group":{"name":"x"}}`,
	"POST /policies": `{"policy":{"type":"application/json","blob":"{}"}}`, "PATCH /policies/{policy_id}": `{"policy":{"blob":"x"}}`,
	"PUT /domains/{domain_id}/config": `{"config":{"ldap":{"url":"ldap://x"}}}`, "PATCH /domains/{domain_id}/config": `{"config":{"ldap":{"url":"ldap://x"}}}`,
	"PATCH /domains/{domain_id}/config/{group}": `{"config":{"ldap":{"url":"ldap://x"}}}`, "PATCH /domains/{domain_id}/config/{group}/{option}": `{"config":{"url":"ldap://x"}}`,
	"PUT /OS-FEDERATION/identity_providers/{idp_id}": `{"identity_provider":{}}`, "PATCH /OS-FEDERATION/identity_providers/{idp_id}": `{"identity_provider":{"enabled":true}}`,
	"PUT /OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}":   `{"protocol":{"mapping_id":"map"}}`,
	"PATCH /OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}": `{"protocol":{"mapping_id":"map"}}`,
	"PUT /OS-FEDERATION/mappings/{mapping_id}":                                 mappingDocument, "PATCH /OS-FEDERATION/mappings/{mapping_id}": mappingDocument,
	"PUT /OS-FEDERATION/service_providers/{service_provider_id}":   `{"service_provider":{"auth_url":"https://a.example/x","sp_url":"https://a.example/y"}}`,
	"PATCH /OS-FEDERATION/service_providers/{service_provider_id}": `{"service_provider":{"enabled":true}}`,
}

const mappingDocument = `{"mapping":{"rules":[{"local":[{"user":{"name":"{0}"}}],"remote":[{"type":"REMOTE_USER"}]}]}}`

// things makes one of each resource, demo's where it is somebody's, and fills in their names.
func (c *cloud) things(admin, demo string) *strings.Replacer {
	c.t.Helper()
	id := func(list, name string) string {
		return c.want(200, "GET", "/v3/"+list+"?name="+name, admin, "").at(list, 0, "id").(string)
	}
	names := []string{"{demo}", id("users", "demo"), "{stranger}", id("users", "stranger"), "{home}", id("projects", "demo"), "{other}", id("projects", "other"),
		"{volumes}", id("services", "cinder"), "{group}", "ldap", "{option}", "url", "{idp_id}", "idp", "{protocol_id}", "saml2", "{mapping_id}", "map",
		"{service_provider_id}", "sp"}
	fill := func() *strings.Replacer { return strings.NewReplacer(names...) }
	make := func(name, token, method, path, body string, at ...any) {
		a := c.do(method, fill().Replace("/v3"+path), token, fill().Replace(body))
		if a.status > 201 {
			c.t.Fatalf("%s %s: %d %s", method, path, a.status, a.text)
		}
		if name != "" {
			names = append(names, name, a.at(at...).(string))
		}
	}
	make("{access_rule_id}", demo, "POST", "/users/{demo}/application_credentials",
		`{"application_credential":{"name":"first","access_rules":[{"service":"compute","method":"GET","path":"/v2.1/servers"}]}}`,
		"application_credential", "access_rules", 0, "id")
	first := c.want(200, "GET", fill().Replace("/v3/users/{demo}/application_credentials"), demo, "").at("application_credentials", 0, "id").(string)
	c.want(204, "DELETE", fill().Replace("/v3/users/{demo}/application_credentials/"+first), demo, "") // the rule stays, and is free
	make("{application_credential_id}", demo, "POST", "/users/{demo}/application_credentials", `{"application_credential":{"name":"a"}}`, "application_credential", "id")
	make("{trust_id}", demo, "POST", "/OS-TRUST/trusts", bodies["POST /OS-TRUST/trusts"], "trust", "id")
	make("{access}", demo, "POST", "/users/{demo}/credentials/OS-EC2", `{"tenant_id":"{home}"}`, "credential", "access")
	make("{totp}", demo, "POST", "/credentials", `{"credential":{"type":"totp","blob":"x","user_id":"{demo}"}}`, "credential", "id")
	make("{registered_limit_id}", admin, "POST", "/registered_limits",
		`{"registered_limits":[{"service_id":"{volumes}","resource_name":"volumes","default_limit":10}]}`, "registered_limits", 0, "id")
	make("{limit_id}", admin, "POST", "/limits",
		`{"limits":[{"project_id":"{home}","service_id":"{volumes}","resource_name":"volumes","resource_limit":5}]}`, "limits", 0, "id")
	make("{endpoint_group_id}", admin, "POST", "/OS-EP-FILTER/endpoint_groups", bodies["POST /OS-EP-FILTER/endpoint_groups"], "endpoint_group", "id")
	make("{policy_id}", admin, "POST", "/policies", bodies["POST /policies"], "policy", "id")
	make("", admin, "PUT", "/domains/default/config", bodies["PUT /domains/{domain_id}/config"])
	make("", admin, "PUT", "/OS-FEDERATION/identity_providers/idp", `{"identity_provider":{}}`)
	make("", admin, "PUT", "/OS-FEDERATION/mappings/map", mappingDocument)
	make("", admin, "PUT", "/OS-FEDERATION/identity_providers/idp/protocols/saml2", `{"protocol":{"mapping_id":"map"}}`)
	make("", admin, "PUT", "/OS-FEDERATION/service_providers/sp", bodies["PUT /OS-FEDERATION/service_providers/{service_provider_id}"])
	access, totp := fill().Replace("{access}"), fill().Replace("{totp}")
	names = append(names, "OS-EC2/{credential_id}", "OS-EC2/"+access, "{credential_id}", totp)
	return fill()
}

// expected is the allowance of an operation. Families follow one rule each whatever the path: grants, and what only administrators
// write and readers of the system read.
func expected(o api.Operation) string {
	read := o.Method == "GET"
	if strings.Contains(o.Path, "/roles") && (strings.HasPrefix(o.Path, "/system/") || strings.Contains(o.Path, "s/{project_id}/") || strings.Contains(o.Path, "s/{domain_id}/")) {
		switch {
		case strings.HasPrefix(o.Path, "/system/") && read:
			return "s a"
		case strings.HasPrefix(o.Path, "/system/"):
			return "a"
		case read:
			return "s m a"
		}
		return "m a"
	}
	if who := allowed[o.Method+" "+o.Path]; who != "" {
		return who
	}
	for _, family := range []string{"/OS-FEDERATION/", "/OS-EP-FILTER/", "/policies", "/endpoints/{endpoint_id}/OS-ENDPOINT-POLICY", "/domains/config/", "/domains/{domain_id}/config"} {
		if strings.HasPrefix(o.Path, family) && read {
			return "s a"
		}
		if strings.HasPrefix(o.Path, family) {
			return "a"
		}
	}
	return ""
}

func TestEveryOperationIsGuarded(t *testing.T) {
	t.Parallel()
	for _, o := range api.Describe(keystoneapi.Resources()...) {
		t.Run(o.Method+strings.ReplaceAll(o.Path, "/", "."), func(t *testing.T) {
			t.Parallel()
			want := expected(o)
			if want == "" {
				t.Fatalf("%s %s: nobody has said who may do this", o.Method, o.Path)
			}
			checkGuard(t, newCloud(t), o, want)
		})
	}
}

var (
	placeholder = regexp.MustCompile(`\{[a-z_]+\}`)
	// basic are the placeholders of what every cloud has.
	basic = strings.NewReplacer("{domain_id}", "", "{project_id}", "", "{user_id}", "", "{role_id}", "", "{implied_id}", "", "{region_id}", "",
		"{service_id}", "", "{endpoint_id}", "", "{value}", "", "/{group_id}", "")
)

func checkGuard(t *testing.T, c *cloud, o api.Operation, want string) {
	t.Helper()
	admin, demo := c.login("admin", project("admin")), c.login("demo", demoProject)
	first := func(list, name string) string {
		return c.want(200, "GET", "/v3/"+list+"?name="+name, admin, "").at(list, 0, "id").(string)
	}
	group := c.want(201, "POST", "/v3/groups", admin, `{"group":{"name":"g"}}`).at("group", "id").(string)
	service := c.want(200, "GET", "/v3/services", admin, "").at("services", 0, "id").(string)
	endpoint := c.want(200, "GET", "/v3/endpoints", admin, "").at("endpoints", 0, "id").(string)
	things := strings.NewReplacer()
	if placeholder.MatchString(basic.Replace(o.Path) + bodies[o.Method+" "+o.Path]) {
		things = c.things(admin, demo)
	}
	path := "/v3" + strings.NewReplacer("{domain_id}", "default", "{project_id}", first("projects", "demo"), "{user_id}", first("users", "demo"),
		"{group_id}", group, "{role_id}", first("roles", "member"), "{implied_id}", first("roles", "reader"), "{region_id}", "RegionOne",
		"{service_id}", service, "{endpoint_id}", endpoint, "{value}", "tag").Replace(things.Replace(o.Path))
	body := things.Replace(bodies[o.Method+" "+o.Path])
	if o.Method+" "+o.Path == "POST /endpoints" {
		body = fmt.Sprintf(`{"endpoint":{"service_id":%q,"interface":"public","url":"http://x"}}`, service)
	}
	if want == "open" {
		if a := c.do(o.Method, path, "", body); a.status == 403 || a.status == 500 {
			t.Errorf("without a token: %d %s", a.status, a.text)
		}
		return
	}
	if a := c.do(o.Method, path, "", body, "X-Subject-Token", demo); a.status != 401 {
		t.Errorf("without a token: got %d, want 401: %s", a.status, a.text)
	}
	// From the least to the most powerful, so that what the last one destroys is there for the others.
	var subjects [5]string
	for i := range subjects {
		subjects[i] = c.login("demo", demoProject)
	}
	for i, who := range []struct{ letter, name, token string }{
		{"x", "member of another project", c.login("stranger", project("other"))},
		{"o", "owner", demo},
		{"s", "system reader", c.login("auditor", system)},
		{"m", "domain manager", c.login("boss", domain)},
		{"a", "admin", admin},
	} {
		a := c.do(o.Method, path, who.token, body, "X-Subject-Token", subjects[i])
		may := want == "e" || strings.Contains(" "+want+" ", " "+who.letter+" ")
		// The state of things may forbid what the policy allows: deleting an enabled domain, a region in use.
		byState := strings.Contains(a.text, "disable it first") || strings.Contains(a.text, "associated endpoints") ||
			strings.Contains(a.text, "associated with it") || strings.Contains(a.text, "not of the PKI provider") || strings.Contains(a.text, "EC2 signature")
		if o.Method == "DELETE" && a.status == 404 && !may {
			continue // its owner has deleted it already
		}
		if refused := (a.status == 403 || a.status == 401) && !byState; refused == may || a.status >= 500 {
			t.Errorf("%s: got %d, allowed should be %v: %s", who.name, a.status, may, a.text)
		}
	}
}
