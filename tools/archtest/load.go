// Package archtest checks the architecture: imports, file sizes, line widths, package comments, modules. A rule is a
// function from the parsed repository to complaints; each complaint says where, what, and what to do instead. The rules
// themselves are tested on small made-up repositories.
package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Module is the module path that the project's own imports begin with.
const Module = "hypernova"

// Repo is a parsed source tree.
type Repo struct {
	Files    []*File
	Packages map[string][]*File // by directory, test files included
	Fset     *token.FileSet
	Tree     fs.FS
}

// File is one Go file.
type File struct {
	Path, Dir string // relative to the repository, slashes; Dir is "" at the top
	Test      bool   // _test.go
	Lines     int
	Syntax    *ast.File
	Imports   []Import
}

// Import is one import of a file.
type Import struct {
	Path, Name string // Name is empty unless the import is renamed
	Line       int
}

// Complaint is one breach of a rule.
type Complaint struct {
	File string
	Line int
	Text string
}

func (c Complaint) String() string {
	if c.Line == 0 {
		return c.File + ": " + c.Text
	}
	return fmt.Sprintf("%s:%d: %s", c.File, c.Line, c.Text)
}

// Load parses every Go file of the tree, whatever its build constraints, except below testdata and hidden folders.
func Load(tree fs.FS) (*Repo, error) {
	r := &Repo{Packages: map[string][]*File{}, Fset: token.NewFileSet(), Tree: tree}
	err := fs.WalkDir(tree, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(p)
		if d.IsDir() {
			if p != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" ||
				base == "vendor") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		f, err := r.parse(p)
		if err != nil {
			return err
		}
		r.Files = append(r.Files, f)
		r.Packages[f.Dir] = append(r.Packages[f.Dir], f)
		return nil
	})
	return r, err
}

func (r *Repo) parse(p string) (*File, error) {
	text, err := fs.ReadFile(r.Tree, p)
	if err != nil {
		return nil, err
	}
	syntax, err := parser.ParseFile(r.Fset, p, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	f := &File{Path: p, Dir: path.Dir(p), Test: strings.HasSuffix(p, "_test.go"), Syntax: syntax,
		Lines: strings.Count(string(text), "\n")}
	if f.Dir == "." {
		f.Dir = ""
	}
	for _, spec := range syntax.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		im := Import{Path: target, Line: r.line(spec.Pos())}
		if spec.Name != nil {
			im.Name = spec.Name.Name
		}
		f.Imports = append(f.Imports, im)
	}
	return f, nil
}

func (r *Repo) line(p token.Pos) int { return r.Fset.Position(p).Line }

// dirs are the package directories in order.
func (r *Repo) dirs() []string {
	var out []string
	for d := range r.Packages {
		out = append(out, d)
	}
	slices.Sort(out)
	return out
}

// support reports a package that exists for tests only: oslo/db/dbtest, nova/virt/virttest, cloudtest, and all below
// tests and tools.
func support(dir string) bool {
	for part := range strings.SplitSeq(dir, "/") {
		if strings.HasSuffix(part, "test") || part == "tests" || part == "tools" {
			return true
		}
	}
	return false
}

// within reports that dir is the folder or below it.
func within(dir, folder string) bool { return dir == folder || strings.HasPrefix(dir, folder+"/") }
