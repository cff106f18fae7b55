package scenarios

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"hypernova/cloudtest/scenario"
	"hypernova/tests/layout"
	"hypernova/tests/running"
)

// ghost is the id of a server that does not exist.
const ghost = "00000000-1111-2222-3333-444444444444"

func TestCheckFindsLeaks(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds and starts the program")
	}
	c := crasher{layout.Start(t, running.Binary(t), layout.One(), scenario.Options{}), t}
	id := c.create("sound")
	c.until(id, "ACTIVE", func(status string, _ bool) bool { return status == "ACTIVE" })
	out, err := c.Command("check", "--set=DEFAULT.host=controller")
	if err != nil || !strings.Contains(out, "nothing is wrong") {
		t.Fatalf("a sound cloud: %v\n%s", err, out)
	}
	// A device_id that a user sets on a port is no finding.
	c.want(http.StatusCreated, scenario.Request{Method: http.MethodPost, Service: "network", Path: "/v2.0/ports",
		Body: fmt.Sprintf(
			`{"port": {"network_id": %q, "device_owner": "compute:nova", "device_id": %q}}`, c.Vars()["network"], ghost)})
	var providers struct {
		Providers []struct{ UUID string } `json:"resource_providers"`
	}
	a := c.want(http.StatusOK, scenario.Request{Method: http.MethodGet, Service: "placement", Path: "/resource_providers"})
	c.must(json.Unmarshal(a.Body, &providers))
	c.want(http.StatusNoContent, scenario.Request{Method: http.MethodPut, Service: "placement",
		Path:   "/allocations/" + ghost,
		Header: http.Header{"Openstack-Api-Version": {"placement 1.28"}}, Body: fmt.Sprintf(
			`{"allocations": {%q: {"resources": {"VCPU": 1}}}, "consumer_generation": null, "project_id": "p", "user_id": "u"}`,
			providers.Providers[0].UUID)})
	out, err = c.Command("check", "--set=DEFAULT.host=controller", "--settle=1ms")
	if err == nil {
		t.Errorf("what is left over is no failure:\n%s", out)
	}
	for _, want := range []string{"allocation-orphaned", ghost, "1 wrong"} {
		if !strings.Contains(out, want) {
			t.Errorf("the check does not say %q:\n%s", want, out)
		}
	}
	if out, err = c.Command("check", "--set=DEFAULT.host=controller", "--settle=1ms", "--repair", "--yes"); err != nil {
		t.Errorf("repair: %v\n%s", err, out)
	}
	if out, err = c.Command("check", "--set=DEFAULT.host=controller", "--settle=1ms"); err != nil {
		t.Errorf("after the repair: %v\n%s", err, out)
	}
}

func TestTasksAreShownCancelledAndTriedAgain(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds and starts the program")
	}
	c := crasher{layout.Start(t, running.Binary(t), layout.One(), scenario.Options{}), t}
	c.must(c.Kill("controller"))
	c.must(c.Begin("controller", "HYPERNOVA_CONDUCTOR__CRASH_AT=claimed 1"))
	if !c.under("", "lost", nil) {
		t.Fatal("the process has not ended")
	}
	id := c.task("running")
	out, err := c.Command("--set=DEFAULT.host=controller", "tasks", "show", id)
	if err != nil || !strings.Contains(out, "server.build") {
		t.Errorf("show: %v\n%s", err, out)
	}
	if out, err := c.Command("--set=DEFAULT.host=controller", "tasks", "retry", id); err == nil ||
		!strings.Contains(out, "only a dead task can be tried again") {
		t.Errorf("retry of a task that runs: %v\n%s", err, out)
	}
	c.must(c.command("--set=DEFAULT.host=controller", "tasks", "cancel", id))
	c.must(c.Restart("controller"))
	server := c.find("lost")
	c.until(server, "ERROR", func(status string, _ bool) bool { return status == "ERROR" })
	c.unleaked()
	if dead := c.task("dead"); dead != id {
		t.Errorf("got the dead task %q, want %q", dead, id)
	}
	out, err = c.Command("check", "--set=DEFAULT.host=controller")
	if err != nil || !strings.Contains(out, "note") || !strings.Contains(out, id) {
		t.Errorf("a task that was given up is a note: %v\n%s", err, out)
	}
	c.must(c.command("--set=DEFAULT.host=controller", "tasks", "retry", id))
	c.until(server, "to come to rest", func(status string, _ bool) bool { return status == "ERROR" || status == "ACTIVE" })
}

// want sends a request as the administrator and checks the status.
func (c crasher) want(status int, r scenario.Request) scenario.Answer {
	c.t.Helper()
	a, err := c.Do(c.t.Context(), "admin", r)
	if err != nil || a.Status != status {
		c.t.Fatalf("%s %s: %d %s %v", r.Method, r.Path, a.Status, a.Body, err)
	}
	return a
}

// task returns the id of the only task in a state.
func (c crasher) task(state string) string {
	c.t.Helper()
	out, err := c.Command("--set=DEFAULT.host=controller", "tasks", "list", "--format=json", "--state="+state)
	c.must(err)
	var found []struct{ ID string }
	if err := json.Unmarshal([]byte(out), &found); err != nil || len(found) != 1 {
		c.t.Fatalf("want one task that is %s: %v\n%s", state, err, out)
	}
	return found[0].ID
}

// command is Command without its output.
func (c crasher) command(args ...string) error {
	_, err := c.Command(args...)
	return err
}
