package api_test

import (
	"strings"
	"testing"

	"hypernova/nova"
	"hypernova/nova/store"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
)

// TestEmptyNullAndAbsent tells apart what nova's schemas tell apart: a member that is empty, one that is null and one
// that is not there.
func TestEmptyNullAndAbsent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.host("h1")
	id := w.server("s1")
	w.settle(id)
	server := func(members string) string {
		return `{"server":{"name":"s","flavorRef":"1","imageRef":"` + image + `",` + members + `}}`
	}
	const create, update = "POST /servers", "PUT /servers/"
	for _, tc := range []struct {
		name, who, version, line, body string
		status                         int
	}{
		{"image that is no id", "alice", "2.1", create, `{"server":{"name":"s","flavorRef":"1","imageRef":"guest"}}`, 400},
		{"image null", "alice", "2.1", create, `{"server":{"name":"s","flavorRef":"1","imageRef":null}}`, 400},
		{"image empty", "alice", "2.1", create, `{"server":{"name":"s","flavorRef":"1","imageRef":""}}`, 400},
		{"flavor as a number", "alice", "2.1", create, `{"server":{"name":"s","flavorRef":1,"imageRef":"` + image + `"}}`,
			202},
		{"flavor empty", "alice", "2.1", create, `{"server":{"name":"s","flavorRef":"","imageRef":"` + image + `"}}`, 400},
		{"name with what the basic plane lacks", "alice", "2.1", create,
			`{"server":{"name":"s😀","flavorRef":"1","imageRef":"` + image + `"}}`, 400},
		{"name with blanks around", "alice", "2.1", create, `{"server":{"name":" s","flavorRef":"1","imageRef":"` + image +
			`"}}`, 400},
		{"networks null", "alice", "2.1", create, server(`"networks":null`), 400},
		{"networks empty", "alice", "2.1", create, server(`"networks":[]`), 202},
		{"network whose port is null", "alice", "2.1", create, server(`"networks":[{"uuid":"` + network + `","port":null}]`),
			202},
		{"network whose fixed IP is null", "alice", "2.1", create, server(`"networks":[{"uuid":"` + network +
			`","fixed_ip":null}]`), 400},
		{"network whose id is empty", "alice", "2.1", create, server(`"networks":[{"uuid":""}]`), 400},
		{"networks absent, when they are required", "alice", "2.37", create, server(`"metadata":{}`), 400},
		{"networks empty, when they are required", "alice", "2.37", create, server(`"networks":[]`), 202},
		{"networks of an empty word", "alice", "2.37", create, server(`"networks":""`), 400},
		{"tags null", "alice", "2.52", create, server(`"networks":"none","tags":null`), 400},
		{"tags empty", "alice", "2.52", create, server(`"networks":"none","tags":[]`), 202},
		{"tag empty", "alice", "2.52", create, server(`"networks":"none","tags":[""]`), 400},
		{"a tag twice", "alice", "2.52", create, server(`"networks":"none","tags":["a","a"]`), 202},
		{"disks null", "alice", "2.1", create, server(`"block_device_mapping_v2":null`), 400},
		{"disks empty", "alice", "2.1", create, server(`"block_device_mapping_v2":[]`), 202},
		{"old disks empty", "alice", "2.1", create, server(`"block_device_mapping":[]`), 202},
		{"disk with its order null", "alice", "2.1", create, server(`"block_device_mapping_v2":[{"uuid":"` + image +
			`","source_type":"image","destination_type":"local","boot_index":null}]`), 400},
		{"disk with a name that is empty", "alice", "2.1", create, server(`"block_device_mapping_v2":[{"uuid":"` + image +
			`","source_type":"image","destination_type":"local","boot_index":0,"device_name":""}]`), 400},
		{"files null", "alice", "2.1", create, server(`"personality":null`), 400},
		{"files empty", "alice", "2.1", create, server(`"personality":[]`), 202},
		{"zone empty", "alice", "2.1", create, server(`"availability_zone":""`), 400},
		{"zone null", "alice", "2.1", create, server(`"availability_zone":null`), 400},
		{"user data empty", "alice", "2.1", create, server(`"user_data":""`), 202},
		{"user data null", "alice", "2.1", create, server(`"user_data":null`), 400},
		{"key name empty", "alice", "2.1", create, server(`"key_name":""`), 400},
		{"key name null", "alice", "2.1", create, server(`"key_name":null`), 400},
		{"groups null", "alice", "2.1", create, server(`"security_groups":null`), 400},
		{"groups empty", "alice", "2.1", create, server(`"security_groups":[]`), 202},
		{"a group without a name", "alice", "2.1", create, server(`"security_groups":[{}]`), 202},
		{"a group whose name is null", "alice", "2.1", create, server(`"security_groups":[{"name":null}]`), 400},
		{"a group twice", "alice", "2.1", create, server(`"security_groups":[{"name":"default"},{"name":"default"}]`), 202},
		{"metadata null", "alice", "2.1", create, server(`"metadata":null`), 400},
		{"metadata with null", "alice", "2.1", create, server(`"metadata":{"a":null}`), 400},
		{"metadata with an empty value", "alice", "2.1", create, server(`"metadata":{"a":""}`), 202},
		{"metadata with an empty key", "alice", "2.1", create, server(`"metadata":{"":"a"}`), 400},
		{"drive empty", "alice", "2.1", create, server(`"config_drive":""`), 400},
		{"drive null", "alice", "2.1", create, server(`"config_drive":null`), 400},
		{"drive as a number", "alice", "2.1", create, server(`"config_drive":1`), 400},
		{"drive as a letter", "alice", "2.1", create, server(`"config_drive":"t"`), 400},
		{"drive as a word", "alice", "2.1", create, server(`"config_drive":"Yes"`), 202},
		{"count empty", "alice", "2.1", create, server(`"min_count":""`), 400},
		{"count with blanks", "alice", "2.1", create, server(`"min_count":" 1"`), 400},
		{"count as text", "alice", "2.1", create, server(`"min_count":"1"`), 202},
		{"description null", "alice", "2.19", create, server(`"description":null`), 202},
		{"description empty", "alice", "2.19", create, server(`"description":""`), 202},
		{"certificates null", "alice", "2.63", create, server(`"networks":"none","trusted_image_certificates":null`), 202},
		{"certificates empty", "alice", "2.63", create, server(`"networks":"none","trusted_image_certificates":[]`), 400},
		{"host name of one letter", "alice", "2.90", create, server(`"networks":"none","hostname":"a"`), 400},
		{"host name empty", "alice", "2.90", create, server(`"networks":"none","hostname":""`), 400},
		{"host name null", "alice", "2.94", create, server(`"networks":"none","hostname":null`), 400},
		{"host name with an underscore", "alice", "2.94", create, server(`"networks":"none","hostname":"a_b.example"`), 202},
		{"hints null", "alice", "2.1", create, `{"server":{"name":"s","flavorRef":"1","imageRef":"` + image +
			`"},"os:scheduler_hints":null}`, 400},
		{"hints empty", "alice", "2.1", create, `{"server":{"name":"s","flavorRef":"1","imageRef":"` + image +
			`"},"os:scheduler_hints":{}}`, 202},
		{"a hint null", "alice", "2.1", create, `{"server":{"name":"s","flavorRef":"1","imageRef":"` + image +
			`"},"os:scheduler_hints":{"different_host":null}}`, 400},
		{"a hint that is no address", "alice", "2.1", create, `{"server":{"name":"s","flavorRef":"1","imageRef":"` + image +
			`"},"os:scheduler_hints":{"build_near_host_ip":""}}`, 400},
		{"another's hint", "alice", "2.1", create, `{"server":{"name":"s","flavorRef":"1","imageRef":"` + image +
			`"},"os:scheduler_hints":{"mine":null}}`, 202},

		{"new name null", "alice", "2.1", update + id, `{"server":{"name":null}}`, 400},
		{"new name empty", "alice", "2.1", update + id, `{"server":{"name":""}}`, 400},
		{"nothing new", "alice", "2.1", update + id, `{"server":{}}`, 200},
		{"address empty", "alice", "2.1", update + id, `{"server":{"accessIPv4":""}}`, 400},
		{"address null", "alice", "2.1", update + id, `{"server":{"accessIPv6":null}}`, 400},
		{"items null", "alice", "2.1", "POST /servers/" + id + "/metadata", `{"metadata":null}`, 400},
		{"items empty", "alice", "2.1", "POST /servers/" + id + "/metadata", `{"metadata":{}}`, 200},
		{"no item", "alice", "2.1", "PUT /servers/" + id + "/metadata/a", `{"meta":{}}`, 400},
		{"tags of a server null", "alice", "2.26", "PUT /servers/" + id + "/tags", `{"tags":null}`, 400},
		{"tags of a server empty", "alice", "2.26", "PUT /servers/" + id + "/tags", `{"tags":[]}`, 200},
		{"lock null", "alice", "2.73", "POST /servers/" + id + "/action", `{"lock":null}`, 202},
		{"lock without a reason", "alice", "2.73", "POST /servers/" + id + "/action", `{"lock":{}}`, 202},
		{"lock with an empty reason", "alice", "2.73", "POST /servers/" + id + "/action", `{"lock":{"locked_reason":""}}`,
			400},
		{"lock with a reason of null", "alice", "2.73", "POST /servers/" + id + "/action", `{"lock":{"locked_reason":null}}`,
			400},
		{"lock with anything, before there were reasons", "alice", "2.1", "POST /servers/" + id + "/action",
			`{"lock":{"a":1}}`, 202},
		{"unlock with anything", "alice", "2.1", "POST /servers/" + id + "/action", `{"unlock":[]}`, 202},
		{"reboot null", "alice", "2.1", "POST /servers/" + id + "/action", `{"reboot":null}`, 400},
		{"reboot of no type", "alice", "2.1", "POST /servers/" + id + "/action", `{"reboot":{"type":""}}`, 400},
		{"console null", "alice", "2.1", "POST /servers/" + id + "/action", `{"os-getConsoleOutput":null}`, 400},
		{"console with a length that is empty", "alice", "2.1", "POST /servers/" + id + "/action",
			`{"os-getConsoleOutput":{"length":""}}`, 400},
		{"state null", "root", "2.1", "POST /servers/" + id + "/action", `{"os-resetState":{"state":null}}`, 400},

		{"key type null", "alice", "2.2", "POST /os-keypairs", `{"keypair":{"name":"k","type":null}}`, 400},
		{"key type empty", "alice", "2.2", "POST /os-keypairs", `{"keypair":{"name":"k","type":""}}`, 400},
		{"key name null", "alice", "2.1", "POST /os-keypairs", `{"keypair":{"name":null}}`, 400},
		{"key of user null", "alice", "2.10", "POST /os-keypairs", `{"keypair":{"name":"k","user_id":null}}`, 400},
		{"key of user empty", "alice", "2.10", "POST /os-keypairs", `{"keypair":{"name":"k","user_id":""}}`, 201},

		{"flavor id null", "root", "2.1", "POST /flavors", `{"flavor":{"name":"f1","id":null,"ram":1,"vcpus":1,"disk":0}}`,
			200},
		{"flavor id empty", "root", "2.1", "POST /flavors", `{"flavor":{"name":"f2","id":"","ram":1,"vcpus":1,"disk":0}}`,
			400},
		{"flavor id true", "root", "2.1", "POST /flavors", `{"flavor":{"name":"f3","id":true,"ram":1,"vcpus":1,"disk":0}}`,
			400},
		{"flavor id as a number", "root", "2.1", "POST /flavors",
			`{"flavor":{"name":"f4","id":77,"ram":1,"vcpus":1,"disk":0}}`, 200},
		{"flavor id escaped", "root", "2.1", "POST /flavors",
			`{"flavor":{"name":"f5","id":"\u0037\u0038","ram":1,"vcpus":1,"disk":0}}`, 200},
		{"memory null", "root", "2.1", "POST /flavors", `{"flavor":{"name":"f6","ram":null,"vcpus":1,"disk":0}}`, 400},
		{"disk empty", "root", "2.1", "POST /flavors", `{"flavor":{"name":"f6","ram":1,"vcpus":1,"disk":""}}`, 400},
		{"swap null", "root", "2.1", "POST /flavors", `{"flavor":{"name":"f6","ram":1,"vcpus":1,"disk":0,"swap":null}}`, 400},
		{"public null", "root", "2.1", "POST /flavors",
			`{"flavor":{"name":"f6","ram":1,"vcpus":1,"disk":0,"os-flavor-access:is_public":null}}`, 400},
		{"flavor's description null", "root", "2.55", "POST /flavors",
			`{"flavor":{"name":"f7","ram":1,"vcpus":1,"disk":0,"description":null}}`, 200},
		{"specs null", "root", "2.1", "POST /flavors/1/os-extra_specs", `{"extra_specs":null}`, 400},
		{"specs empty", "root", "2.1", "POST /flavors/1/os-extra_specs", `{"extra_specs":{}}`, 200},
		{"a spec null", "root", "2.1", "POST /flavors/1/os-extra_specs", `{"extra_specs":{"a":null}}`, 400},
		{"a spec empty", "root", "2.1", "POST /flavors/1/os-extra_specs", `{"extra_specs":{"a":""}}`, 200},
		{"access empty", "root", "2.1", "POST /flavors/3/action", `{"addTenantAccess":{"tenant":""}}`, 400},

		{"limits empty", "root", "2.1", "PUT /os-quota-sets/p1", `{"quota_set":{}}`, 200},
		{"limit null", "root", "2.1", "PUT /os-quota-sets/p1", `{"quota_set":{"cores":null}}`, 400},
		{"limit empty", "root", "2.1", "PUT /os-quota-sets/p1", `{"quota_set":{"cores":""}}`, 400},
		{"limit as text", "root", "2.1", "PUT /os-quota-sets/p1", `{"quota_set":{"cores":"-1","force":"on"}}`, 200},
		{"force null", "root", "2.1", "PUT /os-quota-sets/p1", `{"quota_set":{"force":null}}`, 400},

		{"service's reason empty", "root", "2.1", "PUT /os-services/disable-log-reason",
			`{"host":"h1","binary":"nova-compute","disabled_reason":""}`, 400},
		{"service down null", "root", "2.11", "PUT /os-services/force-down",
			`{"host":"h1","binary":"nova-compute","forced_down":null}`, 400},

		{"aggregate with a zone of null", "root", "2.1", "POST /os-aggregates",
			`{"aggregate":{"name":"a1","availability_zone":null}}`, 200},
		{"aggregate with an empty zone", "root", "2.1", "POST /os-aggregates",
			`{"aggregate":{"name":"a2","availability_zone":""}}`, 400},
		{"its name with blanks around, later", "root", "2.1", "PUT /os-aggregates/1", `{"aggregate":{"name":" a3 "}}`, 200},
		{"its zone null, later", "root", "2.1", "PUT /os-aggregates/1", `{"aggregate":{"availability_zone":null}}`, 400},
		{"its zone taken away as metadata", "root", "2.1", "POST /os-aggregates/1/action",
			`{"set_metadata":{"metadata":{"availability_zone":null}}}`, 400},
		{"its metadata null", "root", "2.1", "POST /os-aggregates/1/action", `{"set_metadata":{"metadata":null}}`, 400},
		{"an item of it null", "root", "2.1", "POST /os-aggregates/1/action", `{"set_metadata":{"metadata":{"a":null}}}`,
			200},

		{"events empty", "service", "2.1", "POST /os-server-external-events", `{"events":[]}`, 400},
		{"an event's tag null", "service", "2.1", "POST /os-server-external-events",
			`{"events":[{"name":"network-changed","server_uuid":"` + id + `","tag":null}]}`, 400},
		{"an event's status empty", "service", "2.1", "POST /os-server-external-events",
			`{"events":[{"name":"network-changed","server_uuid":"` + id + `","status":""}]}`, 400},
		{"an event that needs its tag", "service", "2.51", "POST /os-server-external-events",
			`{"events":[{"name":"volume-extended","server_uuid":"` + id + `"}]}`, 207},
	} {
		if r := w.ask(tc.who, tc.version, tc.line, tc.body); r.code != tc.status {
			t.Errorf("%s: got %d %s, want %d", tc.name, r.code, r.text, tc.status)
		}
		if tc.line == create { // quotas are of other tests
			w.forgetOthers(id)
		}
	}
	if name := w.want(200, "root", "2.1", "GET /os-aggregates/1", "").at("aggregate", "name"); name != "a3" {
		t.Errorf("the aggregate is called %q", name)
	}
	e := w.want(200, "service", "2.1", "POST /os-server-external-events",
		`{"events":[{"name":"network-vif-unplugged","server_uuid":"`+id+`","status":"failed","tag":""}]}`)
	if e.at("events", 0, "status") != "completed" || e.at("events", 0, "tag") != "" {
		t.Errorf("the event is answered by %s", e.text)
	}
}

// forgetOthers deletes alice's servers but one.
func (w *world) forgetOthers(keep string) {
	w.t.Helper()
	list, _ := w.want(200, "alice", "2.1", "GET /servers", "").at("servers").([]any)
	for _, v := range list {
		if id, _ := v.(map[string]any)["id"].(string); id != keep {
			w.gone(id)
		}
	}
}

// gone deletes a server, as its job would.
func (w *world) gone(id string) {
	w.t.Helper()
	err := w.db.Tx(w.t.Context(), func(tx *db.Tx) error {
		for _, m := range []nova.Move{nova.DeleteServer.Begin, nova.DeleteServer.Done} {
			if _, _, err := store.Move(w.t.Context(), tx, id, m, store.Change{}, clock.Real()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestFirstAPIReadsAsItDid reads bodies below /v2 as nova's first API did.
func TestFirstAPIReadsAsItDid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tc := range []struct {
		name, who, line, body string
		status                int
		says                  string
	}{
		{"unknown members of a network", "alice", "POST /v2/servers",
			`{"server":{"name":"s","flavorRef":"1","imageRef":"` + image + `","networks":[{"uuid":"` + network +
				`","colour":"red"}]}}`, 202, ""},
		{"of a group", "alice", "POST /v2/servers", `{"server":{"name":"s","flavorRef":"1","imageRef":"` + image +
			`","security_groups":[{"name":" default ","x":1}]}}`, 202, ""},
		{"user data of null", "alice", "POST /v2/servers", `{"server":{"name":"s","flavorRef":"1","imageRef":"` + image +
			`","user_data":null}}`, 202, ""},
		{"a name of blanks", "alice", "POST /v2/servers", `{"server":{"name":"  ","flavorRef":"1","imageRef":"` + image +
			`"}}`, 400, ""},
		{"a name with blanks around", "alice", "POST /v2/servers",
			`{"server":{"name":" named ","flavorRef":"1","imageRef":"` + image + `"}}`, 202, ""},
		{"is stripped", "alice", "GET /v2/servers", "", 200, `"name":"named"`},
		{"of a key pair", "alice", "POST /v2/os-keypairs", `{"keypair":{"name":" key "}}`, 200, `"name":"key"`},
		{"of an aggregate and its zone", "root", "POST /v2/os-aggregates",
			`{"aggregate":{"name":" agg ","availability_zone":" east "}}`, 200, `"availability_zone":"east"`},
		{"of a flavor", "root", "POST /v2/flavors", `{"flavor":{"name":" big ","ram":1,"vcpus":1,"disk":0,"x":1}}`, 200,
			`"name":"big"`},
		{"keys of metadata are no members", "alice", "POST /v2/servers",
			`{"server":{"name":"s","flavorRef":"1","imageRef":"` + image + `","metadata":{"a/b":"c"}}}`, 400, ""},
	} {
		if r := w.raw(tc.who, tc.line, tc.body); r.Code != tc.status || !strings.Contains(r.Body.String(), tc.says) {
			t.Errorf("%s: got %d %s, want %d with %s", tc.name, r.Code, r.Body, tc.status, tc.says)
		}
	}
}
