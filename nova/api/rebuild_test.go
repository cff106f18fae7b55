package api_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	novaapi "hypernova/nova/api"
	"hypernova/nova/store"
	"hypernova/oslo/db"
)

// put writes columns of a server's row.
func (w *world) put(id, columns string, values ...any) {
	w.t.Helper()
	set := db.NewExec(db.NewSet("test"), "UPDATE servers SET "+columns+" WHERE id = ?")
	if _, err := set.Do(context.WithoutCancel(w.t.Context()), w.db, append(values, id)...); err != nil {
		w.t.Fatal(err)
	}
}

// ready is an active server.
func (w *world) ready(name string) string {
	w.t.Helper()
	w.host("h1")
	id := w.server(name)
	w.settle(id)
	return id
}

// TestRebuildAnswersByVersion lists when a member comes into the answer to a rebuild, as nova's response schemas have
// it.
func TestRebuildAnswersByVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.ready("s")
	changes := map[string][]string{}
	var before []string
	for minor := 1; minor <= novaapi.Newest.Minor; minor++ {
		w.put(id, "vm_state = 'active', task_state = ''")
		r := w.want(202, "root", fmt.Sprintf("2.%d", minor), "POST /servers/"+id+"/action",
			`{"rebuild":{"imageRef":"`+image+`","adminPass":"secret"}}`)
		if got := r.at("server", "status"); got != "REBUILD" || r.at("server", "adminPass") != "secret" {
			t.Fatalf("2.%d: %s", minor, r.text)
		}
		var now, diff []string
		for k := range r.at("server").(map[string]any) {
			now = append(now, k)
		}
		slices.Sort(now)
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
		if len(diff) > 0 {
			changes[fmt.Sprint(minor)] = diff
		}
		before = now
	}
	want := map[string][]string{
		"1": {"+OS-DCF:diskConfig", "+accessIPv4", "+accessIPv6", "+addresses", "+adminPass", "+created", "+flavor",
			"+hostId", "+id", "+image", "+links", "+metadata", "+name", "+progress", "+status", "+tenant_id", "+updated",
			"+user_id"},
		"9": {"+locked"}, "19": {"+description"}, "26": {"+tags"}, "54": {"+key_name"}, "57": {"+user_data"},
		"63": {"+trusted_image_certificates"}, "71": {"+server_groups"}, "73": {"+locked_reason"},
		"75": {"+OS-EXT-AZ:availability_zone", "+OS-EXT-SRV-ATTR:host", "+OS-EXT-SRV-ATTR:hostname",
			"+OS-EXT-SRV-ATTR:hypervisor_hostname", "+OS-EXT-SRV-ATTR:instance_name", "+OS-EXT-SRV-ATTR:kernel_id",
			"+OS-EXT-SRV-ATTR:launch_index", "+OS-EXT-SRV-ATTR:ramdisk_id", "+OS-EXT-SRV-ATTR:reservation_id",
			"+OS-EXT-SRV-ATTR:root_device_name", "+OS-EXT-STS:power_state", "+OS-EXT-STS:task_state",
			"+OS-EXT-STS:vm_state", "+OS-SRV-USG:launched_at", "+OS-SRV-USG:terminated_at", "+config_drive",
			"+host_status", "+os-extended-volumes:volumes_attached", "+security_groups"},
		"96": {"+pinned_availability_zone"}, "100": {"+scheduler_hints"},
	}
	if diff := cmp.Diff(want, changes); diff != "" {
		t.Error(diff)
	}
}

func TestRebuildChangesTheServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.ready("s")
	w.want(200, "alice", "2.1", "POST /os-keypairs", `{"keypair":{"name":"k","public_key":"`+publicKey+`"}}`)
	r := w.want(202, "alice", "2.94", "POST /servers/"+id+"/action", `{"rebuild":{"imageRef":"`+image+`","name":"néu",
		"metadata":{"a":"b"},"OS-DCF:diskConfig":"AUTO","accessIPv4":"192.0.2.7","accessIPv6":"2001:DB8:0::7",
		"description":"Größe","key_name":"k","user_data":"Zm9v","hostname":"web.example.org"}}`)
	for k, want := range map[string]any{"name": "néu", "OS-DCF:diskConfig": "AUTO", "accessIPv4": "192.0.2.7",
		"accessIPv6": "2001:db8::7", "description": "Größe", "key_name": "k", "user_data": "Zm9v",
		"OS-EXT-SRV-ATTR:hostname": "web.example.org", "status": "REBUILD", "OS-EXT-STS:task_state": "rebuilding"} {
		if got := r.at("server", k); got != want {
			t.Errorf("%s is %v, want %v", k, got, want)
		}
	}
	if diff := cmp.Diff(map[string]any{"a": "b"}, r.at("server", "metadata")); diff != "" {
		t.Error(diff)
	}
	if pass, _ := r.at("server", "adminPass").(string); len(pass) < 12 {
		t.Errorf("the generated password is %q", pass)
	}
	if at := r.header.Get("Location"); !strings.HasSuffix(at, "/servers/"+id) {
		t.Errorf("location %q", at)
	}
	// A second one meets the first.
	w.want(409, "alice", "2.1", "POST /servers/"+id+"/action", `{"rebuild":{"imageRef":"`+image+`"}}`)
	w.put(id, "vm_state = 'active', task_state = ''")
	r = w.want(202, "alice", "2.57", "POST /servers/"+id+"/action", `{"rebuild":{"imageRef":"`+image+
		`","key_name":null,"user_data":null,"description":null,"metadata":{}}}`)
	for _, k := range []string{"key_name", "user_data", "description"} {
		if got := r.at("server", k); got != nil {
			t.Errorf("%s is %v, want null", k, got)
		}
	}
}

func TestRebuildRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.ready("s")
	long := strings.Repeat("A", 65536)
	for _, tc := range []struct {
		name, who, version, members string
		status                      int
		says                        string
	}{
		{"no image", "alice", "2.1", `"name":"n"`, 400, "imageRef"},
		{"an empty image", "alice", "2.1", `"imageRef":""`, 400, "imageRef"},
		{"an image of no uuid", "alice", "2.1", `"imageRef":"debian"`, 400, "imageRef"},
		{"an unknown image", "alice", "2.1", `"imageRef":"` + nobody + `"`, 400, "Cannot find image for rebuild"},
		{"an unknown member", "alice", "2.1", `"imageRef":"` + image + `","flavorRef":"1"`, 400, "flavorRef"},
		{"an empty name", "alice", "2.1", `"imageRef":"` + image + `","name":""`, 400, "name"},
		{"a name with a space before it", "alice", "2.1", `"imageRef":"` + image + `","name":" n"`, 400, "name"},
		{"a long name", "alice", "2.1", `"imageRef":"` + image + `","name":"` + long[:256] + `"`, 400, "name"},
		{"too many metadata items", "alice", "2.1", `"imageRef":"` + image +
			`","metadata":{"a":"","b":"","c":"","d":"","e":"","f":""}`, 403, "Maximum number of metadata items exceeds 5"},
		{"too many files", "alice", "2.56", `"imageRef":"` + image + `","personality":[` +
			strings.Repeat(`{"path":"/a","contents":"Zm9v"},`, 5) + `{"path":"/a","contents":"Zm9v"}]`, 403,
			"Personality file limit exceeded"},
		{"a file of a long path", "alice", "2.1", `"imageRef":"` + image + `","personality":[{"path":"/` + long[:255] +
			`","contents":"Zm9v"}]`, 403, "Personality file path exceeds maximum 255"},
		{"a large file", "alice", "2.1", `"imageRef":"` + image + `","personality":[{"path":"/a","contents":"` +
			long[:16384] + `"}]`, 403, "Personality file content exceeds maximum 10240"},
		{"a file of no form", "alice", "2.1", `"imageRef":"` + image + `","personality":[{"path":"/a","contents":"%"}]`, 400,
			"contents"},
		{"files are gone", "alice", "2.57", `"imageRef":"` + image + `","personality":[]`, 400, "personality"},
		{"a description too early", "alice", "2.18", `"imageRef":"` + image + `","description":"d"`, 400, "description"},
		{"a key too early", "alice", "2.53", `"imageRef":"` + image + `","key_name":"k"`, 400, "key_name"},
		{"an unknown key", "alice", "2.54", `"imageRef":"` + image + `","key_name":"k"`, 400, "Invalid key_name provided."},
		{"user data too early", "alice", "2.56", `"imageRef":"` + image + `","user_data":"Zm9v"`, 400, "user_data"},
		{"user data of no form", "alice", "2.57", `"imageRef":"` + image + `","user_data":"%%"`, 400, "user_data"},
		{"large user data", "alice", "2.57", `"imageRef":"` + image + `","user_data":"` + long + `"`, 400, "user_data"},
		{"certificates too early", "alice", "2.62", `"imageRef":"` + image + `","trusted_image_certificates":["c"]`, 400,
			"trusted_image_certificates"},
		{"certificates", "alice", "2.63", `"imageRef":"` + image + `","trusted_image_certificates":["c"]`, 400,
			"cannot be checked in this cloud"},
		{"no certificates", "alice", "2.63", `"imageRef":"` + image + `","trusted_image_certificates":null`, 202, ""},
		{"a hostname too early", "alice", "2.89", `"imageRef":"` + image + `","hostname":"web"`, 400, "hostname"},
		{"a hostname with dots too early", "alice", "2.93", `"imageRef":"` + image + `","hostname":"web.example.org"`, 400,
			"hostname"},
		{"a hostname", "alice", "2.90", `"imageRef":"` + image + `","hostname":"web"`, 202, ""},
		{"of another project", "bob", "2.1", `"imageRef":"` + image + `"`, 404, "could not be found"},
		{"by a reader", "reader", "2.1", `"imageRef":"` + image + `"`, 403, "rebuild"},
	} {
		w.put(id, "vm_state = 'active', task_state = ''")
		r := w.ask(tc.who, tc.version, "POST /servers/"+id+"/action", `{"rebuild":{`+tc.members+`}}`)
		if r.code != tc.status || !strings.Contains(r.text, tc.says) {
			t.Errorf("%s: got %d %s, want %d with %q", tc.name, r.code, r.text, tc.status, tc.says)
		}
	}
}

func TestRescue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.ready("s")
	for _, tc := range []struct {
		body, says string
		status     int
	}{
		{`{"rescue":{"rescue_image_ref":"` + nobody + `"}}`, "Requested rescue image '" + nobody + "' is not supported", 400},
		{`{"rescue":{"rescue_image_ref":"x"}}`, "rescue_image_ref", 400},
		{`{"rescue":{"other":1}}`, "other", 400},
		{`{"rescue":"now"}`, "rescue", 400},
		{`{"rescue":{"adminPass":"secret"}}`, `{"adminPass":"secret"}`, 200},
		{`{"rescue":{}}`, "Cannot 'rescue' instance " + id + " while it is in task_state rescuing", 409},
	} {
		r := w.ask("alice", "2.1", "POST /servers/"+id+"/action", tc.body)
		if r.code != tc.status || !strings.Contains(r.text, tc.says) {
			t.Errorf("%s: got %d %s, want %d with %q", tc.body, r.code, r.text, tc.status, tc.says)
		}
	}
	w.put(id, "vm_state = 'rescued', task_state = ''")
	if got := w.want(200, "alice", "2.1", "GET /servers/"+id, "").at("server", "status"); got != "RESCUE" {
		t.Errorf("status %v", got)
	}
	for _, body := range []string{`{"reboot":{"type":"HARD"}}`, `{"os-stop":null}`, `{"rescue":null}`, `{"pause":null}`} {
		w.want(409, "alice", "2.1", "POST /servers/"+id+"/action", body)
	}
	w.want(202, "alice", "2.1", "POST /servers/"+id+"/action", `{"unrescue":null}`)
	w.put(id, "vm_state = 'active', task_state = ''")
	r := w.want(200, "alice", "2.1", "POST /servers/"+id+"/action", `{"rescue":null}`)
	if len(r.at("adminPass").(string)) < 12 {
		t.Errorf("generated password %s", r.text)
	}
}

// A lock that the owner's project set is ended by that project. One that an administrator set needs the rule
// os_compute_api:os-lock-server:unlock:unlock_override.
func TestLocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.ready("s")
	act := func(status int, who, body string) {
		t.Helper()
		w.want(status, who, "2.73", "POST /servers/"+id+"/action", body)
	}
	reason := func(want any) {
		t.Helper()
		if got := w.want(200, "alice", "2.73", "GET /servers/"+id, "").at("server", "locked_reason"); got != want {
			t.Errorf("locked for %v, want %v", got, want)
		}
	}
	act(202, "alice", `{"lock":{"locked_reason":"mine"}}`)
	act(202, "alice", `{"lock":{"locked_reason":"again"}}`) // it is locked: nothing changes
	reason("mine")
	act(409, "alice", `{"os-stop":null}`)
	act(202, "root", `{"lock":null}`) // now it is an administrator's, for the same reason
	reason("mine")
	act(403, "alice", `{"unlock":null}`)
	act(202, "root", `{"lock":{"locked_reason":"theirs"}}`)
	reason("theirs")
	act(202, "root", `{"unlock":null}`)
	reason(nil)
	act(400, "alice", `{"lock":{"locked_reason":""}}`)
	actions := w.want(200, "root", "2.1", "GET /servers/"+id+"/os-instance-actions", "")
	n := 0
	for _, a := range actions.at("instanceActions").([]any) {
		if name := a.(map[string]any)["action"]; name == "lock" || name == "unlock" {
			n++
		}
	}
	if n != 4 {
		t.Errorf("%d actions, want 4: %s", n, actions.text)
	}
}

func TestServerPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.ready("s")
	is := func(want string) {
		t.Helper()
		if got := w.want(200, "reader", "2.1", "GET /servers/"+id+"/os-server-password", "").at("password"); got != want {
			t.Errorf("password %v, want %q", got, want)
		}
	}
	is("")
	for i, want := range []bool{true, false} { // the first that the guest writes counts
		first, err := store.SaveFirstPassword(t.Context(), w.db, id, fmt.Sprint("sealed", i))
		if err != nil || first != want {
			t.Errorf("write %d: %v, %v", i, first, err)
		}
	}
	is("sealed0")
	w.want(204, "alice", "2.1", "DELETE /servers/"+id+"/os-server-password", "")
	is("")
	w.want(403, "reader", "2.1", "DELETE /servers/"+id+"/os-server-password", "")
	// No host is there to set it; the server is given back.
	w.want(503, "alice", "2.1", "POST /servers/"+id+"/action", `{"changePassword":{"adminPass":"x"}}`)
	w.want(400, "alice", "2.1", "POST /servers/"+id+"/action", `{"changePassword":{}}`)
	if got := w.want(200, "alice", "2.1", "GET /servers/"+id, "").at("server", "status"); got != "ACTIVE" {
		t.Errorf("status %v", got)
	}
	if r := w.want(200, "alice", "2.78", "GET /servers/"+id+"/topology", ""); r.text != `{"nodes":[],"pagesize_kb":null}` {
		t.Errorf("topology %s", r.text)
	}
	w.want(404, "alice", "2.77", "GET /servers/"+id+"/topology", "")
	for _, body := range []string{`{}`, `""`, `42`, `[]`, `true`} {
		w.want(400, "alice", "2.17", "POST /servers/"+id+"/action", `{"trigger_crash_dump":`+body+`}`)
	}
	w.want(202, "alice", "2.17", "POST /servers/"+id+"/action", `{"trigger_crash_dump":null}`)
	w.want(404, "alice", "2.16", "POST /servers/"+id+"/action", `{"trigger_crash_dump":null}`)
	w.want(202, "root", "2.1", "POST /servers/"+id+"/action", `{"injectNetworkInfo":null}`)
	w.want(202, "root", "2.1", "POST /servers/"+id+"/action", `{"os-resetState":{"state":"error"}}`)
	actions := w.want(200, "root", "2.1", "GET /servers/"+id+"/os-instance-actions", "")
	if got := actions.at("instanceActions", 0, "action"); got != "resetState" {
		t.Errorf("the last action is %v", got)
	}
	w.put(id, "host = ''")
	w.want(409, "root", "2.1", "GET /servers/"+id+"/diagnostics", "")
}
