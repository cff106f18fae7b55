package contracttest_test

import (
	"strings"
	"testing"

	"hypernova/oslo/messaging"
	"hypernova/oslo/messaging/contracttest"
)

type before struct {
	Name string `json:"name"`
	Size int    `json:"size"`
}

func TestLostFieldsAreFound(t *testing.T) {
	t.Parallel()
	api := messaging.NewAPI("x")
	messaging.NewCall[before, messaging.None](api, "do")
	old := api.Contract()
	for name, x := range map[string]struct{ from, to, want string }{
		"nothing":      {"x", "x", ""},
		"a new field":  {"  size int\n", "  size int\n  more string\n", ""},
		"a new method": {"call do", "call also(none)\ncall do", ""},
		"no field":     {"  size int\n", "", "before.size int"},
		"another type": {"size int", "size string", "before.size int"},
		"no method":    {"call do", "cast do", "call do("},
	} {
		lost := strings.Join(contracttest.Lost(old, strings.Replace(old, x.from, x.to, 1)), "\n")
		if (x.want == "") != (lost == "") || !strings.Contains(lost, x.want) {
			t.Errorf("%s: got %q, want %q", name, lost, x.want)
		}
	}
}
