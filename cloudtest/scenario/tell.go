package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// waitFor is how long "wait" waits unless it is told: long enough for the lease of a process that was killed to end,
// and a slow machine.
const waitFor = time.Minute

// pause is between two looks of "wait".
const pause = 5 * time.Millisecond

// teller is a story under way.
type teller struct {
	story   *story
	cloud   Cloud
	as      string
	header  http.Header
	vars    map[string]string
	last    *Answer
	doc     any
	checked bool
	log     strings.Builder // the transcript, shown when something is wrong
}

func (s *story) tell(t *testing.T, c Cloud) {
	t.Helper()
	tl := &teller{story: s, cloud: c, as: "admin", header: http.Header{}, vars: c.Vars(), checked: true}
	for _, cmd := range s.commands {
		if err := tl.do(t.Context(), cmd); err != nil {
			t.Fatalf("%s:%d: %s\n    %v\n%s", s.name, cmd.line, cmd.text, err, tl.log.String())
		}
	}
	if !tl.checked {
		t.Fatalf("%s: the last answer was not checked; add a status command\n%s", s.name, tl.log.String())
	}
}

func (tl *teller) do(ctx context.Context, c command) error {
	verb, rest, _ := strings.Cut(c.text, " ")
	rest = tl.replace(strings.TrimSpace(rest))
	args := fields(rest)
	need := func(n int) error {
		if len(args) < n {
			return fmt.Errorf("%s needs at least %d words", verb, n)
		}
		return nil
	}
	switch verb {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead:
		if err := need(2); err != nil {
			return err
		}
		return tl.request(ctx, verb, args[0], args[1], rest)
	case "as":
		tl.as = rest
		return nil
	case "header":
		k, v, _ := strings.Cut(rest, ":")
		tl.header.Del(k)
		if v = strings.TrimSpace(v); v != "" {
			tl.header.Set(k, v)
		}
		return nil
	case "status":
		return tl.status(rest)
	case "json", "count", "set", "let":
		if err := need(2); err != nil {
			return err
		}
		path, want, _ := strings.Cut(rest, " ")
		return tl.value(verb, path, strings.TrimSpace(want))
	case "wait":
		if err := need(3); err != nil {
			return err
		}
		return tl.wait(ctx, args)
	case "tick":
		d, err := time.ParseDuration(rest)
		if err != nil {
			return err
		}
		return tl.cloud.Tick(d)
	case "kill":
		return tl.cloud.Kill(rest)
	case "restart":
		return tl.cloud.Restart(rest)
	case "fail":
		host, faults, _ := strings.Cut(rest, " ")
		if faults == "none" {
			faults = ""
		}
		return tl.cloud.Fail(host, faults)
	case "unleaked":
		return tl.unleaked(ctx)
	}
	return fmt.Errorf("there is no command %q", verb)
}

// replace puts variables in; an unknown one stays, so that it shows in the failure.
func (tl *teller) replace(s string) string {
	if !strings.Contains(s, "$") {
		return s
	}
	return os.Expand(s, func(name string) string {
		if v, ok := tl.vars[name]; ok {
			return v
		}
		return "${" + name + "}"
	})
}

func (tl *teller) request(ctx context.Context, method, service, path, rest string) error {
	if !tl.checked {
		return errors.New("the answer before was not checked; add a status command")
	}
	body := ""
	if _, b, ok := strings.Cut(rest, path+" "); ok {
		body = strings.TrimSpace(b)
		if file, ok := tl.story.files[body]; ok {
			body = tl.replace(file)
		}
	}
	tl.checked = false
	return tl.send(ctx, Request{Method: method, Service: service, Path: path, Header: tl.header, Body: body}, tl.as)
}

func (tl *teller) send(ctx context.Context, r Request, as string) error {
	a, err := tl.cloud.Do(ctx, as, r)
	if err != nil {
		return err
	}
	fmt.Fprintf(&tl.log, "> %s: %s %s %s %s\n< %d %s %s\n", as, r.Method, r.Service, r.Path, r.Body, a.Status,
		a.Header.Get("X-Openstack-Request-Id"), cut(a.Body))
	tl.last, tl.doc = &a, nil
	if len(a.Body) > 0 && strings.Contains(a.Header.Get("Content-Type"), "json") {
		tl.doc, err = decode(a.Body)
	}
	return err
}

func (tl *teller) status(want string) error {
	if tl.last == nil {
		return errors.New("there is no answer yet")
	}
	tl.checked = true
	if got := strconv.Itoa(tl.last.Status); got != want {
		return fmt.Errorf("status is %s, want %s", got, want)
	}
	return nil
}

func (tl *teller) value(verb, path, want string) error {
	if verb == "let" {
		tl.vars[path] = want
		return nil
	}
	if tl.last == nil {
		return errors.New("there is no answer yet")
	}
	switch verb {
	case "json":
		return expect(tl.doc, path, want)
	case "count":
		v, _ := member(tl.doc, path)
		list, ok := v.([]any)
		if !ok {
			return fmt.Errorf("%s is no list", path)
		}
		if got := strconv.Itoa(len(list)); got != want {
			return fmt.Errorf("%s has %s items, want %s", path, got, want)
		}
		return nil
	}
	v, ok := member(tl.doc, want)
	if !ok {
		return fmt.Errorf("%s is absent", want)
	}
	tl.vars[path] = text(v)
	return nil
}

// wait asks again and again: "server ID STATUS [for]" or "GET service path member value [for]".
func (tl *teller) wait(ctx context.Context, args []string) error {
	r := Request{Method: http.MethodGet, Header: tl.header}
	var path, want string
	switch {
	case args[0] == "server":
		r.Service, r.Path, path, want = "compute", "/servers/"+args[1], "server.status", args[2]
		args = args[3:]
	case args[0] == http.MethodGet && len(args) >= 5:
		r.Service, r.Path, path, want = args[1], args[2], args[3], args[4]
		args = args[5:]
	default:
		return errors.New("wait server ID STATUS [for], or wait GET service path member value [for]")
	}
	limit := waitFor
	if len(args) > 0 {
		d, err := time.ParseDuration(args[0])
		if err != nil {
			return err
		}
		limit = d
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	before := tl.log.Len()
	for {
		text := tl.log.String()[:before]
		tl.log.Reset()
		tl.log.WriteString(text) // only the last look is kept
		if err := tl.send(ctx, r, tl.as); err != nil && ctx.Err() == nil && tl.last == nil {
			return err
		}
		done, err := tl.arrived(path, want)
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not %s after %s", path, want, limit)
		case <-time.After(pause):
		}
	}
}

func (tl *teller) arrived(path, want string) (bool, error) {
	if tl.last == nil {
		return false, nil
	}
	if want == "gone" {
		return tl.last.Status == http.StatusNotFound, nil
	}
	v, ok := member(tl.doc, path)
	if !ok {
		return false, nil
	}
	if got := text(v); got == "ERROR" && want != "ERROR" && path == "server.status" {
		why, _ := member(tl.doc, "server.fault.message")
		return false, fmt.Errorf("the server is in ERROR: %s", text(why))
	} else if got == want {
		tl.checked = true
		return true, nil
	}
	return false, nil
}

func (tl *teller) unleaked(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, waitFor)
	defer cancel()
	for {
		leaks, err := tl.cloud.Leaks(ctx)
		if err != nil {
			return err
		}
		if len(leaks) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("left over: %s", strings.Join(leaks, "; "))
		case <-time.After(pause):
		}
	}
}

// fields splits at spaces, except within "…".
func fields(s string) []string {
	var out []string
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		var w string
		if s[0] == '"' {
			if i := strings.IndexByte(s[1:], '"'); i >= 0 {
				out, s = append(out, s[1:1+i]), s[i+2:]
				continue
			}
		}
		w, s, _ = strings.Cut(s, " ")
		out = append(out, w)
	}
	return out
}

func cut(b []byte) string {
	if len(b) > 2000 {
		return string(b[:2000]) + "…"
	}
	return string(b)
}
