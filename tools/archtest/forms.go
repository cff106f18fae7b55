package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"strconv"
	"strings"
)

// Rows checks that a service's store keeps its rows, tables and statements to itself: a struct with "db" tags is
// unexported, and so is a variable made by oslo/db. Other packages see the service's own types and functions.
//
// loose counts the breaches that each folder may still have.
func Rows(loose map[string]int) func(*Repo) []Complaint {
	return func(r *Repo) []Complaint {
		var out []Complaint
		found := map[string]int{}
		for _, c := range rows(r) {
			dir := path.Dir(c.File)
			if found[dir]++; found[dir] > loose[dir] {
				out = append(out, c)
			}
		}
		for dir := range loose {
			if found[dir] == 0 {
				out = append(out, Complaint{"tools/archtest/forms.go", 0, dir + " has no breach left: take it off the list"})
			}
		}
		return out
	}
}

// LooseRows is the list for Rows. It only gets shorter.
func LooseRows() map[string]int {
	return map[string]int{}
}

func rows(r *Repo) []Complaint {
	var out []Complaint
	for _, f := range r.Files {
		if f.Test || roomOf(f.Dir).part != "store" {
			continue
		}
		for _, d := range f.Syntax.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, s := range g.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					if st, ok := s.Type.(*ast.StructType); ok && s.Name.IsExported() && hasTag(st, "db") {
						out = append(out, r.complain(s, s.Name.Name+" is a row: unexport it and return the service's own type"))
					}
				case *ast.ValueSpec:
					for i, n := range s.Names {
						if n.IsExported() && i < len(s.Values) && makesStatement(s.Values[i]) {
							text := n.Name + " is a table or statement: unexport it and write a function on a querier"
							out = append(out, r.complain(s, text))
						}
					}
				}
			}
		}
	}
	return out
}

func hasTag(s *ast.StructType, key string) bool {
	for _, f := range s.Fields.List {
		if f.Tag != nil && strings.Contains(f.Tag.Value, key+`:"`) {
			return true
		}
	}
	return false
}

// makesStatement reports whether the expression is a call that makes a table or a statement, such as db.NewQuery[T](…)
// or things.Update(…). A statement set (db.NewSet) is exported on purpose: the service's composition opens it.
func makesStatement(e ast.Expr) bool {
	c, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	fun := c.Fun
	switch x := fun.(type) {
	case *ast.IndexExpr:
		fun = x.X
	case *ast.IndexListExpr:
		fun = x.X
	}
	s, ok := fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	if x, ok := s.X.(*ast.Ident); ok && x.Name == "db" {
		return strings.HasPrefix(s.Sel.Name, "New") && s.Sel.Name != "NewSet"
	}
	return false
}

// mostArguments is how many arguments a constructor may have beside its context and its test.
const mostArguments = 3

// LongConstructors are the functions New that have more arguments than mostArguments. The list only gets shorter.
func LongConstructors() map[string]int {
	return map[string]int{}
}

// Constructors checks that constructors have one form. A package's New is New(Config, Deps) or shorter: operators set
// Config, the composition passes in Deps. Where a package declares the type Deps, New takes it.
func Constructors(long map[string]int) func(*Repo) []Complaint {
	return func(r *Repo) []Complaint {
		var out []Complaint
		seen := map[string]bool{}
		for _, dir := range r.dirs() {
			if support(dir) {
				continue
			}
			deps := false
			var news *ast.FuncDecl
			for _, f := range r.Packages[dir] {
				if f.Test {
					continue
				}
				for _, d := range f.Syntax.Decls {
					if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "New" {
						news = fn
					}
					deps = deps || declares(d, "Deps")
				}
			}
			if news == nil {
				continue
			}
			n, takesDeps := arguments(news)
			switch {
			case deps && !takesDeps:
				out = append(out, r.complain(news, "New does not take the package's Deps"))
			case n > mostArguments && long[dir] != n:
				text := fmt.Sprintf("New has %d arguments, at most %d: New(Config, Deps)", n, mostArguments)
				out = append(out, r.complain(news, text))
			}
			seen[dir] = n > mostArguments
		}
		for dir := range long {
			if !seen[dir] {
				out = append(out, Complaint{"tools/archtest/forms.go", 0, dir + ".New is short: take it off the list"})
			}
		}
		return out
	}
}

func declares(d ast.Decl, name string) bool {
	g, ok := d.(*ast.GenDecl)
	if !ok || g.Tok != token.TYPE {
		return false
	}
	for _, s := range g.Specs {
		if s.(*ast.TypeSpec).Name.Name == name {
			return true
		}
	}
	return false
}

// arguments counts a function's arguments without a context, and reports whether one is of the type Deps.
func arguments(fn *ast.FuncDecl) (n int, deps bool) {
	for _, p := range fn.Type.Params.List {
		if s, ok := p.Type.(*ast.SelectorExpr); ok && s.Sel.Name == "Context" {
			continue
		}
		if i, ok := p.Type.(*ast.Ident); ok && i.Name == "Deps" {
			deps = true
		}
		n += max(1, len(p.Names))
	}
	return n, deps
}

// LogKeys checks the keys and messages of log lines. A key is a constant in snake case, an error has the key "error"
// (log.Err), and a message begins with a small letter or a name and has no full stop, so that lines can be searched and
// filtered.
func LogKeys(r *Repo) []Complaint {
	var out []Complaint
	for _, f := range r.Files {
		if f.Test || support(f.Dir) {
			continue
		}
		slogName := imported(f, "log/slog")
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			c, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if s, ok := c.Fun.(*ast.SelectorExpr); ok {
				for _, text := range logCall(s, c.Args, slogName) {
					out = append(out, r.complain(c, text))
				}
			}
			return true
		})
	}
	return out
}

func logCall(s *ast.SelectorExpr, args []ast.Expr, slogName string) []string {
	var out []string
	key := func(k, v ast.Expr) {
		name, ok := text(k)
		switch {
		case !ok:
		case !snake(name):
			out = append(out, fmt.Sprintf("the log key %q is not in snake case", name))
		case (name == "err" || name == "cause") && v != nil:
			out = append(out, fmt.Sprintf("the log key of an error is \"error\" (log.Err), not %q", name))
		}
	}
	x, ok := s.X.(*ast.Ident)
	if ok && x.Name == slogName && len(args) >= 2 {
		switch s.Sel.Name {
		case "Any", "String", "Int", "Int64", "Uint64", "Bool", "Duration", "Time", "Float64":
			key(args[0], args[1])
			return out
		}
	}
	level, withContext := strings.CutSuffix(s.Sel.Name, "Context")
	first := 1
	if withContext {
		first = 2
	}
	switch level {
	case "Debug", "Info", "Warn", "Error":
	default:
		return nil
	}
	if slogName == "" || len(args) < first {
		return nil
	}
	if _, ok := text(args[first-1]); !ok {
		return nil
	}
	if m, ok := text(args[first-1]); ok && strings.HasSuffix(m, ".") {
		out = append(out, fmt.Sprintf("the log message %q ends with a full stop", m))
	}
	for i := first; i+1 < len(args); i++ {
		if _, ok := text(args[i]); ok { // a loose key with its value; an attribute stands alone
			key(args[i], args[i+1])
			i++
		}
	}
	return out
}

func text(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(l.Value)
	return s, err == nil
}

func snake(s string) bool {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// imported returns the name under which the file imports a package, or "".
func imported(f *File, pkg string) string {
	for _, im := range f.Imports {
		if im.Path == pkg {
			if im.Name != "" {
				return im.Name
			}
			return path.Base(pkg)
		}
	}
	return ""
}

func (r *Repo) complain(n ast.Node, text string) Complaint {
	at := r.Fset.Position(n.Pos())
	return Complaint{at.Filename, at.Line, text}
}
