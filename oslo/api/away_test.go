package api

import (
	"context"
	"testing"

	"hypernova/oslo/fault"
)

// A 503 says when to ask again.
func TestWhatIsAwayMayBeAskedForAgain(t *testing.T) {
	t.Parallel()
	away := Resource[error]{Name: "x", Plural: "xs", Ops: Ops[error]{
		Do("GET /x", nil, 200, func(err error, _ context.Context, _ *Request, _ *None) (None, error) { return None{}, err }, NoAuth()),
	}}
	w := ask(New(Config{Name: "x", Dialect: toy{}}, error(fault.Unavailablef("The database cannot be used.")), away), "", "GET /x", "")
	if w.Code != 503 || w.Header().Get("Retry-After") != retryAfter {
		t.Errorf("answered %d %v", w.Code, w.Header())
	}
}
