package api_test

import (
	"fmt"
	"testing"
)

// TestBodiesThatKeystoneRefuses sends what its JSON schemas refuse.
func TestBodiesThatKeystoneRefuses(t *testing.T) {
	t.Parallel()
	c := start(&cloud{t: t})
	admin := c.login("admin", project("admin"))
	one := func(path, member, body string) string {
		t.Helper()
		return c.want(201, "POST", "/v3/"+path, admin, body).at(member, "id").(string)
	}
	user := one("users", "user", `{"user":{"name":"u"}}`)
	group := one("groups", "group", `{"group":{"name":"g"}}`)
	role := one("roles", "role", `{"role":{"name":"r"}}`)
	domain := one("domains", "domain", `{"domain":{"name":"d"}}`)
	region := one("regions", "region", `{"region":{"id":"far"}}`)
	service := one("services", "service", `{"service":{"type":"t"}}`)
	endpoint := one("endpoints", "endpoint",
		fmt.Sprintf(`{"endpoint":{"service_id":%q,"interface":"public","url":"http://x.example"}}`, service))
	filter := one("OS-EP-FILTER/endpoint_groups", "endpoint_group",
		`{"endpoint_group":{"name":"eg","filters":{"interface":"public"}}}`)
	credential := one("credentials", "credential", fmt.Sprintf(`{"credential":{"user_id":%q,"type":"cert","blob":"x"}}`,
		user))
	policy := one("policies", "policy", `{"policy":{"type":"t","blob":"b"}}`)
	const rules = `[{"local":[{"user":{"name":"{0}"}}],"remote":[{"type":"REMOTE_USER"}]}]`
	c.want(201, "PUT", "/v3/OS-FEDERATION/mappings/m", admin, `{"mapping":{"rules":`+rules+`}}`)
	c.want(201, "PUT", "/v3/OS-FEDERATION/identity_providers/i", admin, `{"identity_provider":{}}`)
	c.want(201, "PUT", "/v3/OS-FEDERATION/identity_providers/i/protocols/p", admin, `{"protocol":{"mapping_id":"m"}}`)
	c.want(201, "PUT", "/v3/OS-FEDERATION/service_providers/s", admin,
		`{"service_provider":{"auth_url":"https://x.example/a","sp_url":"https://x.example/s"}}`)
	for path, member := range map[string]string{"users/" + user: "user", "groups/" + group: "group", "roles/" +
		role: "role", "domains/" + domain: "domain",
		"regions/" + region: "region", "services/" + service: "service", "endpoints/" + endpoint: "endpoint", "credentials/" +
			credential: "credential",
		"policies/" + policy: "policy", "OS-EP-FILTER/endpoint_groups/" + filter: "endpoint_group",
		"OS-FEDERATION/identity_providers/i":             "identity_provider",
		"OS-FEDERATION/identity_providers/i/protocols/p": "protocol", "OS-FEDERATION/service_providers/s": "service_provider",
		"OS-FEDERATION/mappings/m": "mapping"} {
		c.want(400, "PATCH", "/v3/"+path, admin, `{"`+member+`": { } }`)
	}
	for _, r := range [][3]string{
		{"PATCH", "OS-FEDERATION/mappings/m", `{"mapping":{"schema_version":"2.0"}}`},
		{"PATCH", "OS-FEDERATION/mappings/m", `{"mapping":{"rules":[{"local":[null],"remote":[{"type":"REMOTE_USER"}]}]}}`},
		{"PATCH", "OS-FEDERATION/mappings/m",
			`{"mapping":{"rules":[{"local":[{"user":{"name":null}}],"remote":[{"type":"REMOTE_USER"}]}]}}`},
		{"PATCH", "OS-FEDERATION/identity_providers/i/protocols/p", `{"protocol":{"remote_id_attribute":"x"}}`},
		{"POST", "OS-EP-FILTER/endpoint_groups", `{"endpoint_group":{"name":"x","filters":{"interface":"side"}}}`},
		{"POST", "users", `{"user":{"name":"x","domain_id":""}}`},
		{"POST", "groups", `{"group":{"name":"x","domain_id":""}}`},
		{"POST", "roles", `{"role":{"name":"x","domain_id":""}}`},
		{"POST", "projects", `{"project":{"name":"x","domain_id":""}}`},
		{"POST", "services", `{"service":{"type":"x","name":""}}`},
		{"POST", "services", `{"service":{"type":"x","name":null}}`},
		{"POST", "registered_limits",
			fmt.Sprintf(`{"registered_limits":[{"service_id":%q,"resource_name":" ","default_limit":1}]}`, service)},
		{"POST", "endpoints", fmt.Sprintf(
			`{"endpoint":{"id":{},"service_id":%q,"interface":"public","url":"http://x.example"}}`, service)},
		{"POST", "credentials", fmt.Sprintf(`{"credential":{"id":{},"user_id":%q,"type":"cert","blob":"x"}}`, user)},
		{"POST", "credentials", `{"credential":{"type":"cert","blob":"x"}}`},
	} {
		c.want(400, r[0], "/v3/"+r[1], admin, r[2])
	}
	// What was refused has changed nothing, and what is good still is.
	c.want(200, "PATCH", "/v3/OS-FEDERATION/mappings/m", admin, `{"mapping":{"rules":`+rules+`}}`)
	c.want(200, "PATCH", "/v3/OS-FEDERATION/identity_providers/i/protocols/p", admin,
		`{"protocol":{"mapping_id":"m","remote_id_attribute":"x"}}`)
	c.want(200, "PATCH", "/v3/users/"+user, admin, `{"user":{"favourite":"red"}}`)
}
