package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"hypernova/cloudtest/scenario"
	"hypernova/tests/layout"
)

// client is a user that records the answers to its requests. Its random source determines the requests; their time
// depends on the machine.
type client struct {
	t       *testing.T
	cloud   *layout.Cloud
	n       int
	r       *rand.Rand
	servers []*server
	counts  map[string]int // answers by kind of request
	wrong   []string
	failed  []string // faults of servers in ERROR
	began   time.Time
}

// server is the knowledge of a client about one server.
type server struct {
	name, id string // id is empty while the answer to its creation is unknown
	// promised: its creation was answered with 202. removed: its deletion was answered with 204. perhaps: a deletion had
	// no answer.
	promised, removed, perhaps bool
	accepted                   []string // request ids of accepted actions
	events                     []string
}

func (v *server) history() string { return "    " + strings.Join(v.events, "\n    ") }

func newClient(t *testing.T, cloud *layout.Cloud, n int, r *rand.Rand) *client {
	return &client{t: t, cloud: cloud, n: n, r: r, counts: map[string]int{}, began: time.Now()}
}

const (
	most      = 5                // largest number of servers of a client
	answerIn  = 20 * time.Second // timeout of a request
	betweenMs = 400              // longest pause between two requests, in milliseconds
)

func (c *client) run(ctx context.Context) {
	for ctx.Err() == nil {
		c.step(context.WithoutCancel(ctx)) // a request continues after the end of the test phase
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(c.r.IntN(betweenMs)) * time.Millisecond):
		}
	}
}

func (c *client) step(ctx context.Context) {
	var mine []*server
	for _, v := range c.servers {
		if v.id != "" && !v.removed {
			mine = append(mine, v)
		}
	}
	if len(mine) < 2 || len(mine) < most && c.r.IntN(3) == 0 {
		c.create(ctx)
		return
	}
	v := mine[c.r.IntN(len(mine))]
	switch n := c.r.IntN(10); {
	case n < 3:
		c.remove(ctx, v)
	case n < 4:
		c.look(ctx, v)
	default:
		c.act(ctx, v, actions[c.r.IntN(len(actions))])
	}
}

// actions are the bodies of actions on servers that clients send. IMAGE is the cloud's image.
var actions = []string{
	`{"reboot": {"type": "SOFT"}}`, `{"reboot": {"type": "HARD"}}`, `{"os-stop": null}`, `{"os-start": null}`,
	`{"pause": null}`, `{"unpause": null}`, `{"suspend": null}`, `{"resume": null}`,
	`{"rebuild": {"imageRef": "IMAGE"}}`, `{"rescue": null}`, `{"unrescue": null}`,
	`{"createImage": {"name": "storm"}}`,
}

// ask sends a request. Status 0 means no answer.
func (c *client) ask(ctx context.Context, what string, v *server, r scenario.Request) (int, scenario.Answer) {
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	a, err := c.cloud.Do(ctx, "demo", r)
	if err != nil {
		a.Status = 0
	}
	c.counts[fmt.Sprintf("%s %d", what, a.Status)]++
	if v != nil {
		v.events = append(v.events, fmt.Sprintf("%7.3fs %s: %d %s %v", time.Since(c.began).Seconds(), what, a.Status,
			a.Header.Get("X-Openstack-Request-Id"), short(err, a)))
	}
	return a.Status, a
}

func short(err error, a scenario.Answer) string {
	switch {
	case err != nil:
		return err.Error()
	case a.Status >= 400:
		return string(a.Body)
	}
	return ""
}

func (c *client) create(ctx context.Context) {
	vars := c.cloud.Vars()
	v := &server{name: fmt.Sprintf("c%d-%d", c.n, len(c.servers))}
	c.servers = append(c.servers, v)
	status, a := c.ask(ctx, "create", v, scenario.Request{Method: http.MethodPost, Service: "compute",
		Path: "/servers", Body: fmt.Sprintf(
			`{"server": {"name": %q, "imageRef": %q, "flavorRef": %q, "networks": [{"uuid": %q}]}}`, v.name, vars["image"],
			vars["flavor"], vars["network"])})
	if status != http.StatusAccepted {
		c.honest(v, "create", status, a)
		return
	}
	var doc struct{ Server struct{ ID string } }
	if err := json.Unmarshal(a.Body, &doc); err != nil || doc.Server.ID == "" {
		c.lie(v, "created a server without an id: %s", a.Body)
		return
	}
	v.id, v.promised = doc.Server.ID, true
}

func (c *client) remove(ctx context.Context, v *server) {
	status, a := c.ask(ctx, "delete", v, scenario.Request{Method: http.MethodDelete, Service: "compute",
		Path: "/servers/" + v.id})
	switch status {
	case http.StatusNoContent:
		v.removed = true
	case http.StatusNotFound:
		if !v.perhaps {
			c.lie(v, "a server that was promised was not found by its deletion")
		}
		v.removed = true
	default:
		v.perhaps = true
		c.honest(v, "delete", status, a)
	}
}

func (c *client) act(ctx context.Context, v *server, body string) {
	what, _, _ := strings.Cut(strings.Trim(body, `{"`), `"`)
	status, a := c.ask(ctx, what, v, scenario.Request{Method: http.MethodPost, Service: "compute",
		Path: "/servers/" + v.id + "/action", Body: strings.Replace(body, "IMAGE", c.cloud.Vars()["image"], 1)})
	switch status {
	case http.StatusAccepted, http.StatusOK: // rescue answers 200
		v.accepted = append(v.accepted, a.Header.Get("X-Openstack-Request-Id"))
	case http.StatusConflict: // the state does not allow it
	case http.StatusNotFound:
		c.missing(v)
	default:
		c.honest(v, what, status, a)
	}
}

func (c *client) look(ctx context.Context, v *server) {
	status, a := c.ask(ctx, "show", v, scenario.Request{Method: http.MethodGet, Service: "compute",
		Path: "/servers/" + v.id})
	switch status {
	case http.StatusOK:
	case http.StatusNotFound:
		c.missing(v)
	default:
		c.honest(v, "show", status, a)
	}
}

// missing checks a 404, which is correct only if a deletion may have been received.
func (c *client) missing(v *server) {
	if !v.perhaps {
		c.lie(v, "a server that was promised was not found")
	}
	v.removed = true
}

// honest checks an unsuccessful answer: it must be no answer, or a 503 with Retry-After.
func (c *client) honest(v *server, what string, status int, a scenario.Answer) {
	switch {
	case status == 0:
	case status == http.StatusServiceUnavailable && a.Header.Get("Retry-After") != "":
	default:
		c.lie(v, "%s was answered with %d %s %s", what, status, a.Body, a.Header)
	}
}

func (c *client) lie(v *server, format string, args ...any) {
	c.wrong = append(c.wrong, fmt.Sprintf("server %s (%s): %s\n%s", v.id, v.name, fmt.Sprintf(format, args...),
		v.history()))
}

// tell prints the events of the servers that the lines name.
func (c *client) tell(lines []string) {
	for _, v := range c.servers {
		for _, l := range lines {
			if v.id != "" && strings.Contains(l, v.id) {
				c.t.Logf("server %s (%s):\n%s", v.id, v.name, v.history())
				break
			}
		}
	}
}
