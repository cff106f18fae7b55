package compat

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hypernova/tests/compat/contract"
	"hypernova/tests/running"
)

// TestIdentityKeepsItsContract walks what users hand out, keep and are limited by, and what filters the catalog.
func TestIdentityKeepsItsContract(t *testing.T) {
	dir := os.Getenv("HYPERNOVA_OPENAPI")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "openapi")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("there are no OpenAPI documents beside the project; $HYPERNOVA_OPENAPI can name a folder of them")
	}
	t.Parallel()
	cloud := running.Up(t, t.TempDir(), "--memory", "--virt", "fake", "--admin-password", "secret")
	base := strings.TrimSuffix(cloud.Identity(t), "/v3")
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	d, err := contract.Load(dir, "identity")
	if err != nil {
		t.Fatal(err)
	}
	watch := &contract.Watcher{Documents: map[string]*contract.Document{u.Host: d}, Quirks: quirks, Next: http.DefaultTransport}
	w := &walker{t: t, http: &http.Client{Transport: watch}, urls: map[string]string{"identity": base}}
	auth := w.do("identity", 0, "POST", "/v3/auth/tokens", `{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"admin",
		"domain":{"id":"default"},"password":"secret"}}},"scope":{"project":{"name":"admin","domain":{"id":"default"}}}}}`, 201)
	token := auth["token"].(map[string]any)
	w.delegation(id(token, "user"), id(token, "project"))
	w.partners(id(token, "project"))
	checked, answers, problems := watch.Report()
	for _, p := range problems {
		t.Error(p)
	}
	if len(checked) < 40 {
		t.Errorf("only %d operations were validated", len(checked))
	}
	t.Logf("%d answers of %d operations were validated", answers, len(checked))
}

func (w *walker) each(method string, status int, paths ...string) {
	w.t.Helper()
	for _, p := range paths {
		w.do("identity", 0, method, "/v3/"+p, "", status)
	}
}

// delegation walks application credentials, trusts, credentials and revocations.
func (w *walker) delegation(me, project string) {
	w.t.Helper()
	you := id(w.do("identity", 0, "POST", "/v3/users", `{"user":{"name":"trustee","password":"x"}}`, 201), "user")
	ac := id(w.do("identity", 0, "POST", "/v3/users/"+me+"/application_credentials", `{"application_credential":{"name":"a","expires_at":"2099-01-01T00:00:00",
		"access_rules":[{"service":"compute","method":"GET","path":"/v2.1/servers"}]}}`, 201), "application_credential")
	rule := id(w.do("identity", 0, "GET", "/v3/users/"+me+"/access_rules", "", 200), "access_rules")
	w.each("GET", 200, "users/"+me+"/application_credentials", "users/"+me+"/application_credentials/"+ac, "users/"+me+"/access_rules/"+rule)
	w.each("DELETE", 204, "users/"+me+"/application_credentials/"+ac, "users/"+me+"/access_rules/"+rule)

	role := id(w.do("identity", 0, "GET", "/v3/roles?name=member", "", 200), "roles")
	trust := id(w.do("identity", 0, "POST", "/v3/OS-TRUST/trusts", `{"trust":{"trustor_user_id":"`+me+`","trustee_user_id":"`+you+`","impersonation":true,
		"project_id":"`+project+`","roles":[{"id":"`+role+`"}]}}`, 201), "trust")
	w.each("GET", 200, "OS-TRUST/trusts", "OS-TRUST/trusts/"+trust, "OS-TRUST/trusts/"+trust+"/roles", "OS-TRUST/trusts/"+trust+"/roles/"+role)
	w.each("DELETE", 204, "OS-TRUST/trusts/"+trust)

	kept := id(w.do("identity", 0, "POST", "/v3/credentials", `{"credential":{"type":"cert","blob":"x","user_id":"`+me+`"}}`, 201), "credential")
	w.do("identity", 0, "PATCH", "/v3/credentials/"+kept, `{"credential":{"blob":"y"}}`, 200)
	key := w.do("identity", 0, "POST", "/v3/users/"+me+"/credentials/OS-EC2", `{"tenant_id":"`+project+`"}`, 201)["credential"].(map[string]any)["access"].(string)
	w.each("GET", 200, "credentials", "credentials/"+kept, "users/"+me+"/credentials/OS-EC2", "users/"+me+"/credentials/OS-EC2/"+key, "OS-REVOKE/events",
		"limits/model", "auth/system")
	w.each("DELETE", 204, "users/"+me+"/credentials/OS-EC2/"+key, "credentials/"+kept)
}

// partners walks limits, what filters the catalog, policies, domain options and federation.
func (w *walker) partners(project string) {
	w.t.Helper()
	do := func(method, path, body string, status int) map[string]any {
		w.t.Helper()
		return w.do("identity", 0, method, "/v3/"+path, body, status)
	}
	service := id(do("GET", "services", "", 200), "services")
	endpoint := id(do("GET", "endpoints?service_id="+service, "", 200), "endpoints")
	reg := id(do("POST", "registered_limits", `{"registered_limits":[{"service_id":"`+service+`","resource_name":"r","default_limit":9}]}`, 201), "registered_limits")
	lim := id(do("POST", "limits", `{"limits":[{"service_id":"`+service+`","project_id":"`+project+`","resource_name":"r","resource_limit":5}]}`, 201), "limits")
	do("PATCH", "limits/"+lim, `{"limit":{"resource_limit":6}}`, 200)
	w.each("GET", 200, "limits", "limits/"+lim, "registered_limits", "registered_limits/"+reg)
	w.each("DELETE", 204, "limits/"+lim)
	do("PATCH", "registered_limits/"+reg, `{"registered_limit":{"default_limit":6}}`, 200)
	w.each("DELETE", 204, "registered_limits/"+reg)

	g := id(do("POST", "OS-EP-FILTER/endpoint_groups", `{"endpoint_group":{"name":"g","filters":{"interface":"public"}}}`, 201), "endpoint_group")
	do("PATCH", "OS-EP-FILTER/endpoint_groups/"+g, `{"endpoint_group":{"name":"h"}}`, 200)
	w.each("PUT", 204, "OS-EP-FILTER/endpoint_groups/"+g+"/projects/"+project, "OS-EP-FILTER/projects/"+project+"/endpoints/"+endpoint)
	w.each("GET", 200, "OS-EP-FILTER/endpoint_groups", "OS-EP-FILTER/endpoint_groups/"+g, "OS-EP-FILTER/endpoint_groups/"+g+"/projects",
		"OS-EP-FILTER/endpoint_groups/"+g+"/endpoints", "OS-EP-FILTER/endpoint_groups/"+g+"/projects/"+project, "OS-EP-FILTER/endpoints/"+endpoint+"/projects",
		"OS-EP-FILTER/projects/"+project+"/endpoints", "OS-EP-FILTER/projects/"+project+"/endpoint_groups")
	w.each("DELETE", 204, "OS-EP-FILTER/projects/"+project+"/endpoints/"+endpoint, "OS-EP-FILTER/endpoint_groups/"+g+"/projects/"+project, "OS-EP-FILTER/endpoint_groups/"+g)

	p := id(do("POST", "policies", `{"policy":{"type":"application/json","blob":"{}"}}`, 201), "policy")
	do("PATCH", "policies/"+p, `{"policy":{"blob":"[]"}}`, 200)
	w.each("PUT", 204, "policies/"+p+"/OS-ENDPOINT-POLICY/endpoints/"+endpoint)
	w.each("GET", 200, "policies", "policies/"+p, "endpoints/"+endpoint+"/OS-ENDPOINT-POLICY/policy", "policies/"+p+"/OS-ENDPOINT-POLICY/endpoints")
	w.each("DELETE", 204, "policies/"+p)

	do("PUT", "domains/default/config", `{"config":{"ldap":{"url":"ldap://x"}}}`, 201)
	do("PATCH", "domains/default/config/ldap", `{"config":{"ldap":{"user":"u"}}}`, 200)
	w.each("GET", 200, "domains/default/config", "domains/default/config/ldap", "domains/default/config/ldap/url", "domains/config/default",
		"domains/config/ldap/default", "domains/config/ldap/url/default", "domains/default/config/security_compliance")
	w.each("DELETE", 204, "domains/default/config")

	do("PUT", "OS-FEDERATION/identity_providers/idp", `{"identity_provider":{"remote_ids":["x"]}}`, 201)
	do("PATCH", "OS-FEDERATION/identity_providers/idp", `{"identity_provider":{"enabled":true}}`, 200)
	do("PUT", "OS-FEDERATION/mappings/m", `{"mapping":{"rules":[{"local":[{"user":{"name":"{0}"}}],"remote":[{"type":"REMOTE_USER"}]}]}}`, 201)
	do("PUT", "OS-FEDERATION/identity_providers/idp/protocols/openid", `{"protocol":{"mapping_id":"m"}}`, 201)
	do("PUT", "OS-FEDERATION/service_providers/sp", `{"service_provider":{"auth_url":"https://a.example/x","sp_url":"https://a.example/y"}}`, 201)
	w.each("GET", 200, "OS-FEDERATION/identity_providers", "OS-FEDERATION/identity_providers/idp", "OS-FEDERATION/identity_providers/idp/protocols",
		"OS-FEDERATION/identity_providers/idp/protocols/openid", "OS-FEDERATION/mappings", "OS-FEDERATION/mappings/m", "OS-FEDERATION/service_providers",
		"OS-FEDERATION/service_providers/sp")
	w.each("DELETE", 204, "OS-FEDERATION/identity_providers/idp", "OS-FEDERATION/mappings/m", "OS-FEDERATION/service_providers/sp")
}
