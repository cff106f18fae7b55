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

// most bounds the search for the last step of a task, which has far fewer.
const most = 100

// TestCrashAtEveryStep ends the process of a whole cloud at every point of a task: after its claim, after each recorded
// step, before and after its end is written. Each time the next process must bring the server to the requested state or
// to ERROR, and nothing may be leaked.
func TestCrashAtEveryStep(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds and starts the program")
	}
	binary := running.Binary(t)
	tests := []struct {
		name  string
		built bool                                // the server exists before
		do    func(id string) scenario.Request    // the request whose task is running when the process ends
		wants func(status string, gone bool) bool // whether the final state is correct
	}{
		{"build", false, nil, func(status string, gone bool) bool { return gone || status == "ACTIVE" || status == "ERROR" }},
		{"delete", true, func(id string) scenario.Request {
			return scenario.Request{Method: http.MethodDelete, Service: "compute", Path: "/servers/" + id}
		}, func(_ string, gone bool) bool { return gone }},
		{"stop", true, func(id string) scenario.Request {
			return scenario.Request{Method: http.MethodPost, Service: "compute", Path: "/servers/" + id + "/action",
				Body: `{"os-stop": null}`}
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

// round sends a request for a new server while the process is to end at the nth occurrence of a point. The next process
// must complete the request. It reports whether the process ended.
func (c crasher) round(what string, built bool, do func(string) scenario.Request, wants func(string, bool) bool,
	point string, n int) bool {
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
	if id != "" { // else the process ended before it wrote a row
		c.until(id, what+" to be done or undone", wants)
		c.unleaked()
		// it may not exist
		_, _ = c.Do(c.t.Context(), "demo", scenario.Request{Method: http.MethodDelete, Service: "compute",
			Path: "/servers/" + id})
		c.until(id, "gone", func(_ string, gone bool) bool { return gone })
	}
	c.unleaked()
	return crashed
}

// beginToEnd starts the process that is to end at a point. Work of an earlier round may be due when it starts, such as
// a clean-up that waited for the host. If the process ends at the point in that work, before it is ready, it is started
// again until that work is done.
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
		`{"server": {"name": %q, "imageRef": %q, "flavorRef": %q, "networks": [{"uuid": %q}]}}`, name, v["image"],
		v["flavor"], v["network"])}
}

// under sends a request and waits until the process ends, or the server is idle.
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
				// The end of the task is written after the server's row. A process that is to end there does so at once.
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

// rest reports whether a server has no running operation.
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

// find returns the id of a server by its name, empty if it does not exist or the API does not answer.
func (c crasher) find(name string) string {
	a, err := c.Do(c.t.Context(), "admin", scenario.Request{Method: http.MethodGet, Service: "compute",
		Path: "/servers?all_tenants=1&name=%5E" + name + "$"})
	if err != nil {
		return ""
	}
	var doc struct{ Servers []struct{ ID string } }
	if json.Unmarshal(a.Body, &doc) != nil || len(doc.Servers) == 0 {
		return ""
	}
	return doc.Servers[0].ID
}

// until waits until ok is true for a server.
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
