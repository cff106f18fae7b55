package api_test

import (
	"fmt"
	"strings"
	"testing"
)

// What is too long or too many is refused, or answered; it is never a fault of the service.
func TestOversizeRequests(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	admin, me := c.login("admin", system), c.id("users", "demo")
	home := c.id("projects", "demo")
	many := func(part string, n int) string { return strings.Repeat(part, n) }
	numbered := func(part string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, part, i)
		}
		return b.String()
	}
	for _, r := range []struct {
		name, method, path, body string
		status                   int // 0: any that is no fault
	}{
		{"a long password", "POST", "/v3/auth/tokens", authBody("demo", many("p", 5000), ""), 400},
		{"the longest password", "POST", "/v3/auth/tokens", authBody("demo", many("p", 4096), ""), 401},
		{"a long name", "POST", "/v3/auth/tokens", authBody(many("n", 300), "p", ""), 400},
		{"methods", "POST", "/v3/auth/tokens", `{"auth":{"identity":{"methods":["password"` + many(`,"password"`, 1000) +
			`]}}}`, 400},
		{"a long token", "POST", "/v3/auth/tokens", `{"auth":{"identity":{"methods":["token"],"token":{"id":"` +
			many("t", 100_000) + `"}}}}`, 400},
		{"depth", "POST", "/v3/auth/tokens", many(`{"auth":`, 1000) + "1" + many("}", 1000), 400},
		{"a long body", "POST", "/v3/auth/tokens", authBody("demo", many("p", 2<<20), ""), 413},
		{"tags", "GET", "/v3/projects?tags=" + numbered("t%d,", 5000) + "x", "", 0},
		{"not these tags", "GET", "/v3/projects?not-tags-any=" + numbered("t%d,", 5000) + "x", "", 0},
		{"filters", "GET", "/v3/users?" + numbered("name__contains=%d&", 3000), "", 0},
		{"a limit", "GET", "/v3/users?limit=99999999999999999999", "", 400},
		{"a large limit", "GET", "/v3/users?limit=9223372036854775807", "", 0},
		{"a long marker", "GET", "/v3/users?marker=" + many("m", 30_000), "", 0},
		{"a long id", "GET", "/v3/users/" + many("a", 30_000), "", 0},
		{"a long path", "GET", "/v3/" + many("a/", 15_000), "", 404},
		{"tags of a project", "PUT", "/v3/projects/" + home + "/tags", `{"tags":["x"` + numbered(`,"t%d"`, 200) + `]}`, 400},
		{"a long tag", "PUT", "/v3/projects/" + home + "/tags/" + many("t", 300), "", 400},
		{"extra members", "PATCH", "/v3/users/" + me, `{"user":{"a":1` + numbered(`,"k%d":{}`, 50_000) + `}}`, 0},
		{"a long description", "PATCH", "/v3/projects/" + home, `{"project":{"description":"` + many("d", 500_000) + `"}}`,
			0},
		{"a long blob", "POST", "/v3/credentials", `{"credential":{"user_id":"` + me + `","type":"cert","blob":"` +
			many("b", 900_000) + `"}}`, 0},
		{"roles of a credential", "POST", "/v3/users/" + me + "/application_credentials",
			`{"application_credential":{"name":"a","roles":[{"name":"x"}` + many(`,{"name":"x"}`, 20_000) + `]}}`, 0},
		{"access rules", "POST", "/v3/users/" + me + "/application_credentials",
			`{"application_credential":{"name":"a","access_rules":[{"service":"s","method":"GET","path":"/"}` +
				numbered(`,{"service":"s","method":"GET","path":"/%d"}`, 10_000) + `]}}`, 0},
		{"a rule of many conditions", "PUT", "/v3/OS-FEDERATION/mappings/m",
			`{"mapping":{"rules":[{"local":[{"user":{"name":"{0}"}}],"remote":[{"type":"a"}` + numbered(`,{"type":"t%d"}`,
				20_000) + `]}]}}`, 0},
		{"a policy", "POST", "/v3/policies", `{"policy":{"type":"` + many("t", 300) + `","blob":"x"}}`, 400},
	} {
		t.Run(r.name, func(t *testing.T) {
			if resp, body := ask(t, c, r.method, r.path, admin, r.body); r.status != 0 && resp.StatusCode != r.status {
				t.Errorf("got %d, want %d: %.300s", resp.StatusCode, r.status, body)
			}
		})
	}
	if resp, _ := ask(t, c, "GET", "/v3/auth/projects", many("t", 60_000), ""); resp.StatusCode != 401 {
		t.Errorf("a token of 60,000 letters: %d", resp.StatusCode)
	}
}
