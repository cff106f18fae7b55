package compat

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	glanceapi "hypernova/glance/api"
	keystoneapi "hypernova/keystone/api"
	neutronapi "hypernova/neutron/api"
	novaapi "hypernova/nova/api"
	"hypernova/oslo/api"
	placementapi "hypernova/placement/api"
	"hypernova/tests/compat/contract"
	"hypernova/tests/stories"
)

// declared returns the service's operations, with the paths that clients use.
func declared(service string) map[string]bool {
	out := map[string]bool{}
	add := func(base string, ops []api.Operation) {
		for _, o := range ops {
			out[strings.TrimSuffix(o.Method+" "+blank(base+o.Path)+" "+o.Action, " ")] = true
		}
	}
	switch service {
	case "identity":
		add("/v3", api.Describe(keystoneapi.Resources()...))
	case "image":
		add("/v2", api.Describe(glanceapi.Resources()...))
	case "placement":
		add("", api.Describe(placementapi.Resources()...))
	case "network":
		add("/v2.0", api.Describe(neutronapi.Resources()...))
	case "compute":
		add("/v2.1", api.Describe(novaapi.Resources()...))
	}
	return out
}

var braces = regexp.MustCompile(`\{[^}]*\}`)

// blank returns a template without the names of its variable parts, which differ between documents and declarations.
func blank(template string) string { return braces.ReplaceAllString(template, "{}") }

// count has the operations and answers of one service that a walk has tested.
type count struct {
	service   string
	document  *contract.Document
	exercised map[string]map[int]bool // statuses by operation
	requests  int                     // validated requests
	answers   int                     // validated answers
	refusals  int                     // error responses whose form was checked
	used      map[int]int             // how often each quirk was needed, by its position
}

// walk runs a service's sequences and validates requests and answers with its document.
type walk struct {
	*count
	t    *testing.T
	p    *stories.Runner
	over []int // microversions at which each GET is repeated
}

func (w *walk) check(r *stories.Request, a *stories.Answer) {
	w.t.Helper()
	o, ok := w.document.Find(r.Method, r.Path, r.Action())
	if !ok {
		w.t.Errorf("%s %s is not in the document", r.Method, r.Path)
		return
	}
	if a.Status == r.Step.Want {
		if w.exercised[o.String()] == nil {
			w.exercised[o.String()] = map[int]bool{}
		}
		w.exercised[o.String()][a.Status] = true
	}
	if a.Status >= 400 {
		w.refusal(r, a)
		return
	}
	if !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") || len(a.Body) == 0 ||
		r.Method == http.MethodHead {
		return
	}
	known, err := w.document.Check(r.Method, r.Path, r.Action(), a.Status, r.Minor, a.Body)
	if known {
		w.answers++
	}
	w.wrong(fmt.Sprintf("%s %s %d", w.service, o, a.Status), r, err, a.Body)
}

// wrong reports the error of a validation, once for each operation.
func (w *walk) wrong(name string, r *stories.Request, err error, body []byte) {
	w.t.Helper()
	if bad := contract.Wrong(name, r.Minor, err, quirks, w.used); len(bad) > 0 {
		w.t.Errorf("%s (minor %d, %s):\n  %s\n%.600s", name, r.Minor, r.Path, strings.Join(bad, "\n  "), body)
	}
}

func (w *walk) refusal(r *stories.Request, a *stories.Answer) {
	w.t.Helper()
	if r.Method == http.MethodHead {
		return
	}
	w.refusals++
	if err := stories.Shape(w.service, r.Minor, a); err != nil {
		w.t.Errorf("%s %s: %v", r.Method, r.Path, err)
	}
}

// refused sends a request that must be rejected.
func (w *walk) refused(what, who string, r *stories.Request, want int) {
	w.t.Helper()
	a := w.p.As(who, r)
	if a.Status != want {
		w.t.Errorf("%s %s (minor %d) with %s: got %d, want %d: %.300s", r.Method, r.Path, w.p.Minor,
			what, a.Status, want, a.Body)
	}
	if a.Status >= 400 {
		w.refusal(r, a)
	}
}

// before validates the request, and sends variants of it that must be rejected.
func (w *walk) before(r *stories.Request) {
	w.t.Helper()
	if r.Header.Get("Content-Type") == "application/json" {
		known, err := w.document.Request(r.Method, r.Path, r.Minor, []byte(r.Body))
		if known {
			w.requests++
		}
		o, _ := w.document.Find(r.Method, r.Path, r.Action())
		w.wrong(fmt.Sprintf("%s %s request", w.service, o), r, err, []byte(r.Body))
		broken := *r
		broken.Body = strings.TrimSuffix(r.Body, "}") + `,`
		w.refused("a body that is not JSON", r.Who, &broken, http.StatusBadRequest)
	}
	if !r.Step.Open {
		w.refused("no token", "nobody", r, http.StatusUnauthorized)
	}
	if r.Step.Unknown >= 0 && r.Step.Want < 400 {
		want := r.Step.Unknown
		if want == 0 {
			want = http.StatusNotFound
		}
		if other, ok := w.p.Unknown(r); ok {
			w.refused("an unknown name", r.Who, other, want)
		}
	}
}

// after validates the answer, the answer to HEAD in place of GET, and the answer to the repeated request.
func (w *walk) after(r *stories.Request, a *stories.Answer) {
	w.t.Helper()
	w.check(r, a)
	if _, ok := w.document.Find(http.MethodHead, r.Path, ""); ok && r.Method == http.MethodGet {
		head := *r
		head.Method = http.MethodHead
		step := *r.Step
		if step.Head != 0 {
			step.Want = step.Head
		}
		head.Step = &step
		b := w.p.Send(&head)
		if b.Status != step.Want || len(b.Body) != 0 {
			w.t.Errorf("HEAD %s: got %d, want %d, with %d bytes", r.Path, b.Status, step.Want, len(b.Body))
		}
		w.check(&head, b)
	}
	for _, minor := range w.over {
		if r.Method == http.MethodGet && minor >= r.Step.From && (r.Step.To == 0 || minor <= r.Step.To) {
			again := *r
			again.Minor = minor
			b := w.p.Send(&again)
			if b.Status != r.Step.Want {
				w.t.Errorf("GET %s (minor %d): got %d, want %d: %.300s", r.Path, minor, b.Status, r.Step.Want, b.Body)
			}
			w.check(&again, b)
		}
	}
	if r.Step.Again != 0 {
		w.refused("the same once more", r.Who, r, r.Step.Again)
	}
}

// landings are the microversions of slow sequences. At the last one each GET is repeated at all of them.
var landings = []int{1, 19, 36, 52, 60, 75, 104}

// runAll runs all sequences of a service, without the steps of operations that are left out by decision.
func runAll(t *testing.T, c *count, cloud *stories.Cloud, sequences []stories.Sequence, minors []int) {
	for i, q := range sequences {
		var steps []stories.Step
		for _, step := range q.Steps {
			method, path, _ := strings.Cut(step.Call, " ")
			r := stories.Request{Step: &step, Method: method}
			if o, _ := c.document.Find(method, path, r.Action()); !slices.ContainsFunc(outside,
				func(g gap) bool { return g.re.MatchString(c.service + " " + o.String()) }) {
				steps = append(steps, step)
			}
		}
		sequences[i].Steps = steps
	}
	for _, minor := range minors {
		for i, q := range sequences {
			name := q.Service + " " + strconv.Itoa(i)
			if minor >= 0 {
				name += " at " + strconv.Itoa(minor)
			}
			var over []int
			if q.Slow && !slices.Contains(landings, minor) {
				continue
			}
			if q.Slow && minor == minors[len(minors)-1] {
				over = minors
			}
			t.Run(name, func(t *testing.T) {
				w := &walk{c, t, stories.NewRunner(t, cloud, minor), over}
				w.p.Run(q, stories.Hooks{Before: w.before, After: w.after})
			})
		}
	}
}

// untold reports operations of the document that no sequence has used and no gap explains, and gaps that do not exist.
func (c *count) untold(t *testing.T) (gaps []string) {
	t.Helper()
	have := declared(c.service)
	used := make([]bool, len(outside))
	growing := c.service == "compute" || c.service == "network" // some of its operations are missing
	for _, o := range c.document.Operations() {
		i := slices.IndexFunc(outside, func(g gap) bool { return g.re.MatchString(c.service + " " + o.String()) })
		if i >= 0 {
			used[i] = true
		}
		method := o.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		key := contract.Operation{Method: method, Template: blank(o.Template), Action: o.Action}
		switch used, exists := c.exercised[o.String()] != nil, have[key.String()]; {
		case growing && !used && i < 0 && !exists:
			gaps = append(gaps, o.String())
		case !used && i < 0:
			t.Errorf("%s %s: no sequence uses it and no gap explains it", c.service, o)
		case i >= 0 && (used || exists != outside[i].here):
			t.Errorf("%s %s: is listed as a gap (%s) and exists", c.service, o, outside[i].why)
		case i >= 0:
			gaps = append(gaps, o.String())
		}
	}
	for i, g := range outside {
		if strings.HasPrefix(g.re.String(), "^"+c.service) && !used[i] {
			t.Errorf("the gap %s is of nothing", g.re)
		}
	}
	return gaps
}
