// Package recipes checks that the recipes in docs/recipes.md work as written, and counts what each costs.
//
// An example of a recipe is a txtar file in testdata. Its comment is:
//
//	A scheduler filter              the heading in docs/recipes.md
//	at most 2 files, 25 lines       the bound on files that are new or edited, and on lines that are added
//	beside toy/                     optional: files below this folder do not count, for a recipe that makes a package
//
// The files of the archive are:
//
//	-- path --         a new file
//	-- edit path --    changes of an existing file, in blocks. A block begins with "after TEXT", which inserts its lines
//	                   below the line that contains TEXT, or with "instead of TEXT", which replaces that line. TEXT must
//	                   occur in exactly one line.
//	-- try --          a test of package built, with a function Test<Name> for the archive name.txtar. It is not counted.
//	                   HYPERNOVA_BINARY is the program with all examples, for clouds of tests/layout and tests/running.
//	-- seam path --    a new file that only the test needs. It is not counted.
package recipes

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"golang.org/x/tools/txtar"
)

// Example is one recipe, followed.
type Example struct {
	Name    string            // the archive's name without its suffix
	Heading string            // the recipe's heading in docs/recipes.md
	Bound   Cost              // the most that the recipe may cost
	Beside  string            // files below this folder are not counted; empty for none
	New     map[string]string // new files by path
	Seams   map[string]string // files that only the test needs
	Try     string            // the test
	edits   map[string][]edit // by path
}

// Cost counts what a recipe adds.
type Cost struct {
	Files int // new and edited files
	Lines int // added lines that are neither empty nor a comment alone
}

// edit inserts text below the line that contains anchor, or replaces that line.
type edit struct {
	anchor, text string
	replace      bool
}

// Load reads all examples of a folder, in order of their names.
func Load(dir fs.FS) ([]Example, error) {
	names, err := fs.Glob(dir, "*.txtar")
	if err != nil {
		return nil, err
	}
	var all []Example
	for _, name := range names {
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, err
		}
		e, err := parse(strings.TrimSuffix(path.Base(name), ".txtar"), text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, e)
	}
	return all, nil
}

func parse(name string, text []byte) (Example, error) {
	a := txtar.Parse(text)
	e := Example{Name: name, New: map[string]string{}, Seams: map[string]string{}, edits: map[string][]edit{}}
	if err := e.head(string(a.Comment)); err != nil {
		return e, err
	}
	for _, f := range a.Files {
		data := string(f.Data)
		if p, ok := strings.CutPrefix(f.Name, "edit "); ok {
			edits, err := blocks(p, data)
			if err != nil {
				return e, err
			}
			e.edits[p] = append(e.edits[p], edits...)
		} else if p, ok := strings.CutPrefix(f.Name, "seam "); ok {
			e.Seams[p] = data
		} else if f.Name == "try" {
			e.Try = data
		} else {
			e.New[f.Name] = data
		}
	}
	if !strings.Contains(e.Try, "\nfunc "+e.Test()+"(") {
		return e, fmt.Errorf("its section \"try\" has no function %s", e.Test())
	}
	return e, nil
}

// head reads the archive's comment.
func (e *Example) head(comment string) error {
	lines := strings.Split(strings.TrimSpace(comment), "\n")
	e.Heading = lines[0]
	for _, line := range lines[1:] {
		if beside, ok := strings.CutPrefix(line, "beside "); ok {
			e.Beside = beside
		} else if _, err := fmt.Sscanf(line, "at most %d files, %d lines", &e.Bound.Files, &e.Bound.Lines); err != nil {
			return fmt.Errorf("its head has the line %q: neither \"at most N files, M lines\" nor \"beside FOLDER\"", line)
		}
	}
	if e.Bound == (Cost{}) {
		return fmt.Errorf("its head has no bound: \"at most N files, M lines\"")
	}
	return nil
}

func blocks(file, text string) ([]edit, error) {
	var out []edit
	for line := range strings.Lines(text) {
		if anchor, ok := strings.CutPrefix(line, "after "); ok {
			out = append(out, edit{anchor: strings.TrimRight(anchor, "\n")})
		} else if anchor, ok := strings.CutPrefix(line, "instead of "); ok {
			out = append(out, edit{anchor: strings.TrimRight(anchor, "\n"), replace: true})
		} else if len(out) == 0 {
			return nil, fmt.Errorf("the edit of %s begins neither with \"after\" nor with \"instead of\"", file)
		} else {
			out[len(out)-1].text += line
		}
	}
	return out, nil
}

// Test is the name of the function that tries the example.
func (e Example) Test() string { return "Test" + strings.ToUpper(e.Name[:1]) + e.Name[1:] }

// Edited are the paths of the existing files that the example changes.
func (e Example) Edited() []string {
	var out []string
	for p := range e.edits {
		out = append(out, p)
	}
	return out
}

// Apply makes the example's changes to the text of one existing file.
func (e Example) Apply(file, text string) (string, error) {
	for _, x := range e.edits[file] {
		if n := strings.Count(text, x.anchor); n != 1 {
			const text = "%s: %q occurs %d times in %s, not once: bring the example up to date"
			return "", fmt.Errorf(text, e.Name, x.anchor, n, file)
		}
		at := strings.Index(text, x.anchor)
		end := at + len(x.anchor)
		next := strings.IndexByte(text[end:], '\n')
		if next < 0 {
			return "", fmt.Errorf("%s: the last line of %s has no end", e.Name, file)
		}
		end += next + 1
		before := text[:end]
		if x.replace {
			before = text[:strings.LastIndexByte(text[:at], '\n')+1]
		}
		text = before + x.text + text[end:]
	}
	return text, nil
}

// Cost counts the example's files and lines.
func (e Example) Cost() Cost {
	var c Cost
	add := func(file, text string) {
		if e.Beside != "" && strings.HasPrefix(file, e.Beside) {
			return
		}
		c.Files++
		c.Lines += lines(text)
	}
	for file, text := range e.New {
		add(file, text)
	}
	for file, edits := range e.edits {
		text := ""
		for _, x := range edits {
			text += x.text
		}
		add(file, text)
	}
	return c
}

// lines counts the lines that are neither empty nor a comment alone.
func lines(text string) int {
	n := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "//") && !strings.HasPrefix(line, "--") {
			n++
		}
	}
	return n
}

// Recipe is one section of docs/recipes.md.
type Recipe struct {
	Heading string
	Lines   int // of its text, without empty ones
}

// costs is the heading of the table that Table writes.
const costs = "What each costs"

// Sections reads the recipes of docs/recipes.md.
func Sections(text string) []Recipe {
	var out []Recipe
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			out = append(out, Recipe{Heading: heading})
		} else if line != "" && len(out) > 0 {
			out[len(out)-1].Lines++
		}
	}
	if n := len(out); n > 0 && out[n-1].Heading == costs {
		out = out[:n-1]
	}
	return out
}

const explained = "The test of `tools/recipes` follows an example of each of these, builds it and tries it. " +
	"It counts the files that are\nnew or edited, and the lines that are neither empty nor a comment alone. " +
	"A recipe that costs more than its bound fails\nthe test. `make golden` writes this table.\n\n" +
	"| recipe | files | lines | bound |\n|---|---|---|---|\n"

// Table returns docs/recipes.md with its last section, the costs, written anew from the examples.
func Table(text string, all []Example) string {
	if at := strings.Index(text, "\n## "+costs+"\n"); at >= 0 {
		text = text[:at]
	}
	text = strings.TrimRight(text, "\n") + "\n\n## " + costs + "\n\n" + explained
	for _, e := range all {
		c, beside := e.Cost(), ""
		if e.Beside != "" {
			beside = " beside its own folder"
		}
		text += fmt.Sprintf("| %s | %d%s | %d | %d files, %d lines |\n",
			e.Heading, c.Files, beside, c.Lines, e.Bound.Files, e.Bound.Lines)
	}
	return text
}
