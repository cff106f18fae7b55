package api_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"hypernova/nova"
	novaapi "hypernova/nova/api"
	"hypernova/nova/store"
	"hypernova/oslo/service"
)

// The defaults of nova's release 2026.2 are in testdata/nova_policies.txt: name, check and scopes. Each rule here is
// one of them with the same check and scopes. admin_api is another name of the same check here.
func TestRulesHaveNovasDefaults(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/nova_policies.txt")
	if err != nil {
		t.Fatal(err)
	}
	type rule struct{ check, scopes string }
	defaults := map[string]rule{}
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSpace(line), "|")
		for len(f) < 3 {
			f = append(f, "")
		}
		defaults[strings.TrimSpace(f[0])] = rule{strings.TrimSpace(f[1]), strings.TrimSpace(f[2])}
	}
	if len(defaults) < 200 {
		t.Fatalf("read %d defaults", len(defaults))
	}
	for _, r := range novaapi.Rules() {
		want, ok := defaults[r.Name]
		scopes := slices.Clone(r.Scopes)
		slices.Sort(scopes)
		got := rule{r.Check, strings.Join(scopes, ",")}
		switch {
		case !ok:
			t.Errorf("%s: nova has no such rule", r.Name)
		case got != want && r.Name != "admin_api":
			t.Errorf("%s: got %+v, want %+v", r.Name, got, want)
		}
	}
}

// An operator may let owners see that the host of their server is not reporting, and nothing else of the host, and may
// hide the extra specs of flavors in servers without hiding them in flavors.
func TestRulesOfPartsOfServers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.host("h1")
	id := w.server("s1")
	w.settle(id)
	w.rules(map[string]string{"os_compute_api:servers:show:host_status:unknown-only": "@",
		"os_compute_api:servers:show:flavor-extra-specs": "!"})
	r := w.want(200, "alice", "2.47", "GET /servers/"+id, "")
	if r.has("server", "host_status") || r.has("server", "flavor", "extra_specs") {
		t.Errorf("the host is up: %s", r.text)
	}
	if r := w.want(200, "root", "2.16", "GET /servers/"+id, ""); r.at("server", "host_status") != "UP" {
		t.Errorf("an administrator's view: %s", r.text)
	}
	g := store.NewGroup(w.db, nil)
	m, err := g.Join(t.Context(), service.Member{Host: "h1", Binary: nova.BinaryCompute, Topic: "compute"})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Leave(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if r := w.want(200, "alice", "2.16", "GET /servers/"+id, ""); r.at("server", "host_status") != "UNKNOWN" {
		t.Errorf("the host does not report: %s", r.text)
	}
}
