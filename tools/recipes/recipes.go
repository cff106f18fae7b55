// Package recipes checks that the recipes in docs/recipes.md work as written.
//
// A recipe's example is a txtar file in testdata. Its first line is the heading in docs/recipes.md. Each further file is a new one, or
// "edit path": lines to insert into a file that exists, each block below a line "after" with a text that occurs in one line. More
// than one edited file means that adding the thing is not one place, and fails the test.
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
	Name    string            // of its file
	Heading string            // of the recipe
	New     map[string]string // new files by path
	Edited  string            // the one file that is edited; empty for none
	edits   []edit
}

// edit inserts text below the line that holds after.
type edit struct{ after, text string }

// Load reads all examples of a folder.
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
	e := Example{Name: name, Heading: strings.TrimSpace(string(a.Comment)), New: map[string]string{}}
	for _, f := range a.Files {
		edited, ok := strings.CutPrefix(f.Name, "edit ")
		if !ok {
			e.New[f.Name] = string(f.Data)
			continue
		}
		if e.Edited != "" {
			return e, fmt.Errorf("it edits %s and %s: adding this is not one place", e.Edited, edited)
		}
		e.Edited = edited
		for line := range strings.Lines(string(f.Data)) {
			if after, ok := strings.CutPrefix(line, "after "); ok {
				e.edits = append(e.edits, edit{after: strings.TrimRight(after, "\n")})
				continue
			}
			if len(e.edits) == 0 {
				return e, fmt.Errorf("the edit of %s does not begin with \"after\"", edited)
			}
			e.edits[len(e.edits)-1].text += line
		}
	}
	return e, nil
}

// Apply inserts the example's lines into the text of the file it edits.
func (e Example) Apply(text string) (string, error) {
	for _, x := range e.edits {
		if n := strings.Count(text, x.after); n != 1 {
			return "", fmt.Errorf("%s: %q is %d times in %s, not once: bring the example up to date", e.Name, x.after, n, e.Edited)
		}
		end := strings.Index(text, x.after) + len(x.after)
		next := strings.IndexByte(text[end:], '\n')
		if next < 0 {
			return "", fmt.Errorf("%s: %s ends without a line's end", e.Name, e.Edited)
		}
		end += next + 1
		text = text[:end] + x.text + text[end:]
	}
	return text, nil
}

// Recipe is one section of docs/recipes.md.
type Recipe struct {
	Heading string
	Lines   int // of its text, without empty ones
}

// Sections reads docs/recipes.md.
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
	return out
}
