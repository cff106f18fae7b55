package api_test

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"hypernova/nova"
	"hypernova/oslo/db"
)

//go:embed testdata/server_actions.txt
var serverActions string

// gated is a row of testdata/server_actions.txt.
type gated struct {
	name, request, body, version, versions string
	codes                                  []int
	asks                                   bool // the host answers the request
	waits                                  bool // the request waits for the host
	vm, tasks, gates                       []string
	method                                 string
}

func gatedActions(t *testing.T) []gated {
	t.Helper()
	var out []gated
	for line := range strings.Lines(serverActions) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, "|")
		if len(f) != 10 {
			t.Fatalf("%d columns: %s", len(f), line)
		}
		for i := range f {
			f[i] = strings.TrimSpace(f[i])
		}
		g := gated{name: f[0], request: f[1], body: f[2], version: f[3], versions: f[4], vm: strings.Fields(f[6]),
			tasks: strings.Fields(f[7]), gates: strings.Fields(f[8]), method: f[9]}
		for _, word := range strings.Fields(f[5]) {
			if word == "ask" || word == "wait" {
				g.asks, g.waits = word == "ask", word == "wait"
				continue
			}
			code, err := strconv.Atoi(word)
			if err != nil {
				t.Fatal(err)
			}
			g.codes = append(g.codes, code)
		}
		out = append(out, g)
	}
	return out
}

// holds reports whether a list of states has one.
func holds(list []string, state string) bool {
	switch list[0] {
	case "any":
		return true
	case "not":
		return !slices.Contains(list, state)
	}
	return slices.Contains(list, state)
}

// situation is what an operation may depend on.
type situation struct {
	vm                     nova.VMState
	task                   nova.TaskState
	locked, host, launched bool
	who                    string
}

// refuses reports whether nova answers 409.
func (g *gated) refuses(s situation) bool {
	task := string(s.task)
	if task == "" {
		task = "none"
	}
	return slices.Contains(g.gates, "lock") && s.locked && s.who != "root" ||
		slices.Contains(g.gates, "host") && !s.host ||
		slices.Contains(g.gates, "launched") && !s.launched ||
		!holds(g.vm, string(s.vm)) || !holds(g.tasks, task)
}

// TestOperationsOnServersInEveryState asks for every operation whose answer depends on the server's state, in every
// state, of a locked server as its owner and as an administrator, of one on no host, and of one that never ran.
func TestOperationsOnServersInEveryState(t *testing.T) {
	t.Parallel()
	tasks := map[nova.TaskState]bool{nova.Idle: true, nova.Migrating: true}
	for _, m := range nova.Moves() {
		if m.Task != nova.Kept {
			tasks[m.Task] = true
		}
	}
	set := db.NewExec(db.NewSet("test"), `UPDATE servers
SET vm_state = ?, task_state = ?, host = ?, launched_at = ?, locked = ?, locked_by = ?, deleted = FALSE
WHERE id = ?`)
	rows := gatedActions(t)
	for _, g := range rows {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.host("h1")
			id := w.server("s")
			w.settle(id)
			line, body := g.line(id)
			try := func(s situation) {
				t.Helper()
				if g.waits && !g.refuses(s) {
					return
				}
				host, launched, by := "", any(nil), ""
				if s.host {
					host = "h1"
				}
				if s.launched {
					launched = int64(1)
				}
				if s.locked {
					by = "owner"
				}
				if _, err := set.Do(t.Context(), w.db, string(s.vm), string(s.task), host, launched, s.locked, by, id); err != nil {
					t.Fatal(err)
				}
				r := w.ask(s.who, g.version, line, body)
				switch {
				case g.refuses(s) && r.code != 409:
					t.Errorf("%+v: got %d %s, want 409", s, r.code, r.text)
				case !g.refuses(s) && (r.code == 409 || !g.asks && !slices.Contains(g.codes, r.code)):
					t.Errorf("%+v: got %d %s, want %v", s, r.code, r.text, g.codes)
				}
			}
			for _, vm := range nova.VMStates() {
				if vm == nova.Deleted {
					continue
				}
				for task := range tasks {
					try(situation{vm, task, false, true, true, "root"})
				}
				for _, who := range []string{"alice", "root"} {
					if who == "alice" && slices.Contains(operatorsOnly, g.name) {
						continue
					}
					try(situation{vm, nova.Idle, true, true, true, who})
				}
				try(situation{vm, nova.Idle, false, true, false, "root"})
				try(situation{vm, nova.Idle, false, false, true, "root"})
			}
		})
	}
	page := filepath.Join("..", "..", "docs", "compat", "server-actions.md")
	want := actionsPage(rows)
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(page); err != nil || string(got) != want {
		t.Errorf("%s is not fresh (%v): run this test with -update", page, err)
	}
}

// operatorsOnly are the operations that an owner may not do whatever the state.
var operatorsOnly = []string{"injectNetworkInfo", "shelveOffload", "diagnostics"}

// line answers the request on a server, and its body.
func (g *gated) line(id string) (line, body string) {
	method, path, _ := strings.Cut(g.request, " ")
	fill := strings.NewReplacer("<image>", image, "<network>", network, "<port>", port)
	return method + " /servers/" + id + fill.Replace(path), fill.Replace(g.body)
}

// actionsPage is docs/compat/server-actions.md.
func actionsPage(rows []gated) string {
	var b strings.Builder
	b.WriteString("# Operations on servers and the states that allow them\n\n" +
		"What nova's sources say (`nova/compute/api.py`), which `nova/api` asks of this program in every combination of\n" +
		"vm_state, task_state and lock. In the other states the answer is 409. This page is written by that test:\n" +
		"`go test ./nova/api -run TestOperationsOnServersInEveryState -update`. Resizes, migrations and volumes are not\n" +
		"in it, because the cloud does not have them.\n\n" +
		"- lock: a locked server refuses it to everybody but administrators.\n" +
		"- host: the server must be on a host.\n" +
		"- launched: the server must have run once.\n\n" +
		"| operation | versions | code | vm_state | task_state | gates |\n|---|---|---|---|---|---|\n")
	for _, g := range rows {
		codes := strings.Trim(fmt.Sprint(g.codes), "[]")
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", g.name, g.versions, strings.ReplaceAll(codes, " ", ", "),
			states(g.vm), states(g.tasks), strings.Join(g.gates, ", "))
	}
	return b.String()
}

func states(list []string) string {
	if list[0] == "not" {
		return "all but " + strings.Join(list[1:], ", ")
	}
	return strings.Join(list, ", ")
}
