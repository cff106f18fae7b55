package archtest

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxWidth is the largest number of characters in a line; a tab counts as one.
const maxWidth = 120

// widthList is the file with the number of wide lines that a file may still have.
const widthList = "tools/archtest/testdata/wide.txt"

// Widths checks that no line of a .go or .md file has more than maxWidth characters. A file that still has such lines
// is in widthList with their exact number: the number may only go down. Struct fields with a tag, rows of Markdown
// tables, files below testdata and CHANGELOG.md do not count.
func Widths(r *Repo) []Complaint {
	have, err := WideLines(r.Tree)
	if err != nil {
		return []Complaint{{widthList, 0, err.Error()}}
	}
	text, err := fs.ReadFile(r.Tree, widthList)
	if err != nil {
		return []Complaint{{widthList, 0, err.Error()}}
	}
	allowed, err := parseWidths(string(text))
	if err != nil {
		return []Complaint{{widthList, 0, err.Error()}}
	}
	var out []Complaint
	for _, f := range slices.Sorted(maps.Keys(have)) {
		if n, most := len(have[f]), allowed[f]; n > most {
			out = append(out, Complaint{f, have[f][n-1],
				fmt.Sprintf("%d lines of more than %d characters, at most %d allowed: wrap them", n, maxWidth, most)})
		}
	}
	for _, f := range slices.Sorted(maps.Keys(allowed)) {
		if n := len(have[f]); n < allowed[f] {
			out = append(out, Complaint{f, 0, fmt.Sprintf("%d wide lines, but %s allows %d: run the test with -update", n,
				widthList,
				allowed[f])})
		}
	}
	return out
}

// WideLines returns the numbers of the wide lines of each file that has some.
func WideLines(tree fs.FS) (map[string][]int, error) {
	out := map[string][]int{}
	err := fs.WalkDir(tree, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(p)
		if d.IsDir() {
			hidden := p != "." && strings.HasPrefix(base, ".")
			if hidden || slices.Contains([]string{"testdata", "vendor", "var", "bin", "dist"}, base) {
				return fs.SkipDir
			}
			return nil
		}
		isGo := strings.HasSuffix(p, ".go")
		if !isGo && !strings.HasSuffix(p, ".md") || p == "CHANGELOG.md" {
			return nil
		}
		text, err := fs.ReadFile(tree, p)
		if err != nil {
			return err
		}
		if lines := wide(text, isGo); lines != nil {
			out[p] = lines
		}
		return nil
	})
	return out, err
}

func wide(text []byte, isGo bool) (lines []int) {
	n := 0
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		n++
		switch {
		case len(line) <= maxWidth || utf8.RuneCount(line) <= maxWidth:
		case isGo && bytes.Contains(line, []byte(":\"")) && bytes.Count(line, []byte("`")) == 2: // a struct tag
		case !isGo && bytes.HasPrefix(bytes.TrimSpace(line), []byte("|")): // a table
		default:
			lines = append(lines, n)
		}
	}
	return lines
}

// parseWidths reads "number path" lines.
func parseWidths(text string) (map[string]int, error) {
	out := map[string]int{}
	in := bufio.NewScanner(strings.NewReader(text))
	for in.Scan() {
		count, file, ok := strings.Cut(in.Text(), " ")
		n, err := strconv.Atoi(count)
		if !ok || err != nil {
			return nil, fmt.Errorf("the line %q is not a number and a path", in.Text())
		}
		out[file] = n
	}
	return out, in.Err()
}

// FormatWidths is the content of widthList for the wide lines of a tree. No number is higher than in old, and no file
// is added: wide lines beyond those stay a complaint.
func FormatWidths(have map[string][]int, old string) (string, error) {
	allowed, err := parseWidths(old)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for _, f := range slices.Sorted(maps.Keys(allowed)) {
		if n := min(len(have[f]), allowed[f]); n > 0 {
			fmt.Fprintf(&out, "%d %s\n", n, f)
		}
	}
	return out.String(), nil
}
