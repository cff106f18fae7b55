// Package conftest finds declared options that no code reads.
package conftest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// Unread lists the options ("Struct option") declared in the package of dir that its code never reads. An option is
// read where a selector names its field, other than to assign to it; a whole section handed on counts for nothing, so
// options must be handed on one by one. The package is type-checked alone: what it imports may be missing or broken,
// so the answer is quick and needs no build.
func Unread(dir string) ([]string, error) {
	fset := token.NewFileSet()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	declared, read := map[string]string{}, map[string]bool{} // by "Struct.Field"
	declare(files, declared)
	info := &types.Info{Selections: map[*ast.SelectorExpr]*types.Selection{}}
	c := types.Config{Importer: absent{}, Error: func(error) {}}
	c.Check(dir, fset, files, info) // errors are expected: imports are absent
	written := assigned(files)
	for expr, sel := range info.Selections {
		if sel.Kind() == types.FieldVal && !written[expr] {
			markRead(sel, read)
		}
	}
	var out []string
	for field, option := range declared {
		if !read[field] {
			out = append(out, option)
		}
	}
	slices.Sort(out)
	return out, nil
}

// declare collects the conf-tagged fields of all structs.
func declare(files []*ast.File, into map[string]string) {
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			ts, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			st, ok := ts.Type.(*ast.StructType)
			if !ok {
				return true
			}
			for _, field := range st.Fields.List {
				if field.Tag == nil {
					continue
				}
				name, ok := reflect.StructTag(strings.Trim(field.Tag.Value, "`")).Lookup("conf")
				for _, n := range field.Names {
					if ok {
						into[ts.Name.Name+"."+n.Name] = ts.Name.Name + " " + name
					}
				}
			}
			return true
		})
	}
}

// assigned are the selectors that stand on the left of an assignment: writing an option is not reading it.
func assigned(files []*ast.File) map[*ast.SelectorExpr]bool {
	out := map[*ast.SelectorExpr]bool{}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			if a, ok := n.(*ast.AssignStmt); ok {
				for _, l := range a.Lhs {
					if s, ok := l.(*ast.SelectorExpr); ok {
						out[s] = true
					}
				}
			}
			return true
		})
	}
	return out
}

func markRead(sel *types.Selection, read map[string]bool) {
	t := sel.Recv()
	for _, i := range sel.Index() {
		if p, ok := t.Underlying().(*types.Pointer); ok {
			t = p.Elem()
		}
		st, ok := t.Underlying().(*types.Struct)
		if !ok {
			return
		}
		f := st.Field(i)
		if n, ok := t.(*types.Named); ok {
			read[n.Obj().Name()+"."+f.Name()] = true
		}
		t = f.Type()
	}
}

// absent answers an empty package for every import.
type absent struct{}

func (absent) Import(file string) (*types.Package, error) {
	p := types.NewPackage(file, path.Base(file))
	p.MarkComplete()
	return p, nil
}
