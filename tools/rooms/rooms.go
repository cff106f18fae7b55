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

// List reads the package comment of every folder with Go code below root, by path.
func List(root string) (map[string]string, error) {
	out := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "var" || name == "bin" || name == "dist") {
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

// comment is the first sentence of the package comment, whichever file it stands in.
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

Every folder of the program, in its own words. Imports go down only; tools/archtest holds the law:

    L0 std, listed modules            L4 a service's store and rpcapi, driver contracts
    L1 oslo leaves                    L5 verbs, conductor, scheduler, compute, agent, drivers
    L2 oslo                           L6 a service's api and client
    L3 a service's vocabulary         L7 app, L8 main

A service imports another service's vocabulary only. Its api and store never meet; verbs stand between.
This page is written by the test in tools/rooms; ` + "`make golden`" + ` writes it anew.

| room | what it is |
|---|---|
`

// Page is docs/rooms.md for the rooms below root.
func Page(root string) (string, error) {
	rooms, err := List(root)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(head)
	for _, name := range slices.Sorted(maps.Keys(rooms)) {
		text := rooms[name]
		for _, prefix := range []string{"Package " + filepath.Base(name) + " is ", "Package " + filepath.Base(name) + " ", "Package main is ", "Command "} {
			if cut, ok := strings.CutPrefix(text, prefix); ok {
				text = cut
				break
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", name, strings.ReplaceAll(text, "|", "\\|"))
	}
	return b.String(), nil
}
