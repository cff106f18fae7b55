package api

import (
	"context"
	"testing"

	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
)

// A 503 says when to ask again.
func TestWhatIsAwayMayBeAskedForAgain(t *testing.T) {
	t.Parallel()
	away := Resource[error]{Name: "x", Plural: "xs", Ops: Ops[error]{
		Do("GET /x", nil, 200, func(err error, _ context.Context, _ *Request, _ *None) (None, error) { return None{}, err },
			NoAuth()),
	}}
	w := ask(New(Config{Name: "x", Dialect: toy{}}, error(fault.Unavailablef("The database cannot be used.")), away), "",
		"GET /x", "")
	if w.Code != 503 || w.Header().Get("Retry-After") != retryAfter {
		t.Errorf("answered %d %v", w.Code, w.Header())
	}
}

// away is an identity service that cannot answer.
type away struct{}

func (away) Validate(context.Context, string) (*auth.Caller, error) {
	return nil, fault.Unavailablef("The identity service cannot check tokens now.")
}

// A token that cannot be one is refused without asking identity, which would call the request malformed.
func TestATokenThatIsNoTextIsRefused(t *testing.T) {
	t.Parallel()
	shut := Resource[error]{Name: "x", Plural: "xs", Ops: Ops[error]{
		Do("GET /x", nil, 200, func(error, context.Context, *Request, *None) (None, error) { return None{}, nil }),
	}}
	h := New(Config{Name: "x", Dialect: toy{}, Validator: away{}}, error(nil), shut)
	for token, want := range map[string]int{"\xff\xfe": 401, "a\x00b": 401, "some": 503} {
		if w := ask(h, token, "GET /x", ""); w.Code != want {
			t.Errorf("%q: %d, want %d", token, w.Code, want)
		}
	}
}
