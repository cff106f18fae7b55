package api_test

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// raw asks below any root.
func (w *world) raw(who, line, body string, headers ...string) *httptest.ResponseRecorder {
	method, path, _ := strings.Cut(line, " ")
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("X-Auth-Token", who)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec
}

func TestFirstAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.raw("alice", "POST /v2/servers", `{"server":{"name":"s","flavorRef":"1","imageRef":"`+image+
		`","colour":"red"},"more":{}}`)
	if made.Code != 202 || !strings.Contains(made.Header().Get("Location"), "/v2/servers/") {
		t.Fatalf("create: %d %s, at %q", made.Code, made.Body, made.Header().Get("Location"))
	}
	for _, tc := range []struct {
		name, line, body string
		status           int
		says             string
	}{
		{"list", "GET /v2/servers", "", 200, "/v2/servers/"},
		{"list below a project", "GET /v2/p1/servers", "", 200, "/v2/p1/servers/"},
		{"key pair with type, which 2.2 brought", "POST /v2/os-keypairs", `{"keypair":{"name":"k","type":"ssh"}}`, 200,
			"private_key"},
		{"a wrong type is refused here too", "POST /v2/os-keypairs", `{"keypair":{"name":1}}`, 400, ""},
		{"required members too", "POST /v2/os-keypairs", `{"keypair":{}}`, 400, ""},
		{"unknown members where they always were", "POST /v2.1/os-keypairs", `{"keypair":{"name":"k2","type":"ssh"}}`, 400,
			"type"},
		{"its document", "GET /v2/", "", 200, `"id":"v2.0"`},
		{"its document without a slash", "GET /v2", "", 200, `version=2"`},
		{"the other document", "GET /v2.1/", "", 200, `"id":"v2.1"`},
		{"both", "GET /", "", 200, `"id":"v2.0","status":"SUPPORTED","version":"","min_version":""`},
		{"a path with a slash is another one", "GET /v2.1/os-simple-tenant-usage/", "", 404, ""},
		{"and here", "GET /v2/servers/", "", 404, ""},
	} {
		r := w.raw("alice", tc.line, tc.body, "OpenStack-API-Version", "compute 2.90")
		if strings.Contains(tc.line, "/v2.1") {
			r = w.raw("alice", tc.line, tc.body)
		}
		if r.Code != tc.status || !strings.Contains(r.Body.String(), tc.says) {
			t.Errorf("%s: got %d %s, want %d with %s", tc.name, r.Code, r.Body, tc.status, tc.says)
		}
		if told := r.Header().Get("OpenStack-API-Version") + r.Header().Get("Vary"); told != "" &&
			strings.Contains(tc.line, "/v2/") {
			t.Errorf("%s: tells of versions: %q", tc.name, told)
		}
	}
}

func TestAnswersOfOtherClientsSuites(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.host("h1")
	id := w.server("s1")
	w.settle(id)
	for _, tc := range []struct {
		name, who, version, line, body string
		status                         int
		says                           string
	}{
		{"volumes of a server", "alice", "2.1", "GET /servers/" + id + "/os-volume_attachments", "", 200,
			`{"volumeAttachments":[]}`},
		{"volumes of another's server", "bob", "2.1", "GET /servers/" + id + "/os-volume_attachments", "", 404, ""},
		{"a volume of a server", "alice", "2.1", "GET /servers/" + id + "/os-volume_attachments/v", "", 404,
			"Instance " + id + " is not attached to volume v"},
		{"address in full", "alice", "2.1", "PUT /servers/" + id, `{"server":{"accessIPv6":"2001:DB8:0:0::1"}}`, 200,
			`"accessIPv6":"2001:db8::1"`},
		{"no servers", "alice", "2.1", "GET /servers?limit=0", "", 200, `{"servers":[]}`},
		{"no servers in detail", "alice", "2.1", "GET /servers/detail?limit=0", "", 200, `{"servers":[]}`},
		{"no flavors", "alice", "2.1", "GET /flavors?limit=0", "", 200, `{"flavors":[]}`},
		{"no hypervisors", "root", "2.53", "GET /os-hypervisors?limit=0", "", 200, `{"hypervisors":[]}`},
		{"no actions", "alice", "2.58", "GET /servers/" + id + "/os-instance-actions?limit=0", "", 200,
			`{"instanceActions":[]}`},
		{"no keys", "alice", "2.35", "GET /os-keypairs?limit=0", "", 200, `{"keypairs":[]}`},
		{"network quotas", "root", "2.35", "PUT /os-quota-sets/p1", `{"quota_set":{"floating_ips":7,"security_groups":8}}`,
			200, `"floating_ips":7`},
		{"network quotas are kept", "root", "2.35", "GET /os-quota-sets/p1", "", 200, `"security_groups":8`},
		{"others are unlimited", "root", "2.35", "GET /os-quota-sets/p1", "", 200, `"fixed_ips":-1`},
		{"allow, of a flavor that is not there for her", "alice", "2.1", "POST /flavors/3/action",
			`{"addTenantAccess":{"tenant":"p2"}}`, 403, ""},
		{"deny", "alice", "2.1", "POST /flavors/3/action", `{"removeTenantAccess":{"tenant":"p2"}}`, 403, ""},
		{"deny of none, by who may", "root", "2.1", "POST /flavors/none/action", `{"removeTenantAccess":{"tenant":"p2"}}`,
			404, ""},
		{"extra specs of a flavor that is not there for her", "alice", "2.1", "POST /flavors/3/os-extra_specs",
			`{"extra_specs":{"a":"b"}}`, 403, ""},
		{"an empty key", "alice", "2.1", "POST /os-keypairs", `{"keypair":{"name":"k","public_key":""}}`, 400, "empty"},
		{"an empty key later", "alice", "2.92", "POST /os-keypairs", `{"keypair":{"name":"k","public_key":""}}`, 400,
			"empty"},
		{"a key of null", "alice", "2.10", "POST /os-keypairs", `{"keypair":{"name":"k","public_key":null}}`, 400, ""},
		{"look-ahead", "alice", "2.1", "GET /servers?name=%5E%28%3F%21db-%29", "", 200, `"name":"s1"`},
		{"look-ahead that it does not pass", "alice", "2.1", "GET /servers?name=%5E%28%3F%21s%29", "", 200, `{"servers":[]}`},
		{"look-ahead on addresses", "alice", "2.1", "GET /servers?ip=%5E%28%3F%21192%29", "", 200, `"name":"s1"`},
		{"a line feed in a description", "alice", "2.19", "PUT /servers/" + id, `{"server":{"description":"a\nb"}}`, 400,
			"description"},
		{"and at creation", "alice", "2.36", "POST /servers", `{"server":{"name":"d","flavorRef":"1","imageRef":"` + image +
			`","description":"a\tb"}}`, 400, "description"},
		{"and of a flavor", "root", "2.55", "PUT /flavors/1", `{"flavor":{"description":"a\u2028b"}}`, 400, "description"},
		{"blanks and letters of anywhere", "alice", "2.19", "PUT /servers/" + id, `{"server":{"description":" ä 日 "}}`, 200,
			`" ä 日 "`},
		{"no description", "alice", "2.19", "PUT /servers/" + id, `{"server":{"description":null}}`, 200,
			`"description":null`},
		{"an empty one", "alice", "2.19", "PUT /servers/" + id, `{"server":{"description":""}}`, 200, `"description":""`},
		{"no expression", "alice", "2.1", "GET /servers?name=%28", "", 400, "name"},
		{"without end", "alice", "2.1", "GET /servers?name=%5E%28.%29%28%3F%3Dx%29%5C1", "", 400, "name"},
	} {
		r := w.ask(tc.who, tc.version, tc.line, tc.body)
		if r.code != tc.status || !strings.Contains(r.text, tc.says) {
			t.Errorf("%s: got %d %s, want %d with %s", tc.name, r.code, r.text, tc.status, tc.says)
		}
	}
	if all, _ := w.want(200, "alice", "2.1", "GET /extensions", "").at("extensions").([]any); len(all) != 99 {
		t.Errorf("%d extensions", len(all))
	}
}
