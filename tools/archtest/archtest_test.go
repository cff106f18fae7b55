package archtest_test

import (
	"os"
	"testing"

	"hypernova/tools/archtest"
)

// TestArchitecture holds the whole repository against every rule.
func TestArchitecture(t *testing.T) {
	t.Parallel()
	repo, err := archtest.Load(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(repo.Files) < 20 {
		t.Fatalf("found only %d files; is this the repository's top?", len(repo.Files))
	}
	for name, rule := range rules {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, c := range rule(repo) {
				t.Error(c)
			}
		})
	}
}

var rules = map[string]func(*archtest.Repo) []archtest.Complaint{
	"imports": archtest.Imports, "sizes": archtest.Sizes, "docs": archtest.Docs, "inits": archtest.Inits,
	"contexts": archtest.Contexts, "state": archtest.State, "methods": archtest.Methods(archtest.Wide()),
	"policies": archtest.Policies,
	"private":  archtest.Private, "modules": archtest.Modules, "rights": archtest.Rights,
	"widths": archtest.Widths, "kit": archtest.Kit, "rows": archtest.Rows(archtest.LooseRows()),
	"log keys":     archtest.LogKeys,
	"constructors": archtest.Constructors(archtest.LongConstructors()),
}
