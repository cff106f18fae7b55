package api_test

import (
	"fmt"
	"testing"
)

// TestOperatorsOverrideTheRulesTheyKnow changes one rule of each pair that its original tells apart; the other stays
// as it was.
func TestOperatorsOverrideTheRulesTheyKnow(t *testing.T) {
	t.Parallel()
	const demo = "role:member"
	c := start(&cloud{t: t, overrides: map[string]string{"identity:create_domain_role": demo,
		"identity:update_domain_role": demo, "identity:delete_domain_role": demo,
		"identity:get_domain_role": demo, "identity:list_domain_roles": demo, "identity:create_project_tag": demo,
		"identity:delete_project_tag":            demo,
		"identity:create_system_grant_for_group": demo, "identity:list_system_grants_for_group": demo}})
	admin, user := c.login("admin", project("admin")), c.login("demo", project("demo"))
	role := c.want(201, "POST", "/v3/roles", user, `{"role":{"name":"local","domain_id":"default"}}`).at("role",
		"id").(string)
	global := c.want(201, "POST", "/v3/roles", admin, `{"role":{"name":"global"}}`).at("role", "id").(string)
	group := c.want(201, "POST", "/v3/groups", admin, `{"group":{"name":"g"}}`).at("group", "id").(string)
	on := "/v3/projects/" + c.id("projects", "demo") + "/tags"
	for _, x := range []struct {
		call, path, body string
		status           int
	}{
		{"POST", "/v3/roles", `{"role":{"name":"other"}}`, 403},
		{"GET", "/v3/roles?domain_id=default", "", 200},
		{"GET", "/v3/roles", "", 403},
		{"GET", "/v3/roles/" + role, "", 200},
		{"GET", "/v3/roles/" + global, "", 403},
		{"PATCH", "/v3/roles/" + role, `{"role":{"description":"d"}}`, 200},
		{"PATCH", "/v3/roles/" + global, `{"role":{"description":"d"}}`, 403},
		{"DELETE", "/v3/roles/" + global, "", 403},
		{"DELETE", "/v3/roles/" + role, "", 204},
		{"PUT", on + "/red", "", 201},
		{"PUT", on, `{"tags":["blue"]}`, 403},
		{"DELETE", on, "", 403},
		{"DELETE", on + "/red", "", 204},
		{"PUT", fmt.Sprintf("/v3/system/groups/%s/roles/%s", group, global), "", 204},
		{"GET", fmt.Sprintf("/v3/system/groups/%s/roles", group), "", 200},
		{"DELETE", fmt.Sprintf("/v3/system/groups/%s/roles/%s", group, global), "", 403},
		{"PUT", fmt.Sprintf("/v3/system/users/%s/roles/%s", c.id("users", "demo"), global), "", 403},
	} {
		c.want(x.status, x.call, x.path, user, x.body)
	}
}
