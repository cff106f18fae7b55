// Package rooms writes docs/rooms.md from the package comments.
package rooms

import (
	"fmt"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// List returns the first sentence of the package comment of every folder with Go code below root, by path. It fails if
// a folder has none.
func List(root string) (map[string]string, error) {
	out := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "var" ||
			name == "bin" || name == "dist") {
			return filepath.SkipDir
		}
		files, err := filepath.Glob(filepath.Join(path, "*.go"))
		if err != nil || len(files) == 0 {
			return err
		}
		text, err := comment(files)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		out[filepath.ToSlash(rel)] = text
		return nil
	})
	return out, err
}

// comment returns the first sentence of the package comment, which may be in any of the files.
func comment(files []string) (string, error) {
	slices.Sort(files)
	for _, f := range files {
		src, err := os.ReadFile(f)
		if err != nil {
			return "", err
		}
		file, err := parser.ParseFile(token.NewFileSet(), f, src, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			return "", err
		}
		if file.Doc != nil {
			return new(doc.Package).Synopsis(file.Doc.Text()), nil
		}
	}
	return "", fmt.Errorf("no file of %s has a package comment", filepath.Dir(files[0]))
}

const head = `# Rooms

Every folder with Go code, in the first sentence of its package comment. A package imports only packages of lower
levels, which the test in tools/archtest checks:

    L0 std, listed modules            L4 a service's store and rpcapi, driver contracts
    L1 oslo leaves                    L5 operations, conductor, scheduler, compute, agent, drivers
    L2 oslo                           L6 a service's api and client
    L3 a service's vocabulary         L7 app, L8 main

Of another service a service imports only the vocabulary. An api package and a store package do not import each other:
the operations are between them. The test in tools/rooms writes this page (` + "`make golden`" + `).

| room | what it is |
|---|---|
`

// Page returns the content of docs/rooms.md for the folders below root.
func Page(root string) (string, error) {
	rooms, err := List(root)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(head)
	for _, name := range slices.Sorted(maps.Keys(rooms)) {
		text := rooms[name]
		for _, prefix := range []string{"Package " + filepath.Base(name) + " is ", "Package " + filepath.Base(name) + " ",
			"Package main is ", "Command " + filepath.Base(name) + " ", "Command "} {
			if cut, ok := strings.CutPrefix(text, prefix); ok {
				text = cut
				break
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", name, strings.ReplaceAll(text, "|", "\\|"))
	}
	return b.String(), nil
}
