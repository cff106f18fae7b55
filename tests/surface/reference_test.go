package surface

import (
	"strings"
	"testing"

	"hypernova/app"
)

// TestPolicyReferenceHasEveryOperation checks the policy reference for operators: each operation must be listed at its
// rule, or among the operations without one.
func TestPolicyReferenceHasEveryOperation(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for _, d := range app.Dumps() {
		if d.Name == "policy" {
			if err := d.Write(&text); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, p := range parts {
		for _, o := range p.declared() {
			_, above, ok := strings.Cut(text.String(), "\n# "+strings.TrimSpace(o.Method+" "+o.Path+" "+o.Action)+"\n")
			if rule, _, _ := strings.Cut(above, "\n#\""); !ok || o.Rule != "" && strings.Contains(rule, "Without a rule") {
				t.Errorf("%s %s %s %s is not in it", p.name, o.Method, o.Path, o.Action)
			}
			if o.Rule != "" && !strings.Contains(text.String(), `#"`+o.Rule+`": "`) {
				t.Errorf("%s is not in it", o.Rule)
			}
		}
	}
}
