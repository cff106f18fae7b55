package archtest

import (
	"fmt"
	"go/ast"
	"strings"
)

// Longest a file may be.
const (
	maxLines     = 600
	maxTestLines = 1000
)

// Sizes checks that each file can be read in one go.
func Sizes(r *Repo) []Complaint {
	var out []Complaint
	for _, f := range r.Files {
		limit := maxLines
		if f.Test {
			limit = maxTestLines
		}
		if f.Lines > limit {
			out = append(out, Complaint{f.Path, 0,
				fmt.Sprintf("%d lines, at most %d: a file that needs sections wants to be files", f.Lines, limit)})
		}
	}
	return out
}

// Docs checks that each package says in exactly one place what it is. Packages that are nothing but tests need not.
func Docs(r *Repo) []Complaint {
	var out []Complaint
	for _, dir := range r.dirs() {
		var documented []*File
		code := false
		for _, f := range r.Packages[dir] {
			if f.Test {
				continue
			}
			code = true
			if f.Syntax.Doc != nil && strings.TrimSpace(f.Syntax.Doc.Text()) != "" {
				documented = append(documented, f)
			}
		}
		switch {
		case !code:
		case len(documented) == 0:
			out = append(out, Complaint{name(dir), 0,
				"the package has no doc comment; say above a package clause what it is for"})
		case len(documented) > 1:
			out = append(out, Complaint{documented[1].Path, 1, "the package has a doc comment in " + documented[0].Path +
				" already; keep one"})
		default:
			f := documented[0]
			if pkg := f.Syntax.Name.Name; pkg != "main" && !strings.HasPrefix(f.Syntax.Doc.Text(), "Package "+pkg+" ") {
				out = append(out, Complaint{f.Path, 1, "the doc comment must begin with \"Package " + pkg + " \""})
			}
		}
	}
	return out
}

// Inits checks that nothing happens before main: no func init, no cgo.
func Inits(r *Repo) []Complaint {
	var out []Complaint
	for _, f := range r.Files {
		for _, im := range f.Imports {
			if im.Path == "C" {
				out = append(out, Complaint{f.Path, im.Line, "no cgo: the binary must stay static"})
			}
		}
		for _, d := range f.Syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				out = append(out, Complaint{f.Path, r.line(fn.Pos()),
					"no func init: construct values where they are used, register drivers in app/drivers.go"})
			}
		}
	}
	return out
}

// Contexts checks that a context comes from the caller: only main and tests may begin one.
func Contexts(r *Repo) []Complaint {
	var out []Complaint
	for _, f := range r.Files {
		if f.Test || f.Dir == "" || support(f.Dir) {
			continue
		}
		pkg := importedAs(f, "context")
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok || (s.Sel.Name != "Background" && s.Sel.Name != "TODO") {
				return true
			}
			if x, ok := s.X.(*ast.Ident); ok && x.Name == pkg {
				out = append(out, Complaint{f.Path, r.line(s.Pos()), "context." + s.Sel.Name +
					" outside main and tests: take the caller's context (context.WithoutCancel where work must outlive it)"})
			}
			return true
		})
	}
	return out
}

// importedAs is the name by which a file knows a package, empty where it does not import it.
func importedAs(f *File, target string) string {
	for _, im := range f.Imports {
		if im.Path == target {
			if im.Name != "" {
				return im.Name
			}
			return target[strings.LastIndexByte(target, '/')+1:]
		}
	}
	return ""
}
