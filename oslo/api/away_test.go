package api

import (
	"context"
	"testing"

	"hypernova/oslo/fault"
)

// Whoever is told that something is away is told when to ask again, whatever the dialect.
func TestWhatIsAwayMayBeAskedForAgain(t *testing.T) {
	t.Parallel()
	away := Resource[error]{Name: "x", Plural: "xs", Ops: Ops[error]{
		Do("GET /x", nil, 200, func(err error, _ context.Context, _ *Request, _ *None) (None, error) { return None{}, err }, NoAuth()),
	}}
	for _, d := range []Dialect{Nova, Cinder, Keystone, Neutron, Placement, Glance} {
		w := ask(New(Config{Name: "x", Dialect: d}, error(fault.Unavailablef("The database cannot be used.")), away), "", "GET /x", "")
		if w.Code != 503 || w.Header().Get("Retry-After") != retryAfter {
			t.Errorf("%T answered %d %v", d, w.Code, w.Header())
		}
	}
}
