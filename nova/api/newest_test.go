package api_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestServersShowImagePropertiesAndHints looks at the image's properties (2.98) and the hints (2.100) in each answer
// that shows a server.
func TestServersShowImagePropertiesAndHints(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.server("other")
	id := w.want(202, "alice", "2.1", "POST /servers", `{"server":{"name":"s","flavorRef":"1","imageRef":"`+image+`"},
		"os:scheduler_hints":{"different_host":"`+other+`","foo":["a",1],"n":2.5,"b":true}}`).at("server", "id").(string)
	w.settle(id)
	properties := map[string]any{"os_distro": "debian", "vm_mode": "hvm"}
	hints := map[string]any{"different_host": []any{other}, "foo": []any{"a", "1"}, "n": []any{"2.5"},
		"b": []any{"True"}}
	for _, x := range []struct {
		name, line, body string
		status           int
		at               []any
	}{
		{"show", "GET /servers/" + id, "", 200, []any{"server"}},
		{"detail", "GET /servers/detail?name=^s$", "", 200, []any{"servers", 0}},
		{"update", "PUT /servers/" + id, `{"server":{"name":"s"}}`, 200, []any{"server"}},
		{"rebuild", "POST /servers/" + id + "/action", `{"rebuild":{"imageRef":"` + image + `"}}`, 202, []any{"server"}},
	} {
		for _, v := range []struct {
			version           string
			properties, hints bool
		}{{"2.97", false, false}, {"2.98", true, false}, {"2.99", true, false}, {"2.100", true, true}} {
			if x.name == "rebuild" {
				w.put(id, "vm_state = 'active', task_state = ''")
			}
			r := w.want(x.status, "alice", v.version, x.line, x.body)
			got := r.at(append(x.at, "image", "properties")...)
			if !v.properties && got != nil || v.properties && cmp.Diff(any(properties), got) != "" {
				t.Errorf("%s at %s: properties are %v", x.name, v.version, got)
			}
			got = r.at(append(x.at, "scheduler_hints")...)
			if !v.hints && got != nil || v.hints && cmp.Diff(any(hints), got) != "" {
				t.Errorf("%s at %s: hints are %v", x.name, v.version, got)
			}
		}
	}
	if got := w.want(200, "alice", "2.100", "GET /servers/"+other, "").at("server", "scheduler_hints"); cmp.Diff(
		any(map[string]any{}), got) != "" {
		t.Errorf("without hints: %v", got)
	}
}

func TestSharesOfServers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.server("s")
	w.settle(id)
	share := `{"share":{"share_id":"` + network + `","tag":"a-1"}}`
	if r := w.want(200, "alice", "2.97", "GET /servers/"+id+"/shares", ""); r.text != `{"shares":[]}` {
		t.Error(r.text)
	}
	type refusal struct {
		status                     int
		who, version, method, body string
		text                       string
	}
	ask := func(x refusal, at string) {
		t.Helper()
		r := w.want(x.status, x.who, x.version, x.method+" /servers/"+id+"/shares"+at, x.body)
		if !strings.Contains(r.text, x.text) {
			t.Errorf("%s %s: got %s, want %s", x.method, x.body, r.text, x.text)
		}
	}
	one := "/" + network
	ask(refusal{404, "alice", "2.96", "GET", "", ""}, "")
	ask(refusal{409, "alice", "2.97", "POST", share,
		"Cannot 'create share' instance " + id + " while it is in vm_state active"}, "")
	ask(refusal{409, "alice", "2.97", "DELETE", "",
		"Cannot 'delete share' instance " + id + " while it is in vm_state active"}, one)
	for _, body := range []string{`{}`, `{"share":{}}`, `{"share":{"share_id":"x"}}`,
		`{"share":{"share_id":"` + network + `","tag":"a b"}}`, `{"share":{"share_id":"` + network + `","tag":""}}`} {
		ask(refusal{400, "alice", "2.97", "POST", body, ""}, "")
	}
	ask(refusal{404, "bob", "2.97", "POST", share, "could not be found"}, "")
	ask(refusal{403, "reader", "2.97", "POST", share, ""}, "")
	for state, status := range map[string]int{"stopped": 404, "error": 404, "paused": 409} {
		w.put(id, "vm_state = ?", state)
		ask(refusal{status, "alice", "2.97", "DELETE", "", ""}, one)
	}
	w.put(id, "vm_state = 'stopped'")
	ask(refusal{409, "alice", "2.97", "POST", share,
		"Feature not supported because either compute or instance are not configured correctly."}, "")
	ask(refusal{404, "alice", "2.97", "GET", "", "Share " + network + " could not be found."}, one)
	ask(refusal{404, "alice", "2.97", "DELETE", "", "Share " + network + " could not be found."}, one)
}

func TestFlavorsSince2102(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	create := `{"flavor":{"name":"x","ram":1,"vcpus":1,"disk":1,"rxtx_factor":2}}`
	w.want(400, "root", "2.102", "POST /flavors", create)
	w.want(200, "root", "2.101", "POST /flavors", create)
	for _, line := range []string{"GET /flavors/1", "GET /flavors/detail"} {
		for _, member := range []string{"rxtx_factor", "OS-FLV-DISABLED:disabled"} {
			for version, want := range map[string]bool{"2.101": true, "2.102": false} {
				if got := strings.Contains(w.want(200, "root", version, line, "").text, member); got != want {
					t.Errorf("%s at %s: %s is there: %t", line, version, member, got)
				}
			}
		}
	}
	w.want(200, "root", "2.101", "GET /flavors?sort_key=rxtx_factor", "")
	w.want(400, "root", "2.102", "GET /flavors?sort_key=rxtx_factor", "")
	w.want(400, "root", "2.101", "GET /flavors?name=tiny", "")
	for query, want := range map[string]int{"name=tiny": 1, "name=%5Em1": 2, "name=none": 0, "": 3} {
		for _, path := range []string{"/flavors?", "/flavors/detail?"} {
			r := w.want(200, "root", "2.102", "GET "+path+query, "")
			if got := len(r.body["flavors"].([]any)); got != want {
				t.Errorf("%s%s: %d flavors, want %d", path, query, got, want)
			}
		}
	}
}

func TestPinnedZoneIsChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.server("s")
	w.settle(id)
	pin := func(status int, zone, text string) {
		t.Helper()
		r := w.want(status, "alice", "2.104", "PUT /servers/"+id,
			`{"server":{"pinned_availability_zone":`+zone+`}}`)
		shown := any(nil)
		if zone != "null" {
			shown = strings.Trim(zone, `"`)
		}
		if got := r.at("server", "pinned_availability_zone"); status == 200 && got != shown {
			t.Errorf("pinned to %s: shown as %v", zone, got)
		}
		if !strings.Contains(r.text, text) {
			t.Errorf("pinned to %s: %s", zone, r.text)
		}
	}
	w.want(400, "alice", "2.103", "PUT /servers/"+id, `{"server":{"pinned_availability_zone":null}}`)
	pin(200, `null`, "")
	pin(409, `"mars"`,
		"Server can only be pinned to its current availability zone 'nova', but 'mars' was requested.")
	pin(200, `"nova"`, "")
	pin(200, `"nova"`, "")
	pin(409, `"mars"`, "Cannot change pinned availability zone directly. Unpin first by setting "+
		"pinned_availability_zone to null.")
	if got := w.want(200, "alice", "2.96", "GET /servers/"+id, "").at("server",
		"pinned_availability_zone"); got != "nova" {
		t.Errorf("after the refusal: %v", got)
	}
	w.want(200, "alice", "2.104", "PUT /servers/"+id, `{"server":{"name":"t"}}`)
	if got := w.want(200, "alice", "2.96", "GET /servers/"+id, "").at("server",
		"pinned_availability_zone"); got != "nova" {
		t.Errorf("after another change: %v", got)
	}
	pin(200, `null`, "")
	for _, bad := range []string{`""`, `1`, `"` + strings.Repeat("a", 256) + `"`} {
		pin(400, bad, "")
	}
	w.put(id, "host = '', zone = '', vm_state = 'shelved_offloaded'")
	pin(409, `"nova"`, "its current availability zone 'None', but 'nova' was requested.")
}

func TestSpiceDirectIsAskedForSince299(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.server("s")
	w.settle(id)
	body := `{"remote_console":{"protocol":"spice","type":"spice-direct"}}`
	r := w.want(400, "alice", "2.98", "POST /servers/"+id+"/remote-consoles", body)
	if !strings.Contains(r.text, "remote_console.type") {
		t.Error(r.text)
	}
	w.want(503, "alice", "2.99", "POST /servers/"+id+"/remote-consoles", body) // the host is asked, and none listens
}
