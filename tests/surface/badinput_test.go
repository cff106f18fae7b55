package surface

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"hypernova/tests/stories"
)

// TestBadInput sends each operation with many malformed bodies, paths, queries and headers. No answer may be a 5xx. An
// error response must have the service's form, and the request must have no effect.
func TestBadInput(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p part, e engine) {
		c := cloud(t, p, e)
		reads := map[string]bool{}
		for _, o := range p.declared() {
			reads[o.Method+" "+p.base+o.Path] = true
		}
		b := &bad{templates: p.templates(), reads: reads, tried: map[string]bool{}, service: p.name, every: 1,
			took: &taken{document: document(t, p.name), service: p.name, used: map[int]int{}, reported: map[string]bool{}}}
		if e.slow {
			b.every = 5
		}
		for i, sequence := range p.sequences() {
			// An accepted malformed request may stop a sequence. Run it again until it gets no further.
			for reached := -1; reached < len(b.tried); {
				reached = len(b.tried)
				b.t, b.p, b.seed = t, stories.NewRunner(t, c, p.minor), uint64(i)
				b.p.Lax = true
				b.p.Run(sequence, stories.Hooks{Before: b.damage})
			}
			for _, s := range sequence.Steps {
				if b.p.Has(&s) && !b.tried[s.Call+s.Body] {
					t.Errorf("%s was not reached", s.Call)
				}
			}
		}
		t.Logf("%d damaged requests, %d of them taken", b.sent, b.taken)
	})
}

// bad sends malformed requests.
type bad struct {
	t           *testing.T
	p           *stories.Runner
	service     string
	templates   []string
	reads       map[string]bool
	tried       map[string]bool // keys of the steps that were tested
	seed        uint64
	every       int // each n-th of the bad values is sent
	turn        int
	sent, taken int
	took        *taken
}

func (b *bad) damage(r *stories.Request) {
	b.t.Helper()
	if b.tried[r.Step.Call+r.Step.Body] {
		return
	}
	b.tried[r.Step.Call+r.Step.Body] = true
	b.names(r)
	b.query(r)
	b.headers(r)
	if r.Body == "" || r.Step.Type == "application/octet-stream" || r.Method == http.MethodGet {
		return
	}
	before := b.list(r)
	for _, d := range some(damages(r.Body, b.seed), b.every, uint64(len(b.tried))) {
		broken := *r
		broken.Body, broken.Header = d.body, r.Header.Clone()
		if d.kind != "" {
			broken.Header.Set("Content-Type", d.kind)
		}
		if b.try(d.name, &broken) < 300 {
			before = b.list(r)
		}
	}
	if after := b.list(r); after != before {
		b.t.Errorf("%s: refused requests have changed the list\n%.2000s\n%.2000s", r.Step.Call, before, after)
	}
}

// skip reports whether the next bad value is left out.
func (b *bad) skip() bool {
	b.turn++
	return b.turn%b.every != 0
}

// list returns the answer to a GET of the path of a POST.
func (b *bad) list(r *stories.Request) string {
	if r.Method != http.MethodPost || !b.reads["GET "+stories.Match(b.templates, r.Path)] ||
		strings.HasSuffix(r.Path, "/auth/tokens") ||
		strings.HasSuffix(r.Path, "/locations") { // an earlier request is still being processed
		return ""
	}
	read := &stories.Request{Step: r.Step, Method: http.MethodGet, Path: r.Path, Header: http.Header{},
		Who: "admin", Minor: r.Minor}
	return string(b.p.Send(read).Body)
}

func (b *bad) try(what string, r *stories.Request) int {
	b.t.Helper()
	b.sent++
	a, err := b.p.Try(r.Who, r)
	if err != nil {
		b.t.Errorf("%s %.200s with %s: %v: %.300s", r.Method, r.Path, what, err, r.Body)
		return 0
	}
	switch {
	case a.Status >= 500 && a.Status != r.Step.Want: // what no driver does is 501
		b.t.Errorf("%s %.200s with %s: %d %.200s\nsent: %.500s", r.Method, r.Path, what, a.Status, a.Body, r.Body)
	case a.Status >= 400:
		if err := stories.Shape(b.service, r.Minor, a); err != nil {
			b.t.Errorf("%s %.200s with %s: %v", r.Method, r.Path, what, err)
		}
	default:
		b.taken++
		b.took.check(b.t, what, r)
	}
	return a.Status
}

// odd are names that no resource has.
var odd = []string{"..%2f..%2fetc%2fpasswd", "%00", "%ff%fe", strings.Repeat("a", 300), strings.Repeat("a", 5000),
	"%E2%80%AE", "'%20OR%201=1--", "%25s%25n", "-1", "%20", "null", "*",
	"%ED%A0%80", "%C0%AF", "99999999999999999999"}

// names replaces each variable part of the path by odd names.
func (b *bad) names(r *stories.Request) {
	b.t.Helper()
	_, call, _ := strings.Cut(r.Step.Call, " ")
	call, _, _ = strings.Cut(call, "?")
	path, query, _ := strings.Cut(r.Path, "?")
	segments := strings.Split(path, "/")
	for i, s := range strings.Split(call, "/") {
		if !strings.Contains(s, "{") || i >= len(segments) {
			continue
		}
		for _, name := range odd {
			if b.skip() && name != "%00" {
				continue
			}
			strange := *r
			strange.Path = strings.Join(slices.Concat(segments[:i], []string{name}, segments[i+1:]), "/")
			if query != "" {
				strange.Path += "?" + query
			}
			b.try("an odd name", &strange)
		}
	}
}

// query adds odd queries. A request that changes something is only sent with queries that must be rejected.
func (b *bad) query(r *stories.Request) {
	b.t.Helper()
	path, query, _ := strings.Cut(r.Path, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		b.t.Fatal(err)
	}
	if r.Method != http.MethodGet {
		for _, v := range []string{"limit=%ff", "name=a%00b", "%ED%A0%80=1"} {
			strange := *r
			strange.Path = path + "?" + v
			b.try("an odd query", &strange)
		}
		return
	}
	for _, k := range []string{"limit", "marker", "sort", "sort_key", "sort_dir", "name", "unexpected"} {
		values.Set(k, "x")
	}
	for _, k := range slices.Sorted(maps.Keys(values)) {
		for _, v := range append([]string{"", "-1", "0", "99999999999999999999", "1,2", "in:", "in:,", "gt:x", "startswith:",
			"!", "1&" + url.QueryEscape(k) + "=2"}, odd...) {
			if b.skip() {
				continue
			}
			strange := *r
			strange.Path = path + "?" + url.QueryEscape(k) + "=" + v
			b.try("an odd query", &strange)
		}
	}
}

// headers sends odd headers. A request that changes something is only sent with headers that must be rejected.
func (b *bad) headers(r *stories.Request) {
	b.t.Helper()
	wrong := []struct{ name, value string }{{"X-Auth-Token", "\xff\xfe"}, {"X-Auth-Token", strings.Repeat("a", 5000)},
		{"X-Auth-Token", "null"}}
	if r.Minor >= 0 {
		for _, v := range []string{" two", " 2.99999999999999999999", " 9.9", " \xff", " -1.-1"} {
			wrong = append(wrong, struct{ name, value string }{"OpenStack-API-Version", b.service + v})
		}
	}
	if r.Method == http.MethodGet {
		wrong = append(wrong, []struct{ name, value string }{{"Accept", "text/\xff"}, {"Accept", "*"},
			{"If-Match", "revision_number=99999999999999999999"}, {"If-Match", "\xff"},
			{"X-Openstack-Request-Id", strings.Repeat("req-", 500)}, {"X-Subject-Token", "\xff"}, {"X-Hypernova-Asker", "{"},
			{"Range", "bytes=9-1"},
			{"X-Forwarded-Proto", "\xff"}, {"Content-Type", "\xff"}, {"X-Roles", "admin"}, {"Accept-Language", "\xff;q=x"}}...)
	}
	twice := *r
	twice.Header = r.Header.Clone()
	twice.Header["X-Auth-Token"] = []string{"a", "b"}
	b.try("two tokens", &twice)
	for _, h := range wrong {
		if b.skip() && h.name != "X-Auth-Token" {
			continue
		}
		strange := *r
		strange.Header = r.Header.Clone()
		strange.Header.Set(h.name, h.value)
		if h.name == "OpenStack-API-Version" {
			strange.Minor = -1 // the request has no microversion
		}
		b.try("an odd header "+h.name, &strange)
	}
}
