package api

import (
	"context"
	"testing"
)

// keeper is the receiver of a resource beside things.
type keeper string

type keeperView struct {
	Name string `wire:"name"`
}

var keepers = Resource[keeper]{Name: "keeper", Plural: "keepers", Ops: Ops[keeper]{
	Do("GET /keeper", nil, 200, func(k keeper, _ context.Context, _ *Request, _ *None) (keeperView, error) {
		return keeperView{string(k)}, nil
	}),
}}

// Resources of several receivers make one handler, in which each operation is called on its own one.
func TestBind(t *testing.T) {
	t.Parallel()
	h := serve(t, nil)
	for path, want := range map[string]string{"/v2.1/keeper": `{"keeper":{"name":"Anna"}}`,
		"/v2.1/things/t1": `{"thing":`} {
		w := ask(h, "alice", "GET "+path, "")
		if w.Code != 200 || len(w.Body.String()) < len(want) || w.Body.String()[:len(want)] != want {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	all := Describe(append(Bind(new(zoo), things), Bind(keeper(""), keepers)...)...)
	var found bool
	for _, o := range all {
		found = found || o.Path == "/keeper" && o.Resource == "keeper" && o.EnvelopeOut == "keeper"
	}
	if len(all) != len(things.Ops)+1 || !found {
		t.Errorf("described are %d operations, with the keeper's: %v", len(all), found)
	}
}
