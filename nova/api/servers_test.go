package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	novaapi "hypernova/nova/api"
)

func TestServerLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.host("h1")
	id := w.server("s1")
	if got := w.want(200, "alice", "2.1", "GET /servers/"+id, "").at("server", "status"); got != "BUILD" {
		t.Errorf("status %v", got)
	}
	w.want(409, "alice", "2.1", "POST /servers/"+id+"/action", `{"os-stop":null}`)
	w.settle(id)
	show := w.want(200, "alice", "2.1", "GET /servers/"+id, "")
	for path, want := range map[string]any{"status": "ACTIVE", "tenant_id": "p1", "OS-EXT-STS:power_state": 1.0,
		"config_drive": "", "key_name": nil,
		"OS-DCF:diskConfig": "MANUAL", "OS-EXT-AZ:availability_zone": "nova", "accessIPv4": ""} {
		if got := show.at("server", path); got != want {
			t.Errorf("%s: got %v, want %v", path, got, want)
		}
	}
	if got := show.at("server", "addresses", "demo", 0, "addr"); got != "10.0.0.5" {
		t.Errorf("address %v", got)
	}
	w.want(202, "alice", "2.1", "POST /servers/"+id+"/action", `{"os-stop":null}`)
	w.want(409, "alice", "2.1", "POST /servers/"+id+"/action", `{"reboot":{"type":"SOFT"}}`)
	w.want(400, "alice", "2.1", "POST /servers/"+id+"/action", `{"reboot":{"type":"WARM"}}`)
	w.want(403, "alice", "2.1", "POST /servers/"+id+"/action", `{"os-resetState":{"state":"active"}}`)
	w.want(202, "root", "2.1", "POST /servers/"+id+"/action", `{"os-resetState":{"state":"active"}}`)
	w.want(202, "alice", "2.73", "POST /servers/"+id+"/action", `{"lock":{"locked_reason":"mine"}}`)
	if got := w.want(200, "alice", "2.73", "GET /servers/"+id, "").at("server", "locked_reason"); got != "mine" {
		t.Errorf("locked_reason %v", got)
	}
	w.want(400, "alice", "2.72", "POST /servers/"+id+"/action", `{"nonsense":{}}`)
	w.want(202, "alice", "2.73", "POST /servers/"+id+"/action", `{"unlock":null}`)
	w.want(202, "alice", "2.73", "POST /servers/"+id+"/action", `{"lock":null}`)
	w.want(202, "alice", "2.1", "POST /servers/"+id+"/action", `{"unlock":null}`)
	w.want(404, "bob", "2.1", "DELETE /servers/"+id, "")
	w.want(403, "reader", "2.1", "DELETE /servers/"+id, "")
	w.want(204, "alice", "2.1", "DELETE /servers/"+id, "")
	actions := w.want(200, "alice", "2.58", "GET /servers/"+id+"/os-instance-actions?limit=1", "")
	if got := actions.at("instanceActions", 0, "action"); got != "delete" || actions.at("links", 0, "rel") != "next" {
		t.Errorf("actions: %s", actions.text)
	}
	request := actions.at("instanceActions", 0, "request_id").(string)
	w.want(200, "alice", "2.58", "GET /servers/"+id+"/os-instance-actions/"+request, "")
	w.want(404, "alice", "2.58", "GET /servers/"+id+"/os-instance-actions/req-none", "")
}

func TestServersShowTheGroupsOfTheirPorts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.want(202, "alice", "2.1", "POST /servers", `{"server":{"name":"s","flavorRef":"1","imageRef":"`+image+
		`","security_groups":[{"name":"web"}]}}`).at("server", "id").(string)
	both := []any{map[string]any{"name": "web"}, map[string]any{"name": "web"}} // one of each port
	for line, at := range map[string][]any{"GET /servers/" + id: {"server"}, "GET /servers/detail": {"servers", 0}} {
		r := w.want(200, "alice", "2.1", line, "")
		if diff := cmp.Diff(both, r.at(append(at, "security_groups")...)); diff != "" {
			t.Errorf("%s: %s", line, diff)
		}
	}
}

// TestServerMembersByVersion keeps what each version shows of a server.
func TestServerMembersByVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.host("h1")
	id := w.server("s1")
	w.settle(id)
	changes := map[string][]string{}
	var before []string
	for minor := 1; minor <= novaapi.Newest.Minor; minor++ {
		r := w.want(200, "root", fmt.Sprintf("2.%d", minor), "GET /servers/"+id, "")
		var now []string
		for k := range r.at("server").(map[string]any) {
			now = append(now, k)
		}
		for k := range r.at("server", "flavor").(map[string]any) {
			now = append(now, "flavor."+k)
		}
		sort.Strings(now)
		var diff []string
		for _, k := range now {
			if !slices.Contains(before, k) {
				diff = append(diff, "+"+k)
			}
		}
		for _, k := range before {
			if !slices.Contains(now, k) {
				diff = append(diff, "-"+k)
			}
		}
		if len(diff) > 0 && minor > 1 {
			changes[fmt.Sprint(minor)] = diff
		}
		before = now
	}
	attr := "+OS-EXT-SRV-ATTR:"
	want := map[string][]string{
		"3": {attr + "hostname", attr + "kernel_id", attr + "launch_index", attr + "ramdisk_id", attr + "reservation_id",
			attr + "root_device_name", attr + "user_data"},
		"9":  {"+locked"},
		"16": {"+host_status"},
		"19": {"+description"},
		"26": {"+tags"},
		"47": {"+flavor.disk", "+flavor.ephemeral", "+flavor.extra_specs", "+flavor.original_name", "+flavor.ram",
			"+flavor.swap", "+flavor.vcpus", "-flavor.id", "-flavor.links"},
		"63": {"+trusted_image_certificates"},
		"71": {"+server_groups"},
		"73": {"+locked_reason"},
		"96": {"+pinned_availability_zone"}, "100": {"+scheduler_hints"},
	}
	if diff := cmp.Diff(want, changes); diff != "" {
		t.Error(diff)
	}
	for _, k := range []string{"OS-EXT-SRV-ATTR:host", "OS-EXT-SRV-ATTR:user_data", "host_status"} {
		if w.want(200, "alice", "2.104", "GET /servers/"+id, "").has("server", k) {
			t.Errorf("a member of the project sees %s", k)
		}
	}
	if got := w.want(200, "alice", "2.90", "GET /servers/"+id, "").at("server", "OS-EXT-SRV-ATTR:hostname"); got != "s1" {
		t.Errorf("hostname %v", got)
	}
}

func TestServerCreateRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.host("h1")
	base := `"name":"s","flavorRef":"1","imageRef":"` + image + `"`
	for _, tc := range []struct {
		name, who, version, members string
		status                      int
		says                        string
	}{
		{"nothing wrong", "alice", "2.1", base, 202, ""},
		{"networks are required", "alice", "2.37", base, 400, "networks"},
		{"networks none", "alice", "2.37", base + `,"networks":"none"`, 202, ""},
		{"networks auto", "alice", "2.104", base + `,"networks":"auto"`, 202, ""},
		{"networks nonsense", "alice", "2.104", base + `,"networks":"some"`, 400, "networks"},
		{"networks listed", "alice", "2.104", base + `,"networks":[{"uuid":"` + network + `","fixed_ip":"10.0.0.9"}]`, 202,
			""},
		{"unknown network", "alice", "2.1", base + `,"networks":[{"uuid":"` + nobody + `"}]`, 400, nobody},
		{"network by no uuid", "alice", "2.1", base + `,"networks":[{"uuid":"demo"}]`, 400, "networks[0].uuid"},
		{"neither network nor port", "alice", "2.1", base + `,"networks":[{}]`, 400, "Bad networks"},
		{"port and address", "alice", "2.104", base + `,"networks":[{"port":"` + port + `","fixed_ip":"10.0.0.9"}]`, 400,
			"cannot be specified together"},
		{"tag of a NIC too early", "alice", "2.31", base + `,"networks":[{"uuid":"` + network + `","tag":"a"}]`, 400, "tag"},
		{"tag of a NIC", "alice", "2.32", base + `,"networks":[{"uuid":"` + network + `","tag":"a"}]`, 202, ""},
		{"tag of a NIC lost", "alice", "2.37", base + `,"networks":[{"uuid":"` + network + `","tag":"a"}]`, 400, "tag"},
		{"tag of a NIC back", "alice", "2.42", base + `,"networks":[{"uuid":"` + network + `","tag":"a"}]`, 202, ""},
		{"description too early", "alice", "2.18", base + `,"description":"x"`, 400, "description"},
		{"description null", "alice", "2.19", base + `,"description":null`, 202, ""},
		{"personality gone", "alice", "2.57", base + `,"networks":"none","personality":[]`, 400, "personality"},
		{"tags", "alice", "2.52", base + `,"networks":"none","tags":["a","b"]`, 202, ""},
		{"tag with a comma", "alice", "2.52", base + `,"networks":"none","tags":["a,b"]`, 400, "tags[0]"},
		{"host is for administrators", "alice", "2.74", base + `,"networks":"none","host":"h1"`, 403,
			"requested_destination"},
		{"host", "root", "2.74", base + `,"networks":"none","host":"h1"`, 202, ""},
		{"zone and host", "alice", "2.1", base + `,"availability_zone":"nova:h1"`, 403, "forced_host"},
		{"zone and host by root", "root", "2.1", base + `,"availability_zone":"nova:h1"`, 202, ""},
		{"hostname with a dot", "alice", "2.90", base + `,"networks":"none","hostname":"a.b"`, 400, "hostname"},
		{"FQDN", "alice", "2.94", base + `,"networks":"none","hostname":"a.b"`, 202, ""},
		{"min over max", "alice", "2.1", base + `,"min_count":3,"max_count":2`, 400, "min_count"},
		{"reservation", "alice", "2.1", base + `,"min_count":"1","max_count":"2","return_reservation_id":"true"`, 202,
			"reservation_id"},
		{"over quota", "alice", "2.1", base + `,"min_count":50`, 403, "Quota exceeded"},
		{"too much metadata", "alice", "2.1", base + `,"metadata":{"a":"1","b":"1","c":"1","d":"1","e":"1","f":"1"}`, 403,
			"metadata"},
		{"metadata of another type", "alice", "2.1", base + `,"metadata":{"a":1}`, 400, "metadata.a"},
		{"unknown flavor", "alice", "2.1", `"name":"s","flavorRef":"9","imageRef":"` + image + `"`, 400, "Flavor 9"},
		{"private flavor", "alice", "2.1", `"name":"s","flavorRef":"3","imageRef":"` + image + `"`, 400, "Flavor 3"},
		{"flavor as a number", "alice", "2.1", `"name":"s","flavorRef":1,"imageRef":"` + image + `"`, 202, ""},
		{"flavor as a link", "alice", "2.1", `"name":"s","flavorRef":"http://cloud/flavors/1","imageRef":"` + image + `"`,
			202, ""},
		{"flavor without disk", "alice", "2.1", `"name":"s","flavorRef":"2","imageRef":"` + image + `"`, 403, "zero_disk"},
		{"unknown image", "alice", "2.1", `"name":"s","flavorRef":"1","imageRef":"` + nobody + `"`, 400, "image"},
		{"no image", "alice", "2.1", `"name":"s","flavorRef":"1"`, 400, "imageRef"},
		{"unknown member", "alice", "2.1", base + `,"color":"red"`, 400, "server.color"},
		{"empty name", "alice", "2.1", `"name":"","flavorRef":"1","imageRef":"` + image + `"`, 400, "server.name"},
		{"unknown group", "alice", "2.1", base + `,"security_groups":[{"name":"db"}]`, 400, "db"},
		{"group", "alice", "2.1", base + `,"security_groups":[{"name":"web"}]`, 202, "web"},
		{"unknown key", "alice", "2.1", base + `,"key_name":"k"`, 400, "key_name"},
		{"user data of no form", "alice", "2.1", base + `,"user_data":"%%"`, 400, "user_data"},
		{"reader", "reader", "2.1", base, 403, "servers:create"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := w.ask(tc.who, tc.version, "POST /servers", `{"server":{`+tc.members+`}}`)
			if r.code != tc.status || !strings.Contains(r.text, tc.says) {
				t.Errorf("got %d %s, want %d and %q", r.code, r.text, tc.status, tc.says)
			}
			if id, ok := r.at("server", "id").(string); ok {
				w.want(204, tc.who, "2.1", "DELETE /servers/"+id, "")
				if err := w.db.Tx(t.Context(), removeServer(w, id)); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestServerListFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.host("h1")
	a, b, c := w.server("apple"), w.server("banana"), w.server("cherry")
	w.settle(a)
	w.want(200, "alice", "2.26", "PUT /servers/"+a+"/tags", `{"tags":["red","round"]}`)
	w.want(409, "alice", "2.26", "PUT /servers/"+c+"/tags", `{"tags":["red"]}`) // it is under construction
	names := func(who, version, query string) string {
		r := w.want(200, who, version, "GET /servers?"+query, "")
		var out []string
		for i := range r.body["servers"].([]any) {
			out = append(out, r.at("servers", i, "name").(string))
		}
		return strings.Join(out, " ")
	}
	for _, tc := range []struct{ name, who, version, query, want string }{
		{"latest first", "alice", "2.1", "", "cherry banana apple"},
		{"sorted", "alice", "2.1", "sort_key=display_name&sort_dir=asc", "apple banana cherry"},
		{"page", "alice", "2.1", "sort_key=display_name&sort_dir=asc&limit=1&marker=" + a, "banana"},
		{"name", "alice", "2.1", "name=an", "banana"},
		{"name expression", "alice", "2.1", "name=^.p", "apple"},
		{"status", "alice", "2.1", "status=ACTIVE", "apple"},
		{"two statuses", "alice", "2.1", "status=ACTIVE&status=BUILD", "cherry banana apple"},
		{"unknown status, old", "alice", "2.1", "status=SLEEPING", ""},
		{"known status that nobody has", "alice", "2.104", "status=SHELVED", ""},
		{"other project", "bob", "2.1", "", ""},
		{"all projects", "root", "2.1", "all_tenants=1", "cherry banana apple"},
		{"one project", "root", "2.1", "all_tenants&project_id=p2", ""},
		{"address", "alice", "2.1", "ip=10.0.0.5", "apple"},
		{"host is ignored for members", "alice", "2.1", "host=h9", "cherry banana apple"},
		{"host", "root", "2.1", "all_tenants=true&host=h1", "apple"},
		{"tag", "alice", "2.26", "tags=red,round", "apple"},
		{"not tag", "alice", "2.26", "not-tags=round&sort_key=display_name&sort_dir=asc", "banana cherry"},
		{"tags are unknown before", "alice", "2.25", "tags=red", "cherry banana apple"},
		{"unknown parameter", "alice", "2.74", "color=red", "cherry banana apple"},
		{"image", "alice", "2.1", "image=" + nobody, ""},
		{"flavor", "alice", "2.1", "flavor=1&name=apple", "apple"},
		{"power state", "alice", "2.83", "power_state=1", "apple"},
		{"locked", "alice", "2.73", "locked=true", ""},
		{"changed", "alice", "2.1", "changes-since=2100-01-01T00:00:00Z", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := names(tc.who, tc.version, tc.query); got != tc.want {
				t.Errorf("%s: got %q, want %q", tc.query, got, tc.want)
			}
		})
	}
	for _, tc := range []struct {
		who, version, query string
		status              int
	}{
		{"alice", "2.38", "status=SLEEPING", 400}, {"alice", "2.1", "status=DELETED", 403}, {"alice", "2.1", "all_tenants=1",
			403},
		{"alice", "2.1", "all_tenants=maybe", 400}, {"alice", "2.75", "color=red", 400}, {"alice", "2.1", "sort_key=color",
			400},
		{"alice", "2.1", "sort_key=host", 403}, {"alice", "2.1", "limit=-1", 400}, {"alice", "2.1", "marker=" + nobody, 400},
		{"bob", "2.1", "sort_key=display_name&limit=1&marker=" + a, 400}, {"root", "2.1", "all_tenants=1&marker=" + a, 200},
		{"alice", "2.1", "name=[", 400}, {"alice", "2.1", "changes-since=x", 400},
	} {
		if r := w.ask(tc.who, tc.version, "GET /servers/detail?"+tc.query, ""); r.code != tc.status {
			t.Errorf("%s: got %d %s, want %d", tc.query, r.code, r.text, tc.status)
		}
	}
	r := w.want(200, "alice", "2.1", "GET /p1/servers?limit=2", "")
	if got := r.at("servers_links", 0, "href"); got != "http://example.com/v2.1/p1/servers?limit=2&marker="+b {
		t.Errorf("next link %v", got)
	}
	if got := r.at("servers", 0, "links", 1, "href"); got != "http://example.com/p1/servers/"+c {
		t.Errorf("bookmark %v", got)
	}
}

func TestVersionDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for path, want := range map[string]string{"/": `,{"id":"v2.1","status":"CURRENT","version":"2.104","min_version":"2.1"`,
		"/v2.1/": `"version":{"id":"v2.1"`} {
		rec := httptest.NewRecorder()
		w.handler.ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
		if rec.Code != 200 || !strings.Contains(rec.Body.String(), want) || !json.Valid(rec.Body.Bytes()) {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
	}
}

func BenchmarkDetailOf1000Servers(b *testing.B) {
	w := newWorld(b)
	w.want(200, "root", "2.104", "PUT /os-quota-sets/p1", `{"quota_set":{"instances":-1,"cores":-1,"ram":-1}}`)
	w.want(202, "alice", "2.104", "POST /servers", `{"server":{"name":"s","flavorRef":"1","imageRef":"`+image+
		`","networks":"auto","min_count":1000}}`)
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequestWithContext(context.Background(), "GET", "/v2.1/servers/detail", nil)
		r.Header.Set("X-Auth-Token", "alice")
		r.Header.Set("OpenStack-API-Version", "compute 2.104")
		rec := httptest.NewRecorder()
		w.handler.ServeHTTP(rec, r)
		if rec.Code != 200 {
			b.Fatal(rec.Body)
		}
		b.SetBytes(int64(rec.Body.Len()))
	}
}
