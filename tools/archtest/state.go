package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"strings"
)

// State checks that packages keep nothing: a package variable is a declaration, so no function assigns to it, and its
// type is no lock, counter or cache (sync.Pool, which nobody can observe, is allowed). What is written through a method
// or pointer goes unseen.
func State(r *Repo) []Complaint {
	var out []Complaint
	for _, dir := range r.dirs() {
		if support(dir) {
			continue
		}
		var files []*ast.File
		var own []*File
		for _, f := range r.Packages[dir] {
			if !f.Test {
				files = append(files, f.Syntax)
				own = append(own, f)
			}
		}
		info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
		c := types.Config{Importer: absent{}, Error: func(error) {}}
		pkg, _ := c.Check(Module+"/"+dir, r.Fset, files, info) // errors are expected: imports are absent
		w := &writes{repo: r, info: info, pkg: pkg}
		for _, f := range own {
			w.file(f)
		}
		out = append(out, w.found...)
	}
	return out
}

type writes struct {
	repo  *Repo
	info  *types.Info
	pkg   *types.Package
	found []Complaint
}

func (w *writes) file(f *File) {
	for _, d := range f.Syntax.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
			for _, s := range g.Specs {
				w.declared(f, s.(*ast.ValueSpec))
			}
			continue
		}
		ast.Inspect(d, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					for _, l := range n.Lhs {
						w.written(f, l)
					}
				}
			case *ast.IncDecStmt:
				w.written(f, n.X)
			case *ast.CallExpr:
				if id, ok := n.Fun.(*ast.Ident); ok && (id.Name == "delete" || id.Name == "clear") && len(n.Args) > 0 {
					w.written(f, n.Args[0])
				}
			}
			return true
		})
	}
}

// declared complains of a variable whose very type is state.
func (w *writes) declared(f *File, s *ast.ValueSpec) {
	t := s.Type
	if t == nil && len(s.Values) == 1 {
		if lit, ok := s.Values[0].(*ast.CompositeLit); ok {
			t = lit.Type
		}
	}
	if ix, ok := t.(*ast.IndexExpr); ok { // atomic.Pointer[T]
		t = ix.X
	}
	sel, ok := t.(*ast.SelectorExpr)
	if !ok {
		return
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return
	}
	if n := x.Name; (n == importedAs(f, "sync") && sel.Sel.Name != "Pool") || n == importedAs(f, "sync/atomic") {
		w.found = append(w.found, Complaint{f.Path, w.repo.line(s.Pos()),
			fmt.Sprintf("package variable %s is state (%s.%s): make it a field of what owns it", s.Names[0].Name, n,
				sel.Sel.Name)})
	}
}

// written complains of an assignment whose target is, or lies in, a package variable.
func (w *writes) written(f *File, target ast.Expr) {
	for {
		switch t := target.(type) {
		case *ast.IndexExpr:
			target = t.X
		case *ast.StarExpr:
			target = t.X
		case *ast.ParenExpr:
			target = t.X
		case *ast.SelectorExpr:
			if x, ok := t.X.(*ast.Ident); ok {
				if p, ok := w.info.Uses[x].(*types.PkgName); ok {
					w.complain(f, t.Pos(), p.Name()+"."+t.Sel.Name)
					return
				}
			}
			target = t.X
		case *ast.Ident:
			if v, ok := w.info.Uses[t].(*types.Var); ok && v.Parent() == w.pkg.Scope() {
				w.complain(f, t.Pos(), t.Name)
			}
			return
		default:
			return
		}
	}
}

func (w *writes) complain(f *File, p token.Pos, what string) {
	w.found = append(w.found, Complaint{f.Path, w.repo.line(p),
		fmt.Sprintf("package variable %s is changed: package state is shared by all tests and services; make it a field",
			what)})
}

// absent answers an empty package for every import, so that a package can be type-checked alone.
type absent struct{}

func (absent) Import(file string) (*types.Package, error) {
	base := path.Base(file)
	if strings.HasPrefix(base, "v") && len(base) <= 3 { // a major version, not a name
		base = path.Base(path.Dir(file))
	}
	p := types.NewPackage(file, base)
	p.MarkComplete()
	return p, nil
}
