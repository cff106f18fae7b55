package api_test

import (
	"strings"
	"testing"

	"hypernova/nova"
)

func TestServerParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.host("h1")
	id := w.server("s1")
	w.settle(id)
	at := "/servers/" + id
	if r := w.want(200, "alice", "2.1", "POST "+at+"/metadata", `{"metadata":{"a":"1","b":"2"}}`); r.at("metadata",
		"b") != "2" {
		t.Error(r.text)
	}
	w.want(200, "alice", "2.1", "PUT "+at+"/metadata/a", `{"meta":{"a":"3"}}`)
	w.want(400, "alice", "2.1", "PUT "+at+"/metadata/a", `{"meta":{"b":"3"}}`)
	w.want(400, "alice", "2.1", "PUT "+at+"/metadata/a", `{"meta":{"a":"3","b":"4"}}`)
	w.want(400, "alice", "2.1", "POST "+at+"/metadata", `{"metadata":{"`+strings.Repeat("k", 256)+`":"1"}}`)
	w.want(403, "alice", "2.1", "POST "+at+"/metadata", `{"metadata":{"c":"1","d":"1","e":"1","f":"1"}}`)
	w.want(403, "reader", "2.1", "POST "+at+"/metadata", `{"metadata":{"c":"1"}}`)
	w.want(404, "bob", "2.1", "GET "+at+"/metadata", "")
	w.want(204, "alice", "2.1", "DELETE "+at+"/metadata/b", "")
	w.want(404, "alice", "2.1", "DELETE "+at+"/metadata/b", "")
	if r := w.want(200, "reader", "2.1", "GET "+at+"/metadata", ""); r.text != `{"metadata":{"a":"3"}}` {
		t.Error(r.text)
	}
	w.want(200, "alice", "2.1", "PUT "+at+"/metadata", `{"metadata":{}}`)

	w.want(404, "alice", "2.25", "GET "+at+"/tags", "")
	if r := w.want(201, "alice", "2.26", "PUT "+at+"/tags/red", ""); !strings.HasSuffix(r.header.Get("Location"),
		"/tags/red") {
		t.Error(r.header)
	}
	w.want(204, "alice", "2.26", "PUT "+at+"/tags/red", "")
	w.want(204, "alice", "2.26", "GET "+at+"/tags/red", "")
	w.want(404, "alice", "2.26", "GET "+at+"/tags/blue", "")
	w.want(400, "alice", "2.26", "PUT "+at+"/tags/a,b", "")
	if r := w.want(200, "alice", "2.26", "PUT "+at+"/tags", `{"tags":["z","a"]}`); r.text != `{"tags":["a","z"]}` {
		t.Error(r.text)
	}
	w.want(204, "alice", "2.26", "DELETE "+at+"/tags", "")

	if r := w.want(200, "alice", "2.1", "GET "+at+"/ips",
		""); r.text != `{"addresses":{"demo":[{"version":4,"addr":"10.0.0.5"}]}}` {
		t.Error(r.text)
	}
	w.want(200, "alice", "2.1", "GET "+at+"/ips/demo", "")
	w.want(404, "alice", "2.1", "GET "+at+"/ips/other", "")
	r := w.want(200, "alice", "2.1", "GET "+at+"/os-interface", "")
	if r.at("interfaceAttachments", 0, "port_id") != port || r.has("interfaceAttachments", 0, "tag") {
		t.Error(r.text)
	}
	if r := w.want(200, "alice", "2.70", "GET "+at+"/os-interface/"+port, ""); !r.has("interfaceAttachment", "tag") {
		t.Error(r.text)
	}
	w.want(404, "alice", "2.1", "GET "+at+"/os-interface/"+nobody, "")
	if r := w.want(200, "alice", "2.1", "GET "+at+"/os-security-groups", ""); r.at("security_groups", 0, "rules", 0,
		"ip_range", "cidr") != "10.0.0.0/8" ||
		r.at("security_groups", 0, "rules", 1) != nil {
		t.Error(r.text)
	}
	if r := w.want(200, "alice", "2.1", "PUT "+at, `{"server":{"name":"new","accessIPv4":"1.2.3.4"}}`); r.at("server",
		"name") != "new" ||
		r.has("server", "OS-EXT-STS:vm_state") || r.has("server", "locked") {
		t.Error(r.text)
	}
	if r := w.want(200, "alice", "2.90", "PUT "+at, `{"server":{"hostname":"h1","description":null}}`); r.at("server",
		"OS-EXT-SRV-ATTR:hostname") != "h1" {
		t.Error(r.text)
	}
	w.want(400, "alice", "2.90", "PUT "+at, `{"server":{"hostname":"h.x"}}`)
	w.want(400, "alice", "2.1", "PUT "+at, `{"server":{"hostname":"h"}}`)
}

func TestFlavors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	create := `{"flavor":{"name":"big","ram":"1024","vcpus":2,"disk":10,"id":"42","swap":0,"os-flavor-access:is_public":false}}`
	w.want(403, "alice", "2.1", "POST /flavors", create)
	r := w.want(200, "root", "2.1", "POST /flavors", create)
	if r.at("flavor", "swap") != "" || r.at("flavor", "ram") != 1024.0 || r.at("flavor", "rxtx_factor") != 1.0 ||
		r.has("flavor", "description") {
		t.Error(r.text)
	}
	w.want(409, "root", "2.1", "POST /flavors", create)
	w.want(409, "root", "2.1", "POST /flavors", strings.Replace(create, `"42"`, `"43"`, 1))
	for _, bad := range []string{`{"flavor":{"name":"x","ram":0,"vcpus":1,"disk":1}}`,
		`{"flavor":{"name":"x","ram":1,"vcpus":1}}`,
		`{"flavor":{"name":"x","ram":1,"vcpus":1,"disk":1,"id":" a"}}`,
		`{"flavor":{"name":"x","ram":1,"vcpus":1,"disk":1,"rxtx_factor":0}}`,
		`{"flavor":{"name":"x","ram":1,"vcpus":1,"disk":1,"description":"d"}}`} {
		w.want(400, "root", "2.1", "POST /flavors", bad)
	}
	if r := w.want(200, "root", "2.75", "GET /flavors/42", ""); r.at("flavor", "swap") != 0.0 ||
		!r.has("flavor", "extra_specs") {
		t.Error(r.text)
	}
	w.want(404, "alice", "2.1", "GET /flavors/42", "")
	w.want(200, "root", "2.1", "POST /flavors/42/action", `{"addTenantAccess":{"tenant":"p1"}}`)
	w.want(409, "root", "2.1", "POST /flavors/42/action", `{"addTenantAccess":{"tenant":"p1"}}`)
	w.want(409, "root", "2.7", "POST /flavors/1/action", `{"addTenantAccess":{"tenant":"p1"}}`)
	w.want(200, "alice", "2.1", "GET /flavors/42", "")
	if r := w.want(200, "root", "2.1", "GET /flavors/42/os-flavor-access",
		""); r.text != `{"flavor_access":[{"flavor_id":"42","tenant_id":"p1"}]}` {
		t.Error(r.text)
	}
	w.want(404, "root", "2.1", "GET /flavors/1/os-flavor-access", "")
	list := func(who, query string) int {
		return len(w.want(200, who, "2.1", "GET /flavors/detail?"+query, "").body["flavors"].([]any))
	}
	for _, tc := range []struct {
		who, query string
		want       int
	}{{"alice", "", 3}, {"bob", "", 2}, {"root", "", 2}, {"root", "is_public=None", 4}, {"root", "is_public=false", 2},
		{"alice", "minRam=1024", 1},
		{"alice", "minDisk=1", 2}, {"alice", "limit=1&marker=1", 1}} {
		if got := list(tc.who, tc.query); got != tc.want {
			t.Errorf("%s %s: %d flavors, want %d", tc.who, tc.query, got, tc.want)
		}
	}
	w.want(400, "alice", "2.1", "GET /flavors?minRam=x", "")
	w.want(400, "alice", "2.1", "GET /flavors?marker=none", "")
	w.want(400, "bob", "2.1", "GET /flavors?sort_key=name&marker=42", "") // as one that is not there
	w.want(200, "alice", "2.1", "GET /flavors?sort_key=name&marker=42", "")
	w.want(400, "alice", "2.75", "GET /flavors?color=red", "")
	w.want(200, "root", "2.1", "POST /flavors/42/os-extra_specs", `{"extra_specs":{"hw:cpu_policy":"sometimes","a":1}}`)
	w.want(400, "root", "2.86", "POST /flavors/42/os-extra_specs", `{"extra_specs":{"hw:cpu_policy":"sometimes"}}`)
	w.want(400, "root", "2.86", "POST /flavors/42/os-extra_specs", `{"extra_specs":{"hw:cpu_polizei":"shared"}}`)
	w.want(200, "root", "2.86", "PUT /flavors/42/os-extra_specs/hw:cpu_policy", `{"hw:cpu_policy":"shared"}`)
	w.want(400, "root", "2.1", "PUT /flavors/42/os-extra_specs/x", `{"y":"shared"}`)
	if r := w.want(200, "alice", "2.1", "GET /flavors/42/os-extra_specs",
		""); r.text != `{"extra_specs":{"a":"1","hw:cpu_policy":"shared"}}` {
		t.Error(r.text)
	}
	w.want(200, "root", "2.1", "DELETE /flavors/42/os-extra_specs/a", "")
	w.want(404, "alice", "2.1", "GET /flavors/42/os-extra_specs/a", "")
	w.want(404, "root", "2.54", "PUT /flavors/42", `{"flavor":{"description":"d"}}`)
	if r := w.want(200, "root", "2.55", "PUT /flavors/42", `{"flavor":{"description":"d"}}`); r.at("flavor",
		"description") != "d" {
		t.Error(r.text)
	}
	w.want(200, "root", "2.1", "POST /flavors/42/action", `{"removeTenantAccess":{"tenant":"p1"}}`)
	w.want(404, "root", "2.1", "POST /flavors/42/action", `{"removeTenantAccess":{"tenant":"p1"}}`)
	w.want(202, "root", "2.1", "DELETE /flavors/42", "")
	w.want(404, "root", "2.1", "DELETE /flavors/42", "")
}

const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGKSnbjqCJj3Vv6QFRHXUNJTJGm2V0r3ywp2jdFqbK3c alice@example.org"

func TestKeyPairs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.want(200, "alice", "2.1", "POST /os-keypairs", `{"keypair":{"name":"made"}}`)
	if key, _ := r.at("keypair", "private_key").(string); !strings.HasPrefix(key, "-----BEGIN RSA PRIVATE KEY-----") ||
		r.has("keypair", "type") {
		t.Error(r.text)
	}
	r = w.want(201, "alice", "2.2", "POST /os-keypairs", `{"keypair":{"name":"given","public_key":"`+publicKey+
		`","type":"ssh"}}`)
	if r.has("keypair", "private_key") || r.at("keypair", "type") != "ssh" ||
		len(r.at("keypair", "fingerprint").(string)) != 47 {
		t.Error(r.text)
	}
	w.want(409, "alice", "2.2", "POST /os-keypairs", `{"keypair":{"name":"given","public_key":"`+publicKey+`"}}`)
	w.want(400, "alice", "2.2", "POST /os-keypairs", `{"keypair":{"name":"bad","public_key":"ssh-rsa nonsense"}}`)
	w.want(400, "alice", "2.2", "POST /os-keypairs", `{"keypair":{"name":"a@b","public_key":"`+publicKey+`"}}`)
	w.want(400, "alice", "2.92", "POST /os-keypairs", `{"keypair":{"name":"none"}}`)
	w.want(403, "alice", "2.10", "POST /os-keypairs", `{"keypair":{"name":"x","public_key":"`+publicKey+
		`","user_id":"bob"}}`)
	r = w.want(201, "alice", "2.2", "POST /os-keypairs", `{"keypair":{"name":"cert","type":"x509"}}`)
	if key, _ := r.at("keypair", "public_key").(string); !strings.HasPrefix(key, "-----BEGIN CERTIFICATE-----") {
		t.Error(r.text)
	}
	// the fourth of three
	w.want(403, "alice", "2.92", "POST /os-keypairs", `{"keypair":{"name":"a@b.c","public_key":"`+publicKey+`"}}`)
	r = w.want(200, "alice", "2.35", "GET /os-keypairs?limit=2", "")
	if r.at("keypairs", 1, "keypair", "name") != "given" ||
		r.at("keypairs_links", 0, "href") != "http://example.com/v2.1/os-keypairs?limit=2&marker=given" {
		t.Error(r.text)
	}
	if r := w.want(200, "root", "2.10", "GET /os-keypairs?user_id=alice", ""); r.at("keypairs", 2) == nil {
		t.Error(r.text)
	}
	w.want(403, "bob", "2.10", "GET /os-keypairs?user_id=alice", "")
	if r := w.want(200, "alice", "2.1", "GET /os-keypairs/given", ""); r.at("keypair", "deleted") != false ||
		r.at("keypair", "id") == nil || r.at("keypair", "user_id") != "alice" {
		t.Error(r.text)
	}
	w.want(404, "bob", "2.1", "GET /os-keypairs/given", "")
	w.want(202, "alice", "2.1", "DELETE /os-keypairs/made", "")
	w.want(204, "alice", "2.2", "DELETE /os-keypairs/given", "")
	w.want(404, "alice", "2.2", "DELETE /os-keypairs/given", "")
}

func TestQuotas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.want(200, "alice", "2.1", "GET /os-quota-sets/p1", "")
	if r.at("quota_set", "id") != "p1" || r.at("quota_set", "instances") != 10.0 ||
		r.at("quota_set", "fixed_ips") != -1.0 {
		t.Error(r.text)
	}
	if r := w.want(200, "alice", "2.57", "GET /os-quota-sets/p1", ""); r.has("quota_set", "fixed_ips") ||
		r.has("quota_set", "injected_files") {
		t.Error(r.text)
	}
	w.want(403, "alice", "2.1", "GET /os-quota-sets/p2", "")
	w.want(403, "alice", "2.1", "PUT /os-quota-sets/p1", `{"quota_set":{"cores":1}}`)
	w.server("s1")
	w.server("s2")
	w.want(400, "root", "2.1", "PUT /os-quota-sets/p1", `{"quota_set":{"instances":1}}`)
	if r := w.want(200, "root", "2.1", "PUT /os-quota-sets/p1", `{"quota_set":{"instances":"2","force":"True"}}`); r.at(
		"quota_set", "instances") != 2.0 || r.has("quota_set", "id") {
		t.Error(r.text)
	}
	w.want(403, "alice", "2.1", "POST /servers", `{"server":{"name":"s","flavorRef":"1","imageRef":"`+image+`"}}`)
	if r := w.want(200, "alice", "2.1", "GET /os-quota-sets/p1/detail", ""); r.at("quota_set", "instances",
		"in_use") != 2.0 || r.at("quota_set", "instances", "limit") != 2.0 {
		t.Error(r.text)
	}
	w.want(400, "root", "2.1", "PUT /os-quota-sets/p1?user_id=alice", `{"quota_set":{"instances":3}}`)
	w.want(400, "root", "2.36", "PUT /os-quota-sets/p1", `{"quota_set":{"fixed_ips":3}}`)
	w.want(400, "root", "2.1", "PUT /os-quota-sets/p1", `{"quota_set":{"cores":-2}}`)
	if r := w.want(200, "alice", "2.57", "GET /limits", ""); r.at("limits", "absolute", "totalInstancesUsed") != 2.0 ||
		r.at("limits", "absolute", "maxTotalInstances") != 2.0 {
		t.Error(r.text)
	}
	w.want(403, "alice", "2.1", "GET /limits?tenant_id=p2", "")
	w.want(200, "root", "2.1", "GET /limits?tenant_id=p2", "")
	w.want(202, "root", "2.1", "DELETE /os-quota-sets/p1", "")
	w.want(200, "root", "2.1", "PUT /os-quota-class-sets/default", `{"quota_class_set":{"instances":7}}`)
	if r := w.want(200, "alice", "2.1", "GET /os-quota-sets/p1/defaults", ""); r.at("quota_set", "instances") != 7.0 {
		t.Error(r.text)
	}
	if r := w.want(200, "root", "2.50", "GET /os-quota-class-sets/default", ""); r.has("quota_class_set", "fixed_ips") ||
		!r.has("quota_class_set", "server_groups") {
		t.Error(r.text)
	}
}

func TestHosts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.host("h1")
	w.host("h2")
	id := w.server("s1")
	w.settle(id)
	w.want(403, "alice", "2.1", "GET /os-services", "")
	r := w.want(200, "root", "2.1", "GET /os-services?host=h1", "")
	if r.at("services", 0, "id") != 1.0 || r.at("services", 0, "state") != "up" || r.at("services", 0, "zone") != "nova" ||
		r.has("services", 0, "forced_down") {
		t.Error(r.text)
	}
	w.want(200, "root", "2.1", "PUT /os-services/disable-log-reason",
		`{"host":"h2","binary":"nova-compute","disabled_reason":"broken"}`)
	w.want(404, "root", "2.1", "PUT /os-services/disable", `{"host":"h9","binary":"nova-compute"}`)
	w.want(404, "root", "2.10", "PUT /os-services/force-down", `{"host":"h2","binary":"nova-compute"}`)
	w.want(200, "root", "2.11", "PUT /os-services/force-down", `{"host":"h2","binary":"nova-compute","forced_down":true}`)
	r = w.want(200, "root", "2.53", "GET /os-services?host=h2", "")
	if r.at("services", 0, "status") != "disabled" || r.at("services", 0, "disabled_reason") != "broken" ||
		r.at("services", 0, "state") != "down" {
		t.Error(r.text)
	}
	uuid := r.at("services", 0, "id").(string)
	w.want(400, "root", "2.53", "PUT /os-services/"+uuid, `{}`)
	w.want(400, "root", "2.53", "PUT /os-services/"+uuid, `{"status":"enabled","disabled_reason":"x"}`)
	if r := w.want(200, "root", "2.53", "PUT /os-services/"+uuid, `{"status":"enabled","forced_down":false}`); r.at(
		"service", "state") != "up" || r.at("service", "disabled_reason") != nil {
		t.Error(r.text)
	}

	r = w.want(200, "root", "2.1", "GET /os-hypervisors/detail", "")
	if r.at("hypervisors", 0, "vcpus_used") != 1.0 || r.at("hypervisors", 0, "id") != 1.0 ||
		r.at("hypervisors", 0, "cpu_info") != `{"arch":"x86_64"}` || r.at("hypervisors", 0, "service", "host") != "h1" {
		t.Error(r.text)
	}
	if r := w.want(200, "root", "2.28", "GET /os-hypervisors/1", ""); r.at("hypervisor", "cpu_info", "arch") != "x86_64" {
		t.Error(r.text)
	}
	r = w.want(200, "root", "2.88", "GET /os-hypervisors/detail?with_servers=true", "")
	if r.has("hypervisors", 0, "vcpus") || r.at("hypervisors", 0, "servers", 0, "uuid") != id ||
		!r.has("hypervisors", 0, "uptime") {
		t.Error(r.text)
	}
	if up, _ := r.at("hypervisors", 0, "uptime").(string); !strings.Contains(up, "load average") ||
		r.at("hypervisors", 1, "uptime") != nil {
		t.Error(r.text)
	}
	w.want(200, "root", "2.1", "GET /os-hypervisors/1/uptime", "")
	w.want(400, "root", "2.1", "GET /os-hypervisors/2/uptime", "")
	w.want(400, "root", "2.53", "GET /os-hypervisors/1", "")
	w.want(200, "root", "2.53", "GET /os-hypervisors/"+r.at("hypervisors", 0, "id").(string), "")
	w.want(404, "root", "2.53", "GET /os-hypervisors?hypervisor_hostname_pattern=zz", "")
	w.want(200, "root", "2.52", "GET /os-hypervisors/h/search", "")
	w.want(404, "root", "2.53", "GET /os-hypervisors/h/search", "")
	if r := w.want(200, "root", "2.33", "GET /os-hypervisors?limit=1", ""); r.at("hypervisors_links", 0,
		"href") != "http://example.com/v2.1/os-hypervisors?limit=1&marker=1" {
		t.Error(r.text)
	}
	if r := w.want(200, "root", "2.1", "GET /os-hypervisors/statistics", ""); r.at("hypervisor_statistics",
		"count") != 2.0 {
		t.Error(r.text)
	}
	w.want(404, "root", "2.88", "GET /os-hypervisors/statistics", "")

	r = w.want(200, "root", "2.41", "POST /os-aggregates", `{"aggregate":{"name":"a","availability_zone":"east"}}`)
	if r.at("aggregate", "id") != 1.0 || r.at("aggregate", "availability_zone") != "east" || !r.has("aggregate", "uuid") {
		t.Error(r.text)
	}
	w.want(409, "root", "2.1", "POST /os-aggregates", `{"aggregate":{"name":"a"}}`)
	w.want(409, "root", "2.1", "POST /os-aggregates/1/action", `{"add_host":{"host":"h1"}}`) // it has a server
	w.want(200, "root", "2.1", "POST /os-aggregates/1/action", `{"add_host":{"host":"h2"}}`)
	w.want(404, "root", "2.1", "POST /os-aggregates/1/action", `{"add_host":{"host":"h9"}}`)
	if r := w.want(200, "root", "2.1", "POST /os-aggregates/1/action",
		`{"set_metadata":{"metadata":{"ssd":"true"}}}`); r.at("aggregate", "metadata", "ssd") != "true" {
		t.Error(r.text)
	}
	r = w.want(200, "alice", "2.1", "GET /os-availability-zone", "")
	if r.at("availabilityZoneInfo", 0, "zoneName") != "east" || r.at("availabilityZoneInfo", 1, "zoneState",
		"available") != true || r.at("availabilityZoneInfo", 0, "hosts") != nil {
		t.Error(r.text)
	}
	w.want(403, "alice", "2.1", "GET /os-availability-zone/detail", "")
	if r := w.want(200, "root", "2.1", "GET /os-availability-zone/detail", ""); r.at("availabilityZoneInfo", 0, "hosts",
		"h2", "nova-compute", "active") != true {
		t.Error(r.text)
	}
	w.want(400, "root", "2.1", "DELETE /os-aggregates/1", "")
	w.want(200, "root", "2.1", "POST /os-aggregates/1/action", `{"remove_host":{"host":"h2"}}`)
	w.want(200, "root", "2.1", "DELETE /os-aggregates/1", "")
	w.want(404, "root", "2.1", "GET /os-aggregates/1", "")
	w.want(400, "root", "2.1", "GET /os-aggregates/x", "")

	w.want(409, "root", "2.1", "DELETE /os-services/1", "")
	w.want(204, "root", "2.53", "DELETE /os-services/"+uuid, "")
}

func TestEventsAndUsage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.host("h1")
	id := w.server("s1")
	event := `{"name":"network-vif-plugged","server_uuid":"` + id + `","tag":"` + port + `"}`
	w.want(403, "alice", "2.1", "POST /os-server-external-events", `{"events":[`+event+`]}`)
	w.want(207, "root", "2.1", "POST /os-server-external-events", `{"events":[`+event+`]}`)
	w.settle(id)
	if r := w.want(200, "root", "2.1", "POST /os-server-external-events", `{"events":[`+event+`]}`); r.at("events", 0,
		"code") != 200.0 || r.at("events", 0, "status") != "completed" {
		t.Error(r.text)
	}
	r := w.want(207, "root", "2.1", "POST /os-server-external-events", `{"events":[`+event+
		`,{"name":"network-changed","server_uuid":"`+nobody+`"}]}`)
	if r.at("events", 1, "code") != 404.0 {
		t.Error(r.text)
	}
	w.want(400, "root", "2.50", "POST /os-server-external-events", `{"events":[{"name":"volume-extended","server_uuid":"`+
		id+`"}]}`)
	w.want(400, "root", "2.1", "POST /os-server-external-events", `{"events":[]}`)

	r = w.want(200, "alice", "2.1", "GET /os-simple-tenant-usage/p1?start=2020-01-01T00:00:00&end=2100-01-01T00:00:00", "")
	if r.at("tenant_usage", "server_usages", 0, "instance_id") != id || r.at("tenant_usage", "total_hours").(float64) > 1 {
		t.Error(r.text)
	}
	w.want(403, "alice", "2.1", "GET /os-simple-tenant-usage", "")
	w.want(403, "alice", "2.1", "GET /os-simple-tenant-usage/p2", "")
	if r := w.want(200, "root", "2.40", "GET /os-simple-tenant-usage?limit=1&detailed=1&start=2020-01-01%2000:00:00.5",
		""); r.at("tenant_usages_links", 0, "rel") != "next" {
		t.Error(r.text)
	}
	w.want(400, "root", "2.1", "GET /os-simple-tenant-usage?start=2020-01-02T00:00:00&end=2020-01-01T00:00:00", "")
	w.want(200, "alice", "2.1", "GET /extensions", "")
	w.want(200, "alice", "2.1", "GET /extensions/os-keypairs", "")
	w.want(404, "alice", "2.1", "GET /extensions/os-none", "")
}

// TestFaultDetails: what broke inside the cloud is for administrators.
func TestFaultDetails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.server("s1")
	if err := w.db.Tx(t.Context(), failServer(w, id, &nova.Fault{Code: 500, Message: "No valid host was found.",
		Details: "RamFilter dropped 3"})); err != nil {
		t.Fatal(err)
	}
	r := w.want(200, "alice", "2.1", "GET /servers/"+id, "")
	if r.at("server", "status") != "ERROR" || r.at("server", "fault", "message") != "No valid host was found." ||
		r.has("server", "fault", "details") {
		t.Error(r.text)
	}
	if r := w.want(200, "root", "2.1", "GET /servers/"+id, ""); r.at("server", "fault",
		"details") != "RamFilter dropped 3" {
		t.Error(r.text)
	}
}
