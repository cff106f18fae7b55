// Package failures tests the error messages that users and operators see.
package failures

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"hypernova/cloudtest/scenario"
	"hypernova/tests/layout"
	"hypernova/tests/running"
)

// A build that fails on its host involves six processes. The user gets a request id. The logs have exactly one error
// line with it. The server's fault and its action have the reason.
func TestOneFailureIsOneErrorLine(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts real processes")
	}
	c := layout.Start(t, running.Binary(t), layout.Split(), scenario.Options{Computes: 1})
	if err := c.Fail("h1", "spawn fail=no such machine type"); err != nil {
		t.Fatal(err)
	}
	v := c.Vars()
	do := func(as, method, path, body string, want int, into any) http.Header {
		t.Helper()
		a, err := c.Do(t.Context(), as, scenario.Request{Method: method, Service: "compute", Path: path, Body: body})
		if err != nil || a.Status != want {
			t.Fatalf("%s %s: %d %s, %v", method, path, a.Status, a.Body, err)
		}
		if into != nil {
			if err := json.Unmarshal(a.Body, into); err != nil {
				t.Fatal(err)
			}
		}
		return a.Header
	}
	var made struct{ Server struct{ ID string } }
	header := do("demo", "POST", "/servers",
		fmt.Sprintf(`{"server": {"name": "s", "imageRef": %q, "flavorRef": %q, "networks": [{"uuid": %q}]}}`,
			v["image"], v["flavor"], v["network"]), http.StatusAccepted, &made)
	request := header.Get("X-Openstack-Request-Id")
	if !strings.HasPrefix(request, "req-") {
		t.Fatalf("the request's id is %q", request)
	}
	var doc struct {
		Server struct {
			Status string
			Fault  struct{ Message string }
		}
	}
	for limit := time.Now().Add(time.Minute); doc.Server.Status != "ERROR"; {
		do("demo", "GET", "/servers/"+made.Server.ID, "", http.StatusOK, &doc)
		if time.Now().After(limit) {
			t.Fatalf("the server is %s", doc.Server.Status)
		}
	}
	var acts struct {
		Action struct {
			Request string `json:"request_id"`
			Events  []struct{ Event, Result, Traceback, Details string }
		} `json:"instanceAction"`
	}
	do("admin", "GET", "/servers/"+made.Server.ID+"/os-instance-actions/"+request, "", http.StatusOK, &acts)
	if !strings.Contains(doc.Server.Fault.Message, "No valid host was found") {
		t.Errorf("the fault is %q", doc.Server.Fault.Message)
	}
	reason := false
	for _, e := range acts.Action.Events {
		reason = reason || e.Result == "Error" && strings.Contains(e.Traceback, "no such machine type")
	}
	if acts.Action.Request != request || !reason {
		t.Errorf("the action does not say why: %+v", acts.Action)
	}
	logs, err := c.Logs()
	if err != nil {
		t.Fatal(err)
	}
	var errs []string
	seen := map[string]bool{}
	for name, text := range logs {
		for line := range strings.Lines(text) {
			if strings.Contains(line, request) {
				seen[name] = true
			}
			if strings.Contains(line, "level=ERROR") && (strings.Contains(line, request) ||
				strings.Contains(line, made.Server.ID)) {
				errs = append(errs, name+": "+line)
			}
		}
	}
	if len(errs) != 1 || !strings.Contains(errs[0], "request="+request) ||
		!strings.Contains(errs[0], "no such machine type") || !strings.Contains(errs[0], made.Server.ID) {
		t.Errorf("%d lines are errors of this failure: %s", len(errs), strings.Join(errs, ""))
	}
	// Requests of the build to other services have their own ids there, and also name this one.
	for _, name := range []string{"nova-api", "placement-api", "neutron-server"} {
		if !seen[name] {
			t.Errorf("the log of %s does not know the request", name)
		}
	}
}

func TestMain(m *testing.M) { layout.Main(m) }
