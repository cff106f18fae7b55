package api_test

import (
	"fmt"
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
	"PATCH /endpoints/{endpoint_id}": `{"endpoint":{"name":"x"}}`,
}

// expected is the allowance of an operation; grants follow one rule each whatever the path.
func expected(o api.Operation) string {
	if strings.Contains(o.Path, "/roles") && (strings.HasPrefix(o.Path, "/system/") || strings.Contains(o.Path, "s/{project_id}/") || strings.Contains(o.Path, "s/{domain_id}/")) {
		read := o.Method == "GET"
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
	return allowed[o.Method+" "+o.Path]
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

func checkGuard(t *testing.T, c *cloud, o api.Operation, want string) {
	t.Helper()
	admin, demo := c.login("admin", project("admin")), c.login("demo", demoProject)
	first := func(list, name string) string {
		return c.want(200, "GET", "/v3/"+list+"?name="+name, admin, "").at(list, 0, "id").(string)
	}
	group := c.want(201, "POST", "/v3/groups", admin, `{"group":{"name":"g"}}`).at("group", "id").(string)
	service := c.want(200, "GET", "/v3/services", admin, "").at("services", 0, "id").(string)
	endpoint := c.want(200, "GET", "/v3/endpoints", admin, "").at("endpoints", 0, "id").(string)
	path := "/v3" + strings.NewReplacer("{domain_id}", "default", "{project_id}", first("projects", "demo"), "{user_id}", first("users", "demo"),
		"{group_id}", group, "{role_id}", first("roles", "member"), "{implied_id}", first("roles", "reader"), "{region_id}", "RegionOne",
		"{service_id}", service, "{endpoint_id}", endpoint, "{value}", "tag").Replace(o.Path)
	body := bodies[o.Method+" "+o.Path]
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
		byState := strings.Contains(a.text, "disable it first") || strings.Contains(a.text, "associated endpoints")
		if refused := a.status == 403 && !byState || a.status == 401; refused == may || a.status >= 500 {
			t.Errorf("%s: got %d, allowed should be %v: %s", who.name, a.status, may, a.text)
		}
	}
}
