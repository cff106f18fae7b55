package scenarios

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"hypernova/cloudtest/scenario"
	"hypernova/tests/layout"
	"hypernova/tests/running"
)

// most bounds the search for the last step of a job; none has nearly so many.
const most = 100

// TestAProcessThatEndsAtAnyStepLosesNothing ends the whole cloud, a process with everything in it, at every point of a job that can be told
// apart: when it is claimed, after each step it records, before and after its end is written. Each time the next process must bring the server
// to what was asked for, or to ERROR, and nothing may be left over.
func TestAProcessThatEndsAtAnyStepLosesNothing(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds and starts the program")
	}
	binary := running.Binary(t)
	tests := []struct {
		name  string
		built bool                                // the server is there before
		do    func(id string) scenario.Request    // what is under way when the process ends
		wants func(status string, gone bool) bool // when all is well in the end
	}{
		{"build", false, nil, func(status string, gone bool) bool { return gone || status == "ACTIVE" || status == "ERROR" }},
		{"delete", true, func(id string) scenario.Request {
			return scenario.Request{Method: http.MethodDelete, Service: "compute", Path: "/servers/" + id}
		}, func(_ string, gone bool) bool { return gone }},
		{"stop", true, func(id string) scenario.Request {
			return scenario.Request{Method: http.MethodPost, Service: "compute", Path: "/servers/" + id + "/action", Body: `{"os-stop": null}`}
		}, func(status string, _ bool) bool { return status == "SHUTOFF" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := crasher{layout.Start(t, binary, layout.One(), scenario.Options{}), t}
			ends := 0
			for _, point := range []string{"claimed", "saved", "done", "ended"} {
				n := 1
				for c.round(tt.name, tt.built, tt.do, tt.wants, point, n) {
					if n++; n > most {
						t.Fatalf("%s still comes to %q after %d times", tt.name, point, most)
					}
				}
				t.Logf("%s: ended at %q %d times", tt.name, point, n-1)
				ends += n - 1
			}
			if ends < 3 {
				t.Errorf("the process ended %d times, want more: does crash_at work?", ends)
			}
		})
	}
}

// round asks for something of a new server while the process is to end the nth time at a point, and has the next process put it right. It
// reports whether the process did end.
func (c crasher) round(what string, built bool, do func(string) scenario.Request, wants func(string, bool) bool, point string, n int) bool {
	c.t.Helper()
	id, name := "", fmt.Sprintf("%s-%s-%d", what, point, n)
	if built {
		id = c.create(name)
		c.until(id, "ACTIVE", func(status string, _ bool) bool { return status == "ACTIVE" })
	}
	c.must(c.Kill("controller"))
	c.beginToEnd(fmt.Sprintf("HYPERNOVA_CONDUCTOR__CRASH_AT=%s %d", point, n))
	crashed := c.under(id, name, do)
	if !crashed {
		c.must(c.Kill("controller"))
	}
	c.must(c.Restart("controller"))
	if id == "" {
		id = c.find(name)
	}
	if id != "" { // else the process ended before anything was written
		c.until(id, what+" to be done or undone", wants)
		c.unleaked()
		_, _ = c.Do(c.t.Context(), "demo", scenario.Request{Method: http.MethodDelete, Service: "compute", Path: "/servers/" + id}) // it may be gone
		c.until(id, "gone", func(_ string, gone bool) bool { return gone })
	}
	c.unleaked()
	return crashed
}

// beginToEnd starts the process that is to end at a point. Work of an earlier round may be due when it starts, such as
// a clean-up that waited for the host. Then it comes to the point in that work before it is ready, and is started
// again once that work is done.
func (c crasher) beginToEnd(env string) {
	c.t.Helper()
	for range 10 {
		err := c.Begin("controller", env)
		if !errors.Is(err, layout.ErrEndedEarly) {
			c.must(err)
			return
		}
		c.must(c.Restart("controller"))
		c.unleaked()
		c.must(c.Kill("controller"))
	}
	c.t.Fatalf("the process ends ten times before it is ready")
}

// crasher is a cloud in one process.
type crasher struct {
	*layout.Cloud
	t *testing.T
}

func (c crasher) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c crasher) create(name string) string {
	c.t.Helper()
	a, err := c.Do(c.t.Context(), "demo", c.creation(name))
	c.must(err)
	var doc struct{ Server struct{ ID string } }
	if err := json.Unmarshal(a.Body, &doc); err != nil || a.Status != http.StatusAccepted {
		c.t.Fatalf("create: %d %s", a.Status, a.Body)
	}
	return doc.Server.ID
}

func (c crasher) creation(name string) scenario.Request {
	v := c.Vars()
	return scenario.Request{Method: http.MethodPost, Service: "compute", Path: "/servers", Body: fmt.Sprintf(
		`{"server": {"name": %q, "imageRef": %q, "flavorRef": %q, "networks": [{"uuid": %q}]}}`, name, v["image"], v["flavor"], v["network"])}
}

// under asks for something and waits for the process to end of it, or for the server to come to rest.
func (c crasher) under(id, name string, do func(string) scenario.Request) (crashed bool) {
	c.t.Helper()
	n, err := c.Part("controller")
	c.must(err)
	r := c.creation(name)
	if do != nil {
		r = do(id)
	}
	_, _ = c.Do(c.t.Context(), "demo", r) // the process may end before it answers
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	for {
		select {
		case <-n.Ended():
			return true
		case <-limit:
			c.t.Fatalf("%s has neither ended nor been done", name)
		case <-tick.C:
			if c.rest(id, name) {
				// The job's end is written after the server's rest; a process that is to end there does so at once.
				select {
				case <-n.Ended():
					return true
				case <-time.After(300 * time.Millisecond):
					return false
				}
			}
		}
	}
}

// rest reports a server that nothing is being done to.
func (c crasher) rest(id, name string) bool {
	if id == "" {
		if id = c.find(name); id == "" {
			return false
		}
	}
	status, task, gone, err := c.look(c.t.Context(), id)
	return err == nil && (gone || task == "" && status != "BUILD")
}

func (c crasher) look(ctx context.Context, id string) (status, task string, gone bool, err error) {
	a, err := c.Do(ctx, "admin", scenario.Request{Method: http.MethodGet, Service: "compute", Path: "/servers/" + id})
	if err != nil || a.Status == http.StatusNotFound {
		return "", "", err == nil, err
	}
	var doc struct {
		Server struct {
			Status string
			Task   string `json:"OS-EXT-STS:task_state"`
		}
	}
	err = json.Unmarshal(a.Body, &doc)
	return doc.Server.Status, doc.Server.Task, false, err
}

// find is the id of a server by its name, empty where there is none or nobody answers.
func (c crasher) find(name string) string {
	a, err := c.Do(c.t.Context(), "admin", scenario.Request{Method: http.MethodGet, Service: "compute", Path: "/servers?all_tenants=1&name=%5E" + name + "$"})
	if err != nil {
		return ""
	}
	var doc struct{ Servers []struct{ ID string } }
	if json.Unmarshal(a.Body, &doc) != nil || len(doc.Servers) == 0 {
		return ""
	}
	return doc.Servers[0].ID
}

// until waits for a server to be as it should.
func (c crasher) until(id, what string, ok func(status string, gone bool) bool) {
	c.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(60 * time.Second)
	for {
		status, task, gone, err := c.look(c.t.Context(), id)
		if err == nil && (task == "" || gone) && ok(status, gone) {
			return
		}
		select {
		case <-limit:
			c.t.Fatalf("waited for %s: server %s is %s, %s, gone %v, %v", what, id, status, task, gone, err)
		case <-tick.C:
		}
	}
}

func (c crasher) unleaked() {
	c.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(60 * time.Second)
	for {
		leaks, err := c.Leaks(c.t.Context())
		if err == nil && len(leaks) == 0 {
			return
		}
		select {
		case <-limit:
			c.t.Fatalf("left over: %v %v", leaks, err)
		case <-tick.C:
		}
	}
}
