package dbtest

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	contract   = regexp.MustCompile(`(?m)^\s*-- contract: \S.*$`)
	comments   = regexp.MustCompile(`(?m)--.*$`)
	spaces     = regexp.MustCompile(`\s+`)
	createdOne = regexp.MustCompile(`^CREATE TABLE (?:IF NOT EXISTS )?(\w+)`)
	indexed    = regexp.MustCompile(`^CREATE (UNIQUE )?INDEX (?:IF NOT EXISTS )?\w+ ON (\w+)`)
	added      = regexp.MustCompile(`^ALTER TABLE (\w+) ADD (?:COLUMN )?\w+ (.*)$`)
	altered    = regexp.MustCompile(`^ALTER TABLE (\w+) `)
	inserted   = regexp.MustCompile(`^(INSERT INTO|UPDATE) `)
)

// Additive says what in a folder of migrations would keep the binary before them from running beside the one after
// them: anything that takes away or tightens. A statement that removes what no binary uses any more is preceded by "--
// contract: why".
func Additive(files fs.FS) ([]string, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var out []string
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		for _, why := range additive(string(text)) {
			out = append(out, path.Base(name)+": "+why)
		}
	}
	return out, nil
}

func additive(text string) []string {
	var out []string
	up, down, _ := strings.Cut(text, "-- +goose Down")
	if strings.TrimSpace(comments.ReplaceAllString(down, "")) != "" {
		out = append(out, "migrations go forward only: the older binary runs on the newer schema")
	}
	_, up, ok := strings.Cut(up, "-- +goose Up")
	if !ok {
		return append(out, `has no line "-- +goose Up"`)
	}
	own := map[string]bool{}                        // tables of this file: no older binary knows them
	up = contract.ReplaceAllString(up, "CONTRACT ") // a word that no statement begins with
	for statement := range strings.SplitSeq(comments.ReplaceAllString(up, ""), ";") {
		plain := spaces.ReplaceAllString(strings.TrimSpace(statement), " ")
		if plain == "" || strings.HasPrefix(plain, "CONTRACT ") {
			continue
		}
		if why := breaks(plain, own); why != "" {
			out = append(out, fmt.Sprintf("%s: %q", why, plain))
		}
	}
	return out
}

// breaks says why one statement is no mere addition.
func breaks(s string, own map[string]bool) string {
	if m := createdOne.FindStringSubmatch(s); m != nil {
		own[m[1]] = true
		return ""
	}
	if m := indexed.FindStringSubmatch(s); m != nil {
		if m[1] != "" && !own[m[2]] {
			return "a unique index refuses rows that the older binary may write"
		}
		return ""
	}
	if m := altered.FindStringSubmatch(s); m != nil && own[m[1]] {
		return ""
	}
	if m := added.FindStringSubmatch(s); m != nil {
		rest := strings.ToUpper(m[2])
		if strings.Contains(rest, "NOT NULL") && !strings.Contains(rest, "DEFAULT") {
			return "a column that must be filled needs a default, because the older binary does not fill it"
		}
		if strings.Contains(rest, "UNIQUE") || strings.Contains(rest, "CHECK") {
			return "a constraint refuses rows that the older binary may write"
		}
		return ""
	}
	if inserted.MatchString(s) {
		return ""
	}
	return "the older binary may still use what this takes away or changes (a statement that nobody misses says so: -- contract: why)"
}
