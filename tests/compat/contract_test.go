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
	"hypernova/tests/stories"
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

func TestTheCloudKeepsTheContract(t *testing.T) {
	dir := os.Getenv("HYPERNOVA_OPENAPI")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "openapi")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("there are no OpenAPI documents beside the project; $HYPERNOVA_OPENAPI can name a folder of them")
	}
	t.Parallel()
	flags := []string{"--memory", "--virt", "fake", "--admin-password", "secret"}
	around := stories.Surround(t)
	for _, o := range around.Options {
		flags = append(flags, "--set", o)
	}
	cloud := running.Up(t, t.TempDir(), flags...)
	documents := map[string]*contract.Document{}
	for _, name := range []string{"identity", "image", "placement", "network", "compute"} {
		d, err := contract.Load(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		documents[name] = d
	}
	watch := &contract.Watcher{Documents: map[string]*contract.Document{}, Quirks: quirks, Next: http.DefaultTransport}
	w := &walker{t: t, http: &http.Client{Transport: watch}, urls: map[string]string{"identity": strings.TrimSuffix(cloud.Identity(t), "/v3")}}
	auth := w.do("identity", 0, "POST", "/v3/auth/tokens", `{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"admin",
		"domain":{"id":"default"},"password":"secret"}}},"scope":{"project":{"name":"admin","domain":{"id":"default"}}}}}`, 201)
	for _, s := range auth["token"].(map[string]any)["catalog"].([]any) {
		s := s.(map[string]any)
		u, err := url.Parse(fmt.Sprint(s["endpoints"].([]any)[0].(map[string]any)["url"]))
		if err != nil {
			t.Fatal(err)
		}
		w.urls[fmt.Sprint(s["type"])] = u.Scheme + "://" + u.Host
		watch.Documents[u.Host] = documents[fmt.Sprint(s["type"])]
	}

	people := &stories.Cloud{URLs: w.urls}
	stories.Populate(t, people, around, "secret")
	var page sections
	for _, s := range []struct {
		name   string
		tales  []stories.Story
		minors []int
	}{{"identity", stories.Identity(), []int{-1}}, {"image", stories.Image(), []int{-1}}, {"placement", stories.Placement(), all(0, 39)}} {
		c := &count{service: s.name, document: documents[s.name], exercised: map[string]map[int]bool{}, used: map[int]int{}}
		tell(t, c, people, s.tales, s.minors)
		page.add(c, c.untold(t))
	}

	w.compute(auth["token"].(map[string]any)["project"].(map[string]any)["id"].(string), w.network())
	checked, answers, problems := watch.Report()
	for _, p := range problems {
		t.Error(p)
	}
	if len(checked) < 40 {
		t.Errorf("only %d operations of compute and network were validated", len(checked))
	}
	page.rest(checked, answers)
	if *update && !t.Failed() {
		write(t, "openapi.md", page.String())
	}
}

func all(from, to int) []int {
	var out []int
	for i := from; i <= to; i++ {
		out = append(out, i)
	}
	return out
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
