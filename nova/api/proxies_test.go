package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"hypernova/nova/api/gone"
	"hypernova/nova/api/proxies"
	"hypernova/oslo/httpc"
)

// others is the services that compute asks for operations of old versions. It answers from answers, and keeps what it
// was asked.
type others struct {
	mu    sync.Mutex
	asked []string // method, path with query, and the body of each request
	users []string
}

var otherAnswers = map[string]string{
	"GET /images": `{"images":[{"id":"` + image + `","name":"one","status":"active","size":5,"min_ram":64,
		"min_disk":1,
		"created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-02T00:00:00Z","visibility":"public","tags":[],
		"hw:cpu_policy":"shared","instance_uuid":"` + nobody + `","auto_disk_config":"True",
		"mappings":"[{\"device\":\"vda\"}]"}]}`,
	"GET /images/" + image: `{"id":"` + image + `","name":null,"status":"queued","size":null,
		"created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-02T00:00:00Z","hw:cpu_policy":"shared"}`,
	"PATCH /images/" + image:                  `{}`,
	"DELETE /images/" + image:                 ``,
	"GET /v2.0/networks":                      `{"networks":[{"id":"` + network + `","name":"net"}]}`,
	"GET /v2.0/networks/" + network:           `{"network":{"id":"` + network + `","name":"net"}}`,
	"GET /v2.0/floatingips":                   `{"floatingips":[` + aFloatingIP + `]}`,
	"POST /v2.0/floatingips":                  `{"floatingip":` + aFloatingIP + `}`,
	"GET /v2.0/floatingips/" + network:        `{"floatingip":` + aFloatingIP + `}`,
	"PUT /v2.0/floatingips/" + network:        `{"floatingip":` + aFloatingIP + `}`,
	"DELETE /v2.0/floatingips/" + network:     ``,
	"GET /v2.0/security-groups":               `{"security_groups":[` + aGroup + `]}`,
	"POST /v2.0/security-groups":              `{"security_group":` + aGroup + `}`,
	"GET /v2.0/security-groups/" + network:    `{"security_group":` + aGroup + `}`,
	"PUT /v2.0/security-groups/" + network:    `{"security_group":` + aGroup + `}`,
	"DELETE /v2.0/security-groups/" + network: ``,
	"POST /v2.0/security-group-rules": `{"security_group_rule":{"id":"r","security_group_id":"` + network +
		`","direction":"ingress","protocol":"tcp","port_range_min":80,"port_range_max":81,"remote_ip_prefix":"0.0.0.0/0"}}`,
	"DELETE /v2.0/security-group-rules/" + network: ``,
}

const aFloatingIP = `{"id":"` + network + `","floating_ip_address":"198.51.100.9","floating_network_id":"` +
	network + `","fixed_ip_address":"10.0.0.5","port_id":"` + nobody + `","port_details":{"device_id":"` + nobody + `"}}`

const aGroup = `{"id":"` + network + `","name":"g","description":"d","tenant_id":"p1","security_group_rules":[
	{"id":"out","direction":"egress"},
	{"id":"any","security_group_id":"` + network + `","direction":"ingress","protocol":"icmp"},
	{"id":"own","security_group_id":"` + network + `","direction":"ingress","protocol":"tcp",
		"remote_group_id":"` + network + `"}]}`

func (o *others) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	o.mu.Lock()
	o.asked = append(o.asked, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
	o.users = append(o.users, r.Header.Get("X-Auth-Token"))
	o.mu.Unlock()
	answer, ok := otherAnswers[r.Method+" "+r.URL.Path]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, answer)
}

func proxied(t testing.TB) proxies.Services {
	s, _ := newOthers(t)
	return s
}

func newOthers(t testing.TB) (proxies.Services, *others) {
	t.Helper()
	o := &others{}
	s := httptest.NewServer(o)
	t.Cleanup(s.Close)
	c := httpc.New(httpc.Config{Base: s.URL, Tokens: proxies.UserToken{}, Retries: -1})
	return proxies.Services{Images: c, Networks: c}, o
}

// TestProxies follows requests of old versions to the services that do the work now, in the user's name.
func TestProxies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		version, call, body string
		want                int
		answer              string // a part of it
		asked               string // the last request that the other service got
	}{
		{"2.1", "GET /images?limit=1&status=ACTIVE&server=http://x/servers/" + nobody, "", 200, `"name":"one"`,
			"GET /images?instance_uuid=" + nobody + "&limit=1&status=active"},
		{"2.1", "GET /images/detail?type=snapshot&minRam=5&property-os=x&other=y", "", 200,
			`"OS-DCF:diskConfig":"AUTO"`, "GET /images?image_type=snapshot&limit=200&min_ram=5&os=x"},
		{"2.35", "GET /images/detail", "", 200, `"mappings":[{"device":"vda"}]`, ""},
		{"2.35", "GET /images/detail", "", 200, `"server":{"id":"` + nobody + `"`, ""},
		{"2.1", "GET /images/" + image, "", 200, `"status":"SAVING","progress":25,"OS-EXT-IMG-SIZE:size":0`, ""},
		{"2.36", "GET /images/" + image, "", 404, `itemNotFound`, ""},
		{"2.1", "GET /images/" + nobody, "", 404, `Image not found.`, ""},
		{"2.1", "DELETE /images/" + image, "", 204, ``, "DELETE /images/" + image},
		{"2.38", "GET /images/" + image + "/metadata", "", 200, `{"metadata":{"hw:cpu_policy":"shared"}}`, ""},
		{"2.39", "GET /images/" + image + "/metadata", "", 404, ``, ""},
		{"2.1", "GET /images/" + image + "/metadata/none", "", 404, ``, ""},
		{"2.1", "POST /images/" + image + "/metadata", `{"metadata":{"a/b":"c"}}`, 400, ``, ""},
		{"2.1", "POST /images/" + image + "/metadata", `{"metadata":{"a":"c"}}`, 200,
			`{"metadata":{"a":"c","hw:cpu_policy":"shared"}}`,
			"PATCH /images/" + image + ` [{"op":"add","path":"/a","value":"c"}]`},
		{"2.1", "PUT /images/" + image + "/metadata", `{"metadata":{"hw:cpu_policy":"x"}}`, 200, ``,
			"PATCH /images/" + image + ` [{"op":"replace","path":"/hw:cpu_policy","value":"x"}]`},
		{"2.1", "PUT /images/" + image + "/metadata/b", `{"meta":{"a":"x"}}`, 400, `Request body and URI mismatch`, ""},
		{"2.1", "DELETE /images/" + image + "/metadata/hw:cpu_policy", "", 204, ``,
			"PATCH /images/" + image + ` [{"op":"remove","path":"/hw:cpu_policy"}]`},
		{"2.1", "DELETE /images/" + image + "/metadata/b", "", 404, `Invalid metadata key`, ""},
		{"2.1", "POST /images/" + image + "/metadata", `{"metadata":{"a":"","b":"","c":"","d":"","e":""}}`, 403,
			`Maximum number of metadata items exceeds 5`, ""},

		{"2.1", "GET /os-networks", "", 200, `"label":"net"`, "GET /v2.0/networks?fields=id&fields=name"},
		{"2.1", "GET /os-networks/" + nobody, "", 404, `Network not found`, ""},
		{"2.36", "GET /os-networks", "", 404, ``, ""},
		{"2.1", "GET /os-tenant-networks/" + network, "", 200,
			`{"network":{"id":"` + network + `","cidr":"None","label":"net"}}`, ""},

		{"2.1", "GET /os-floating-ips", "", 200, `{"id":"` + network + `","ip":"198.51.100.9","pool":"net",` +
			`"fixed_ip":"10.0.0.5","instance_id":"` + nobody + `"}`, ""},
		{"2.36", "GET /os-floating-ips", "", 404, ``, ""},
		{"2.35", "GET /os-floating-ip-pools", "", 200, `{"floating_ip_pools":[{"name":"net"}]}`,
			"GET /v2.0/networks?fields=id&fields=name&router%3Aexternal=true"},
		{"2.1", "GET /os-floating-ips/" + nobody, "", 404, `Floating IP not found for ID ` + nobody, ""},
		{"2.1", "DELETE /os-floating-ips/" + nobody, "", 404, `Floating IP not found for ID ` + nobody, ""},
		{"2.1", "DELETE /os-floating-ips/" + network, "", 202, ``, "DELETE /v2.0/floatingips/" + network},
		{"2.1", "POST /os-floating-ips", `{"pool":"net","x":1}`, 200, `"ip":"198.51.100.9"`,
			`POST /v2.0/floatingips {"floatingip":{"floating_network_id":"` + network + `"}}`},
		{"2.1", "POST /os-floating-ips", `{"pool":null}`, 404, `Floating IP pool not found.`, ""},
		{"2.1", "POST /os-floating-ips", `{"pool":5}`, 400, `pool`, ""},

		{"2.1", "GET /os-security-groups", "", 200, `"group":{"name":"g","tenant_id":"p1"},"ip_range":{}`,
			"GET /v2.0/security-groups/" + network},
		{"2.1", "GET /os-security-groups/x", "", 400, `Security group id should be uuid`, ""},
		{"2.1", "POST /os-security-groups", `{"security_group":{"name":"n"}}`, 400, `description`, ""},
		{"2.1", "POST /os-security-groups", `{"security_group":{"name":"n","description":"d","x":1},"y":2}`, 200, ``, ""},
		{"2.1", "DELETE /os-security-groups/" + network, "", 202, ``, "DELETE /v2.0/security-groups/" + network},
		{"2.1", "POST /os-security-group-rules", rule(`"ip_protocol":"tcp","from_port":"80","to_port":81`), 200,
			`"from_port":80,"to_port":81,"group":{},"ip_range":{"cidr":"0.0.0.0/0"}`, "POST /v2.0/security-group-rules " +
				`{"security_group_rule":{"direction":"ingress","ethertype":"IPv4","port_range_max":81,"port_range_min":80,` +
				`"protocol":"tcp","remote_ip_prefix":"0.0.0.0/0","security_group_id":"` + network + `"}}`},
		{"2.1", "POST /os-security-group-rules", rule(`"ip_protocol":"icmp","from_port":-1,"to_port":-1,"cidr":"fd00::/8"`),
			200, ``, `POST /v2.0/security-group-rules {"security_group_rule":{"direction":"ingress","ethertype":"IPv6",` +
				`"protocol":"icmp","remote_ip_prefix":"fd00::/8","security_group_id":"` + network + `"}}`},
		{"2.1", "POST /os-security-group-rules", rule(`"group_id":"` + network + `","ip_protocol":"tcp"`), 200, ``,
			`POST /v2.0/security-group-rules {"security_group_rule":{"direction":"ingress","ethertype":"IPv4",` +
				`"port_range_max":65535,"port_range_min":1,"protocol":"tcp","remote_group_id":"` + network +
				`","security_group_id":"` + network + `"}}`},
		{"2.1", "POST /os-security-group-rules", rule(`"from_port":80,"to_port":80`), 400, `Not enough parameters`, ""},
		{"2.1", "POST /os-security-group-rules", rule(`"ip_protocol":"gre","from_port":80,"to_port":80`), 400,
			`Invalid IP protocol gre.`, ""},
		{"2.1", "POST /os-security-group-rules", rule(`"ip_protocol":"tcp","from_port":81,"to_port":80`), 400,
			`Former value cannot be greater than the later`, ""},
		{"2.1", "POST /os-security-group-rules", rule(`"ip_protocol":"udp","from_port":0,"to_port":80`), 400,
			`Valid UDP ports should be between 1-65535`, ""},
		{"2.1", "POST /os-security-group-rules", rule(`"ip_protocol":"tcp","from_port":"a","to_port":80`), 400,
			`To and From ports must be integers`, ""},
		{"2.1", "POST /os-security-group-rules", rule(`"ip_protocol":"tcp","from_port":1,"to_port":1,"cidr":"1.2.3.4/0"`),
			400, `Bad prefix for network in cidr`, ""},
		{"2.1", "DELETE /os-security-group-rules/" + network, "", 202, ``, "DELETE /v2.0/security-group-rules/" + network},
		{"2.1", "POST /os-baremetal-nodes", `{"node":{}}`, 400, `Please use Ironic command node-create`, ""},
	} {
		t.Run(c.version+" "+c.call+c.body, func(t *testing.T) {
			t.Parallel()
			s, o := newOthers(t)
			w := newWorld(t)
			w.serve(s)
			r := w.ask("alice", c.version, c.call, c.body)
			if r.code != c.want || !strings.Contains(r.text, c.answer) {
				t.Errorf("got %d %s, want %d with %s", r.code, r.text, c.want, c.answer)
			}
			if c.asked != "" && (len(o.asked) == 0 || o.asked[len(o.asked)-1] != c.asked) {
				t.Errorf("asked %q, want %q", o.asked, c.asked)
			}
			if len(o.users) != len(o.asked) || len(o.users) > 0 && o.users[0] != "alice" {
				t.Errorf("asked in the name of %q: %q", o.users, o.asked)
			}
		})
	}
}

func rule(attributes string) string {
	return fmt.Sprintf(`{"security_group_rule":{"parent_group_id":%q,%s}}`, network, attributes)
}

// TestRemovedOperations asks each of the removed operations, with and without a body, at the oldest and the newest
// version.
func TestRemovedOperations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.host("h1")
	id := w.server("s")
	for _, o := range gone.Operations() {
		call, action, isAction := strings.Cut(o, "/action ")
		body := ""
		if isAction {
			call += "/action"
			body = `{"` + action + `":null}`
		}
		call = strings.NewReplacer("{server_id}", id, "{id}", "1", "{domain}", "d").Replace(call)
		for _, version := range []string{"2.1", "2.104"} {
			if r := w.ask("", version, call, body); r.code != 401 {
				t.Errorf("%s without a token: %d %s", o, r.code, r.text)
			}
			r := w.ask("alice", version, call, body)
			var doc map[string]struct {
				Code    int
				Message string
			}
			if err := json.Unmarshal([]byte(r.text), &doc); err != nil || r.code != 410 || doc["computeFault"].Code != 410 {
				t.Errorf("%s at %s: %d %s", o, version, r.code, r.text)
			}
		}
	}
	for _, body := range []string{`{"agent":{}}`, `[]`} {
		if r := w.ask("alice", "2.1", "POST /os-agents", body); r.code != 410 {
			t.Errorf("POST /os-agents with %s: %d %s", body, r.code, r.text)
		}
	}
}
