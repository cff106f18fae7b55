package api_test

import (
	"strings"
	"testing"
)

// TestEmptyNullAndAbsent tells apart what keystone's schemas tell apart, and takes for one what keystone takes for one.
func TestEmptyNullAndAbsent(t *testing.T) {
	t.Parallel()
	c := start(&cloud{t: t})
	admin := c.login("admin", project("admin"))
	for _, tc := range []struct {
		name, line, body string
		status           int
		says             string
	}{
		{"user with blanks around the name", "POST users", `{"user":{"name":" ann "}}`, 201, `"name":"ann"`},
		{"who is the same user", "POST users", `{"user":{"name":"ann"}}`, 409, ""},
		{"in capitals she is another", "POST users", `{"user":{"name":"Ann"}}`, 201, `"name":"Ann"`},
		{"user of blanks", "POST users", `{"user":{"name":"  "}}`, 400, ""},
		{"user whose name is null", "POST users", `{"user":{"name":null}}`, 400, ""},
		{"user without a project by default", "POST users",
			`{"user":{"name":"u1","default_project_id":null,"description":null,"password":null}}`, 201, ""},
		{"user with an empty description", "POST users", `{"user":{"name":"u2","description":""}}`, 201, `"description":""`},
		{"user with a description of null", "POST users", `{"user":{"name":"u4","description":null}}`, 201,
			`"description":null`},
		{"user that is enabled by null", "POST users", `{"user":{"name":"u3","enabled":null}}`, 400, ""},
		{"user with options of null", "POST users", `{"user":{"name":"u3","options":null}}`, 400, ""},
		{"user of a domain of null", "POST users", `{"user":{"name":"u3","domain_id":null}}`, 400, ""},
		{"group with blanks around the name", "POST groups", `{"group":{"name":" crew "}}`, 201, `"name":"crew"`},
		{"which is the same group", "POST groups", `{"group":{"name":"crew"}}`, 409, ""},
		{"group with a description of null", "POST groups", `{"group":{"name":"g1","description":null}}`, 201, ""},
		{"project with blanks around the name", "POST projects", `{"project":{"name":" lab "}}`, 201, `"name":"lab"`},
		{"which is the same project", "POST projects", `{"project":{"name":"lab"}}`, 409, ""},
		{"in capitals it is another", "POST projects", `{"project":{"name":"LAB"}}`, 201, ""},
		{"project without parent and domain", "POST projects",
			`{"project":{"name":"p1","parent_id":null,"domain_id":null,"description":null}}`, 201, `"description":""`},
		{"project with an empty parent", "POST projects", `{"project":{"name":"p2","parent_id":""}}`, 400, ""},
		{"project with tags of null", "POST projects", `{"project":{"name":"p2","tags":null}}`, 400, ""},
		{"project with a tag twice", "POST projects", `{"project":{"name":"p2","tags":["a","a"]}}`, 400, ""},
		{"project with a tag twice but for blanks", "POST projects", `{"project":{"name":"p2","tags":["a"," a "]}}`, 201,
			`"tags":["a"]`},
		{"domain with blanks around the name", "POST domains", `{"domain":{"name":" east "}}`, 201, `"name":"east"`},
		{"which is the same domain", "POST domains", `{"domain":{"name":"east"}}`, 409, ""},
		{"role with a blank before the name, which counts", "POST roles", `{"role":{"name":" admin"}}`, 201,
			`"name":" admin"`},
		{"role of blanks", "POST roles", `{"role":{"name":" "}}`, 400, ""},
		{"role in capitals", "POST roles", `{"role":{"name":"ADMIN"}}`, 201, ""},
		{"role of no domain", "POST roles", `{"role":{"name":"r1","domain_id":null,"description":null}}`, 201,
			`"domain_id":null`},
		{"region whose id is empty", "POST regions", `{"region":{"id":"","parent_region_id":null}}`, 201, ""},
		{"service whose description is null", "POST services", `{"service":{"type":"t","description":null}}`, 201, ""},
		{"service that is enabled by null", "POST services", `{"service":{"type":"t","enabled":null}}`, 400, ""},
		{"provider whose ids are null", "PUT OS-FEDERATION/identity_providers/i",
			`{"identity_provider":{"remote_ids":null,"authorization_ttl":null,"description":null}}`, 201, ""},
		{"provider whose id is there twice", "PUT OS-FEDERATION/identity_providers/j",
			`{"identity_provider":{"remote_ids":["a","a"]}}`, 400, ""},
	} {
		method, path, _ := strings.Cut(tc.line, " ")
		if r := c.want(tc.status, method, "/v3/"+path, admin, tc.body); !strings.Contains(r.text, tc.says) {
			t.Errorf("%s: got %s, want %s", tc.name, r.text, tc.says)
		}
	}
	u := c.want(201, "POST", "/v3/users", admin, `{"user":{"name":"described"}}`)
	at := "/v3/users/" + u.at("user", "id").(string)
	if strings.Contains(u.text, "description") {
		t.Errorf("a user without a description: %s", u.text)
	}
	for _, want := range []string{`"description":"x"`, `"description":""`, `"description":"y"`} {
		if r := c.want(200, "PATCH", at, admin, `{"user":{`+want+`}}`); !strings.Contains(r.text, want) ||
			strings.Count(r.text, "description") != 1 {
			t.Errorf("got %s, want %s", r.text, want)
		}
	}
}
