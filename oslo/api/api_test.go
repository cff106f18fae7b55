package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

var (
	ruleMember = &policy.Rule{Name: "thing:member", Check: "role:member and project_id:%(project_id)s"}
	ruleOwner  = &policy.Rule{Name: "thing:owner", Check: "project_id:%(project_id)s or role:admin"}
	ruleAdmin  = &policy.Rule{Name: "thing:admin", Check: "role:admin"}
)

func enforcer(t testing.TB) *policy.Enforcer {
	t.Helper()
	e, err := policy.New([]*policy.Rule{ruleMember, ruleOwner, ruleAdmin}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// people are the callers by token.
var people = map[string]*auth.Caller{
	"alice": {UserID: "alice", ProjectID: "p1", Roles: []string{"member", "reader"}},
	"bob":   {UserID: "bob", ProjectID: "p2", Roles: []string{"member", "reader"}},
	"eve":   {UserID: "eve", ProjectID: "p1", Roles: []string{"reader"}},
	"root":  {UserID: "root", ProjectID: "p0", Roles: []string{"admin", "member", "reader"}},
}

func validator(_ context.Context, token string) (*auth.Caller, error) {
	if c, ok := people[token]; ok {
		return c, nil
	}
	return nil, fault.New(fault.Unauthorized, "unknown token")
}

type zoo struct{ things map[string]thing }

type thing struct{ ID, Project, Name, Host string }

func (t thing) PolicyTarget() policy.Target { return policy.Target{"project_id": t.Project} }

type thingIn struct {
	Name   string         `wire:"name" is:"required,name"`
	Note   opt.Of[string] `wire:"note" mv:"2.19-" is:"text,nullable"`
	Count  int            `wire:"count" is:"intish,min=1,max=10"`
	Locked bool           `wire:"locked" is:"boolish"`
	Tags   []string       `wire:"tags" is:"maxitems=3,unique,each(minlen=1,maxlen=5)"`
	Old    string         `wire:"kind" mv:"-2.18" is:"enum=a|b"`
	New    string         `wire:"kind" mv:"2.19-" is:"pattern=^[x,y]+$"`
}

func (in *thingIn) Validate(Version) error {
	if in.Name == "both" && in.Count > 0 {
		return fault.Invalidf("both is too much")
	}
	return nil
}

type thingView struct {
	ID      string         `wire:"id"`
	Project string         `wire:"tenant_id"`
	Name    string         `wire:"name"`
	Note    opt.Of[string] `wire:"note" mv:"2.19-"`
	Host    string         `wire:"host" policy:"thing:admin"`
	Secret  string         `wire:"secret" policy:"thing:owner"`
	Made    time.Time      `wire:"made" time:"micro"`
	Tags    []string       `wire:"tags"`
}

func viewOf(t thing) thingView {
	return thingView{ID: t.ID, Project: t.Project, Name: t.Name, Note: opt.Some("n"), Host: t.Host, Secret: "s",
		Made: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)}
}

func (z *zoo) create(_ context.Context, r *Request, in *thingIn) (thingView, error) {
	return viewOf(thing{"new", r.Caller.ProjectID, in.Name, "h"}), nil
}

func (z *zoo) load(_ context.Context, r *Request) (thing, error) {
	t, ok := z.things[r.Param("thing_id")]
	if !ok {
		return thing{}, fault.NotFoundf("Thing %s could not be found.", r.Param("thing_id"))
	}
	return t, nil
}

func (z *zoo) show(_ context.Context, _ *Request, t thing, _ *None) (thingView, error) {
	return viewOf(t), nil
}

func (z *zoo) drop(context.Context, *Request, thing, *None) (None, error) { return None{}, nil }

type kick struct {
	Kind string `wire:"type" is:"required,enum=SOFT|HARD"`
}

func (z *zoo) kick(context.Context, *Request, thing, *kick) (None, error) { return None{}, nil }

type thingQuery struct {
	PageQuery
	Name  string            `wire:"name"`
	All   bool              `wire:"all_tenants"`
	IDs   []string          `wire:"id"`
	Since time.Time         `wire:"changes-since"`
	Rest  map[string]string `wire:"*"`
}

func (z *zoo) list(_ context.Context, _ *Request, q *thingQuery) (Page[thingView], error) {
	p := Page[thingView]{Items: []thingView{viewOf(z.things["t1"]), viewOf(z.things["t2"])}}
	if q.Limit == 2 {
		p.Next = "t2"
	}
	return p, nil
}

func (z *zoo) bulk(_ context.Context, _ *Request, in []*thingIn) ([]thingView, error) {
	var out []thingView
	for _, i := range in {
		out = append(out, viewOf(thing{Name: i.Name}))
	}
	return out, nil
}

func (z *zoo) data(_ context.Context, r *Request, t thing, w http.ResponseWriter) error {
	if t.ID == "t2" {
		return fault.Conflictf("no data yet")
	}
	_, err := io.Copy(w, io.LimitReader(r.HTTP.Body, 100))
	return err
}

func (z *zoo) boom(context.Context, *Request, *None) (None, error) { panic("secret detail") }

func (z *zoo) patch(_ context.Context, _ *Request, _ thing, ops []PatchOp) (thingView, error) {
	return thingView{Name: ops[0].Op + " " + ops[0].Path + " " + string(ops[0].Value)}, nil
}

var things = Resource[*zoo]{Name: "thing", Plural: "things", Ops: Ops[*zoo]{
	Do("POST /things", ruleMember, 202, (*zoo).create),
	List("GET /things", nil, (*zoo).list, LooseQuery()),
	On("GET /things/{thing_id}", ruleOwner, 200, (*zoo).load, (*zoo).show),
	On("DELETE /things/{thing_id}", ruleOwner, 204, (*zoo).load, (*zoo).drop, Hidden()),
	Act("POST /things/{thing_id}/action", "kick", ruleOwner, 202, (*zoo).load, (*zoo).kick),
	Act("POST /things/{thing_id}/action", "rest", ruleOwner, 202, (*zoo).load, (*zoo).drop, Span("2.30-")),
	Bulk("POST /bulk", ruleMember, 201, (*zoo).bulk),
	Raw("PUT /things/{thing_id}/data", ruleOwner, (*zoo).load, (*zoo).data),
	Patch("PATCH /things/{thing_id}", ruleOwner, 200, (*zoo).load, (*zoo).patch),
	Do("GET /boom", nil, 200, (*zoo).boom),
	Do("GET /open", nil, 204, func(*zoo, context.Context, *Request, *None) (None, error) { return None{}, nil }, NoAuth()),
	Do("GET /late", nil, 204, func(*zoo, context.Context, *Request, *None) (None, error) { return None{}, nil },
		Span("2.30-")),
}}

func serve(t testing.TB, adjust func(*Config)) http.Handler {
	c := Config{Name: "nova", Base: "/v2.1", ProjectInPath: true, Dialect: toy{}, Validator: auth.ValidatorFunc(validator),
		Policy: enforcer(t),
		Versions: &Versions{Service: "compute", Legacy: "X-OpenStack-Nova-API-Version", Min: Version{2, 1},
			Max: Version{2, 96}}}
	if adjust != nil {
		adjust(&c)
	}
	z := &zoo{map[string]thing{"t1": {"t1", "p1", "one", "h1"}, "t2": {"t2", "p2", "two", "h2"}}}
	return Handler(c, append(Bind(z, things), Bind(keeper("Anna"), keepers)...)...)
}

// ask sends one request: "METHOD /path", headers as "K: V" lines before a blank line, then the body.
func ask(h http.Handler, who, line, body string, headers ...string) *httptest.ResponseRecorder {
	method, path, _ := strings.Cut(line, " ")
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if who != "" {
		r.Header.Set("X-Auth-Token", who)
	}
	for _, kv := range headers {
		k, v, _ := strings.Cut(kv, ": ")
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestRequests(t *testing.T) {
	t.Parallel()
	h := serve(t, nil)
	for _, tc := range []struct {
		name, who, line, body string
		headers               []string
		status                int
		contains              string
	}{
		{"no token", "", "GET /v2.1/things", "", nil, 401, `"title":"Unauthorized"`},
		{"bad token", "mallory", "GET /v2.1/things", "", nil, 401, unauthorizedText},
		{"open without token", "", "GET /v2.1/open", "", nil, 204, ""},
		{"open with bad token", "mallory", "GET /v2.1/open", "", nil, 204, ""},
		{"unknown path hides behind the token", "", "GET /v2.1/nowhere", "", nil, 401, ""},
		{"unknown path", "alice", "GET /v2.1/nowhere", "", nil, 404, `{"404":`},
		{"outside the base", "alice", "GET /v9/things", "", nil, 404, `"404"`},
		{"wrong method", "alice", "PUT /v2.1/things", "", nil, 405, `"405"`},
		{"create", "alice", "POST /v2.1/things", `{"thing":{"name":"a"}}`, nil, 202, `"name":"a"`},
		{"create with own project in the path", "alice", "POST /v2.1/p1/things", `{"thing":{"name":"a"}}`, nil, 202, ""},
		{"create with another project in the path", "root", "POST /v2.1/p1/things", `{"thing":{"name":"a"}}`, nil, 400,
			"Malformed request URL"},
		{"reader may not create", "eve", "POST /v2.1/things", `{"thing":{"name":"a"}}`, nil, 403, `"403"`},
		{"no body", "alice", "POST /v2.1/things", "", nil, 400, `"400"`},
		{"broken json", "alice", "POST /v2.1/things", `{"thing":`, nil, 400, "not a valid JSON"},
		{"trailing garbage", "alice", "POST /v2.1/things", `{"thing":{"name":"a"}} x`, nil, 400, "not a valid JSON"},
		{"no envelope", "alice", "POST /v2.1/things", `{"name":"a"}`, nil, 400, "name"},
		{"empty object", "alice", "POST /v2.1/things", `{}`, nil, 400, "thing: the member is required"},
		{"unknown member", "alice", "POST /v2.1/things", `{"thing":{"name":"a","x":1}}`, nil, 400, "thing.x"},
		{"member of a later version", "alice", "POST /v2.1/things", `{"thing":{"name":"a","note":"x"}}`, nil, 400,
			"thing.note"},
		{"member in its version", "alice", "POST /v2.1/things", `{"thing":{"name":"a","note":null}}`,
			[]string{"OpenStack-API-Version: compute 2.19"}, 202, `"note"`},
		{"duplicate member", "alice", "POST /v2.1/things", `{"thing":{"name":"a","name":"b"}}`, nil, 400,
			"thing.name: the member is there twice"},
		{"wrong type", "alice", "POST /v2.1/things", `{"thing":{"name":7}}`, nil, 400,
			"thing.name: 7 is not of type 'string'"},
		{"element", "alice", "POST /v2.1/things", `{"thing":{"name":"a","tags":["ok","toolong"]}}`, nil, 400,
			"thing.tags[1]"},
		{"null", "alice", "POST /v2.1/things", `{"thing":{"name":null}}`, nil, 400, "null is not allowed"},
		{"one name, old rule", "alice", "POST /v2.1/things", `{"thing":{"name":"a","kind":"x"}}`, nil, 400,
			"not one of a, b"},
		{"one name, new rule", "alice", "POST /v2.1/things", `{"thing":{"name":"a","kind":"x"}}`,
			[]string{"X-OpenStack-Nova-API-Version: 2.20"}, 202, ""},
		{"cross-field rule", "alice", "POST /v2.1/things", `{"thing":{"name":"both","count":"2"}}`, nil, 400,
			"both is too much"},
		{"content type", "alice", "POST /v2.1/things", `{"thing":{"name":"a"}}`, []string{"Content-Type: text/xml"}, 415,
			"text/xml"},
		{"too large", "alice", "POST /v2.1/things", `{"thing":{"name":"` + strings.Repeat("a", 2<<20) + `"}}`, nil, 413,
			`"413"`},
		{"show own", "alice", "GET /v2.1/things/t1", "", nil, 200, `"secret":"s"`},
		{"show of another project", "alice", "GET /v2.1/things/t2", "", nil, 403, "thing:owner"},
		{"show what is not there", "alice", "GET /v2.1/things/t3", "", nil, 404, "Thing t3 could not be found."},
		{"hidden", "alice", "DELETE /v2.1/things/t2", "", nil, 404, `"404"`},
		{"delete", "root", "DELETE /v2.1/things/t2", "", nil, 204, ""},
		{"action", "alice", "POST /v2.1/things/t1/action", `{"kick":{"type":"SOFT"}}`, nil, 202, ""},
		{"action, wrong body", "alice", "POST /v2.1/things/t1/action", `{"kick":{"type":"MILD"}}`, nil, 400, "kick.type"},
		{"action, null body", "alice", "POST /v2.1/things/t1/action", `{"rest":null}`,
			[]string{"OpenStack-API-Version: compute 2.30"}, 202, ""},
		{"action outside its span", "alice", "POST /v2.1/things/t1/action", `{"rest":null}`, nil, 404, ""},
		{"unknown action", "alice", "POST /v2.1/things/t1/action", `{"fly":null}`, nil, 400, "There is no such action: fly"},
		{"two actions", "alice", "POST /v2.1/things/t1/action", `{"kick":{"type":"SOFT"},"rest":null}`, nil, 400,
			"exactly one action"},
		{"operation outside its span", "alice", "GET /v2.1/late", "", nil, 404, ""},
		{"panic", "alice", "GET /v2.1/boom", "", nil, 500, `"500"`},
		{"version malformed", "alice", "GET /v2.1/things", "", []string{"OpenStack-API-Version: compute 2.x"}, 400, "2.x"},
		{"version too high", "alice", "GET /v2.1/things", "", []string{"OpenStack-API-Version: compute 2.97"}, 406,
			"Minimum is 2.1 and maximum is 2.96"},
		{"bulk, one", "alice", "POST /v2.1/bulk", `{"thing":{"name":"a"}}`, nil, 201, `{"thing":{`},
		{"bulk, many", "alice", "POST /v2.1/bulk", `{"things":[{"name":"a"},{"name":"b"}]}`, nil, 201, `{"things":[{`},
		{"bulk, none", "alice", "POST /v2.1/bulk", `{"things":[]}`, nil, 400, ""},
		{"raw", "alice", "PUT /v2.1/things/t1/data", "bytes", nil, 200, "bytes"},
		{"raw refuses before the first byte", "bob", "PUT /v2.1/things/t2/data", "bytes", nil, 409, `"409"`},
		{"patch", "alice", "PATCH /v2.1/things/t1", `[{"op":"add","path":"/a","value":1}]`,
			[]string{"Content-Type: application/openstack-images-v2.1-json-patch"}, 200, "add /a 1"},
		{"negative limit", "alice", "GET /v2.1/things?limit=-1", "", nil, 400, "limit"},
		{"limit no number", "alice", "GET /v2.1/things?limit=x", "", nil, 400, "limit"},
		{"next link", "alice", "GET /v2.1/things?limit=2&name=o", "", nil, 200,
			`"things_links":[{"rel":"next","href":"http://example.com/v2.1/things?limit=2&marker=t2&name=o"}]`},
		{"not UTF-8 in the path", "alice", "GET /v2.1/things/%FF", "", nil, 404, ""},
		{"surrogate in the path", "alice", "DELETE /v2.1/things/%ED%A0%80", "", nil, 404, ""},
		{"not UTF-8 in what is made", "alice", "PUT /v2.1/things/%FF/data", "bytes", nil, 400, "UTF-8"},
		{"not UTF-8 in the query", "alice", "GET /v2.1/things?name=%FF", "", nil, 400, "parameters name"},
		{"overlong in the query", "alice", "GET /v2.1/things?name=%C0%80", "", nil, 400, "parameters name"},
		{"NUL in a marker", "alice", "GET /v2.1/things?marker=%00", "", nil, 400, "parameters marker"},
		{"the name of a parameter", "alice", "GET /v2.1/things?a%00=b", "", nil, 400, "name of a query parameter"},
		{"a percent sign", "alice", "GET /v2.1/things?name=100%&limit=x", "", nil, 400, "limit"},
		{"a header of ours", "alice", "GET /v2.1/things", "", []string{"X-Forwarded-Prefix: \xff"}, 400,
			"X-Forwarded-Prefix"},
		{"a header of others", "alice", "GET /v2.1/things", "", []string{"User-Agent: \xff"}, 200, ""},
		{"broken escape", "alice", "GET /v2.1/things/%00", "", nil, 404, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := ask(h, tc.who, tc.line, tc.body, tc.headers...)
			if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.contains) {
				t.Errorf("%s %q: got %d %s, want %d and %q", tc.line, tc.body, w.Code, w.Body, tc.status, tc.contains)
			}
			if !inboundID.MatchString(w.Header().Get("X-Openstack-Request-Id")) {
				t.Errorf("no request id: %v", w.Header())
			}
			if strings.Contains(w.Body.String(), "secret detail") {
				t.Errorf("the cause leaked: %s", w.Body)
			}
		})
	}
}

func TestViews(t *testing.T) {
	t.Parallel()
	h := serve(t, nil)
	for _, tc := range []struct{ name, who, line, version, want string }{
		{"old version, no admin", "alice", "GET /v2.1/things/t1", "2.1",
			`{"thing":{"id":"t1","tenant_id":"p1","name":"one","secret":"s","made":"2026-01-02T03:04:05.000006","tags":[]}}`},
		{"new version, admin", "root", "GET /v2.1/things/t1", "2.19",
			`{"thing":{"id":"t1","tenant_id":"p1","name":"one","note":"n","host":"h1","secret":"s","made":"2026-01-02T03:04:05.000006","tags":[]}}`},
		{"each item on its own target", "alice", "GET /v2.1/things", "2.1",
			`{"things":[{"id":"t1","tenant_id":"p1","name":"one","secret":"s","made":"2026-01-02T03:04:05.000006","tags":[]},` +
				`{"id":"t2","tenant_id":"p2","name":"two","made":"2026-01-02T03:04:05.000006","tags":[]}]}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := ask(h, tc.who, tc.line, "", "X-OpenStack-Nova-API-Version: "+tc.version)
			if diff := cmp.Diff(tc.want, w.Body.String()); diff != "" {
				t.Error(diff)
			}
			if got := w.Header().Get("OpenStack-API-Version"); got != "compute "+tc.version {
				t.Errorf("version header %q", got)
			}
			if !json.Valid(w.Body.Bytes()) {
				t.Error("not JSON")
			}
		})
	}
}

// A filter with a semicolon or a lone percent sign is the text that was written, as in OpenStack, and is never left
// out.
func TestPlainQuery(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{"name=a;b&x=1": "a;b", "name=100%": "100%", "name=%zz": "%zz",
		"name=a%20b": "a b", "name=%3B": ";"} {
		values, err := url.ParseQuery(plainQuery(raw))
		if err != nil || values.Get("name") != want {
			t.Errorf("%s: got %q, %v, want %q", raw, values.Get("name"), err, want)
		}
	}
}

// Who hung up is no error of the service; a panic stays one.
func TestAClientThatHungUp(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"/v2.1/things/none": "level=INFO msg=request",
		"/v2.1/boom": "level=ERROR msg=request"} {
		var said bytes.Buffer
		h := serve(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&said, nil)) })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r := httptest.NewRequestWithContext(ctx, "GET", path, nil)
		r.Header.Set("X-Auth-Token", "alice")
		h.ServeHTTP(httptest.NewRecorder(), r)
		if got := said.String(); !strings.Contains(got, want) || strings.Contains(got, "status=499") != strings.Contains(want,
			"INFO") {
			t.Errorf("%s: %s", path, got)
		}
	}
}
