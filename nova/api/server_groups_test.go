package api_test

import (
	"fmt"
	"testing"
)

func TestServerGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const create = "POST /os-server-groups"
	for i, x := range []struct {
		version, body string
		status        int
	}{
		{"2.1", `{"name":"a","policies":["anti-affinity"]}`, 200},
		{"2.1", `{"name":"a","policies":["soft-affinity"]}`, 400},
		{"2.1", `{"name":"a","policies":[]}`, 400},
		{"2.1", `{"name":"a","policies":["affinity","affinity"]}`, 400},
		{"2.1", `{"name":"","policies":["affinity"]}`, 400},
		{"2.1", `{"name":"a","policies":["affinity"],"rules":{}}`, 400},
		{"2.1", `{"name":"a"}`, 400},
		{"2.63", `{"name":"b","policies":["soft-anti-affinity"]}`, 200},
		{"2.63", `{"name":"b","policy":"affinity"}`, 400},
		{"2.64", `{"name":"c","policy":"anti-affinity","rules":{"max_server_per_host":"3"}}`, 200},
		{"2.64", `{"name":"c","policy":"affinity","rules":{"max_server_per_host":3}}`, 400},
		{"2.64", `{"name":"c","policy":"anti-affinity","rules":{"max_server_per_host":0}}`, 400},
		{"2.64", `{"name":"c","policy":"anti-affinity","rules":{"other":1}}`, 400},
		{"2.64", `{"name":"c","policies":["affinity"]}`, 400},
		{"2.64", `{"name":"c"}`, 400},
	} {
		t.Run(fmt.Sprintf("%d at %s", i, x.version), func(t *testing.T) {
			w.want(x.status, "alice", x.version, create, `{"server_group":`+x.body+`}`)
		})
	}
	r := w.want(200, "alice", "2.1", "GET /os-server-groups", "")
	first, _ := r.at("server_groups", 0, "id").(string)
	if r.at("server_groups", 0, "policies", 0) != "anti-affinity" || r.has("server_groups", 0, "policy") ||
		!r.has("server_groups", 0, "metadata") || r.has("server_groups", 0, "project_id") || r.at("server_groups", 2) == nil {
		t.Error(r.text)
	}
	r = w.want(200, "alice", "2.64", "GET /os-server-groups?limit=1&offset=2", "")
	if r.at("server_groups", 0, "name") != "c" ||
		r.at("server_groups", 0, "rules", "max_server_per_host") != 3.0 || r.at("server_groups", 1) != nil ||
		r.has("server_groups", 0, "policies") || r.at("server_groups", 0, "user_id") != "alice" {
		t.Error(r.text)
	}
	r = w.want(200, "alice", "2.64", "GET /os-server-groups/"+first, "")
	if !r.has("server_group", "rules") || r.has("server_group", "rules", "max_server_per_host") {
		t.Error(r.text)
	}
	w.want(400, "alice", "2.1", "GET /os-server-groups?limit=-1", "")
	for _, q := range []string{"offset=9223372036854775807", "offset=9223372036854775807&limit=9223372036854775807",
		"offset=9223372036854775806&limit=1"} {
		if r := w.want(200, "alice", "2.1", "GET /os-server-groups?"+q, ""); r.at("server_groups", 0) != nil {
			t.Errorf("%s: %s", q, r.text)
		}
	}
	w.want(400, "alice", "2.75", "GET /os-server-groups?marker=x", "")
	w.want(403, "alice", "2.1", "GET /os-server-groups?all_projects=1", "")
	w.want(200, "root", "2.1", "GET /os-server-groups?all_projects=1", "")
	if r := w.want(200, "bob", "2.1", "GET /os-server-groups", ""); r.at("server_groups", 0) != nil {
		t.Error(r.text)
	}
	w.want(404, "bob", "2.1", "GET /os-server-groups/"+first, "")
	w.want(404, "bob", "2.1", "DELETE /os-server-groups/"+first, "")

	server := func(status int, as, group string) reply {
		return w.want(status, as, "2.71", "POST /servers", `{"server":{"name":"s","flavorRef":"1","imageRef":"`+image+
			`","networks":"none"},"os:scheduler_hints":{"group":"`+group+`"}}`)
	}
	id, _ := server(202, "alice", first).at("server", "id").(string)
	server(400, "bob", first)
	server(400, "alice", nobody)
	server(400, "alice", "x")
	for _, hint := range []string{"null", "5", "[]", "{}", `["` + first + `"]`, `["` + first + `","` + nobody + `"]`} {
		w.want(400, "alice", "2.71", "POST /servers", `{"server":{"name":"s","flavorRef":"1","imageRef":"`+image+
			`","networks":"none"},"os:scheduler_hints":{"group":`+hint+`}}`)
	}
	if r := w.want(200, "alice", "2.71", "GET /servers/"+id, ""); r.at("server", "server_groups", 0) != first {
		t.Error(r.text)
	}
	r = w.want(200, "alice", "2.71", "PUT /servers/"+id, `{"server":{"name":"t"}}`)
	if r.at("server", "server_groups", 0) != first {
		t.Error(r.text)
	}
	if r := w.want(200, "alice", "2.1", "GET /os-server-groups/"+first, ""); r.at("server_group", "members", 0) != id {
		t.Error(r.text)
	}
	r = w.want(200, "alice", "2.1", "GET /os-quota-sets/p1/detail", "")
	if r.at("quota_set", "server_groups", "in_use") != 3.0 {
		t.Error(r.text)
	}
	if r := w.want(200, "alice", "2.1", "GET /limits", ""); r.at("limits", "absolute", "totalServerGroupsUsed") != 3.0 {
		t.Error(r.text)
	}
	w.want(400, "root", "2.1", "PUT /os-quota-sets/p1", `{"quota_set":{"server_groups":2}}`)
	w.want(200, "root", "2.1", "PUT /os-quota-sets/p1", `{"quota_set":{"server_groups":3,"server_group_members":1}}`)
	w.want(403, "alice", "2.1", create, `{"server_group":{"name":"d","policies":["affinity"]}}`)
	server(403, "alice", first)
	w.want(204, "alice", "2.1", "DELETE /os-server-groups/"+first, "")
	w.want(404, "alice", "2.1", "DELETE /os-server-groups/"+first, "")
	if r := w.want(200, "alice", "2.71", "GET /servers/"+id, ""); r.at("server", "server_groups", 0) != nil {
		t.Error(r.text)
	}
}
