package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"hypernova/oslo/api"
	"hypernova/oslo/auth"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
	"hypernova/oslo/policy"
	placementapi "hypernova/placement/api"
	"hypernova/placement/resources"
	"hypernova/placement/store"
)

// world is placement behind HTTP. A token is a comma-separated list of roles in project "p".
type world struct {
	t   *testing.T
	url string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	e, err := policy.New(placementapi.Rules(), nil)
	if err != nil {
		t.Fatal(err)
	}
	d := dbtest.Memory(t, dbtest.Migrations{Name: "placement", FS: store.Migrations()})
	v := auth.ValidatorFunc(func(_ context.Context, token string) (*auth.Caller, error) {
		if token == "bad" {
			return nil, fault.New(fault.Unauthorized, "no")
		}
		return &auth.Caller{UserID: "u", ProjectID: "p", Roles: strings.Split(token, ",")}, nil
	})
	s := httptest.NewServer(placementapi.Handler(api.Config{Validator: v, Policy: e}, resources.New(d, nil)))
	t.Cleanup(s.Close)
	return &world{t, s.URL}
}

type answer struct {
	status int
	header http.Header
	body   string
	doc    map[string]any
}

// call speaks a version as a service; body is JSON or nothing.
func (w *world) call(version, method, path, body string) answer {
	w.t.Helper()
	return w.as("service", version, method, path, body)
}

func (w *world) as(token, version, method, path, body string) answer {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		w.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("X-Auth-Token", token)
	}
	req.Header.Set("OpenStack-API-Version", "placement "+version)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, body: string(b)}
	if len(b) > 0 {
		if err := json.Unmarshal(b, &a.doc); err != nil {
			w.t.Fatalf("%s %s: %v: %s", method, path, err, b)
		}
	}
	return a
}

// want calls and compares the status; the body must contain the parts.
func (w *world) want(status int, version, method, path, body string, parts ...string) answer {
	w.t.Helper()
	a := w.call(version, method, path, body)
	if a.status != status {
		w.t.Errorf("%s %s at %s: got %d, want %d: %s", method, path, version, a.status, status, a.body)
	}
	for _, p := range parts {
		if !strings.Contains(a.body, p) {
			w.t.Errorf("%s %s at %s: %q is not in %s", method, path, version, p, a.body)
		}
	}
	return a
}

func id(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

// host makes a provider with 8 VCPU.
func (w *world) host(n int) string {
	w.t.Helper()
	w.want(200, "1.39", "POST", "/resource_providers", fmt.Sprintf(`{"name":"h%d","uuid":"%s"}`, n, id(n)))
	w.want(200, "1.39", "PUT", "/resource_providers/"+id(n)+"/inventories",
		`{"resource_provider_generation":0,"inventories":{"VCPU":{"total":8},"MEMORY_MB":{"total":1024,"reserved":24}}}`)
	return id(n)
}

func TestProviderForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.want(201, "1.0", "POST", "/resource_providers", `{"name":"old"}`)
	if a.body != "" || !strings.HasPrefix(a.header.Get("Location"), w.url+"/resource_providers/") {
		t.Errorf("1.0 create: %q, %v", a.body, a.header)
	}
	h := w.host(1)
	w.want(409, "1.39", "POST", "/resource_providers", `{"name":"h1"}`, "placement.duplicate_name")
	w.want(400, "1.13", "POST", "/resource_providers", `{"name":"x","parent_provider_uuid":null}`)
	w.want(400, "1.39", "POST", "/resource_providers", `{"name":"x","uuid":"no"}`)
	w.want(400, "1.39", "POST", "/resource_providers", `{"name":"x","extra":1}`)
	w.want(404, "1.39", "GET", "/resource_providers/"+id(9), "")
	if a := w.want(200, "1.0", "GET", "/resource_providers/"+h, "", `"generation":1`); strings.Contains(a.body,
		"root_provider") || strings.Contains(a.body, "aggregates") {
		t.Errorf("1.0 shows too much: %s", a.body)
	}
	a = w.want(200, "1.15", "GET", "/resource_providers/"+h, "", `"root_provider_uuid":"`+h+`"`,
		`"parent_provider_uuid":null`, "/allocations")
	if a.header.Get("Cache-Control") != "no-cache" || a.header.Get("Last-Modified") == "" {
		t.Errorf("1.15 headers: %v", a.header)
	}
	w.want(200, "1.39", "POST", "/resource_providers", fmt.Sprintf(`{"name":"c","uuid":"%s","parent_provider_uuid":"%s"}`,
		id(2), h))
	w.want(409, "1.39", "DELETE", "/resource_providers/"+h, "", "cannot_delete_parent")
	w.want(400, "1.36", "PUT", "/resource_providers/"+id(2), `{"name":"c","parent_provider_uuid":null}`)
	w.want(200, "1.37", "PUT", "/resource_providers/"+id(2), `{"name":"c","parent_provider_uuid":null}`,
		`"root_provider_uuid":"`+id(2)+`"`)
	w.want(204, "1.39", "DELETE", "/resource_providers/"+id(2), "")
}

func TestProviderFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.host(1), w.host(2)
	w.want(200, "1.39", "PUT", "/resource_providers/"+one+"/traits",
		`{"resource_provider_generation":1,"traits":["COMPUTE_NODE"]}`)
	w.want(200, "1.39", "PUT", "/resource_providers/"+two+"/aggregates",
		`{"resource_provider_generation":1,"aggregates":["`+id(7)+`"]}`)
	for query, want := range map[string]int{"": 2, "?name=h1": 1, "?uuid=" + two: 1, "?required=COMPUTE_NODE": 1,
		"?required=!COMPUTE_NODE":                  1,
		"?required=in:COMPUTE_NODE,HW_CPU_X86_AVX": 1, "?required=COMPUTE_NODE&required=HW_CPU_X86_AVX": 0, "?member_of=" +
			id(7): 1, "?member_of=!" + id(7): 1,
		"?member_of=in:" + id(7) + "," + id(8): 1, "?resources=VCPU:8": 2, "?resources=VCPU:9": 0, "?in_tree=" + one: 1,
		"?in_tree=" + id(9): 0} {
		a := w.want(200, "1.39", "GET", "/resource_providers"+query, "")
		if got := len(a.doc["resource_providers"].([]any)); got != want {
			t.Errorf("%s: got %d, want %d", query, got, want)
		}
	}
	for _, query := range []string{"?color=red", "?resources=VCPU", "?resources=VCPU:0", "?resources=NOPE:1",
		"?required=NOPE", "?required=", "?member_of=x",
		"?member_of=" + id(7) + "," + id(8), "?uuid=x"} {
		w.want(400, "1.39", "GET", "/resource_providers"+query, "")
	}
	w.want(400, "1.13", "GET", "/resource_providers?in_tree="+one, "")
	w.want(400, "1.21", "GET", "/resource_providers?required=!COMPUTE_NODE", "")
	w.want(400, "1.31", "GET", "/resource_providers?member_of=!"+id(7), "")
	w.want(400, "1.38", "GET", "/resource_providers?required=in:COMPUTE_NODE,HW_CPU_X86_AVX", "")
}

func TestInventoryForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.host(1)
	base := "/resource_providers/" + h + "/inventories"
	w.want(200, "1.0", "GET", base, "", `"resource_provider_generation":1`, `"max_unit":2147483647`)
	w.want(201, "1.39", "POST", base, `{"resource_class":"DISK_GB","total":10,"allocation_ratio":1.5}`,
		`"resource_provider_generation":2`)
	w.want(409, "1.39", "POST", base, `{"resource_class":"DISK_GB","total":10}`)
	w.want(400, "1.39", "POST", base, `{"resource_class":"CUSTOM_X","total":10}`)
	w.want(200, "1.39", "GET", base+"/DISK_GB", "", `"allocation_ratio":1.5`)
	w.want(404, "1.39", "GET", base+"/VGPU", "")
	w.want(409, "1.39", "PUT", base+"/DISK_GB", `{"resource_provider_generation":1,"total":20}`,
		"placement.concurrent_update")
	w.want(200, "1.39", "PUT", base+"/DISK_GB", `{"resource_provider_generation":2,"total":20}`, `"total":20`)
	w.want(400, "1.39", "PUT", base+"/DISK_GB", `{"resource_provider_generation":3,"total":20,"reserved":21}`)
	w.want(400, "1.25", "PUT", base+"/DISK_GB", `{"resource_provider_generation":3,"total":20,"reserved":20}`)
	w.want(200, "1.26", "PUT", base+"/DISK_GB", `{"resource_provider_generation":3,"total":20,"reserved":20}`)
	w.want(400, "1.39", "PUT", base, `{"resource_provider_generation":4,"inventories":{"VCPU":{"total":0}}}`)
	w.want(409, "1.39", "PUT", base, `{"resource_provider_generation":3,"inventories":{}}`, "placement.concurrent_update")
	w.want(204, "1.39", "DELETE", base+"/DISK_GB", "")
	w.want(404, "1.39", "DELETE", base+"/DISK_GB", "")
	w.want(204, "1.39", "PUT", "/allocations/"+id(50), allocation(h, 2, "null"))
	w.want(409, "1.39", "DELETE", base, "", "placement.inventory.inuse")
	w.want(405, "1.4", "DELETE", base, "")
	w.want(200, "1.39", "GET", "/resource_providers/"+h+"/usages", "", `"VCPU":2`, `"MEMORY_MB":0`)
	w.want(200, "1.39", "GET", "/resource_providers/"+h+"/allocations", "", `"consumer_generation":1`, id(50))
}

// allocation is a body of 1.38 for some VCPU on one provider.
func allocation(on string, vcpus int, generation string) string {
	return fmt.Sprintf(`{"allocations":{"%s":{"resources":{"VCPU":%d}}},"project_id":"p","user_id":"u","consumer_generation":%s,"consumer_type":"INSTANCE"}`,
		on, vcpus, generation)
}

func TestAllocationForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.host(1)
	at := func(n int) string { return "/allocations/" + id(n) }
	w.want(204, "1.0", "PUT", at(50), `{"allocations":[{"resource_provider":{"uuid":"`+h+`"},"resources":{"VCPU":1}}]}`)
	w.want(400, "1.8", "PUT", at(51), `{"allocations":[{"resource_provider":{"uuid":"`+h+`"},"resources":{"VCPU":1}}]}`)
	w.want(204, "1.12", "PUT", at(51), `{"allocations":{"`+h+`":{"resources":{"VCPU":1}}},"project_id":"p","user_id":"u"}`)
	w.want(400, "1.12", "PUT", at(51), `{"allocations":{},"project_id":"p","user_id":"u"}`)
	w.want(400, "1.28", "PUT", at(52), `{"allocations":{"`+h+`":{"resources":{"VCPU":1}}},"project_id":"p","user_id":"u"}`)
	w.want(409, "1.39", "PUT", at(52), allocation(h, 7, "null"), "exceed the capacity", "placement.undefined_code")
	w.want(409, "1.39", "PUT", at(52), allocation(h, 1, "3"), "placement.concurrent_update")
	w.want(204, "1.39", "PUT", at(52), allocation(h, 6, "null"))
	w.want(409, "1.39", "PUT", at(52), allocation(h, 6, "null"), "placement.concurrent_update")
	w.want(204, "1.39", "PUT", at(52), allocation(h, 5, "1"))
	w.want(400, "1.39", "PUT", at(53), allocation(id(9), 1, "null"), "does not exist")
	w.want(400, "1.39", "PUT", "/allocations/x", allocation(h, 1, "null"))
	w.want(400, "1.39", "PUT", at(53), strings.Replace(allocation(h, 1, "null"), "VCPU", "CUSTOM_NOPE", 1))
	w.want(409, "1.39", "PUT", at(53), strings.Replace(allocation(h, 1, "null"), "VCPU", "DISK_GB", 1))
	if a := w.want(200, "1.11", "GET", at(52), "", `"VCPU":5`); strings.Contains(a.body, "project_id") {
		t.Errorf("1.11 shows too much: %s", a.body)
	}
	w.want(200, "1.39", "GET", at(52), "", `"consumer_generation":2`, `"consumer_type":"INSTANCE"`, `"project_id":"p"`)
	if a := w.want(200, "1.39", "GET", at(99), ""); a.body != `{"allocations":{}}` {
		t.Errorf("unknown consumer: %s", a.body)
	}
	w.want(200, "1.9", "GET", "/usages?project_id=p", "", `"VCPU":6`)
	w.want(200, "1.38", "GET", "/usages?project_id=p&user_id=u", "", `"INSTANCE":{`, `"unknown":{`, `"consumer_count":1`)
	w.want(200, "1.38", "GET", "/usages?project_id=p&consumer_type=all", "", `"all":{`, `"consumer_count":2`)
	w.want(400, "1.9", "GET", "/usages", "")
	swap := fmt.Sprintf(`{"%s":%s,"%s":%s}`, id(52), strings.Replace(allocation(h, 5, "2"),
		`"`+h+`":{"resources":{"VCPU":5}}`, "", 1), id(54), allocation(h, 6, "null"))
	w.want(204, "1.39", "POST", "/allocations", swap)
	w.want(404, "1.39", "DELETE", at(52), "")
	w.want(204, "1.39", "DELETE", at(54), "")
}

func TestNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.host(1)
	w.want(404, "1.5", "GET", "/traits", "")
	w.want(204, "1.6", "GET", "/traits/HW_CPU_X86_AVX", "")
	w.want(404, "1.6", "GET", "/traits/CUSTOM_T", "")
	w.want(201, "1.6", "PUT", "/traits/CUSTOM_T", "")
	w.want(204, "1.6", "PUT", "/traits/CUSTOM_T", "")
	w.want(400, "1.6", "PUT", "/traits/HW_NEW", "")
	w.want(200, "1.6", "PUT", "/resource_providers/"+h+"/traits",
		`{"resource_provider_generation":1,"traits":["CUSTOM_T"]}`, `"resource_provider_generation":2`)
	w.want(400, "1.6", "PUT", "/resource_providers/"+h+"/traits",
		`{"resource_provider_generation":2,"traits":["CUSTOM_U"]}`, "CUSTOM_U")
	w.want(409, "1.23", "PUT", "/resource_providers/"+h+"/traits", `{"resource_provider_generation":1,"traits":[]}`,
		"placement.concurrent_update")
	if a := w.want(200, "1.6", "GET", "/traits?associated=true", ""); a.body != `{"traits":["CUSTOM_T"]}` {
		t.Errorf("used traits: %s", a.body)
	}
	if a := w.want(200, "1.6", "GET", "/traits?name=startswith:CUSTOM_", ""); a.body != `{"traits":["CUSTOM_T"]}` {
		t.Errorf("own traits: %s", a.body)
	}
	w.want(400, "1.6", "GET", "/traits?name=CUSTOM_T", "")
	w.want(409, "1.6", "DELETE", "/traits/CUSTOM_T", "")
	w.want(204, "1.6", "DELETE", "/resource_providers/"+h+"/traits", "")
	w.want(204, "1.6", "DELETE", "/traits/CUSTOM_T", "")
	w.want(400, "1.6", "DELETE", "/traits/HW_CPU_X86_AVX", "")

	w.want(404, "1.1", "GET", "/resource_classes", "")
	w.want(201, "1.2", "POST", "/resource_classes", `{"name":"CUSTOM_A"}`)
	w.want(409, "1.2", "POST", "/resource_classes", `{"name":"CUSTOM_A"}`)
	w.want(400, "1.2", "POST", "/resource_classes", `{"name":"VCPUS"}`)
	w.want(200, "1.2", "PUT", "/resource_classes/CUSTOM_A", `{"name":"CUSTOM_B"}`, "CUSTOM_B")
	w.want(204, "1.7", "PUT", "/resource_classes/CUSTOM_B", "")
	w.want(201, "1.7", "PUT", "/resource_classes/CUSTOM_C", "")
	w.want(200, "1.2", "GET", "/resource_classes/VCPU", "", `"href":"/resource_classes/VCPU"`)
	w.want(404, "1.2", "GET", "/resource_classes/CUSTOM_A", "")
	w.want(201, "1.39", "POST", "/resource_providers/"+h+"/inventories", `{"resource_class":"CUSTOM_B","total":1}`)
	w.want(409, "1.2", "DELETE", "/resource_classes/CUSTOM_B", "")
	w.want(204, "1.2", "DELETE", "/resource_classes/CUSTOM_C", "")
	w.want(400, "1.2", "DELETE", "/resource_classes/VCPU", "")

	w.want(200, "1.1", "PUT", "/resource_providers/"+h+"/aggregates", `["`+id(7)+`"]`, id(7))
	w.want(400, "1.1", "PUT", "/resource_providers/"+h+"/aggregates", `["x"]`)
	w.want(400, "1.19", "PUT", "/resource_providers/"+h+"/aggregates", `["`+id(7)+`"]`)
	w.want(200, "1.19", "GET", "/resource_providers/"+h+"/aggregates", "", `"resource_provider_generation"`)
}

func TestCandidates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.host(1)
	w.host(2)
	w.want(204, "1.39", "PUT", "/allocations/"+id(50), allocation(id(2), 8, "null"))
	get := func(status int, version, query string, parts ...string) answer {
		t.Helper()
		return w.want(status, version, "GET", "/allocation_candidates"+query, "", parts...)
	}
	get(404, "1.9", "?resources=VCPU:1")
	get(200, "1.10", "?resources=VCPU:1", `{"resource_provider":{"uuid":"`+h+`"},"resources":{"VCPU":1}}`)
	a := get(200, "1.39", "?resources=VCPU:1,MEMORY_MB:100", `"allocations":{"`+h+`":{"resources":{`, `"mappings":{"":["`+
		h+`"]}`, `"capacity":1000`, `"root_provider_uuid"`)
	if len(a.doc["allocation_requests"].([]any)) != 1 || len(a.doc["provider_summaries"].(map[string]any)) != 1 {
		t.Errorf("got %s", a.body)
	}
	if a := get(200, "1.26", "?resources=VCPU:1"); strings.Contains(a.body, "MEMORY_MB") ||
		strings.Contains(a.body, "mappings") {
		t.Errorf("1.26 shows too much: %s", a.body)
	}
	get(200, "1.25", "?resources=VCPU:1&resources1=MEMORY_MB:10&resources2=VCPU:2&group_policy=none", `"VCPU":3`)
	get(200, "1.33", "?resources_A=VCPU:1&resources_B=MEMORY_MB:10&group_policy=isolate", `"allocation_requests":[]`)
	get(200, "1.36", "?resources_A=VCPU:1&required_B=COMPUTE_NODE&same_subtree=_A,_B&group_policy=none",
		`"allocation_requests":[]`)
	for version, query := range map[string]string{"1.39": "?resources=VCPU:1&limit=0", "1.15": "?resources=VCPU:1&limit=1",
		"1.16": "?resources=VCPU:1&required=COMPUTE_NODE",
		"1.24": "?resources1=VCPU:1", "1.25": "?resources1=VCPU:1&resources2=VCPU:1", "1.30": "?resources=VCPU:1&in_tree=" +
			h, "1.32": "?resources_A=VCPU:1",
		"1.35": "?resources=VCPU:1&required_B=COMPUTE_NODE", "1.34": "?resources=VCPU:1&root_required=COMPUTE_NODE",
		"1.37": "?required=COMPUTE_NODE",
		"1.38": "?resources=VCPU:1&required=NOPE", "1.29": "?resources=NOPE:1", "1.28": "?resources=VCPU:1&member_of=x",
		"1.36": "?resources=VCPU:1&same_subtree=_Z"} {
		get(400, version, query)
	}
	get(400, "1.39", "?resources=VCPU:1&required=COMPUTE_NODE,!COMPUTE_NODE", "Conflicting")
	get(400, "1.39", "", "placement.query.missing_value")
}

func TestReshaper(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.host(1)
	w.want(200, "1.39", "POST", "/resource_providers",
		fmt.Sprintf(`{"name":"numa","uuid":"%s","parent_provider_uuid":"%s"}`, id(2), h))
	w.want(204, "1.39", "PUT", "/allocations/"+id(50), allocation(h, 2, "null"))
	body := fmt.Sprintf(`{"inventories":{"%s":{"resource_provider_generation":%%d,"inventories":{"MEMORY_MB":{"total":1024}}},
		"%s":{"resource_provider_generation":0,"inventories":{"VCPU":{"total":8}}}},"allocations":{"%s":%s}}`, h, id(2), id(50), allocation(id(2), 2, "1"))
	w.want(404, "1.29", "POST", "/reshaper", fmt.Sprintf(body, 2))
	w.want(409, "1.39", "POST", "/reshaper", fmt.Sprintf(body, 1), "placement.concurrent_update")
	if a := w.as("admin", "1.39", "POST", "/reshaper", fmt.Sprintf(body, 2)); a.status != 403 {
		t.Errorf("reshape as an administrator: %d", a.status)
	}
	w.want(204, "1.39", "POST", "/reshaper", fmt.Sprintf(body, 2))
	w.want(200, "1.39", "GET", "/resource_providers/"+id(2)+"/usages", "", `"VCPU":2`)
	w.want(200, "1.39", "GET", "/resource_providers/"+h+"/inventories", "", `"MEMORY_MB"`)
}

func TestWhoMayAndWhatIsSpoken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		token, version, path string
		status               int
	}{
		{"admin", "1.39", "/resource_providers", 200}, {"service", "1.39", "/resource_providers", 200},
		{"reader,member", "1.39", "/resource_providers", 403},
		{"", "1.39", "/resource_providers", 401}, {"bad", "1.39", "/resource_providers", 401},
		{"reader", "1.39", "/usages?project_id=p", 200},
		{"reader", "1.39", "/usages?project_id=q", 403}, {"admin", "1.40", "/resource_providers", 406},
		{"admin", "latest", "/resource_providers", 200},
		{"admin", "one", "/resource_providers", 400}, {"admin", "1.39", "/nowhere", 404}, {"", "1.39", "/", 200},
	} {
		a := w.as(c.token, c.version, "GET", c.path, "")
		if a.status != c.status {
			t.Errorf("%s as %q at %s: got %d, want %d: %s", c.path, c.token, c.version, a.status, c.status, a.body)
		}
		if c.status >= 400 && !strings.HasPrefix(a.body, `{"errors":[{"status":`) && c.status != 401 {
			t.Errorf("%s: error body %s", c.path, a.body)
		}
	}
	if a := w.as("admin", "latest", "GET", "/traits", ""); a.header.Get("OpenStack-API-Version") != "placement 1.39" {
		t.Errorf("headers: %v", a.header)
	}
}
