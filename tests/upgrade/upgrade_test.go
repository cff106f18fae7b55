// Package upgrade upgrades a running cloud process by process while clients use it.
package upgrade

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"hypernova/cloudtest/scenario"
	"hypernova/tests/layout"
	"hypernova/tests/running"
)

const patience = 2 * time.Minute

func TestMain(m *testing.M) { layout.Main(m) }

// change is what the next release does to a file.
type change struct{ file, after, text string }

// next is a release that grows as releases may: a message gains a field and a topic a method, both services' levels
// rise, and the databases have a column more.
func next() (changes []change, files map[string]string) {
	return []change{
			{"nova/rpcapi/compute.go", "type SpecArgs struct{ Spec nova.Spec", "; Next []string "},
			{"nova/rpcapi/compute.go",
				"	Uptime     = messaging.NewCall[messaging.None, UptimeReply](Compute, \"uptime\", messaging.Timeout(10*time.Second))\n",
				"	Next = messaging.NewCall[messaging.None, messaging.None](Compute, \"next\", messaging.Level(2))\n"},
			{"nova/rpcapi/conductor.go", "type JoinArgs struct {\n", "	Next map[string]int\n"},
			{"nova/compute/compute.go", "func (m *Manager) register(s *messaging.Server) {\n",
				"	rpcapi.Next.Handle(s, func(context.Context, messaging.None) (messaging.None, error) { return messaging.None{}, nil })\n"},
			{"nova/compute/compute.go",
				"return service.Manager{Binary: nova.BinaryCompute, Host: m.c.Host, Topic: rpcapi.Compute, Level: 1", " + 1"},
			{"neutron/rpcapi/doc.go", "const Level = 1", " + 1"},
			{"neutron/rpcapi/plugin.go", "type AgentReportArgs struct {\n", "	Next []int\n"},
		}, map[string]string{
			"nova/store/migrations/09000_next.sql":    "-- +goose Up\nALTER TABLE services ADD COLUMN next TEXT NOT NULL DEFAULT 'x';\n",
			"neutron/store/migrations/09000_next.sql": "-- +goose Up\nALTER TABLE agents ADD COLUMN next BIGINT;\n",
		}
}

// blankless finds a text whatever the number of blanks between its words, which gofmt changes to align lines.
func blankless(text string) *regexp.Regexp {
	return regexp.MustCompile(regexp.MustCompile(`[ \t]+`).ReplaceAllString(regexp.QuoteMeta(text), `[ \t]+`))
}

// nextBinary builds the next release, in a copy of the sources that only the compiler sees.
func nextBinary(t *testing.T) string {
	t.Helper()
	top, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	changes, files := next()
	for _, c := range changes {
		text, ok := files[c.file]
		if !ok {
			b, err := os.ReadFile(filepath.Join(top, c.file))
			if err != nil {
				t.Fatal(err)
			}
			text = string(b)
		}
		found := blankless(c.after).FindAllStringIndex(text, -1)
		if n := len(found); n != 1 {
			t.Fatalf("%q is %d times in %s, not once: bring this test up to date", c.after, n, c.file)
		}
		end := found[0][1]
		files[c.file] = text[:end] + c.text + text[end:]
	}
	list := struct{ Replace map[string]string }{map[string]string{}}
	for name, text := range files {
		at := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		list.Replace[filepath.Join(top, name)] = at
	}
	b, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	overlay, bin := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "hypernova")
	if err := os.WriteFile(overlay, b, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, "-o", bin, ".")
	cmd.Dir = top
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the next release does not build: %v\n%s", err, out)
	}
	return bin
}

// site is a cloud under upgrade and what its user has.
type site struct {
	*layout.Cloud
	t       *testing.T
	servers []string
	refused bool // the new release refused the old databases
}

func (s *site) do(as, method, path, body string, status int, into any) {
	s.t.Helper()
	a, err := s.Do(s.t.Context(), as, scenario.Request{Method: method, Service: "compute", Path: path, Body: body})
	if err != nil || a.Status != status {
		s.t.Fatalf("%s %s: %d, want %d: %s, %v", method, path, a.Status, status, a.Body, err)
	}
	if into != nil {
		if err := json.Unmarshal(a.Body, into); err != nil {
			s.t.Fatal(err)
		}
	}
}

// works builds a server on each host, reboots one that is older, and deletes the oldest one.
func (s *site) works(what string) {
	s.t.Helper()
	began := time.Now()
	for _, host := range []string{"h1", "h2"} {
		var made struct{ Server struct{ ID string } }
		v := s.Vars()
		s.do("admin", "POST", "/servers",
			fmt.Sprintf(`{"server": {"name": "s", "imageRef": %q, "flavorRef": %q, "networks": [{"uuid": %q}], "availability_zone": "nova:%s"}}`,
				v["image"], v["flavor"], v["network"], host), http.StatusAccepted, &made)
		s.servers = append(s.servers, made.Server.ID)
	}
	s.settled()
	s.do("admin", "POST", "/servers/"+s.servers[0]+"/action", `{"reboot": {"type": "HARD"}}`, http.StatusAccepted, nil)
	s.settled()
	s.do("admin", "DELETE", "/servers/"+s.servers[0], "", http.StatusNoContent, nil)
	s.servers = s.servers[1:]
	s.settled()
	s.t.Logf("%s: builds, a reboot and a delete in %s", what, time.Since(began).Round(time.Second/10))
}

// settled waits until every server is active and idle, and nothing else is there.
func (s *site) settled() {
	s.t.Helper()
	var doc struct {
		Servers []struct {
			ID, Status string
			Task       *string `json:"OS-EXT-STS:task_state"`
			Fault      struct{ Message string }
		}
	}
	for limit := time.Now().Add(patience); time.Now().Before(limit); {
		s.do("admin", "GET", "/servers/detail?all_tenants=1", "", http.StatusOK, &doc)
		well := len(doc.Servers) == len(s.servers)
		for _, v := range doc.Servers {
			if v.Status == "ERROR" {
				s.t.Fatalf("%s is in error: %s", v.ID, v.Fault.Message)
			}
			well = well && v.Status == "ACTIVE" && v.Task == nil
		}
		if well {
			return
		}
	}
	s.t.Fatalf("the servers do not settle: %+v, want %d", doc.Servers, len(s.servers))
}

// TestAReleaseFollowsAnother follows a cloud from this release to a next one that the test makes.
func TestAReleaseFollowsAnother(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds two programs, and starts a cloud of processes")
	}
	s := follow(t, running.Binary(t), nextBinary(t))
	if !s.refused {
		t.Error("a process of the next release ran on databases without its tables")
	}
	p, err := s.Part("nova-compute-h1")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(p.Log(), "level=2") {
		t.Errorf("the service record does not have the new level:\n%s", p.Log())
	}
}

// TestThisReleaseFollowsTheOneBefore follows a cloud from the program in HYPERNOVA_PREVIOUS_BINARY to this one.
func TestThisReleaseFollowsTheOneBefore(t *testing.T) {
	t.Parallel()
	old := os.Getenv("HYPERNOVA_PREVIOUS_BINARY")
	if old == "" {
		t.Skip("HYPERNOVA_PREVIOUS_BINARY names no program of an earlier release")
	}
	follow(t, old, running.Binary(t))
}

// follow replaces one process after the other of a cloud, in an order in which old ones speak to new ones and new ones
// to old ones, on databases that are the new release's from the beginning. Two processes go back to the old release in
// between. It fails the test unless the cloud works after each step, and nothing is left over in the end.
func follow(t *testing.T, old, fresh string) *site {
	t.Helper()
	s := &site{Cloud: layout.Start(t, old, layout.Split(), scenario.Options{Computes: 2}), t: t}
	s.works("the old release")

	// A new process does not run on old databases, and its error says what to do.
	if err := s.Upgrade("nova-conductor-2", fresh); err != nil {
		if !strings.Contains(err.Error(), "db sync") {
			t.Fatalf("on the old databases: %v", err)
		}
		s.refused = true
		sync := exec.CommandContext(t.Context(), fresh, s.Args("db", "sync", "--set=DEFAULT.host=controller")...)
		if out, err := sync.CombinedOutput(); err != nil {
			t.Fatalf("db sync: %v\n%s", err, out)
		}
		if err := s.Begin("nova-conductor-2"); err != nil {
			t.Fatal(err)
		}
	}
	s.works("old processes and a new conductor on the new databases")
	for _, step := range [][]string{
		{"nova-compute-h1", "neutron-server"}, {"neutron-agent-h2", "nova-api"}, {"nova-conductor", "nova-scheduler"},
	} {
		s.upgrade(fresh, step...)
		s.works("new: " + strings.Join(step, ", "))
	}
	s.upgrade(old, "nova-compute-h1", "nova-conductor")
	s.works("back: nova-compute-h1, nova-conductor")
	s.upgrade(fresh, s.Processes()...)
	s.works("the new release")

	for _, id := range s.servers {
		s.do("admin", "DELETE", "/servers/"+id, "", http.StatusNoContent, nil)
	}
	s.servers = nil
	s.settled()
	if found, err := s.Audit(t.Context(), time.Minute); err != nil || len(found) > 0 {
		t.Errorf("the check finds %v, %v", found, err)
	}
	return s
}

// upgrade replaces the program of processes.
func (s *site) upgrade(program string, processes ...string) {
	s.t.Helper()
	for _, name := range processes {
		if err := s.Upgrade(name, program); err != nil {
			s.t.Fatal(err)
		}
	}
}
