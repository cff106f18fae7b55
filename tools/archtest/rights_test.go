package archtest_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"hypernova/tools/archtest"
)

func TestRightsOfCallsAreDeclared(t *testing.T) {
	t.Parallel()
	const page = "| caller | call | whose wish | whose rights |\n|---|---|---|---|\n| `nova/servers` | `neutron.Network` | a | b |\n"
	const head = "package servers\n\nimport \"hypernova/neutron\"\n\n"
	for _, c := range []struct{ name, code, want string }{
		{"declared", head + "type S struct{ Networks neutron.API }\n\nfunc (s S) f() { s.Networks.Network() }\n", ""},
		{"not declared", head + "func (s S) f() { s.Networks.Network(); s.Networks.Allocate() }\n", "calls neutron.Allocate"},
		{"no longer made", head + "func (s S) f() {}\n", "no longer made"},
		{"held under another name", head + "type S struct{ Nets neutron.API }\n\nfunc (s S) f() { s.Networks.Network() }\n",
			"holds neutron.API as Nets"},
	} {
		repo, err := archtest.Load(fstest.MapFS{archtest.RightsPage: {Data: []byte(page)},
			"nova/servers/a.go": {Data: []byte(c.code)}})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, x := range archtest.Rights(repo) {
			got += x.String() + "\n"
		}
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
