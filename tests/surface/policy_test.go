package surface

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hypernova/tests/stories"
)

// expected is who may do each operation of a service.
func expected(t *testing.T, p part) map[string]string {
	t.Helper()
	all := map[string][]allowance{"identity": append(grantAllows(), identityAllows...), "image": imageAllows, "placement": placementAllows,
		"network": networkAllows, "compute": computeAllows}[p.name]
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

// TestEverybodyMayWhatOpenStackAllows runs each operation as each of the people. The stories are told once for each of them: whoever may
// not do a step is refused and then the teller does it, whoever may does it instead of the teller.
func TestEverybodyMayWhatOpenStackAllows(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p part, e engine) {
		c := cloud(t, p, e)
		templates, want := p.templates(), expected(t, p)
		told := map[string]bool{}
		people := stories.People()
		if e.slow { // who may is up to no database; what a project sees and what everybody sees is
			people = []string{"stranger", "domainadmin", "admin"}
		}
		for _, who := range people {
			t.Run(who, func(t *testing.T) {
				for _, story := range p.tales() {
					trial := &trial{t: t, p: stories.Tell(t, c, p.minor), who: who, templates: templates, want: want, told: told}
					trial.p.Run(story, stories.Listener{Send: trial.send})
				}
			})
		}
		for _, o := range p.declared() {
			key := blank(p.operation(o))
			if want[key] == "" {
				t.Errorf("%s: nobody has said who may do it", key)
			}
			if !told[key] && want[key] != "" && want[key] != "open" {
				t.Errorf("%s: no story tells it", key)
			}
		}
	})
}

// blank is an operation without the names of what varies in its path.
func blank(operation string) string { return braces.ReplaceAllString(operation, "{}") }

var braces = regexp.MustCompile(`\{[^}]*\}`)

// homeless are those whose tokens are of no project.
var homeless = []string{"domainreader", "domainmanager", "domainadmin", "systemreader"}

// trial is one of the people trying everything.
type trial struct {
	t         *testing.T
	p         *stories.Telling
	who       string
	templates []string
	want      map[string]string
	told      map[string]bool
}

func (x *trial) send(r *stories.Request) *stories.Answer {
	x.t.Helper()
	template := blank(stories.Match(x.templates, r.Path))
	x.told[r.Operation(template)] = true
	key := r.Key(template)
	who, ok := x.want[key]
	if !ok {
		key = r.Operation(template)
		who = x.want[key]
	}
	may := who == "open" || who != "shut" && x.who != "nobody" && strings.IndexByte(who, letters[x.who]) >= 0
	if x.who == r.Who {
		return x.p.Send(r) // the teller may, or the stories are wrong
	}
	a := x.p.As(x.who, r)
	denied := a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden || a.Status == http.StatusNotFound && r.Step.Want != http.StatusNotFound
	if strings.HasPrefix(r.Path, "/v2.0/") && a.Status == http.StatusBadRequest && slices.Contains(homeless, x.who) {
		denied = true // networking asks whose a new thing is before it asks who may make it
	}
	switch {
	case who == "shut" || who == "":
	case denied == may || x.who == "nobody" && !may && a.Status != http.StatusUnauthorized:
		x.t.Errorf("%s %s: got %d, allowed should be %v: %.200s", key, r.Path, a.Status, may, a.Body)
	case a.Status >= 500:
		x.t.Errorf("%s %s: %d %.200s", key, r.Path, a.Status, a.Body)
	}
	// What exists once, or belongs to who makes it, is made by the teller as well; what was done is done.
	if a.Status == r.Step.Want && !r.Step.Own && !slices.Contains([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}, a.Status) {
		return a
	}
	return x.p.Send(x.p.Fill(r.Step, r.Who))
}
