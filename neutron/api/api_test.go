package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"hypernova/neutron/agentserver"
	"hypernova/neutron/api"
	"hypernova/neutron/ml2"
	"hypernova/neutron/ml2/mech/fake"
	"hypernova/neutron/ml2/types"
	"hypernova/neutron/plugin"
	"hypernova/neutron/quota"
	"hypernova/neutron/rpcapi"
	"hypernova/neutron/store"
	kit "hypernova/oslo/api"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
	"hypernova/oslo/policy"
)

// callers are who the tests' tokens prove; the token is the name.
func callers() map[string]*auth.Caller {
	in := func(project string, roles ...string) *auth.Caller {
		return &auth.Caller{UserID: "u-" + project, ProjectID: project, Roles: roles}
	}
	return map[string]*auth.Caller{
		"admin": in("admins", "admin", "manager", "member", "reader"), "member": in("p", "member", "reader"),
		"reader": in("p", "reader"), "none": in("p", "other"),
		"stranger": in("q", "member", "reader"), "service": in("service", "service"),
	}
}

type server struct {
	*httptest.Server
	n      *plugin.Plugin
	agents *agentserver.Server
}

func newServer(t *testing.T) *server {
	t.Helper()
	return serverOn(t, dbtest.Memory(t, dbtest.Migrations{Name: "neutron", FS: store.Migrations()}))
}

func serverOn(t *testing.T, d *db.DB) *server {
	t.Helper()
	c := plugin.Config{ML2: ml2.Defaults(), Quotas: quota.Defaults()}
	ts, err := types.New(c.ML2)
	if err != nil {
		t.Fatal(err)
	}
	n := plugin.New(c, plugin.Deps{DB: d, Types: ts, Mechanisms: []ml2.Mechanism{&fake.Mechanism{}}})
	e, err := policy.New(api.Rules(), nil)
	if err != nil {
		t.Fatal(err)
	}
	known := callers()
	ag := agentserver.New(n, c.ML2.AgentDownTime)
	h := api.Handler(kit.Config{Policy: e,
		Validator: auth.ValidatorFunc(func(_ context.Context, token string) (*auth.Caller, error) {
			if c := known[token]; c != nil {
				return c, nil
			}
			return nil, fault.New(fault.Unauthorized, "unknown token")
		})}, n, ag)
	s := &server{Server: httptest.NewServer(h), n: n, agents: ag}
	t.Cleanup(s.Close)
	return s
}

// call does one request and answers its status and document.
func (s *server) call(t *testing.T, who, method, path, body string, header ...string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if who != "" {
		req.Header.Set("X-Auth-Token", who)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	doc := map[string]any{}
	if len(b) > 0 {
		if err := json.Unmarshal(b, &doc); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, b)
		}
	}
	return resp.StatusCode, doc
}

// must is call with the status that is wanted; it answers what is inside the envelope.
func (s *server) must(t *testing.T, status int, who, method, path, body string, header ...string) map[string]any {
	t.Helper()
	got, doc := s.call(t, who, method, path, body, header...)
	if got != status {
		t.Fatalf("%s %s %s: got %d %v, want %d", who, method, path, got, doc, status)
	}
	if len(doc) == 1 {
		for _, v := range doc {
			if m, ok := v.(map[string]any); ok {
				return m
			}
		}
	}
	return doc
}

func id(m map[string]any) string { s, _ := m["id"].(string); return s }

// world is a network with a subnet, a port, a group and a rule of project p.
type world struct{ network, subnet, port, group, rule, agent string }

func newWorld(t *testing.T, s *server) world {
	t.Helper()
	var w world
	w.network = id(s.must(t, 201, "member", "POST", "/v2.0/networks", `{"network":{"name":"n1"}}`))
	w.subnet = id(s.must(t, 201, "member", "POST", "/v2.0/subnets", `{"subnet":{"network_id":"`+w.network+
		`","ip_version":4,"cidr":"10.0.0.0/24","name":"s1"}}`))
	w.port = id(s.must(t, 201, "member", "POST", "/v2.0/ports", `{"port":{"network_id":"`+w.network+`","name":"p1"}}`))
	w.group = id(s.must(t, 201, "member", "POST", "/v2.0/security-groups", `{"security_group":{"name":"g1"}}`))
	w.rule = id(s.must(t, 201, "member", "POST", "/v2.0/security-group-rules",
		`{"security_group_rule":{"security_group_id":"`+w.group+
			`","direction":"ingress","protocol":"tcp","port_range_min":22,"port_range_max":22,"remote_ip_prefix":"0.0.0.0/0"}}`))
	err := s.agents.Report(t.Context(), rpcapi.AgentReportArgs{Host: "h1", Started: time.Now(),
		Agents: []rpcapi.AgentFacts{{Type: "DHCP agent", Binary: "neutron-dhcp-agent"}}})
	if err != nil {
		t.Fatal(err)
	}
	_, doc := s.call(t, "admin", "GET", "/v2.0/agents", "")
	w.agent = id(doc["agents"].([]any)[0].(map[string]any))
	return w
}

func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	w := newWorld(t, s)
	res := map[string]string{"networks": w.network, "subnets": w.subnet, "ports": w.port, "security-groups": w.group}
	type row struct {
		method, path, body string
		want               map[string]int // by caller; absent: not tried
	}
	var rows []row
	for plural, id := range res {
		rows = append(rows,
			row{"GET", "/" + plural, "", map[string]int{"": 401, "bad": 401, "none": 200, "reader": 200, "stranger": 200,
				"admin": 200}},
			row{"GET", "/" + plural + "/" + id, "", map[string]int{"": 401, "none": 404, "stranger": 404, "reader": 200,
				"admin": 200}},
			row{"PUT", "/" + plural + "/" + id, `{"` + strings.ReplaceAll(strings.TrimSuffix(plural, "s"), "-", "_") +
				`":{"description":"d"}}`, map[string]int{"": 401, "none": 404, "stranger": 404, "reader": 403, "member": 200,
				"admin": 200}},
			row{"GET", "/" + plural + "/" + id + "/tags", "", map[string]int{"": 401, "none": 404, "stranger": 404,
				"reader": 200}},
			row{"PUT", "/" + plural + "/" + id + "/tags", `{"tags":["a"]}`, map[string]int{"": 401, "none": 404, "stranger": 404,
				"reader": 403, "member": 200}},
			row{"PUT", "/" + plural + "/" + id + "/tags/b", "", map[string]int{"": 401, "none": 404, "stranger": 404,
				"reader": 403, "member": 201}},
			row{"GET", "/" + plural + "/" + id + "/tags/b", "", map[string]int{"": 401, "none": 404, "stranger": 404,
				"reader": 204}},
			row{"DELETE", "/" + plural + "/" + id + "/tags/b", "", map[string]int{"": 401, "none": 404, "stranger": 404,
				"reader": 403, "member": 204}},
			row{"DELETE", "/" + plural + "/" + id + "/tags", "", map[string]int{"": 401, "none": 404, "stranger": 404,
				"reader": 403, "member": 204}},
			row{"DELETE", "/" + plural + "/" + id, "", map[string]int{"": 401, "none": 404, "stranger": 404, "reader": 403}})
	}
	net := `"network_id":"` + w.network + `"`
	port := func(more string) string { return `{"port":{` + net + more + `}}` }
	rows = append(rows,
		row{"POST", "/networks", `{"network":{}}`, map[string]int{"": 401, "none": 403, "reader": 403, "member": 201}},
		row{"POST", "/networks", `{"network":{"shared":true}}`, map[string]int{"member": 403, "admin": 201}},
		row{"POST", "/networks", `{"network":{"router:external":true}}`, map[string]int{"member": 403, "admin": 201}},
		row{"POST", "/networks", `{"network":{"provider:network_type":"local"}}`,
			map[string]int{"member": 403, "admin": 201}},
		row{"POST", "/networks", `{"network":{"project_id":"q"}}`, map[string]int{"member": 400, "admin": 201}},
		row{"PUT", "/networks/" + w.network, `{"network":{"shared":true}}`, map[string]int{"member": 403}},
		row{"POST", "/subnets", `{"subnet":{` + net + `,"ip_version":4,"cidr":"10.9.0.0/24"}}`,
			map[string]int{"": 401, "none": 404, "reader": 403, "stranger": 404, "member": 201}},
		row{"POST", "/ports", port(""), map[string]int{"": 401, "none": 404, "reader": 403, "stranger": 404, "member": 201,
			"admin": 201, "service": 201}},
		row{"POST", "/ports", port(`,"binding:host_id":"h"`), map[string]int{"member": 403, "admin": 201, "service": 201}},
		row{"POST", "/ports", port(`,"binding:profile":{"a":1}`), map[string]int{"member": 403, "admin": 403,
			"service": 201}},
		row{"POST", "/ports", port(`,"mac_address":"fa:16:3e:00:00:77"`), map[string]int{"member": 201}},
		row{"POST", "/ports", port(`,"device_owner":"network:dhcp"`), map[string]int{"member": 201}},
		row{"PUT", "/ports/" + w.port, `{"port":{"mac_address":"fa:16:3e:00:00:78"}}`,
			map[string]int{"member": 403, "admin": 200}},
		row{"PUT", "/ports/" + w.port, `{"port":{"binding:host_id":"h"}}`, map[string]int{"member": 403}},
		row{"POST", "/security-groups", `{"security_group":{"name":"x"}}`, map[string]int{"": 401, "none": 403, "reader": 403,
			"member": 201}},
		row{"POST", "/security-group-rules", `{"security_group_rule":{"security_group_id":"` + w.group +
			`","direction":"egress","protocol":"udp"}}`,
			map[string]int{"": 401, "none": 403, "reader": 403, "stranger": 404, "member": 201}},
		row{"GET", "/security-group-rules", "", map[string]int{"": 401, "none": 200, "reader": 200}},
		row{"GET", "/security-group-rules/" + w.rule, "", map[string]int{"": 401, "none": 404, "stranger": 404,
			"reader": 200}},
		row{"DELETE", "/security-group-rules/" + w.rule, "", map[string]int{"": 401, "none": 404, "stranger": 404,
			"reader": 403}},
		row{"GET", "/quotas", "", map[string]int{"": 401, "member": 403, "admin": 200}},
		row{"GET", "/quotas/tenant", "", map[string]int{"": 401, "none": 200, "reader": 200}},
		row{"GET", "/quotas/project", "", map[string]int{"": 401, "none": 200, "reader": 200}},
		row{"GET", "/quotas/p", "", map[string]int{"": 401, "none": 200, "stranger": 403, "reader": 200, "admin": 200}},
		row{"GET", "/quotas/p/default", "", map[string]int{"": 401, "none": 200, "stranger": 403, "reader": 200,
			"admin": 200}},
		row{"GET", "/quotas/p/details", "", map[string]int{"": 401, "none": 200, "stranger": 403, "reader": 200,
			"admin": 200}},
		row{"GET", "/quotas/p/details.json", "", map[string]int{"": 401, "none": 200, "stranger": 403, "reader": 200}},
		row{"PUT", "/quotas/p", `{"quota":{"port":7}}`, map[string]int{"": 401, "member": 403, "admin": 200}},
		row{"DELETE", "/quotas/p", "", map[string]int{"": 401, "member": 403, "admin": 204}},
		row{"GET", "/agents", "", map[string]int{"": 401, "member": 200, "admin": 200}},
		row{"GET", "/agents/" + w.agent, "", map[string]int{"": 401, "member": 404, "admin": 200}},
		row{"PUT", "/agents/" + w.agent, `{"agent":{"admin_state_up":false}}`, map[string]int{"": 401, "member": 404,
			"admin": 200}},
		row{"DELETE", "/agents/" + w.agent, "", map[string]int{"": 401, "member": 404, "admin": 204}},
		row{"GET", "/availability_zones", "", map[string]int{"": 401, "reader": 200}},
		row{"GET", "/extensions", "", map[string]int{"": 401, "reader": 200}},
		row{"GET", "/extensions/security-group", "", map[string]int{"": 401, "reader": 200}},
	)
	order := []string{"", "bad", "none", "stranger", "reader", "member", "service", "admin"}
	for _, r := range rows {
		for _, who := range order {
			want, ok := r.want[who]
			if !ok {
				continue
			}
			if got, doc := s.call(t, who, r.method, "/v2.0"+r.path, r.body); got != want {
				t.Errorf("%s %s %s %s: got %d %v, want %d", who, r.method, r.path, r.body, got, doc, want)
			}
		}
	}
}

func TestBadInputIsRefusedInNeutronsShape(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	w := newWorld(t, s)
	net := `"network_id":"` + w.network + `"`
	rule := func(rest string) string {
		return `{"security_group_rule":{"security_group_id":"` + w.group + `",` + rest + `}}`
	}
	for _, r := range []struct {
		name, method, path, body string
		status                   int
		kind                     string
	}{
		{"not JSON", "POST", "/networks", `{"network":`, 400, "HTTPBadRequest"},
		{"unknown member", "POST", "/networks", `{"network":{"colour":"red"}}`, 400, "HTTPBadRequest"},
		{"wrong type", "POST", "/networks", `{"network":{"name":{}}}`, 400, "HTTPBadRequest"},
		{"too long", "POST", "/networks", `{"network":{"name":"` + strings.Repeat("x", 256) + `"}}`, 400, "HTTPBadRequest"},
		{"a network that is not there", "GET", "/networks/nope", "", 404, "NetworkNotFound"},
		{"a port on a network that is not there", "POST", "/ports",
			`{"port":{"network_id":"6e7b5c2a-0000-4000-8000-000000000000"}}`, 404, "NetworkNotFound"},
		{"an unknown filter", "GET", "/networks?colour=red", "", 400, "HTTPBadRequest"},
		{"a bad boolean filter", "GET", "/networks?shared=maybe", "", 400, "InvalidInput"},
		{"an unknown sort key", "GET", "/networks?sort_key=colour", "", 400, ""},
		{"a gateway in the pool", "POST", "/subnets", `{"subnet":{` + net +
			`,"ip_version":4,"cidr":"10.7.0.0/24","gateway_ip":"10.7.0.5","allocation_pools":[{"start":"10.7.0.2","end":"10.7.0.9"}]}}`, 409, "GatewayConflictWithAllocationPools"},
		{"overlap", "POST", "/subnets", `{"subnet":{` + net + `,"ip_version":4,"cidr":"10.0.0.0/25"}}`, 400, "InvalidInput"},
		{"an address outside", "POST", "/ports", `{"port":{` + net + `,"fixed_ips":[{"ip_address":"10.1.0.4"}]}}`, 400,
			"InvalidIpForNetwork"},
		{"an address in use", "POST", "/ports", `{"port":{` + net + `,"fixed_ips":[{"subnet_id":"` + w.subnet +
			`","ip_address":"10.0.0.200"}]}}`, 201, ""},
		{"the same address", "POST", "/ports", `{"port":{` + net + `,"fixed_ips":[{"subnet_id":"` + w.subnet +
			`","ip_address":"10.0.0.200"}]}}`, 409, "IpAddressInUse"},
		{"a network in use", "DELETE", "/networks/" + w.network, "", 409, "NetworkInUse"},
		{"a subnet in use", "DELETE", "/subnets/" + w.subnet, "", 409, "SubnetInUse"},
		{"the name default", "POST", "/security-groups", `{"security_group":{"name":"default"}}`, 409,
			"SecurityGroupDefaultAlreadyExists"},
		{"a bad protocol", "POST", "/security-group-rules", rule(`"direction":"ingress","protocol":"bogus"`), 400,
			"SecurityGroupRuleInvalidProtocol"},
		{"a bad prefix", "POST", "/security-group-rules", rule(`"direction":"ingress","remote_ip_prefix":"10.0.0.0/40"`), 400,
			"InvalidCIDR"},
		{"ports backwards", "POST", "/security-group-rules",
			rule(`"direction":"ingress","protocol":"tcp","port_range_min":9,"port_range_max":3`), 400,
			"SecurityGroupInvalidPortRange"},
		{"ports without protocol", "POST", "/security-group-rules",
			rule(`"direction":"ingress","port_range_min":9,"port_range_max":13`), 400, "SecurityGroupProtocolRequiredWithPorts"},
		{"ICMP code without type", "POST", "/security-group-rules",
			rule(`"direction":"ingress","protocol":"icmp","port_range_max":3`), 400, "SecurityGroupMissingIcmpType"},
		{"a bad ethertype", "POST", "/security-group-rules", rule(`"direction":"ingress","ethertype":"bogus"`), 400,
			"SecurityGroupRuleInvalidEtherType"},
		{"families that differ", "POST", "/security-group-rules",
			rule(`"direction":"ingress","ethertype":"IPv6","remote_ip_prefix":"10.0.0.0/8"`), 400,
			"SecurityGroupRuleParameterConflict"},
		{"both remotes", "POST", "/security-group-rules", rule(`"direction":"ingress","remote_group_id":"` + w.group +
			`","remote_ip_prefix":"10.0.0.0/8"`), 400, "SecurityGroupMultipleRemoteEntites"},
		{"a duplicate by number", "POST", "/security-group-rules",
			rule(`"direction":"ingress","protocol":6,"port_range_min":22,"port_range_max":22,"remote_ip_prefix":"0.0.0.0/0"`),
			409, "SecurityGroupRuleExists"},
		{"a remote group that is not there", "POST", "/security-group-rules",
			rule(`"direction":"ingress","remote_group_id":"bad_id"`), 404, "SecurityGroupNotFound"},
		{"a quota of an unknown resource", "PUT", "/quotas/p", `{"quota":{"trains":3}}`, 400, "InvalidInput"},
		{"a zone that is not there", "POST", "/networks", `{"network":{"availability_zone_hints":["mars"]}}`, 404,
			"AvailabilityZoneNotFound"},
	} {
		who := "member"
		if r.method == "PUT" {
			who = "admin"
		}
		got, doc := s.call(t, who, r.method, "/v2.0"+r.path, r.body)
		e, _ := doc["NeutronError"].(map[string]any)
		if got != r.status || r.kind != "" && e["type"] != r.kind {
			t.Errorf("%s: got %d %v, want %d %s", r.name, got, doc, r.status, r.kind)
		}
	}
}

func TestAPortFromCreationToDeletion(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	w := newWorld(t, s)
	p := s.must(t, 200, "member", "GET", "/v2.0/ports/"+w.port, "")
	for _, hidden := range []string{"binding:host_id", "binding:vif_type", "binding:profile", "binding:vif_details"} {
		if _, ok := p[hidden]; ok {
			t.Errorf("a member sees %s", hidden)
		}
	}
	if p["project_id"] != "p" || p["tenant_id"] != "p" || p["status"] != "DOWN" || p["revision_number"] != 1.0 ||
		len(p["security_groups"].([]any)) != 1 {
		t.Errorf("got %v", p)
	}
	if !strings.HasPrefix(p["mac_address"].(string), "fa:16:3e:") || !strings.HasSuffix(p["created_at"].(string), "Z") {
		t.Errorf("got %v", p)
	}
	bound := s.must(t, 200, "admin", "PUT", "/v2.0/ports/"+w.port,
		`{"port":{"binding:host_id":"h1","device_id":"srv","device_owner":"compute:nova"}}`)
	if bound["binding:vif_type"] != "fake" || bound["status"] != "ACTIVE" || bound["binding:host_id"] != "h1" {
		t.Errorf("bound: %v", bound)
	}
	_, list := s.call(t, "member", "GET", "/v2.0/ports?device_owner=network:dhcp&fields=id&fields=device_id", "")
	dhcp := list["ports"].([]any)
	if len(dhcp) != 1 || len(dhcp[0].(map[string]any)) != 2 ||
		!strings.HasSuffix(dhcp[0].(map[string]any)["device_id"].(string), w.network) {
		t.Errorf("DHCP's port: %v", list)
	}
	ip := bound["fixed_ips"].([]any)[0].(map[string]any)["ip_address"].(string)
	for _, f := range []string{"fixed_ips=ip_address=" + ip, "fixed_ips=subnet_id=" + w.subnet + "&device_id=srv",
		"fixed_ips=ip_address_substr=" + ip[:6] + "&name=p1",
		"mac_address=" + bound["mac_address"].(string), "name=x&name=p1", "binding:host_id=h1&device_id=srv",
		"status=ACTIVE&device_owner=compute:nova",
		"security_groups=" + bound["security_groups"].([]any)[0].(string), "tenant_id=p&name=p1",
		"admin_state_up=True&name=p1", "id=" + w.port} {
		_, doc := s.call(t, "admin", "GET", "/v2.0/ports?"+f, "")
		if ps, _ := doc["ports"].([]any); len(ps) != 1 || id(ps[0].(map[string]any)) != w.port {
			t.Errorf("%s: got %v", f, doc)
		}
	}
	if got, _ := s.call(t, "member", "PUT", "/v2.0/ports/"+w.port, `{"port":{"name":"late"}}`, "If-Match",
		"revision_number=1"); got != 412 {
		t.Errorf("with an old revision: %d", got)
	}
	rev := fmt.Sprintf("revision_number=%v", bound["revision_number"])
	s.must(t, 200, "member", "PUT", "/v2.0/ports/"+w.port, `{"port":{"name":"timely"}}`, "If-Match", rev)
	moved := s.must(t, 200, "member", "PUT", "/v2.0/ports/"+w.port,
		`{"port":{"fixed_ips":[{"ip_address":"10.0.0.77"}],"allowed_address_pairs":[{"ip_address":"10.0.0.0/24"}]}}`)
	if moved["fixed_ips"].([]any)[0].(map[string]any)["ip_address"] != "10.0.0.77" ||
		moved["allowed_address_pairs"].([]any)[0].(map[string]any)["mac_address"] != moved["mac_address"] {
		t.Errorf("moved: %v", moved)
	}
	s.must(t, 204, "member", "DELETE", "/v2.0/ports/"+w.port, "")
	s.must(t, 204, "member", "DELETE", "/v2.0/subnets/"+w.subnet, "")
	s.must(t, 204, "member", "DELETE", "/v2.0/networks/"+w.network, "")
}

func TestBulkIsAllOrNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	w := newWorld(t, s)
	count := func() int {
		_, doc := s.call(t, "member", "GET", "/v2.0/ports", "")
		return len(doc["ports"].([]any))
	}
	before := count()
	one := `{"network_id":"` + w.network + `"}`
	bad := `{"network_id":"` + w.network + `","fixed_ips":[{"ip_address":"192.0.2.1"}]}`
	if got, _ := s.call(t, "member", "POST", "/v2.0/ports", `{"ports":[`+one+`,`+bad+`]}`); got != 400 ||
		count() != before {
		t.Errorf("got %d and %d ports more", got, count()-before)
	}
	got, doc := s.call(t, "member", "POST", "/v2.0/ports", `{"ports":[`+one+`,`+one+`,`+one+`]}`)
	if got != 201 || len(doc["ports"].([]any)) != 3 || count() != before+3 {
		t.Errorf("got %d %v", got, doc)
	}
	got, doc = s.call(t, "member", "POST", "/v2.0/networks", `{"networks":[{"name":"a"},{"name":"b"}]}`)
	if got != 201 || len(doc["networks"].([]any)) != 2 {
		t.Errorf("got %d %v", got, doc)
	}
}

func TestListsSortPageAndFilterByTags(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for i, tags := range []string{`["red"]`, `["red","blue"]`, `["blue"]`, `["a,b\"c%"]`, `[]`} {
		n := id(s.must(t, 201, "member", "POST", "/v2.0/networks", fmt.Sprintf(`{"network":{"name":"n%d"}}`, i)))
		s.must(t, 200, "member", "PUT", "/v2.0/networks/"+n+"/tags", `{"tags":`+tags+`}`)
	}
	s.must(t, 201, "admin", "POST", "/v2.0/networks", `{"network":{"name":"theirs"}}`)
	s.must(t, 201, "admin", "POST", "/v2.0/networks", `{"network":{"name":"shared","shared":true}}`)
	names := func(query string) []string {
		t.Helper()
		got, doc := s.call(t, "member", "GET", "/v2.0/networks?"+query, "")
		if got != 200 {
			t.Fatalf("%s: %d %v", query, got, doc)
		}
		var out []string
		for _, n := range doc["networks"].([]any) {
			out = append(out, n.(map[string]any)["name"].(string))
		}
		return out
	}
	for query, want := range map[string][]string{
		"sort_key=name&sort_dir=asc":                             {"n0", "n1", "n2", "n3", "n4", "shared"},
		"sort_key=name&sort_dir=desc":                            {"shared", "n4", "n3", "n2", "n1", "n0"},
		"sort_key=name&sort_dir=asc&tags=red":                    {"n0", "n1"},
		"sort_key=name&sort_dir=asc&tags=red,blue":               {"n1"},
		"sort_key=name&sort_dir=asc&tags-any=red,blue":           {"n0", "n1", "n2"},
		"sort_key=name&sort_dir=asc&not-tags=red,blue&name=n1":   nil,
		"sort_key=name&sort_dir=asc&not-tags-any=red,blue":       {"n3", "n4", "shared"},
		"sort_key=name&sort_dir=asc&shared=true":                 {"shared"},
		"sort_key=name&sort_dir=asc&project_id=p&limit=2":        {"n0", "n1"},
		"sort_key=name&sort_dir=asc&name=n4&admin_state_up=True": {"n4"},
		"tags=re": nil,
	} {
		if got := names(query); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", query, got, want)
		}
	}
	var walked []string
	next := "/v2.0/networks?sort_key=name&sort_dir=asc&limit=2"
	var last map[string]any
	for next != "" {
		_, doc := s.call(t, "member", "GET", next, "")
		last = doc
		for _, n := range doc["networks"].([]any) {
			walked = append(walked, n.(map[string]any)["name"].(string))
		}
		next = linkOf(s, doc, "next")
	}
	if want := []string{"n0", "n1", "n2", "n3", "n4", "shared"}; !slices.Equal(walked, want) {
		t.Errorf("page by page: got %v, want %v", walked, want)
	}
	_, doc := s.call(t, "member", "GET", linkOf(s, last, "previous"), "")
	if ns, _ := doc["networks"].([]any); len(ns) != 2 || ns[0].(map[string]any)["name"] != "n4" ||
		linkOf(s, doc, "previous") == "" || linkOf(s, doc, "next") == "" {
		t.Errorf("the page before the empty one: %v", doc)
	}
}

func linkOf(s *server, doc map[string]any, rel string) string {
	ls, _ := doc["networks_links"].([]any)
	for _, l := range ls {
		if m := l.(map[string]any); m["rel"] == rel {
			return strings.TrimPrefix(m["href"].(string), s.URL)
		}
	}
	return ""
}

func TestSecurityGroups(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	_, doc := s.call(t, "member", "GET", "/v2.0/security-groups?name=default", "")
	gs := doc["security_groups"].([]any)
	if len(gs) != 1 || len(gs[0].(map[string]any)["security_group_rules"].([]any)) != 4 {
		t.Fatalf("the default group: %v", doc)
	}
	def := id(gs[0].(map[string]any))
	for _, r := range []struct {
		who, method, body string
		want              int
	}{{"member", "DELETE", "", 409}, {"member", "PUT", `{"security_group":{"name":"mine"}}`, 409},
		{"member", "PUT", `{"security_group":{"description":"mine"}}`, 200}} {
		if got, doc := s.call(t, r.who, r.method, "/v2.0/security-groups/"+def, r.body); got != r.want {
			t.Errorf("%s: got %d %v, want %d", r.method, got, doc, r.want)
		}
	}
	g := s.must(t, 201, "member", "POST", "/v2.0/security-groups", `{"security_group":{"name":"web"}}`)
	if len(g["security_group_rules"].([]any)) != 2 || g["stateful"] != true {
		t.Errorf("a new group: %v", g)
	}
	rule := func(rest string) map[string]any {
		return s.must(t, 201, "member", "POST", "/v2.0/security-group-rules", `{"security_group_rule":{"security_group_id":"`+
			id(g)+`","direction":"ingress",`+rest+`}}`)
	}
	if r := rule(`"protocol":"tcp","port_range_min":"80","port_range_max":"80","remote_ip_prefix":"10.0.0.7/24"`); r["normalized_cidr"] != "10.0.0.0/24" || r["remote_ip_prefix"] != "10.0.0.7/24" || r["port_range_min"] != 80.0 {
		t.Errorf("got %v", r)
	}
	if r := rule(`"ethertype":"IPv6","protocol":"icmp"`); r["protocol"] != "ipv6-icmp" {
		t.Errorf("got %v", r)
	}
	if r := rule(`"protocol":"icmp","port_range_min":8,"port_range_max":0`); r["port_range_min"] != 8.0 ||
		r["port_range_max"] != 0.0 {
		t.Errorf("got %v", r)
	}
	if r := rule(`"protocol":17,"remote_group_id":"` + def + `"`); r["protocol"] != "17" || r["remote_group_id"] != def {
		t.Errorf("got %v", r)
	}
	n := id(s.must(t, 201, "member", "POST", "/v2.0/networks", `{"network":{}}`))
	s.must(t, 201, "member", "POST", "/v2.0/subnets", `{"subnet":{"network_id":"`+n+
		`","ip_version":4,"cidr":"10.0.0.0/24"}}`)
	p := id(s.must(t, 201, "member", "POST", "/v2.0/ports", `{"port":{"network_id":"`+n+`","security_groups":["`+id(g)+
		`"]}}`))
	if got, doc := s.call(t, "member", "DELETE", "/v2.0/security-groups/"+id(g), ""); got != 409 {
		t.Errorf("in use: %d %v", got, doc)
	}
	if got, doc := s.call(t, "member", "PUT", "/v2.0/ports/"+p, `{"port":{"port_security_enabled":false}}`); got != 409 {
		t.Errorf("port security with groups: %d %v", got, doc)
	}
	s.must(t, 200, "member", "PUT", "/v2.0/ports/"+p, `{"port":{"port_security_enabled":false,"security_groups":[]}}`)
	s.must(t, 204, "member", "DELETE", "/v2.0/security-groups/"+id(g), "")
}

func TestQuotasHoldAndShow(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.must(t, 200, "admin", "PUT", "/v2.0/quotas/p", `{"quota":{"network":1}}`)
	s.must(t, 201, "member", "POST", "/v2.0/networks", `{"network":{}}`)
	got, doc := s.call(t, "member", "POST", "/v2.0/networks", `{"network":{}}`)
	if e, _ := doc["NeutronError"].(map[string]any); got != 409 || e["type"] != "OverQuota" ||
		e["message"] != "Quota exceeded for resources: ['network']." {
		t.Errorf("got %d %v", got, doc)
	}
	d := s.must(t, 200, "member", "GET", "/v2.0/quotas/p/details", "")
	if n := d["network"].(map[string]any); n["limit"] != 1.0 || n["used"] != 1.0 || n["reserved"] != 0.0 {
		t.Errorf("got %v", d)
	}
	_, doc = s.call(t, "admin", "GET", "/v2.0/quotas", "")
	if qs := doc["quotas"].([]any); len(qs) != 1 || qs[0].(map[string]any)["project_id"] != "p" {
		t.Errorf("got %v", doc)
	}
	s.must(t, 204, "admin", "DELETE", "/v2.0/quotas/p", "")
	if q := s.must(t, 200, "member", "GET", "/v2.0/quotas/p", ""); q["network"] != 100.0 || q["port"] != 500.0 {
		t.Errorf("got %v", q)
	}
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	_, doc := s.call(t, "", "GET", "/", "")
	v := doc["versions"].([]any)[0].(map[string]any)
	if v["id"] != "v2.0" || v["status"] != "CURRENT" || v["links"].([]any)[0].(map[string]any)["href"] != s.URL+"/v2.0/" {
		t.Errorf("got %v", doc)
	}
	for _, path := range []string{"/v2.0", "/v2.0/"} {
		if got, doc := s.call(t, "reader", "GET", path, ""); got != 200 || len(doc["resources"].([]any)) != 3 {
			t.Errorf("%s: %d %v", path, got, doc)
		}
	}
}
