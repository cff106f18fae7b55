package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/oslo/auth"
)

func TestOverridesOfAnOperatorOfTheOriginal(t *testing.T) {
	t.Parallel()
	known := Catalogue{
		"srv:list":       {Check: "rule:reader", Older: "srv:index", OlderCheck: "rule:admin_or_owner"},
		"srv:show":       {Check: "rule:reader", Older: "srv:index"},
		"srv:shelve":     {Check: "rule:reader"},
		"admin_or_owner": {Check: "rule:admin_api or project_id:%(project_id)s"},
		"admin_api":      {Check: "is_admin:True"},
		"reader":         {Check: "role:reader"},
	}
	declared := []*Rule{{Name: "srv:list", Check: "role:reader"}, {Name: "srv:show", Check: "role:reader"}}
	owner := &auth.Caller{ProjectID: "p", Roles: []string{"tester"}}
	reader := &auth.Caller{ProjectID: "p", Roles: []string{"reader"}}
	for _, tt := range []struct {
		name          string
		overrides     map[string]string
		old           bool
		owner, reader bool // may they list
		remarks       []string
	}{
		{"none", nil, false, false, true, nil},
		{"a base rule of the original", map[string]string{"srv:list": "rule:admin_or_owner"}, false, true, true, nil},
		{"what the original has alone", map[string]string{"srv:shelve": "!"}, false, false, true,
			[]string{`policy rule "srv:shelve" has no effect: this cloud has nothing that it guards`}},
		{"one such refers to another", map[string]string{"srv:list": "rule:srv:shelve"}, false, false, true, nil},
		{"an older name", map[string]string{"srv:index": "@"}, false, true, true,
			[]string{`policy rule "srv:index" is an older name of "srv:list", "srv:show"`}},
		{"an older name beside the newer", map[string]string{"srv:index": "@", "srv:list": "!"}, false, false, false,
			[]string{`policy rule "srv:index" is an older name of "srv:list", "srv:show"`}},
		{"a helper that nobody uses", map[string]string{"mine": "role:mine", "default": "rule:admin_api"}, false, false, true,
			[]string{`policy rule "default" has no effect: this cloud has nothing that it guards`,
				`policy rule "mine" has no effect: no service has it, and no other rule uses it`}},
		{"a helper that one uses", map[string]string{"mine": "role:tester", "srv:list": "rule:mine"}, false, true, false,
			nil},
		{"a misspelling", map[string]string{"srv:lisst": "!"}, false, false, true,
			[]string{`policy rule "srv:lisst" has no effect: no service has it, and no other rule uses it; did you mean "srv:list"?`}},
		{"older defaults", nil, true, true, true, nil},
		{"older defaults beside an override", map[string]string{"srv:list": "role:reader"}, true, false, true, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, err := With(declared, Options{Overrides: tt.overrides, Known: known, OldDefaults: tt.old})
			if err != nil {
				t.Fatal(err)
			}
			target := Target{"project_id": "p"}
			if got := e.Check(declared[0], owner, target).Allowed; got != tt.owner {
				t.Errorf("the owner may list: got %v, want %v", got, tt.owner)
			}
			if got := e.Check(declared[0], reader, target).Allowed; got != tt.reader {
				t.Errorf("a reader may list: got %v, want %v", got, tt.reader)
			}
			if diff := cmp.Diff(e.Remarks(), tt.remarks); diff != "" {
				t.Errorf("remarks (got, want):\n%s", diff)
			}
		})
	}
}

func TestAReferenceToNowhereNamesTheNearest(t *testing.T) {
	t.Parallel()
	_, err := With([]*Rule{{Name: "srv:list", Check: "@"}}, Options{
		Overrides: map[string]string{"srv:list": "rule:admin_or_ownr"}, Known: Catalogue{"admin_or_owner": {Check: "@"}}})
	if err == nil || !strings.Contains(err.Error(), `did you mean "admin_or_owner"`) {
		t.Errorf("got %v, want the nearest name", err)
	}
}

func TestScopesAreLookedAtUnlessToldNot(t *testing.T) {
	t.Parallel()
	r := &Rule{Name: "r", Check: "@", Scopes: []string{"system"}}
	for _, any := range []bool{false, true} {
		e, err := With([]*Rule{r}, Options{AnyScope: any})
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Check(r, &auth.Caller{ProjectID: "p"}, nil).Allowed; got != any {
			t.Errorf("any scope %v: got %v", any, got)
		}
	}
}

func TestFilesOfAFolderFollowTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"policy.json":   `{"a": "role:a", "b": [["role:b", "role:c"], "role:d"], "c": []}`,
		"d/20.yaml":     "a: \"!\"\n",
		"d/10.yaml":     "a: \"@\"\nd: \"role:d\"\n",
		"d/.hidden":     "a: \"role:hidden\"\n",
		"d/deeper/x":    "a: \"role:deeper\"\n",
		"broken/x.yaml": "a: {b: c}\n",
	} {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := LoadFiles(filepath.Join(dir, "policy.json"), filepath.Join(dir, "d"), filepath.Join(dir, "none"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a": "!", "b": "((role:b) and (role:c)) or ((role:d))", "c": "", "d": "role:d"}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("got, want:\n%s", diff)
	}
	if _, err := LoadFiles(filepath.Join(dir, "broken")); err == nil || !strings.Contains(err.Error(), `the rule "a"`) {
		t.Errorf("got %v, want an error that names the rule", err)
	}
}

// A second document in a file would be rules that nobody reads.
func TestSeveralDocumentsInAPolicyFileAreRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "policy.yaml")
	for text, fine := range map[string]bool{"": true, "a: '@'\n": true, "---\na: '@'\n": true,
		"a: '@'\n---\na: '!'\n": false} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadFile(path); (err == nil) != fine {
			t.Errorf("%q: %v", text, err)
		}
	}
}
