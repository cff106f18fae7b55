package recipes_test

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hypernova/tools/recipes"
)

const top = "../.."

var update = flag.Bool("update", false, "write the costs into docs/recipes.md")

func load(t *testing.T) []recipes.Example {
	t.Helper()
	all, err := recipes.Load(os.DirFS("testdata"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestRecipesAreShort also checks that each example has a recipe and costs no more than its bound.
func TestRecipesAreShort(t *testing.T) {
	t.Parallel()
	at := filepath.Join(top, "docs/recipes.md")
	text, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	var headings []string
	for _, r := range recipes.Sections(string(text)) {
		headings = append(headings, r.Heading)
		if r.Lines > 10 {
			t.Errorf("%q has %d lines, at most 10: if more are needed, simplify the code", r.Heading, r.Lines)
		}
	}
	all := load(t)
	if len(all) < 7 {
		t.Errorf("there are only %d examples", len(all))
	}
	for _, e := range all {
		if !slices.Contains(headings, e.Heading) {
			t.Errorf("there is no recipe %q", e.Heading)
		}
		c := e.Cost()
		t.Logf("%-40s %3d files %4d lines, at most %d and %d", e.Heading, c.Files, c.Lines, e.Bound.Files, e.Bound.Lines)
		if c.Files > e.Bound.Files || c.Lines > e.Bound.Lines {
			t.Errorf("%q costs %+v, at most %+v", e.Heading, c, e.Bound)
		}
	}
	want := recipes.Table(string(text), all)
	if *update {
		if err := os.WriteFile(at, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(text) {
		t.Error("the table of costs in docs/recipes.md is not current: make golden")
	}
}

// TestRecipesWork follows all recipes in a copy that only the compiler sees, and runs the tests of the result.
func TestRecipesWork(t *testing.T) {
	t.Parallel()
	all := load(t)
	root, err := filepath.Abs(top)
	if err != nil {
		t.Fatal(err)
	}
	const doc = "// Package built tries the examples of the recipes.\npackage built\n"
	files := map[string]string{"tools/recipes/built/doc.go": doc}
	put := func(name, text string) {
		if _, twice := files[name]; twice {
			t.Errorf("two examples make %s", name)
		}
		files[name] = text
	}
	edited := map[string]string{}
	for _, e := range all {
		for name, text := range e.New {
			put(name, text)
		}
		for name, text := range e.Seams {
			put(name, text)
		}
		put("tools/recipes/built/"+e.Name+"_test.go", e.Try)
		for _, name := range e.Edited() {
			text, ok := edited[name]
			if !ok {
				b, err := os.ReadFile(filepath.Join(root, name))
				if err != nil {
					t.Fatal(err)
				}
				text = string(b)
			}
			if edited[name], err = e.Apply(name, text); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, text := range edited {
		put(name, text)
	}
	run(t, root, overlay(t, root, t.TempDir(), files), all)
}

// overlay writes the files to dir and returns the path of the JSON by which the compiler finds them.
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

// run builds the program and the tests of the overlay, and runs the tests in a folder of their own: the package's
// folder does not exist. Tests that start the program find it by HYPERNOVA_BINARY.
func run(t *testing.T, root, list string, all []recipes.Example) {
	t.Helper()
	dir := t.TempDir()
	program, binary := filepath.Join(dir, "built.test"), filepath.Join(dir, "hypernova")
	for _, args := range [][]string{
		{"build", "-overlay", list, "-o", binary, "."},
		{"test", "-c", "-vet=off", "-overlay", list, "-o", program, "./tools/recipes/built"},
	} {
		build := exec.CommandContext(t.Context(), "go", args...)
		build.Dir = root
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath -buildvcs=false")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("the examples of the recipes do not build: %v\n%s", err, out)
		}
	}
	try := exec.CommandContext(t.Context(), program, "-test.v")
	try.Dir = t.TempDir()
	try.Env = append(os.Environ(), "HYPERNOVA_BINARY="+binary)
	out, err := try.CombinedOutput()
	if err != nil {
		t.Fatalf("the examples of the recipes do not work: %v\n%s", err, out)
	}
	for _, e := range all {
		if !strings.Contains(string(out), "--- PASS: "+e.Test()+" ") {
			t.Errorf("%q was not tried:\n%s", e.Heading, out)
		}
	}
}

func TestExamplesThatDoNotFit(t *testing.T) {
	t.Parallel()
	const head, try = "X\nat most 1 files, 2 lines\n", "-- try --\npackage built\nfunc TestX(t *testing.T) {}\n"
	read := func(text string) ([]recipes.Example, error) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "x.txtar"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return recipes.Load(os.DirFS(dir))
	}
	for name, x := range map[string]struct{ text, want string }{
		"no anchor":   {head + "-- edit a --\nc\n" + try, "begins neither"},
		"no bound":    {"X\n-- edit a --\nafter b\nc\n" + try, "no bound"},
		"odd head":    {"X\nat most many\n" + try, "neither \"at most"},
		"not tried":   {head + "-- a --\nc\n", "no function TestX"},
		"other tried": {head + "-- try --\npackage built\nfunc TestY(t *testing.T) {}\n", "no function TestX"},
	} {
		if _, err := read(x.text); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	const edits = "-- edit a --\nafter b\nnew\n// why\n\ninstead of d\ne\n-- toy/x --\n1\n2\n3\n"
	all, err := read(head + "beside toy/\n" + edits + try)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := all[0].Apply("a", "a\nb c\n d\nf\n"); err != nil || got != "a\nb c\nnew\n// why\n\ne\nf\n" {
		t.Errorf("got %q, %v", got, err)
	}
	if got := all[0].Cost(); got != (recipes.Cost{Files: 1, Lines: 2}) {
		t.Errorf("got %+v", got)
	}
	if _, err := all[0].Apply("a", "b\nb\n"); err == nil || !strings.Contains(err.Error(), "2 times") {
		t.Errorf("got %v", err)
	}
}
