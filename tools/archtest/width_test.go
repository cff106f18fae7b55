package archtest_test

import (
	"flag"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"hypernova/tools/archtest"
)

var update = flag.Bool("update", false, "lower the numbers of testdata/wide.txt to what the files have")

// TestUpdateWidths lowers the list when asked to; it never raises a number.
func TestUpdateWidths(t *testing.T) {
	if !*update {
		t.Skip("without -update")
	}
	const list = "testdata/wide.txt"
	old, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	have, err := archtest.WideLines(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	text, err := archtest.FormatWidths(have, string(old))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWidths(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 121)
	fits := strings.Repeat("é", 120)
	file := func(lines ...string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(strings.Join(lines, "\n") + "\n")}
	}
	tag := "\tA string `json:\"a\"` // " + long
	for _, x := range []struct {
		name, list string
		text       *fstest.MapFile
		want       string
	}{
		{"narrow", "", file("package a", "// "+fits[:len(fits)-6]), ""},
		{"wide", "", file("package a", "// "+long), "a.go:2: 1 lines of more than 120 characters, at most 0 allowed"},
		{"known", "1 a.go\n", file("package a", "// "+long), ""},
		{"more than known", "1 a.go\n", file("package a", "// "+long, "// "+long), "a.go:3: 2 lines of more than 120"},
		{"fewer than known", "2 a.go\n", file("package a", "// "+long), "a.go: 1 wide lines, but"},
		{"gone", "2 b.go\n", file("package a"), "b.go: 0 wide lines, but"},
		{"struct tag", "", file("package a", "type T struct {", tag, "}"), ""},
		{"not a list", "a.go\n", file("package a"), "is not a number and a path"},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			tree := fstest.MapFS{"a.go": x.text, "tools/archtest/testdata/wide.txt": {Data: []byte(x.list)},
				"testdata/x.md": file(long), "doc.md": file("| " + long), "CHANGELOG.md": file(long)}
			got := ""
			for _, c := range archtest.Widths(&archtest.Repo{Tree: tree}) {
				got += c.String() + "\n"
			}
			if !strings.Contains(got, x.want) || x.want == "" && got != "" {
				t.Errorf("got %q, want %q", got, x.want)
			}
		})
	}
}

func TestTheListOfWideFilesOnlyShrinks(t *testing.T) {
	t.Parallel()
	got, err := archtest.FormatWidths(map[string][]int{"a": {1, 2, 3}, "b": {1}, "new": {1}}, "2 a\n5 b\n1 gone\n")
	if want := "2 a\n1 b\n"; err != nil || got != want {
		t.Errorf("got %q %v, want %q", got, err, want)
	}
}
