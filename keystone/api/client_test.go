package api_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/keystone"
	"hypernova/keystone/client"
	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
)

// Near and far, keystone.API gives the same answers.
func TestClientAnswersLikeTheVerbs(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	far := client.New(httpc.New(httpc.Config{Base: c.url + "/v3", Name: "keystone", Retries: -1,
		Tokens: &httpc.Password{AuthURL: c.url + "/v3", Username: "admin", Password: "secret", ProjectName: "admin"}}))
	var apis = map[string]keystone.API{"near": c.api.Tokens, "far": far}
	for name, scope := range map[string]string{"demo": demoProject, "auditor": system, "boss": domain} {
		tok := c.login(name, scope)
		near, err := apis["near"].Validate(t.Context(), tok)
		if err != nil {
			t.Fatal(err)
		}
		got, err := apis["far"].Validate(t.Context(), tok)
		if d := cmp.Diff(near, got); d != "" || err != nil {
			t.Errorf("%s: %v (-near +far):\n%s", name, err, d)
		}
	}
	for name, a := range apis {
		if _, err := a.Validate(t.Context(), "gAAAA-nonsense"); !fault.Is(err, fault.Unauthorized) {
			t.Errorf("%s: nonsense: %v", name, err)
		}
		if _, err := a.Project(t.Context(), "nope"); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: unknown project: %v", name, err)
		}
		if p, err := a.Project(t.Context(), keystone.DefaultDomainID); err != nil || p.Name != "Default" {
			t.Errorf("%s: got %+v, %v", name, p, err)
		}
	}
}
