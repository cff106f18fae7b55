package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hypernova/oslo/auth"
)

func TestCheckDecidesLikeTheRuleLanguage(t *testing.T) {
	t.Parallel()
	member := &auth.Caller{UserID: "u1", ProjectID: "p1", UserDomainID: "d1", Roles: []string{"member", "reader"}}
	admin := &auth.Caller{UserID: "u2", ProjectID: "p2", Roles: []string{"admin"}}
	system := &auth.Caller{UserID: "u3", System: "all", Roles: []string{"reader"}}
	for _, tt := range []struct {
		name, check string
		caller      *auth.Caller
		target      Target
		want        bool
	}{
		{"empty passes", "", nil, nil, true},
		{"at passes", "@", nil, nil, true},
		{"bang refuses", "!", admin, nil, false},
		{"role", "role:member", member, nil, true},
		{"role ignores case", "role:Member", member, nil, true},
		{"role missing", "role:admin", member, nil, false},
		{"nobody has no role", "role:member", nil, nil, false},
		{"own project by default", "project_id:%(project_id)s", member, nil, true},
		{"other project", "project_id:%(project_id)s", member, Target{"project_id": "p2"}, false},
		{"absent target fact", "project_id:%(project_id)s", member, Target{}, false},
		{"absent caller fact never equals empty target", "domain_id:%(domain_id)s", member, Target{"domain_id": ""}, false},
		{"and binds closer than or", "role:admin or role:member and role:nope", member, nil, false},
		{"parentheses", "(role:admin or role:member) and role:reader", member, nil, true},
		{"not", "not role:admin", member, nil, true},
		{"not binds closest", "not role:admin and role:reader", member, nil, true},
		{"is_admin", "is_admin:True", admin, nil, true},
		{"system scope", "role:reader and system_scope:all", system, nil, true},
		{"literal against target", "'public':%(visibility)s", member, Target{"visibility": "public"}, true},
		{"None literal against absent domain", "None:%(target.role.domain_id)s", member, Target{"target.role.domain_id": ""},
			true},
		{"None literal against a domain", "None:%(target.role.domain_id)s", member, Target{"target.role.domain_id": "d"},
			false},
		{"caller attribute is None", "domain_id:None", member, nil, true},
		{"field of the target", "field:networks:shared=True", member, Target{"shared": "True"}, true},
		{"field that differs", "field:networks:shared=True", member, Target{"shared": "False"}, false},
		{"rule", "rule:other", member, nil, true},
		{"domain of user", "domain_id:%(target.user.domain_id)s", &auth.Caller{DomainID: "d1"},
			Target{"target.user.domain_id": "d1"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := &Rule{Name: "r", Check: tt.check}
			e, err := New([]*Rule{r, {Name: "other", Check: "role:reader"}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := e.Check(r, tt.caller, tt.target); got.Allowed != tt.want {
				t.Errorf("%q: got %+v, want %v", tt.check, got, tt.want)
			}
		})
	}
}

func TestNewRefusesBadRules(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, check, want string
		overrides         map[string]string
	}{
		{"unknown reference", "rule:nope", "is not there", nil},
		{"cycle", "rule:r", "leads back", nil},
		{"open parenthesis", "(role:a", "not closed", nil},
		{"stray word", "role:a role:b", "not expected", nil},
		{"no colon", "admin", "kind:match", nil},
		{"dangling and", "role:a and", "missing", nil},
		{"override that refers to nothing", "@", `did you mean "r"`, map[string]string{"q": "rule:rr"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := New([]*Rule{{Name: "r", Check: tt.check}}, tt.overrides)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestOverridesComeFromAFileAndReload(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(path, []byte("# comment\n\"r\": \"rule:mine\"\nmine: \"role:member\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	over, err := LoadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := &Rule{Name: "r", Check: "!"}
	e, err := New([]*Rule{r}, over)
	if err != nil {
		t.Fatal(err)
	}
	c := &auth.Caller{Roles: []string{"member"}}
	if v := e.Check(r, c, nil); !v.Allowed {
		t.Errorf("override is not in force: %+v", v)
	}
	if err := e.Reload(map[string]string{"r": "(("}); err == nil {
		t.Error("a bad reload was accepted")
	}
	if v := e.Check(r, c, nil); !v.Allowed {
		t.Errorf("a refused reload changed the rules: %+v", v)
	}
	if err := e.Reload(nil); err != nil {
		t.Fatal(err)
	}
	if v := e.Check(r, c, nil); v.Allowed || !strings.Contains(v.Reason, "member") {
		t.Errorf("got %+v, want a refusal that tells the caller's roles", v)
	}
	if m, err := LoadFile(path + ".none"); m != nil || err != nil {
		t.Errorf("absent file: got %v, %v", m, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"role:a and (not rule:b or 'x':%(y)s)", "@", "((", "%(", "a:b:c", "0:0 0", "not", "(a:b",
		"not not a:b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parse(s)
		if (c == nil) == (err == nil) {
			t.Errorf("parse(%q) = %v, %v", s, c, err)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	r := &Rule{Name: "r", Check: "rule:admin or role:member and project_id:%(project_id)s"}
	e, err := New([]*Rule{r, {Name: "admin", Check: "role:admin"}}, nil)
	if err != nil {
		b.Fatal(err)
	}
	c := &auth.Caller{ProjectID: "p", Roles: []string{"member", "reader"}}
	for b.Loop() {
		if !e.Check(r, c, nil).Allowed {
			b.Fatal("refused")
		}
	}
}
