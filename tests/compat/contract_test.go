package compat

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hypernova/tests/compat/contract"
	"hypernova/tests/running"
)

// walker calls the APIs as an administrator and remembers what came back.
type walker struct {
	t     *testing.T
	http  *http.Client
	token string
	urls  map[string]string
}

// do sends a request to a service; minor is the microversion, 0 for none. The answer must have the wanted status.
func (w *walker) do(service string, minor int, method, path, body string, status int) map[string]any {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.urls[service]+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if w.token != "" {
		req.Header.Set("X-Auth-Token", w.token)
	}
	switch {
	case minor > 0 && service == "placement":
		req.Header.Set("OpenStack-API-Version", fmt.Sprintf("placement 1.%d", minor))
	case minor > 0:
		req.Header.Set("OpenStack-API-Version", fmt.Sprintf("compute 2.%d", minor))
		req.Header.Set("X-OpenStack-Nova-API-Version", fmt.Sprintf("2.%d", minor))
	}
	resp, err := w.http.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if resp.StatusCode != status {
		w.t.Errorf("%s %s (minor %d): got %d, want %d: %.500s", method, path, minor, resp.StatusCode, status, b)
	}
	if t := resp.Header.Get("X-Subject-Token"); t != "" {
		w.token = t
	}
	var v map[string]any
	if len(b) > 0 && strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(b, &v); err != nil {
			w.t.Errorf("%s %s: %v: %.200s", method, path, err, b)
		}
	}
	return v
}

// id walks members to an id: id(doc, "server") or, of a list's first, id(doc, "images").
func id(doc map[string]any, member string) string {
	switch v := doc[member].(type) {
	case map[string]any:
		return fmt.Sprint(v["id"])
	case []any:
		if len(v) > 0 {
			return fmt.Sprint(v[0].(map[string]any)["id"])
		}
	}
	return "none"
}

// quirks are where the documents say other things than the real services answer.
var quirks = []contract.Quirk{
	{Operation: `^network `, At: `: got null, want string$`, Why: "neutron shows what is not set as null"},
	{Operation: `^identity GET /v3/auth/(projects|domains) `, At: `links: got object, want array$`, Why: "keystone's links are an object"},
	{Operation: `^identity `, At: `^/roles/\d+/description: got null, want string$`, Why: "keystone shows a role without a description with null"},
	{Operation: `^placement GET /resource_providers/{uuid}/aggregates `, At: `missing property 'resource_provider_generation'`, Below: 19,
		Why: "the document knows only the newest form"},
	{Operation: `^placement GET /allocation_candidates `, At: `allocations: got array, want object`, Below: 12, Why: "the document knows only the newest form"},
	{Operation: `^placement GET /resource_providers/{uuid}/traits `, At: `additional properties 'resource_provider_generation'`,
		Why: "placement shows the generation that PUT asks for"},
	{Operation: `^placement GET /resource_providers`, At: `parent_provider_uuid: got null`, Why: "a root has no parent"},
	{Operation: `^image GET /v2/schemas/`, At: `^/: got object, want string$`, Why: "a JSON schema is an object"},
}

func TestAnswersKeepTheContract(t *testing.T) {
	dir := os.Getenv("HYPERNOVA_OPENAPI")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "openapi")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("there are no OpenAPI documents beside the project; $HYPERNOVA_OPENAPI can name a folder of them")
	}
	t.Parallel()
	cloud := running.Up(t, t.TempDir(), "--memory", "--virt", "fake", "--admin-password", "secret")
	watch := &contract.Watcher{Documents: map[string]*contract.Document{}, Quirks: quirks, Next: http.DefaultTransport}
	w := &walker{t: t, http: &http.Client{Transport: watch}, urls: map[string]string{"identity": strings.TrimSuffix(cloud.Identity(t), "/v3")}}
	names := map[string]string{"identity": "identity", "image": "image", "placement": "placement", "network": "network", "compute": "compute"}
	host := func(service string) string {
		u, err := url.Parse(w.urls[service])
		if err != nil {
			t.Fatal(err)
		}
		return u.Host
	}
	auth := w.do("identity", 0, "POST", "/v3/auth/tokens", `{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"admin",
		"domain":{"id":"default"},"password":"secret"}}},"scope":{"project":{"name":"admin","domain":{"id":"default"}}}}}`, 201)
	for _, s := range auth["token"].(map[string]any)["catalog"].([]any) {
		s := s.(map[string]any)
		e := s["endpoints"].([]any)[0].(map[string]any)
		u, err := url.Parse(fmt.Sprint(e["url"]))
		if err != nil {
			t.Fatal(err)
		}
		w.urls[fmt.Sprint(s["type"])] = u.Scheme + "://" + u.Host
	}
	for service, name := range names {
		d, err := contract.Load(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		watch.Documents[host(service)] = d
	}
	project := auth["token"].(map[string]any)["project"].(map[string]any)["id"].(string)
	w.identity(project)
	w.image()
	network := w.network()
	w.placement()
	w.compute(project, network)

	checked, answers, problems := watch.Report()
	for _, p := range problems {
		t.Error(p)
	}
	if len(checked) < 60 {
		t.Errorf("only %d operations were validated", len(checked))
	}
	if *update && !t.Failed() {
		write(t, "openapi.md", table(checked))
	}
	t.Logf("%d answers of %d operations were validated", answers, len(checked))
}

func (w *walker) identity(project string) {
	w.t.Helper()
	w.do("identity", 0, "POST", "/v3/auth/tokens", `{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"admin",
		"domain":{"id":"default"},"password":"secret"}}},"scope":{"project":{"name":"admin","domain":{"id":"default"}}}}}`, 201)
	for _, path := range []string{"projects", "domains", "users", "groups", "roles", "regions", "services", "endpoints", "role_assignments",
		"role_inferences", "auth/catalog", "auth/projects", "auth/domains", "role_assignments?effective&include_names"} {
		w.do("identity", 0, "GET", "/v3/"+path, "", 200)
	}
	p := id(w.do("identity", 0, "POST", "/v3/projects", `{"project":{"name":"contract"}}`, 201), "project")
	u := id(w.do("identity", 0, "POST", "/v3/users", `{"user":{"name":"contract","password":"x"}}`, 201), "user")
	g := id(w.do("identity", 0, "POST", "/v3/groups", `{"group":{"name":"contract"}}`, 201), "group")
	r := id(w.do("identity", 0, "POST", "/v3/roles", `{"role":{"name":"contract"}}`, 201), "role")
	w.do("identity", 0, "PUT", "/v3/projects/"+p+"/users/"+u+"/roles/"+r, "", 204)
	w.do("identity", 0, "GET", "/v3/projects/"+p+"/users/"+u+"/roles", "", 200)
	w.do("identity", 0, "PUT", "/v3/groups/"+g+"/users/"+u, "", 204)
	for _, path := range []string{"users/" + u + "/groups", "users/" + u + "/projects", "groups/" + g + "/users", "projects/" + project,
		"users/" + u, "groups/" + g, "roles/" + r, "projects/" + p + "/tags"} {
		w.do("identity", 0, "GET", "/v3/"+path, "", 200)
	}
	w.do("identity", 0, "PATCH", "/v3/projects/"+p, `{"project":{"description":"x"}}`, 200)
	w.do("identity", 0, "PATCH", "/v3/users/"+u, `{"user":{"description":"x"}}`, 200)
	for _, path := range []string{"users/" + u, "groups/" + g, "roles/" + r, "projects/" + p} {
		w.do("identity", 0, "DELETE", "/v3/"+path, "", 204)
	}
}

func (w *walker) image() {
	w.t.Helper()
	i := fmt.Sprint(w.do("image", 0, "POST", "/v2/images", `{"name":"contract","disk_format":"raw","container_format":"bare"}`, 201)["id"])
	for _, path := range []string{"images", "images?limit=1", "images/" + i, "images/" + i + "/members", "schemas/image", "schemas/images",
		"schemas/member", "schemas/members"} {
		w.do("image", 0, "GET", "/v2/"+path, "", 200)
	}
	w.do("image", 0, "DELETE", "/v2/images/"+i, "", 204)
}

func (w *walker) network() string {
	w.t.Helper()
	n := id(w.do("network", 0, "POST", "/v2.0/networks", `{"network":{"name":"contract"}}`, 201), "network")
	s := id(w.do("network", 0, "POST", "/v2.0/subnets", `{"subnet":{"network_id":"`+n+`","cidr":"10.77.0.0/24","ip_version":4}}`, 201), "subnet")
	p := id(w.do("network", 0, "POST", "/v2.0/ports", `{"port":{"network_id":"`+n+`"}}`, 201), "port")
	g := id(w.do("network", 0, "POST", "/v2.0/security-groups", `{"security_group":{"name":"contract"}}`, 201), "security_group")
	r := id(w.do("network", 0, "POST", "/v2.0/security-group-rules", `{"security_group_rule":{"security_group_id":"`+g+`","direction":"ingress"}}`, 201),
		"security_group_rule")
	for _, path := range []string{"networks", "subnets", "ports", "security-groups", "security-group-rules", "networks/" + n, "subnets/" + s, "ports/" + p,
		"security-groups/" + g, "security-group-rules/" + r, "agents", "extensions", "quotas", "availability_zones"} {
		w.do("network", 0, "GET", "/v2.0/"+path, "", 200)
	}
	w.do("network", 0, "PUT", "/v2.0/ports/"+p, `{"port":{"name":"x"}}`, 200)
	for _, path := range []string{"ports/" + p, "security-group-rules/" + r, "security-groups/" + g} {
		w.do("network", 0, "DELETE", "/v2.0/"+path, "", 204)
	}
	return n
}

func (w *walker) placement() {
	w.t.Helper()
	for minor := 1; minor <= 39; minor++ {
		doc := w.do("placement", minor, "GET", "/resource_providers", "", 200)
		rp := fmt.Sprint(doc["resource_providers"].([]any)[0].(map[string]any)["uuid"])
		for _, path := range []string{"/resource_providers/" + rp, "/resource_providers/" + rp + "/inventories", "/resource_providers/" + rp + "/usages",
			"/resource_providers/" + rp + "/aggregates"} {
			w.do("placement", minor, "GET", path, "", 200)
		}
		if minor >= 2 {
			w.do("placement", minor, "GET", "/resource_classes", "", 200)
		}
		if minor >= 6 {
			w.do("placement", minor, "GET", "/traits", "", 200)
			w.do("placement", minor, "GET", "/resource_providers/"+rp+"/traits", "", 200)
		}
		if minor >= 10 {
			w.do("placement", minor, "GET", "/allocation_candidates?resources=VCPU:1", "", 200)
		}
	}
}

func (w *walker) compute(project, network string) {
	w.t.Helper()
	flavor := id(w.do("compute", 0, "GET", "/v2.1/flavors", "", 200), "flavors")
	image := id(w.do("image", 0, "GET", "/v2/images?name=guest", "", 200), "images")
	w.do("compute", 0, "POST", "/v2.1/os-keypairs", `{"keypair":{"name":"contract"}}`, 200)
	server := id(w.do("compute", 52, "POST", "/v2.1/servers", fmt.Sprintf(`{"server":{"name":"contract","flavorRef":%q,"imageRef":%q,"key_name":"contract",
		"networks":[{"uuid":%q}],"metadata":{"a":"b"},"tags":["red"],"description":"d"}}`, flavor, image, network), 202), "server")
	w.active(server)
	for _, minor := range []int{1, 3, 9, 16, 19, 26, 36, 38, 42, 47, 53, 60, 63, 69, 71, 73, 79, 83, 88, 90, 93, 96} {
		for _, path := range []string{"servers", "servers/detail", "servers/" + server, "flavors", "flavors/detail", "flavors/" + flavor, "os-keypairs",
			"os-keypairs/contract", "limits", "os-quota-sets/" + project, "os-quota-sets/" + project + "/detail", "os-quota-sets/" + project + "/defaults",
			"os-availability-zone", "os-availability-zone/detail", "os-hypervisors", "os-hypervisors/detail", "os-services", "servers/" + server + "/ips",
			"servers/" + server + "/metadata", "servers/" + server + "/os-instance-actions", "servers/" + server + "/os-interface",
			"servers/" + server + "/os-security-groups", "flavors/" + flavor + "/os-extra_specs", "os-quota-class-sets/default", "extensions"} {
			w.do("compute", minor, "GET", "/v2.1/"+path, "", 200)
		}
	}
	w.do("compute", 79, "PUT", "/v2.1/servers/"+server, `{"server":{"name":"renamed"}}`, 200)
	w.do("compute", 0, "DELETE", "/v2.1/servers/"+server, "", 204)
}

// active waits until the server runs; its answers on the way are validated as well.
func (w *walker) active(server string) {
	w.t.Helper()
	end := time.Now().Add(time.Minute)
	for time.Now().Before(end) {
		doc := w.do("compute", 0, "GET", "/v2.1/servers/"+server, "", 200)
		s, _ := doc["server"].(map[string]any)
		switch s["status"] {
		case "ACTIVE":
			return
		case "ERROR":
			w.t.Fatalf("the server failed: %v", s["fault"])
		}
	}
	w.t.Fatal("the server is not active after a minute")
}

// table is docs/compat/openapi.md.
func table(checked []string) string {
	var b strings.Builder
	b.WriteString("# Answers held against OpenStack's OpenAPI documents\n\nOperations whose answers were validated against the schema of their status and microversion\n" +
		"(compute at 22 microversions from 2.1 to 2.96, placement at all from 1.1 to 1.39). Written by `tests/compat`: `make golden`.\n\n| operation | status |\n|---|---|\n")
	for _, c := range checked {
		i := strings.LastIndex(c, " ")
		fmt.Fprintf(&b, "| %s | %s |\n", c[:i], c[i+1:])
	}
	b.WriteString("\n## Where the documents differ from the real services\n\n| operation | what | why |\n|---|---|---|\n")
	for _, q := range quirks {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", strings.ReplaceAll(q.Operation, "|", "\\|"), strings.ReplaceAll(q.At, "|", "\\|"), q.Why)
	}
	return b.String()
}
