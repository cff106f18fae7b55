package scenario

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
)

// canned answers by "METHOD service path"; a list is answered one after another, the last one for ever.
type canned struct {
	answers map[string][]Answer
	asked   []string
	done    []string
}

func (c *canned) Do(_ context.Context, as string, r Request) (Answer, error) {
	key := r.Method + " " + r.Service + " " + r.Path
	c.asked = append(c.asked, as+": "+key+" "+r.Body+" "+r.Header.Get("X-Extra"))
	as2 := c.answers[key]
	if len(as2) == 0 {
		return Answer{Status: 404, Header: http.Header{}}, nil
	}
	if len(as2) > 1 {
		c.answers[key] = as2[1:]
	}
	return as2[0], nil
}
func (c *canned) Vars() map[string]string { return map[string]string{"image": "i-1"} }
func (c *canned) Tick(d time.Duration) error {
	c.done = append(c.done, "tick "+d.String())
	return nil
}
func (c *canned) Kill(n string) error    { c.done = append(c.done, "kill "+n); return nil }
func (c *canned) Restart(n string) error { c.done = append(c.done, "restart "+n); return nil }
func (c *canned) Fail(h, f string) error { c.done = append(c.done, "fail "+h+" "+f); return nil }
func (c *canned) Leaks(context.Context) ([]string, error) {
	return nil, nil
}

func js(status int, body string) Answer {
	return Answer{Status: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}
}

// run tells a script to a cloud and answers what went wrong with the line it went wrong on.
func run(t *testing.T, c *canned, script string) string {
	t.Helper()
	s, err := parse("x.txtar", txtar.Parse([]byte(script)))
	if err != nil {
		return err.Error()
	}
	tl := &teller{story: s, cloud: c, as: "admin", header: http.Header{}, vars: c.Vars(), checked: true}
	for _, cmd := range s.commands {
		if err := tl.do(t.Context(), cmd); err != nil {
			return cmd.text + ": " + err.Error()
		}
	}
	return ""
}

func TestAStoryFromBeginningToEnd(t *testing.T) {
	t.Parallel()
	c := &canned{answers: map[string][]Answer{
		"POST compute /servers": {js(202, `{"server":{"id":"s-1","tags":["a","b"],"n":3,"OS-EXT.x":null}}`)},
		"GET compute /servers/s-1": {js(200, `{"server":{"status":"BUILD"}}`), js(200, `{"server":{"status":"ACTIVE"}}`),
			js(404, `{}`)},
	}}
	wrong := run(t, c, `
# a comment
cloud computes=2 DEFAULT.debug=true
as demo
header X-Extra: more
POST compute /servers create.json
status 202
set id server.id
json server.n 3
json server.tags.1 b
json server.tags ["a","b"]
json server.id ~ ^s-\d$
json [server].OS-EXT.x absent
json server.[OS-EXT.x] present
json server.nothing absent
count server.tags 2
header X-Extra:
wait server $id ACTIVE 2s
tick 1m
kill h2
restart h2
fail h1 spawn nth=1 fail=no luck
fail h1 none
wait server $id gone
unleaked
-- create.json --
{"server": {"imageRef": "$image"}}
`)
	if wrong != "" {
		t.Fatal(wrong)
	}
	if want := `demo: POST compute /servers {"server": {"imageRef": "i-1"}}`; !strings.HasPrefix(c.asked[0], want) ||
		!strings.HasSuffix(c.asked[0], " more") {
		t.Errorf("got %q, want %q and the header", c.asked[0], want)
	}
	if got, want := strings.Join(c.done, "; "),
		"tick 1m0s; kill h2; restart h2; fail h1 spawn nth=1 fail=no luck; fail h1 "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStoriesFailWhereTheCloudDoesNotComply(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, script, want string }{
		{"status", "GET compute /x\nstatus 201", "status is 200, want 201"},
		{"unchecked answer", "GET compute /x\nGET compute /x", "was not checked"},
		{"value", "GET compute /x\nstatus 200\njson a 2", "a is 1, want 2"},
		{"pattern", "GET compute /x\nstatus 200\njson s ~ ^z", "want a match"},
		{"absent", "GET compute /x\nstatus 200\njson b 2", "b is absent"},
		{"not absent", "GET compute /x\nstatus 200\njson a absent", "want it absent"},
		{"count", "GET compute /x\nstatus 200\ncount l 3", "has 2 items, want 3"},
		{"error ends the wait", "wait server s ACTIVE 5s", "no luck"},
		{"wait too long", "wait GET compute /x a 2 20ms", "is not 2 after 20ms"},
		{"unknown command", "frobnicate", "there is no command"},
		{"late cloud", "as demo\ncloud computes=2", "must be the first command"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := &canned{answers: map[string][]Answer{"GET compute /x": {js(200, `{"a":1,"s":"abc","l":[1,2]}`)},
				"GET compute /servers/s": {js(200, `{"server":{"status":"ERROR","fault":{"message":"no luck"}}}`)}}}
			if got := run(t, c, tt.script); !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q in it", got, tt.want)
			}
		})
	}
}
