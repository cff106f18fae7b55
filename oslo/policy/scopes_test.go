package policy_test

import (
	"testing"

	"hypernova/oslo/auth"
	"hypernova/oslo/policy"
)

func TestScopes(t *testing.T) {
	t.Parallel()
	ofProjects := &policy.Rule{Name: "a", Check: "role:admin", Scopes: []string{"project"}}
	ofAny := &policy.Rule{Name: "b", Check: "role:admin"}
	e, err := policy.New([]*policy.Rule{ofProjects, ofAny}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		rule   *policy.Rule
		caller auth.Caller
		want   bool
	}{
		{"a project", ofProjects, auth.Caller{ProjectID: "p"}, true},
		{"the system", ofProjects, auth.Caller{System: "all"}, false},
		{"a domain", ofProjects, auth.Caller{DomainID: "d"}, false},
		{"nothing", ofProjects, auth.Caller{}, true}, // OpenStack takes a token of no scope as one of a project
		{"any scope", ofAny, auth.Caller{System: "all"}, true},
	} {
		c.caller.Roles = []string{"admin"}
		if got := e.Check(c.rule, &c.caller, nil).Allowed; got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}
