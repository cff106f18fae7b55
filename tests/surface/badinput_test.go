package surface

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"hypernova/tests/stories"
)

// TestNothingComesOfBadInput damages the body, the path and the query of each operation in many ways. Whatever is sent, the answer is no
// fault of the service; a refusal has the service's form, and changes nothing.
func TestNothingComesOfBadInput(t *testing.T) {
	t.Parallel()
	for _, p := range parts {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			c := cloud(t)
			reads := map[string]bool{}
			for _, o := range p.declared() {
				reads[o.Method+" "+p.base+o.Path] = true
			}
			b := &bad{templates: p.templates(), reads: reads, told: map[string]bool{}, service: p.name,
				took: &taken{document: document(t, p.name), service: p.name, minor: p.minor, used: map[int]int{}, told: map[string]bool{}}}
			for i, story := range p.tales() {
				// What is taken of damaged requests may lead a story astray. Told again, it gets beyond what was damaged before.
				for reached := -1; reached < len(b.told); {
					reached = len(b.told)
					b.t, b.p, b.seed = t, stories.Tell(t, c, p.minor), uint64(i)
					b.p.Lax = true
					b.p.Run(story, stories.Listener{Before: b.damage})
				}
				for _, s := range story.Steps {
					if (p.minor < 0 || s.From <= p.minor && (s.To == 0 || p.minor <= s.To)) && !b.told[s.Call+s.Body] {
						t.Errorf("%s was not reached", s.Call)
					}
				}
			}
			t.Logf("%d damaged requests, %d of them taken", b.sent, b.taken)
		})
	}
}

// bad sends damaged requests.
type bad struct {
	t           *testing.T
	p           *stories.Telling
	service     string
	templates   []string
	reads       map[string]bool
	told        map[string]bool // steps
	seed        uint64
	sent, taken int
	took        *taken
}

func (b *bad) damage(r *stories.Request) {
	b.t.Helper()
	if b.told[r.Step.Call+r.Step.Body] {
		return
	}
	b.told[r.Step.Call+r.Step.Body] = true
	b.names(r)
	b.query(r)
	if r.Body == "" || r.Step.Type == "application/octet-stream" || r.Method == http.MethodGet {
		return
	}
	before := b.list(r)
	for _, d := range damages(r.Body, b.seed) {
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

// list is what a GET of the path that is posted to answers.
func (b *bad) list(r *stories.Request) string {
	if r.Method != http.MethodPost || !b.reads["GET "+stories.Match(b.templates, r.Path)] || strings.HasSuffix(r.Path, "/auth/tokens") ||
		strings.HasSuffix(r.Path, "/locations") { // what was taken before is still being worked on
		return ""
	}
	read := &stories.Request{Step: r.Step, Method: http.MethodGet, Path: r.Path, Header: http.Header{}, Who: "admin"}
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
	case a.Status >= 500:
		b.t.Errorf("%s %.200s with %s: %d %.200s\nsent: %.500s", r.Method, r.Path, what, a.Status, a.Body, r.Body)
	case a.Status >= 400:
		if err := stories.Shape(b.service, b.p.Minor, a); err != nil {
			b.t.Errorf("%s %.200s with %s: %v", r.Method, r.Path, what, err)
		}
	default:
		b.taken++
		b.took.check(b.t, what, r)
	}
	return a.Status
}

// odd are names that nothing has.
var odd = []string{"..%2f..%2fetc%2fpasswd", "%00", "%ff%fe", strings.Repeat("a", 300), strings.Repeat("a", 5000), "%E2%80%AE", "'%20OR%201=1--", "%25s%25n", "-1", "%20", "null", "*"}

// names puts odd names into the path.
func (b *bad) names(r *stories.Request) {
	b.t.Helper()
	path, query, _ := strings.Cut(r.Path, "?")
	i := strings.LastIndex(path, "/")
	if _, last, _ := strings.Cut(r.Step.Call, "}"); i <= 0 || !strings.Contains(r.Step.Call, "{") || last != "" {
		return
	}
	for _, name := range odd {
		strange := *r
		strange.Path = path[:i+1] + name
		if query != "" {
			strange.Path += "?" + query
		}
		b.try("an odd name", &strange)
	}
}

// query puts odd values behind the question mark.
func (b *bad) query(r *stories.Request) {
	b.t.Helper()
	path, query, _ := strings.Cut(r.Path, "?")
	if r.Method != http.MethodGet {
		return
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, k := range []string{"limit", "marker", "sort", "sort_key", "sort_dir", "name", "unexpected"} {
		values.Set(k, "x")
	}
	for k := range values {
		for _, v := range append([]string{"", "-1", "0", "99999999999999999999", "1,2", "in:", "in:,", "gt:x", "startswith:", "!"}, odd...) {
			strange := *r
			strange.Path = path + "?" + url.QueryEscape(k) + "=" + v
			b.try("an odd query", &strange)
		}
	}
}
