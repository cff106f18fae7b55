package surface

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hypernova/tests/stories"
)

// expected returns the callers who may use each operation of a service.
func expected(t *testing.T, p part) map[string]string {
	t.Helper()
	all := map[string][]allowance{"identity": append(grantAllows(), identityAllows...), "image": imageAllows,
		"placement": placementAllows,
		"network":   networkAllows, "compute": computeAllows}[p.name]
	out := map[string]string{}
	for _, a := range all {
		for _, o := range a.operations {
			if o = blank(o); out[o] != "" {
				t.Errorf("%s is listed twice", o)
			}
			out[o] = a.who
		}
	}
	return out
}

// TestPoliciesAreOpenStacks sends each operation as each caller. It runs the sequences once for each. A caller who may
// not send a step must be rejected, and then the default caller sends it. A caller who may sends it in place of the
// default one.
func TestPoliciesAreOpenStacks(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p part, e engine) {
		c := cloud(t, p, e)
		templates, want := p.templates(), expected(t, p)
		tried := map[string]bool{}
		people := stories.People()
		if e.slow { // policies do not depend on the database
			people = []string{"stranger", "domainadmin", "admin"}
		}
		for _, who := range people {
			t.Run(who, func(t *testing.T) {
				for _, sequence := range p.sequences() {
					trial := &trial{t: t, p: stories.NewRunner(t, c, p.minor), who: who, templates: templates,
						want: want, tried: tried}
					trial.p.Run(sequence, stories.Hooks{Send: trial.send})
				}
			})
		}
		for _, o := range p.declared() {
			key := blank(p.operation(o))
			if want[key] == "" {
				t.Errorf("%s: nobody has said who may do it", key)
			}
			if !tried[key] && want[key] != "" && want[key] != "open" {
				t.Errorf("%s: no sequence uses it", key)
			}
		}
	})
}

// blank returns an operation without the names of the variable parts of its path.
func blank(operation string) string { return braces.ReplaceAllString(operation, "{}") }

var braces = regexp.MustCompile(`\{[^}]*\}`)

// homeless are the callers whose tokens have no project.
var homeless = []string{"domainreader", "domainmanager", "domainadmin", "systemreader"}

// trial tests all operations as one caller.
type trial struct {
	t         *testing.T
	p         *stories.Runner
	who       string
	templates []string
	want      map[string]string
	tried     map[string]bool
}

func (x *trial) send(r *stories.Request) *stories.Answer {
	x.t.Helper()
	template := blank(stories.Match(x.templates, r.Path))
	x.tried[r.Operation(template)] = true
	key := r.Key(template)
	who, ok := x.want[key]
	if !ok {
		key = r.Operation(template)
		who = x.want[key]
	}
	may := who == "open" || who != "shut" && x.who != "nobody" && strings.IndexByte(who, letters[x.who]) >= 0
	if x.who == r.Who {
		return x.p.Send(r) // the default caller may
	}
	a := x.p.As(x.who, r)
	denied := a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden || a.Status == http.StatusNotFound &&
		r.Step.Want != http.StatusNotFound
	if strings.HasPrefix(r.Path, "/v2.0/") && a.Status == http.StatusBadRequest && slices.Contains(homeless, x.who) {
		denied = true // networking checks the owner of a new resource before the policy
	}
	switch {
	case who == "shut" || who == "":
	case denied == may || x.who == "nobody" && !may && a.Status != http.StatusUnauthorized:
		x.t.Errorf("%s %s: got %d, allowed should be %v: %.200s", key, r.Path, a.Status, may, a.Body)
	case a.Status >= 500 && a.Status != r.Step.Want:
		x.t.Errorf("%s %s: %d %.200s", key, r.Path, a.Status, a.Body)
	}
	// The default caller also creates resources that belong to their creator. Other steps are done.
	if a.Status == r.Step.Want && !r.Step.Own &&
		!slices.Contains([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}, a.Status) {
		return a
	}
	return x.p.Send(x.p.Fill(r.Step, r.Who))
}
