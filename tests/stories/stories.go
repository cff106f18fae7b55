// Package stories tells every operation of all services once, in an order in which they work: what is sent, who sends
// it, what comes back. The walks that hold the cloud against documents, policies, races and bad input all tell these stories, each
// listening for its own thing, so that an operation is described in one place.
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

// Step is one request of a story. {name} stands for what was kept before; {new:name}, {uuid:name} and {serial:name} are fresh each time
// the step is told, and kept.
type Step struct {
	Call    string // "POST /v3/users/{user}/password"
	Body    string
	Want    int
	Keep    string      // "user=user.id list=links.0.id token=@X-Subject-Token"
	Header  string      // "X-Subject-Token: {token}"
	Type    string      // content type; JSON where it is empty
	Who     string      // who sends it; the story's teller where it is empty
	Case    string      // tells this use of an operation from its others, where policy differs
	From    int         // first microversion that has it
	To      int         // last one; 0: all that follow
	At      int         // where a telling at a later microversion than the last one tells the step nevertheless; 0: it does not
	Needs   string      // what a cloud must have for the step: "agents"
	Again   int         // the status of the very same request, sent again; 0: not looked at
	Unknown int         // the status where the path's last name is one of nothing; 0: 404, -1: not looked at
	Head    int         // the status of HEAD; 0: that of GET
	Until   string      // "status=active": sent again until the answer's member says so
	Open    bool        // needs no token
	Own     bool        // what it makes belongs to who sends it
	Prepare func(Names) // computes names from names, such as a signature
}

// Names are what is known so far.
type Names map[string]string

// Story is steps of one service.
type Story struct {
	Service string
	Teller  string // who sends what names nobody
	Slow    bool   // it waits for what goes on behind the answers
	Steps   []Step
}

// Request is a step with its names filled in.
type Request struct {
	Step   *Step
	Method string
	Path   string
	Body   string
	Who    string
	Header http.Header
	Minor  int // the microversion that it is sent with; -1: none
}

// Action is the operation that is posted to a path which ends in "action": the body's only member.
func (r *Request) Action() string {
	path, _, _ := strings.Cut(r.Step.Call, "?")
	var body map[string]json.RawMessage
	if !strings.HasSuffix(path, "}/action") || json.Unmarshal([]byte(r.Step.Body), &body) != nil {
		return ""
	}
	for name := range body {
		return name
	}
	return ""
}

// Operation is the method and the template of a path, and the action where there is one.
func (r *Request) Operation(template string) string {
	return strings.TrimSuffix(r.Method+" "+template+" "+r.Action(), " ")
}

// Key is the operation of the step as the document of expectations names it: "POST /v3/users" with the case behind it.
func (r *Request) Key(template string) string {
	key := r.Operation(template)
	if r.Step.Case != "" {
		key += " " + r.Step.Case
	}
	return key
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Doc is the answer's JSON, nil where it is none.
func (a *Answer) Doc() any {
	var v any
	if json.Unmarshal(a.Body, &v) != nil {
		return nil
	}
	return v
}

// Listener hears a telling. Any of its functions may be nil.
type Listener struct {
	Before func(r *Request)         // may send things of its own
	Send   func(r *Request) *Answer // instead of sending once as who tells it
	After  func(r *Request, a *Answer)
}

// Telling is one run of a story against a cloud.
type Telling struct {
	T     *testing.T
	Cloud *Cloud
	Names Names
	Minor int  // microversion of compute or placement; -1: none is asked for
	Lax   bool // a step that does not succeed is no mistake, and ends the story where others need it

	service string
	count   int
}

// Tell starts a telling that knows what the cloud's people and landmarks are called.
func Tell(t *testing.T, c *Cloud, minor int) *Telling {
	names := Names{}
	for k, v := range c.Names {
		names[k] = v
	}
	return &Telling{T: t, Cloud: c, Names: names, Minor: minor}
}

// Run tells the steps that the microversion has. It ends the test where an answer without which the story does not go on stays away.
func (p *Telling) Run(s Story, l Listener) {
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
			who = s.Teller
		}
		r := p.Fill(step, who)
		if l.Before != nil {
			l.Before(r)
			r = p.Fill(step, who)
		}
		send := p.Send
		if l.Send != nil {
			send = l.Send
		}
		a := send(r)
		for end := time.Now().Add(p.patience()); step.Until != "" && !p.done(step, a) && time.Now().Before(end); {
			a = p.Send(r)
		}
		if step.Until != "" && !p.done(step, a) && !p.Lax {
			p.T.Errorf("%s: %s has not come: %.600s", step.Call, step.Until, a.Body)
		}
		if a.Status != step.Want && !p.Lax {
			p.T.Errorf("%s as %s (minor %d): got %d, want %d: %.600s", step.Call, r.Who, p.Minor, a.Status, step.Want, a.Body)
		}
		if !p.keep(step, a) {
			return
		}
		if l.After != nil {
			l.After(r, a)
		}
	}
}

// Has reports whether the step is told: whether the cloud and the microversion have it.
func (p *Telling) Has(s *Step) bool {
	if s.Needs != "" && p.Names[s.Needs] == "" {
		return false
	}
	return p.Minor < 0 || p.Minor >= s.From && (s.To == 0 || p.Minor <= s.To || s.At > 0)
}

// minor is the microversion that a step is sent with.
func (p *Telling) minor(s *Step) int {
	if s.At > 0 && p.Minor > s.To {
		return s.At
	}
	return p.Minor
}

// patience is how long what goes on behind an answer may take. A lax telling may wait for what never comes.
func (p *Telling) patience() time.Duration {
	if p.Lax {
		return 2 * time.Second
	}
	return time.Minute
}

// done reports whether what a step waits for is there, or will not come.
func (p *Telling) done(step *Step, a *Answer) bool {
	path, want, _ := strings.Cut(name.ReplaceAllStringFunc(step.Until, func(m string) string { return p.Names[m[1:len(m)-1]] }), "=")
	got, ok := at(a.Body, path)
	return a.Status != step.Want || ok && got == want
}

var name = regexp.MustCompile(`\{(?:(new|uuid|serial):)?([a-z_0-9]+)\}`)

// Fill puts names into a step.
func (p *Telling) Fill(step *Step, who string) *Request {
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
	r := &Request{Step: step, Method: method, Path: fill(path), Body: fill(step.Body), Who: who, Header: http.Header{}, Minor: p.minor(step)}
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

func (p *Telling) fresh() string {
	p.count++
	return fmt.Sprintf("n%d-%d", p.Cloud.serial(), p.count)
}

// Send sends a request as who tells it.
func (p *Telling) Send(r *Request) *Answer { return p.As(r.Who, r) }

// As sends a request as somebody.
func (p *Telling) As(who string, r *Request) *Answer {
	p.T.Helper()
	a, err := p.Try(who, r)
	if err != nil {
		p.T.Fatalf("%s %s: %v", r.Method, r.Path, err)
	}
	return a
}

// Try is As for other goroutines than the test's: it answers errors.
func (p *Telling) Try(who string, r *Request) (*Answer, error) {
	req, err := http.NewRequestWithContext(p.T.Context(), r.Method, p.Cloud.URLs[p.service]+r.Path, strings.NewReader(r.Body))
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
		req.Header.Set(versionHeader, p.service+map[string]string{"placement": " 1.", "compute": " 2."}[p.service]+strconv.Itoa(r.Minor))
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

// keep takes names out of an answer, and reports whether they are there.
func (p *Telling) keep(step *Step, a *Answer) bool {
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

// at finds a member of a JSON text by its path: members and positions with dots between.
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

// Unknown is the request with the last name of its path replaced by one of nothing; ok is false where the path has no name.
func (p *Telling) Unknown(r *Request) (other *Request, ok bool) {
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

// Match finds which of the templates ("/v3/users/{user_id}") a path fits best: the one with most literal segments.
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
