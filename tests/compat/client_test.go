// Package compat runs the clients and test suites of OpenStack against the cloud.
package compat

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"hypernova/tests/running"
)

var update = flag.Bool("update", false, "write the pages of docs/compat anew")

// desk runs commands of the openstack client as one user.
type desk struct {
	*running.Cloud
	t    testing.TB
	as   string
	seen *seen
}

// seen has the commands that were tested.
type seen struct {
	known map[string]string // command to its group

	mu       sync.Mutex
	commands map[string]bool
}

// The groups whose commands are all tested, and those of which some are.
var (
	whole = []string{"openstack.identity.v3", "openstack.image.v2", "openstack.placement.v1", "openstack.compute.v2",
		"openstack.network.v2"}
	parts = []string{"openstack.common", "openstack.cli"}
)

// undone has the reasons for commands that are not tested.
var undone = map[string]string{
	"access token create":     oauth,
	"consumer create":         oauth,
	"consumer delete":         oauth,
	"consumer list":           oauth,
	"consumer set":            oauth,
	"consumer show":           oauth,
	"request token authorize": oauth,
	"request token create":    oauth,

	"compute agent create":            gone,
	"compute agent delete":            gone,
	"compute agent list":              gone,
	"compute agent set":               gone,
	"server migrate":                  moves,
	"server migrate confirm":          moves,
	"server migrate revert":           moves,
	"server migration abort":          moves,
	"server migration confirm":        moves,
	"server migration force complete": moves,
	"server migration revert":         moves,
	"server migration show":           moves,
	"server evacuate":                 moves,
	"server resize":                   moves,
	"server resize confirm":           moves,
	"server resize revert":            moves,
	"server add volume":               volumes,
	"server remove volume":            volumes,
	"server volume update":            volumes,
	"server remove fixed ip":          "this release of the client fails before it asks",
	"server ssh":                      "starts the ssh program; tests/e2e logs in to a guest",
}

const (
	oauth   = "OAuth1 is left out by decision: application credentials do what it was for"
	gone    = "removed from Nova, which answers 410"
	moves   = "servers do not move between hosts yet"
	volumes = "there is no block storage yet"
)

// reason is why a command is not tested; empty for others.
func reason(command string) string { return cmp.Or(undone[command], networkReason(command)) }

func newSeen(t *testing.T, s *shells) *seen {
	t.Helper()
	groups, err := s.commands(slices.Concat(whole, parts)...)
	if err != nil {
		t.Fatal(err)
	}
	out := &seen{known: map[string]string{}, commands: map[string]bool{}}
	for group, names := range groups {
		for _, n := range names {
			out.known[n] = group
		}
	}
	return out
}

// add records a command: the longest prefix of the arguments that is a command.
func (s *seen) add(args []string) {
	for n := len(args); n > 0; n-- {
		name := strings.Join(args[:n], " ")
		if s.known[name] != "" {
			s.mu.Lock()
			s.commands[name] = true
			s.mu.Unlock()
			return
		}
	}
}

// missing returns the commands of the complete groups that were not tested and have no reason.
func (s *seen) missing() []string {
	var out []string
	for name, group := range s.known {
		if slices.Contains(whole, group) && !s.commands[name] && reason(name) == "" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// table returns the content of docs/compat/openstack-client.md.
func (s *seen) table(version string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Commands of the openstack client\n\nRun one by one, unmodified (%s, with its placement plugin), against a cloud of this build; each answer is checked by `tests/compat`.\n"+
		"This page is written by that test: `make golden`. Of identity, image, placement, compute and networking it names every command that the client has.\n", strings.TrimSpace(version))
	for _, group := range slices.Concat(whole, parts) {
		var rows []string
		works, all := 0, 0
		for _, name := range slices.Sorted(maps.Keys(s.known)) {
			if s.known[name] != group {
				continue
			}
			all++
			switch {
			case s.commands[name]:
				works++
				rows = append(rows, fmt.Sprintf("| `openstack %s` | works |\n", name))
			case reason(name) != "":
				rows = append(rows, fmt.Sprintf("| `openstack %s` | %s |\n", name, reason(name)))
			}
		}
		fmt.Fprintf(&b, "\n## %s\n\n%d of %d commands.\n\n| command | |\n|---|---|\n%s",
			strings.TrimPrefix(group, "openstack."), works, all, strings.Join(rows, ""))
	}
	return b.String()
}

func (d desk) run(args ...string) string {
	d.t.Helper()
	d.seen.add(args)
	return d.Client(d.t, d.as, args...)
}

func (d desk) show(args ...string) map[string]any {
	d.t.Helper()
	d.seen.add(args)
	return d.Cloud.Show(d.t, d.as, args...)
}
func (d desk) list(args ...string) []map[string]any {
	d.t.Helper()
	d.seen.add(args)
	return d.Cloud.List(d.t, d.as, args...)
}

func (d desk) refused(words string, args ...string) {
	d.t.Helper()
	_, err := d.Try(d.t, d.as, args...)
	if err == nil || !strings.Contains(err.Error(), words) {
		d.t.Errorf("openstack %s: got %v, want a refusal with %q", strings.Join(args, " "), err, words)
	}
}

// has compares members of an object. Most are compared as text, because the client prints text.
func has(t testing.TB, got map[string]any, want map[string]any) {
	t.Helper()
	for k, w := range want {
		g, err := json.Marshal(got[k])
		if err != nil {
			t.Fatal(err)
		}
		e, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		if string(g) != string(e) {
			t.Errorf("%s: got %s, want %s", k, g, e)
		}
	}
}

// find returns the row of a list whose column has the value.
func find(t testing.TB, rows []map[string]any, column string, value any) map[string]any {
	t.Helper()
	for _, r := range rows {
		if r[column] == value {
			return r
		}
	}
	t.Fatalf("no row has %s %v: %v", column, value, rows)
	return nil
}

func lacks(t testing.TB, rows []map[string]any, column string, value any) {
	t.Helper()
	for _, r := range rows {
		if r[column] == value {
			t.Errorf("a row still has %s %v", column, value)
		}
	}
}

// TestOpenStackClient runs each command of the client and checks its output.
func TestOpenStackClient(t *testing.T) {
	if testing.Short() {
		t.Skip("each command is a process of its own: not in the quick run")
	}
	running.NeedClient(t)
	t.Parallel()
	cloud := running.Up(t, t.TempDir(), "--memory", "--virt", "fake", "--set", "serial_console.enabled=true")
	shells := newShells(t, 4)
	cloud.Shell = shells.run
	typed := newSeen(t, shells)
	desks := func(t *testing.T) (admin, demo desk) {
		return desk{cloud, t, "hypernova", typed}, desk{cloud, t, "hypernova-demo", typed}
	}
	parts := map[string]func(t *testing.T, admin, demo desk){
		"identity": identity, "roles": roles, "image": image, "flavor": flavor, "keypair": keypair, "network": network,
		"security group": securityGroup, "server": server, "power": power, "many": many, "quota": quota,
		"catalog": catalog, "domains": domains, "groups": groups, "implied roles": impliedRoles, "secrets": secrets,
		"delegation": delegation,
		"federation": federation, "limits": limits, "own password": ownPassword, "image members": imageMembers,
		"image forms": imageForms,
		"providers":   providers, "inventories": inventories, "allocations": allocations, "candidates": candidates,
		"names": names, "subnet pools": subnetPools, "routers": routers, "floating IPs": floatingIPs,
		"unsets": unsets,
		"lives":  lives, "interfaces": interfaces, "consoles": consoles, "server groups": serverGroups,
		"deleted softly": deletedSoftly,
	}
	t.Run("users", func(t *testing.T) {
		for name, part := range parts {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				admin, demo := desks(t)
				part(t, admin, demo)
			})
		}
	})
	// After the others, because it disables the only host for a while.
	t.Run("operator", func(t *testing.T) {
		admin, demo := desks(t)
		operator(t, admin, demo)
		hosts(t, admin, demo)
	})
	if lost := typed.missing(); len(lost) > 0 && !t.Failed() {
		t.Errorf("commands that nobody has typed: %q", lost)
	}
	if *update && !t.Failed() {
		version, err := exec.CommandContext(t.Context(), "openstack", "--version").Output()
		if err != nil {
			t.Fatal(err)
		}
		write(t, "openstack-client.md", typed.table(string(version)))
	}
}

// write compares a page of docs/compat with its file, or updates the file.
func write(t *testing.T, name, text string) {
	t.Helper()
	dir := filepath.Join("..", "..", "docs", "compat")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func identity(t *testing.T, admin, demo desk) {
	if tok := demo.show("token", "issue"); tok["id"] == "" || tok["project_id"] == "" || tok["user_id"] == "" ||
		tok["expires"] == "" {
		t.Errorf("got %v", tok)
	}
	catalog := demo.list("catalog", "list")
	for _, typ := range []string{"identity", "compute", "image", "network", "placement"} {
		if row := find(t, catalog, "Type", typ); len(row["Endpoints"].([]any)) == 0 {
			t.Errorf("%s has no endpoints", typ)
		}
	}
	has(t, admin.show("catalog", "show", "compute"), map[string]any{"type": "compute", "name": "nova"})
	p := admin.show("project", "create", "--description", "a project", "--property", "color=blue", "p1")
	has(t, p, map[string]any{"name": "p1", "description": "a project", "enabled": true, "domain_id": "default"})
	admin.refused("409", "project", "create", "p1")
	admin.run("project", "set", "--name", "p2", "--disable", "p1")
	has(t, admin.show("project", "show", "p2"), map[string]any{"id": p["id"], "enabled": false, "color": "blue"})
	find(t, admin.list("project", "list", "--long"), "Name", "p2")
	u := admin.show("user", "create", "--project", "p2", "--password", "pw", "--email", "u@example.org", "u1")
	has(t, u, map[string]any{"name": "u1", "email": "u@example.org", "default_project_id": p["id"]})
	admin.run("user", "set", "--name", "u2", "--description", "somebody", "u1")
	has(t, admin.show("user", "show", "u2"), map[string]any{"id": u["id"], "description": "somebody"})
	find(t, admin.list("user", "list", "--long"), "Name", "u2")
	demo.refused("403", "user", "create", "nope")
	admin.run("user", "delete", "u2")
	admin.run("project", "delete", "p2")
	lacks(t, admin.list("project", "list"), "Name", "p2")
	admin.refused("No project with a name or ID of 'p2'", "project", "show", "p2")
	for _, kind := range []string{"service", "endpoint", "region", "domain"} {
		if rows := admin.list(kind, "list"); len(rows) == 0 {
			t.Errorf("%s list is empty", kind)
		}
	}
}

func roles(t *testing.T, admin, _ desk) {
	admin.run("project", "create", "rp")
	admin.run("user", "create", "--password", "pw", "ru")
	r := admin.show("role", "create", "cook")
	has(t, r, map[string]any{"name": "cook"})
	admin.run("role", "add", "--user", "ru", "--project", "rp", "cook")
	rows := admin.list("role", "assignment", "list", "--user", "ru", "--project", "rp", "--names")
	has(t, find(t, rows, "Role", "cook"), map[string]any{"User": "ru@Default", "Project": "rp@Default"})
	admin.run("role", "remove", "--user", "ru", "--project", "rp", "cook")
	if rows := admin.list("role", "assignment", "list", "--user", "ru", "--project", "rp"); len(rows) != 0 {
		t.Errorf("the role is still there: %v", rows)
	}
	admin.run("role", "set", "--name", "chef", "cook")
	has(t, admin.show("role", "show", "chef"), map[string]any{"id": r["id"]})
	admin.run("group", "create", "rg")
	admin.run("group", "add", "user", "rg", "ru")
	admin.run("role", "add", "--group", "rg", "--project", "rp", "chef")
	find(t, admin.list("role", "assignment", "list", "--effective", "--user", "ru", "--names"), "Role", "chef")
	admin.run("role", "delete", "chef")
	for _, name := range []string{"admin", "member", "reader", "manager"} {
		find(t, admin.list("role", "list"), "Name", name)
	}
}

func image(t *testing.T, admin, demo desk) {
	dir := t.TempDir()
	data := make([]byte, 3<<20)
	rand.Read(data)
	file, back := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	i := demo.show("image", "create", "--disk-format", "raw", "--container-format", "bare", "--file", file, "--property",
		"os_distro=none", "--tag", "red", "i1")
	has(t, i, map[string]any{"name": "i1", "visibility": "shared", "tags": []string{"red"}})
	id := i["id"].(string) // the client prints the image as it was before the upload
	has(t, demo.show("image", "show", id), map[string]any{"status": "active", "size": len(data)})
	find(t, demo.list("image", "list"), "Name", "i1")
	demo.run("image", "set", "--name", "i2", "--property", "a=b", "--min-ram", "64", "--tag", "blue", id)
	got := demo.show("image", "show", id)
	has(t, got, map[string]any{"name": "i2", "min_ram": 64})
	if props, _ := got["properties"].(map[string]any); props["a"] != "b" || props["os_distro"] != "none" {
		t.Errorf("properties: %v", got["properties"])
	}
	demo.run("image", "unset", "--property", "a", "--tag", "red", id)
	if props, _ := demo.show("image", "show", id)["properties"].(map[string]any); props["a"] != nil {
		t.Errorf("properties: %v", props)
	}
	demo.run("image", "save", "--file", back, id)
	if b, err := os.ReadFile(back); err != nil || string(b) != string(data) {
		t.Errorf("what came back differs: %d bytes, %v", len(b), err)
	}
	demo.refused("403", "image", "set", "--public", id)
	admin.run("image", "set", "--public", id)
	demo.run("image", "set", "--protected", id)
	demo.refused("403", "image", "delete", id)
	demo.run("image", "set", "--unprotected", id)
	demo.run("image", "delete", id)
	lacks(t, demo.list("image", "list"), "ID", id)
}

func flavor(t *testing.T, admin, demo desk) {
	f := admin.show("flavor", "create", "--ram", "256", "--disk", "2", "--vcpus", "1", "--id", "f-1", "--property",
		"hw:cpu_policy=shared", "f1")
	has(t, f, map[string]any{"id": "f-1", "name": "f1", "ram": 256, "disk": 2, "vcpus": 1,
		"os-flavor-access:is_public": true})
	admin.refused("409", "flavor", "create", "--ram", "1", "--disk", "1", "--vcpus", "1", "f1")
	demo.refused("403", "flavor", "create", "--ram", "1", "--disk", "1", "--vcpus", "1", "mine")
	find(t, demo.list("flavor", "list", "--long"), "Name", "f1")
	admin.run("flavor", "set", "--property", "a:b=c", "f1")
	got := admin.show("flavor", "show", "f1")
	if props, _ := got["properties"].(map[string]any); props["a:b"] != "c" {
		t.Errorf("properties: %v", got["properties"])
	}
	admin.run("flavor", "unset", "--property", "a:b", "f1")
	admin.run("flavor", "create", "--ram", "64", "--disk", "1", "--vcpus", "1", "--private", "f2")
	admin.run("flavor", "set", "--project", "demo", "f2")
	find(t, demo.list("flavor", "list", "--all"), "Name", "f2")
	admin.run("flavor", "unset", "--project", "demo", "f2")
	lacks(t, demo.list("flavor", "list"), "Name", "f2")
	admin.run("flavor", "delete", "f1", "f2")
	for _, name := range []string{"m1.nano", "m1.tiny", "m1.small", "m1.medium", "m1.large"} {
		find(t, demo.list("flavor", "list"), "Name", name)
	}
}

func keypair(t *testing.T, _, demo desk) {
	pub := filepath.Join(t.TempDir(), "k.pub")
	key := "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPZ3vZkDKp9Q2mUo+6ZZlLZ3Ck9S1lN1k0vT1kG5YF0l somebody"
	if err := os.WriteFile(pub, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	has(t, demo.show("keypair", "create", "--public-key", pub, "imported"), map[string]any{"name": "imported"})
	if private := demo.run("keypair", "create", "made"); !strings.Contains(private, "PRIVATE KEY") {
		t.Errorf("no private key came back: %s", private)
	}
	demo.refused("409", "keypair", "create", "made")
	if got := strings.TrimSpace(demo.run("keypair", "show", "--public-key", "imported")); got != key {
		t.Errorf("got %q", got)
	}
	find(t, demo.list("keypair", "list"), "Name", "made")
	demo.run("keypair", "delete", "made", "imported")
	lacks(t, demo.list("keypair", "list"), "Name", "made")
}
