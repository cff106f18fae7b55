// Package stories has sequences of requests that use every operation of all services at least once, each with its
// caller and its expected answer. Tests of policies, documents, concurrency and malformed requests run these sequences
// with their own hooks, so that an operation is described in one place.
package stories

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Step is one request of a sequence. In its texts {name} is replaced by a value that an earlier step kept. {new:name},
// {uuid:name} and {serial:name} are replaced by a new value, which is kept under the name.
type Step struct {
	Call    string // "POST /v3/users/{user}/password"
	Body    string
	Want    int         // expected status
	Keep    string      // values to keep: "user=user.id list=links.0.id token=@X-Subject-Token"
	Header  string      // "X-Subject-Token: {token}"
	Type    string      // content type; empty: JSON
	Who     string      // caller; empty: the sequence's
	Case    string      // distinguishes uses of an operation that have different policies
	From    int         // first microversion of the step
	To      int         // last one; 0: no last one
	At      int         // microversion to send it with in a run above To; 0: the step is left out then
	Needs   string      // the step is left out if the cloud lacks this: "agents"
	Again   int         // expected status of the same request, sent again; 0: not tested
	Unknown int         // expected status if the path's last name does not exist; 0: 404, -1: not tested
	Head    int         // expected status of HEAD; 0: that of GET
	Until   string      // "status=active": repeated until the answer has this value
	Open    bool        // needs no token
	Own     bool        // the new resource belongs to its caller
	Prepare func(Names) // computes values from kept ones, such as a signature
}

// Names are the kept values by name.
type Names map[string]string

// Sequence is a sequence of requests to one service.
type Sequence struct {
	Service string
	Caller  string // default caller of the steps
	Slow    bool   // it waits for asynchronous work
	Steps   []Step
}

// Request is a step with its names replaced.
type Request struct {
	Step   *Step
	Method string
	Path   string
	Body   string
	Who    string
	Header http.Header
	Minor  int // microversion; -1: none
}

// Action returns the action of a POST to a path that ends in "/action": the name of the body's only member. It is empty
// for other requests.
func (r *Request) Action() string {
	path, _, _ := strings.Cut(r.Step.Call, "?")
	var body map[string]json.RawMessage
	if !strings.HasSuffix(path, "/action") || json.Unmarshal([]byte(r.Step.Body), &body) != nil {
		return ""
	}
	for name := range body {
		return name
	}
	return ""
}

// Operation returns the method, the path template, and the action if there is one.
func (r *Request) Operation(template string) string {
	return strings.TrimSuffix(r.Method+" "+template+" "+r.Action(), " ")
}

// Key returns the operation with the step's case, as the tables of expected results name it: "POST /v3/users".
func (r *Request) Key(template string) string {
	key := r.Operation(template)
	if r.Step.Case != "" {
		key += " " + r.Step.Case
	}
	return key
}

// Answer is a response.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Doc returns the decoded body, nil if it is not JSON.
func (a *Answer) Doc() any {
	var v any
	if json.Unmarshal(a.Body, &v) != nil {
		return nil
	}
	return v
}

// Hooks are called during a run. Each may be nil.
type Hooks struct {
	Before func(r *Request)            // before the step; may send other requests
	Send   func(r *Request) *Answer    // in place of Runner.Send
	After  func(r *Request, a *Answer) // after the step
}

// Runner runs sequences against a cloud.
type Runner struct {
	T     *testing.T
	Cloud *Cloud
	Names Names
	Minor int  // microversion of compute or placement; -1: none
	Lax   bool // an unexpected answer is no error; it ends the sequence if later steps need a value of it

	service string
	count   int
}

// NewRunner makes a runner. It knows the names of the cloud's callers and common resources.
func NewRunner(t *testing.T, c *Cloud, minor int) *Runner {
	names := Names{}
	for k, v := range c.Names {
		names[k] = v
	}
	return &Runner{T: t, Cloud: c, Names: names, Minor: minor}
}

// Run sends the steps that exist at the microversion, and reports unexpected answers as errors of the test. It stops if
// an answer lacks a value to keep.
func (p *Runner) Run(s Sequence, h Hooks) {
	p.T.Helper()
	p.service = s.Service
	if p.Cloud.Arrange != nil {
		p.Cloud.Arrange()
	}
	for i := range s.Steps {
		step := &s.Steps[i]
		if !p.Has(step) {
			continue
		}
		who := step.Who
		if who == "" {
			who = s.Caller
		}
		r := p.Fill(step, who)
		if h.Before != nil {
			h.Before(r)
			r = p.Fill(step, who)
		}
		send := p.Send
		if h.Send != nil {
			send = h.Send
		}
		a := send(r)
		for end := time.Now().Add(p.patience()); step.Until != "" && !p.done(step, a) && time.Now().Before(end); {
			a = p.Send(r)
		}
		if step.Until != "" && !p.done(step, a) && !p.Lax {
			p.T.Errorf("%s: %s did not appear: %.600s", step.Call, step.Until, a.Body)
		}
		if a.Status != step.Want && !p.Lax {
			p.T.Errorf("%s as %s (minor %d): got %d, want %d: %.600s", step.Call, r.Who, p.Minor, a.Status, step.Want, a.Body)
		}
		if !p.keep(step, a) {
			return
		}
		if h.After != nil {
			h.After(r, a)
		}
	}
}

// Has reports whether the cloud and the microversion have the step.
func (p *Runner) Has(s *Step) bool {
	if s.Needs != "" && p.Names[s.Needs] == "" {
		return false
	}
	return p.Minor < 0 || p.Minor >= s.From && (s.To == 0 || p.Minor <= s.To || s.At > 0)
}

// minor returns the microversion to send a step with.
func (p *Runner) minor(s *Step) int {
	if s.At > 0 && p.Minor > s.To {
		return s.At
	}
	return p.Minor
}

// patience returns the limit of the wait for Step.Until. It is short for a lax run, where the value may never appear.
func (p *Runner) patience() time.Duration {
	if p.Lax {
		return 2 * time.Second
	}
	return time.Minute
}

// done reports whether the wait for Step.Until is over: the value is there, or the request failed.
func (p *Runner) done(step *Step, a *Answer) bool {
	path, want, _ := strings.Cut(name.ReplaceAllStringFunc(step.Until,
		func(m string) string { return p.Names[m[1:len(m)-1]] }), "=")
	got, ok := at(a.Body, path)
	if !ok { // absent or null
		return a.Status != step.Want || want == ""
	}
	return a.Status != step.Want || got == want
}

var name = regexp.MustCompile(`\{(?:(new|uuid|serial):)?([a-z_0-9]+)\}`)

// Fill makes the request of a step for a caller.
func (p *Runner) Fill(step *Step, who string) *Request {
	p.T.Helper()
	p.Names["new"] = p.fresh()
	fill := func(text string) string {
		return name.ReplaceAllStringFunc(text, func(m string) string {
			parts := name.FindStringSubmatch(m)
			switch parts[1] {
			case "new":
				p.Names[parts[2]] = p.fresh()
			case "serial":
				p.count++
				p.Names[parts[2]] = fmt.Sprintf("%d_%d", p.Cloud.serial(), p.count)
			case "uuid":
				p.count++
				p.Names[parts[2]] = fmt.Sprintf("%08x-0000-4000-8000-%012d", p.Cloud.serial(), p.count)
			}
			v, ok := p.Names[parts[2]]
			if !ok {
				return m
			}
			return v
		})
	}
	if step.Prepare != nil {
		step.Prepare(p.Names)
	}
	method, path, _ := strings.Cut(step.Call, " ")
	r := &Request{Step: step, Method: method, Path: fill(path), Body: fill(step.Body), Who: who, Header: http.Header{},
		Minor: p.minor(step)}
	if step.Header != "" {
		k, v, _ := strings.Cut(fill(step.Header), ": ")
		r.Header.Set(k, v)
	}
	switch {
	case step.Type != "":
		r.Header.Set("Content-Type", step.Type)
	case step.Body != "":
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func (p *Runner) fresh() string {
	p.count++
	return fmt.Sprintf("n%d-%d", p.Cloud.serial(), p.count)
}

// Send sends a request as its caller.
func (p *Runner) Send(r *Request) *Answer { return p.As(r.Who, r) }

// As sends a request as another caller.
func (p *Runner) As(who string, r *Request) *Answer {
	p.T.Helper()
	a, err := p.Try(who, r)
	if err != nil {
		p.T.Fatalf("%s %s: %v", r.Method, r.Path, err)
	}
	return a
}

// Try is As for goroutines other than the test's: it returns errors.
func (p *Runner) Try(who string, r *Request) (*Answer, error) {
	req, err := http.NewRequestWithContext(p.T.Context(), r.Method, p.Cloud.URLs[p.service]+r.Path,
		strings.NewReader(r.Body))
	if err != nil {
		return nil, err
	}
	for k, v := range r.Header {
		req.Header[k] = v
	}
	if req.Header.Get("Accept") == "" {
		req.Header.Set("Accept", "application/json")
	}
	if token := p.Cloud.Tokens[who]; token != "" && req.Header.Get("X-Auth-Token") == "" {
		req.Header.Set("X-Auth-Token", token)
	}
	if r.Minor >= 0 && req.Header.Get(versionHeader) == "" {
		req.Header.Set(versionHeader, p.service+map[string]string{"placement": " 1.", "compute": " 2."}[p.service]+
			strconv.Itoa(r.Minor))
	}
	resp, err := p.Cloud.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return &Answer{resp.StatusCode, resp.Header, b}, err
}

const versionHeader = "OpenStack-API-Version"

// keep keeps the values of an answer. It reports whether all are there.
func (p *Runner) keep(step *Step, a *Answer) bool {
	p.T.Helper()
	for _, k := range strings.Fields(step.Keep) {
		name, path, _ := strings.Cut(k, "=")
		if h, ok := strings.CutPrefix(path, "@"); ok {
			p.Names[name] = a.Header.Get(h)
			continue
		}
		v, ok := at(a.Body, path)
		if !ok && p.Lax {
			return false
		}
		if !ok {
			p.T.Fatalf("%s: the answer %d has no %s, and the story does not go on: %.400s", step.Call, a.Status, path, a.Body)
		}
		p.Names[name] = v
	}
	return true
}

// at returns a member of a JSON text by its path: names and positions, separated by dots.
func at(body []byte, path string) (string, bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return "", false
	}
	for _, part := range strings.Split(path, ".") {
		switch e := v.(type) {
		case map[string]any:
			v = e[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(e) {
				return "", false
			}
			v = e[i]
		default:
			return "", false
		}
	}
	if v == nil {
		return "", false
	}
	return fmt.Sprint(v), true
}

// Unknown returns the request with the last name of its path replaced by one that does not exist. ok is false if the
// path has no name.
func (p *Runner) Unknown(r *Request) (other *Request, ok bool) {
	_, path, _ := strings.Cut(r.Step.Call, " ")
	all := name.FindAllStringSubmatchIndex(path, -1)
	if len(all) == 0 || strings.Contains(path[:all[len(all)-1][0]], "?") {
		return nil, false
	}
	last := all[len(all)-1]
	step := *r.Step
	step.Call = r.Method + " " + path[:last[0]] + "00000000-0000-4000-8000-00000000dead" + path[last[1]:]
	other = p.Fill(&step, r.Who)
	other.Step = r.Step
	return other, true
}

// Match returns the template ("/v3/users/{user_id}") that fits a path best: the one with most literal segments.
func Match(templates []string, path string) string {
	path, _, _ = strings.Cut(path, "?")
	best, most := "", -1
	have := strings.Split(strings.Trim(path, "/"), "/")
	for _, t := range templates {
		want := strings.Split(strings.Trim(t, "/"), "/")
		if len(want) != len(have) {
			continue
		}
		literal := 0
		for i, w := range want {
			switch {
			case w == have[i]:
				literal++
			case !strings.HasPrefix(w, "{"):
				literal = -len(want) - 1
			}
		}
		if literal > most {
			best, most = t, literal
		}
	}
	return best
}
