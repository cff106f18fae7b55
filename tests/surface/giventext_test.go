package surface

import (
	"strings"
	"testing"

	"hypernova/cloudtest"
)

// Text that a database cannot store is rejected by all services, on each database.
func TestTextThatCannotBeStored(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			given(t, cloudtest.New(t, append(e.database(t), cloudtest.Computes(0), cloudtest.Bare())...))
		})
	}
}

func given(t *testing.T, c *cloudtest.Cloud) {
	t.Helper()
	lists := []struct{ service, path string }{{"identity", "/users"}, {"identity", "/projects"}, {"image", "/v2/images"},
		{"placement", "/resource_providers"},
		{"compute", "/servers"}, {"compute", "/servers/detail"}, {"compute", "/flavors"}, {"compute", "/os-keypairs"},
		{"network", "/v2.0/networks"},
		{"network", "/v2.0/ports"}, {"network", "/v2.0/security-groups"}}
	for _, l := range lists {
		for _, name := range []string{"%FF", "a%00b", "%ED%A0%80", "%C0%AF"} {
			if status, doc := c.Do("admin", "GET", l.service, l.path+"/"+name, nil); status != 404 {
				t.Errorf("GET %s %s/%s: %d %v", l.service, l.path, name, status, doc)
			}
			if status, doc := c.Do("admin", "PUT", l.service, l.path+"/"+name, "{}"); status != 400 {
				t.Errorf("PUT %s %s/%s: %d %v", l.service, l.path, name, status, doc)
			}
			for _, parameter := range []string{"name", "marker", "sort_key", "limit", "x" + name} {
				if status, doc := c.Do("admin", "GET", l.service, l.path+"?"+parameter+"="+name, nil); status != 400 {
					t.Errorf("GET %s %s?%s=%s: %d %v", l.service, l.path, parameter, name, status, doc)
				}
			}
		}
	}
	for _, m := range []struct{ method, service, path, before, after string }{
		{"POST", "identity", "/projects", `{"project":{"name":"`, `"}}`},
		{"POST", "identity", "/auth/tokens",
			`{"auth":{"identity":{"methods":["password"],"password":{"user":{"password":"x","domain":{"id":"default"},"name":"`,
			`"}}}}}`},
		{"POST", "image", "/v2/images", `{"name":"`, `"}`},
		{"POST", "placement", "/resource_providers", `{"name":"`, `"}`},
		{"POST", "compute", "/os-keypairs", `{"keypair":{"name":"`, `"}}`},
		{"POST", "compute", "/flavors", `{"flavor":{"ram":1,"vcpus":1,"disk":1,"name":"`, `"}}`},
		{"POST", "network", "/v2.0/networks", `{"network":{"name":"`, `"}}`},
	} {
		for _, text := range []string{`\u0000`, `a\ud800`, `\udc00b`, "\xff"} {
			if status, doc := c.Do("admin", m.method, m.service, m.path, m.before+text+m.after); status != 400 {
				t.Errorf("%s %s %s with %q: %d %v", m.method, m.service, m.path, text, status, doc)
			}
		}
	}
}

// The number of servers of one request is limited, whatever the quota is.
func TestServersOfOneRequestAreLimited(t *testing.T) {
	t.Parallel()
	c := cloudtest.New(t, cloudtest.Computes(0), cloudtest.Bare(), cloudtest.Set("quota.instances=-1",
		"quota.cores=-1", "quota.ram=-1"))
	for _, count := range []string{"min_count", "max_count"} {
		body := `{"server":{"name":"x","flavorRef":"1","imageRef":"11111111-2222-3333-4444-555555555555","` +
			count + `":1001}}`
		status, doc := c.Do("admin", "POST", "compute", "/servers", body)
		why, _ := doc["badRequest"].(map[string]any)["message"].(string)
		if status != 400 || !strings.Contains(why, count+": 1001 is greater than") {
			t.Errorf("%s: %d %v", count, status, doc)
		}
	}
}
