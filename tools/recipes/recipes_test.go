package recipes_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hypernova/tools/recipes"
)

const top = "../.."

// built are the recipes that must have an example which is built and tried.
var built = []string{"A scheduler filter", "A weigher", "A hypervisor driver", "An RPC method", "A periodic task", "An attribute of a resource", "An option"}

func TestRecipesAreShort(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(top, "docs/recipes.md"))
	if err != nil {
		t.Fatal(err)
	}
	var headings []string
	for _, r := range recipes.Sections(string(text)) {
		headings = append(headings, r.Heading)
		if r.Lines > 10 {
			t.Errorf("%q has %d lines; where ten do not do, the code is wrong", r.Heading, r.Lines)
		}
	}
	for _, b := range built {
		if !slices.Contains(headings, b) {
			t.Errorf("there is no recipe %q", b)
		}
	}
}

// TestRecipesWork follows each recipe, in a copy that only the compiler sees, and tries what came of it.
func TestRecipesWork(t *testing.T) {
	t.Parallel()
	examples, err := recipes.Load(os.DirFS("testdata"))
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs(top)
	if err != nil {
		t.Fatal(err)
	}
	dir, files, edited := t.TempDir(), map[string]string{}, map[string]string{}
	for _, e := range examples {
		if !slices.Contains(built, e.Heading) {
			t.Errorf("%s is no recipe that is built: %q", e.Name, e.Heading)
		}
		for name, text := range e.New {
			files[name] = text
		}
		if e.Edited == "" {
			continue
		}
		text, ok := edited[e.Edited]
		if !ok {
			b, err := os.ReadFile(filepath.Join(root, e.Edited))
			if err != nil {
				t.Fatal(err)
			}
			text = string(b)
		}
		if edited[e.Edited], err = e.Apply(text); err != nil {
			t.Fatal(err)
		}
	}
	if len(examples) != len(built) {
		t.Errorf("%d examples for %d recipes", len(examples), len(built))
	}
	for name, text := range edited {
		files[name] = text
	}
	// What tries the examples is no part of any of them.
	for name, at := range map[string]string{"seam.go.txt": "app/recipes.go", "built_test.go.txt": "tools/recipes/built/built_test.go"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		files[at] = string(b)
	}
	run(t, root, overlay(t, root, dir, files))
}

// overlay writes the files aside and the list by which the compiler finds them.
func overlay(t *testing.T, root, dir string, files map[string]string) string {
	t.Helper()
	list := struct{ Replace map[string]string }{map[string]string{}}
	for name, text := range files {
		at := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		list.Replace[filepath.Join(root, name)] = at
	}
	b, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(at, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return at
}

// run builds the tests of the overlay, whose folders nobody can change into, and runs them in a folder of their own.
func run(t *testing.T, root, list string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "built.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-overlay", list, "-o", program, "./tools/recipes/built")
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("what follows the recipes does not build: %v\n%s", err, out)
	}
	try := exec.CommandContext(t.Context(), program, "-test.v")
	try.Dir = t.TempDir()
	out, err := try.CombinedOutput()
	if err != nil {
		t.Fatalf("what follows the recipes does not work: %v\n%s", err, out)
	}
	for _, b := range built {
		if name := strings.ReplaceAll(b, " ", "_"); !strings.Contains(string(out), "--- PASS: TestRecipes/"+name) {
			t.Errorf("%q was not tried:\n%s", b, out)
		}
	}
}

func TestExamplesThatDoNotFit(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct{ text, want string }{
		"two places": {"X\n-- edit a --\nafter b\nc\n-- edit b --\nafter b\nc\n", "not one place"},
		"no anchor":  {"X\n-- edit a --\nc\n", "does not begin"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "x.txtar"), []byte(x.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := recipes.Load(os.DirFS(dir)); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.txtar"), []byte("X\n-- edit a --\nafter b\nnew\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := recipes.Load(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := all[0].Apply("a\nb c\nd\n"); err != nil || got != "a\nb c\nnew\nd\n" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := all[0].Apply("b\nb\n"); err == nil || !strings.Contains(err.Error(), "2 times") {
		t.Errorf("got %v", err)
	}
}
