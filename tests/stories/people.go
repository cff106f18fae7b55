package stories

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"sync/atomic"
	"testing"
)

// Cloud is the cloud under test, with its callers.
type Cloud struct {
	URLs   map[string]string // by service, without the version: identity, image, placement, network, compute
	HTTP   *http.Client
	Tokens map[string]string // by caller; the caller "nobody" has none
	Names  Names             // ids of the callers, their projects and domains, and of common resources

	// Arrange is called before each sequence; may be nil.
	Arrange func()

	serials atomic.Int64
}

func (c *Cloud) serial() int64 { return c.serials.Add(1) }

// The callers: name, role, and the project or domain of the role. All but admin are users of the test's domain.
var people = []struct{ name, role, on string }{
	{"stranger", "member", "away"},
	{"reader", "reader", "home"},
	{"member", "member", "home"},
	{"manager", "manager", "home"},
	{"domainreader", "reader", "domain"},
	{"domainmanager", "manager", "domain"},
	{"domainadmin", "admin", "domain"},
	{"systemreader", "reader", "system"},
	{"service", "service", "home"},
}

// People returns the names of all callers, from the least to the most powerful.
func People() []string {
	out := []string{"nobody"}
	for _, p := range people {
		out = append(out, p.name)
	}
	return append(out, "admin")
}

// Password is the password of all callers but admin.
const Password = "Correct-horse-7"

// Populate logs the administrator in and creates the callers, in a domain with the projects home and away. If the cloud
// has compute, it creates a network for servers in home, and keeps the ids of the flavor and image.
func Populate(t *testing.T, c *Cloud, around *Surroundings, password string) {
	t.Helper()
	if c.HTTP == nil {
		// Tests check redirects, so the client does not follow them.
		c.HTTP = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	c.Tokens, c.Names = map[string]string{}, Names{}
	on, as := "identity", "admin"
	ask := func(method, path string, body any, want int) (http.Header, []byte) {
		t.Helper()
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), method, c.URLs[on]+path, bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if c.Tokens[as] != "" {
			req.Header.Set("X-Auth-Token", c.Tokens[as])
		}
		resp, err := c.HTTP.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != want {
			t.Fatalf("%s %s: got %d, want %d: %v %s", method, path, resp.StatusCode, want, err, got)
		}
		return resp.Header, got
	}
	login := func(user map[string]any, password string, scope map[string]any) (string, []byte) {
		t.Helper()
		user["password"] = password
		h, b := ask("POST", "/v3/auth/tokens",
			object("auth", object("identity", map[string]any{"methods": []string{"password"},
				"password": object("user", user)}, "scope", scope)), http.StatusCreated)
		return h.Get("X-Subject-Token"), b
	}
	must := func(body []byte, path string) string {
		t.Helper()
		v, ok := at(body, path)
		if !ok {
			t.Fatalf("there is no %s in %.400s", path, body)
		}
		return v
	}
	maps.Copy(c.Names, around.names)
	fallback := object("id", "default")
	token, b := login(map[string]any{"name": "admin", "domain": fallback}, password,
		object("project", map[string]any{"name": "admin", "domain": fallback}))
	c.Tokens["admin"] = token
	c.Names["admin"], c.Names["admin_project"] = must(b, "token.user.id"), must(b, "token.project.id")
	for _, role := range []string{"admin", "manager", "member", "reader", "service"} {
		_, b := ask("GET", "/v3/roles?name="+role, nil, http.StatusOK)
		c.Names[role+"_role"] = must(b, "roles.0.id")
	}
	_, b = ask("GET", "/v3/services?type=image", nil, http.StatusOK)
	c.Names["image_service"] = must(b, "services.0.id")
	_, b = ask("POST", "/v3/domains", object("domain", object("name", fmt.Sprintf("shire-%d", c.serial()))),
		http.StatusCreated)
	c.Names["domain"] = must(b, "domain.id")
	for _, project := range []string{"home", "away"} {
		_, b := ask("POST", "/v3/projects", object("project",
			map[string]any{"name": project, "domain_id": c.Names["domain"]}), http.StatusCreated)
		c.Names[project] = must(b, "project.id")
	}
	for _, p := range people {
		_, b := ask("POST", "/v3/users", object("user", map[string]any{"name": p.name, "domain_id": c.Names["domain"],
			"password": Password}), http.StatusCreated)
		id := must(b, "user.id")
		c.Names[p.name] = id
		scope, grant := object("project", object("id", c.Names[p.on])), "/v3/projects/"+c.Names[p.on]
		switch p.on {
		case "domain":
			scope, grant = object("domain", object("id", c.Names["domain"])), "/v3/domains/"+c.Names["domain"]
		case "system":
			scope, grant = object("system", map[string]any{"all": true}), "/v3/system"
		}
		ask("PUT", grant+"/users/"+id+"/roles/"+c.Names[p.role+"_role"], nil, http.StatusNoContent)
		c.Tokens[p.name], _ = login(object("id", id), Password, scope)
	}
	if c.URLs["compute"] == "" {
		return
	}
	on = "compute"
	_, b = ask("GET", "/v2.1/os-hypervisors", nil, http.StatusOK)
	c.Names["host"] = must(b, "hypervisors.0.hypervisor_hostname")
	_, b = ask("GET", "/v2.1/flavors?minRam=1&sort_key=memory_mb", nil, http.StatusOK)
	c.Names["flavor"] = must(b, "flavors.0.id")
	on = "image"
	_, b = ask("GET", "/v2/images?name=guest", nil, http.StatusOK)
	c.Names["image"] = must(b, "images.0.id")
	on, as = "network", "member"
	_, b = ask("POST", "/v2.0/networks", object("network", object("name", "lan")), http.StatusCreated)
	c.Names["network"], c.Names["network_name"] = must(b, "network.id"), "lan"
	_, b = ask("POST", "/v2.0/subnets", object("subnet", map[string]any{"network_id": c.Names["network"], "ip_version": 4,
		"cidr": "10.64.0.0/12"}), http.StatusCreated)
	inside := must(b, "subnet.id")
	as = "admin"
	_, b = ask("POST", "/v2.0/networks", object("network", object("name", "outside", "router:external", true)),
		http.StatusCreated)
	outside := must(b, "network.id")
	ask("POST", "/v2.0/subnets", object("subnet", map[string]any{"network_id": outside, "ip_version": 4,
		"cidr": "192.0.2.0/24"}), http.StatusCreated)
	as = "member"
	_, b = ask("POST", "/v2.0/routers", object("router", object("external_gateway_info", object("network_id", outside))),
		http.StatusCreated)
	ask("PUT", "/v2.0/routers/"+must(b, "router.id")+"/add_router_interface", object("subnet_id", inside), http.StatusOK)
}

// object returns a JSON object from alternating names and values.
func object(pairs ...any) map[string]any {
	out := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		out[pairs[i].(string)] = pairs[i+1]
	}
	return out
}
