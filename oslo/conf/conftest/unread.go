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

// Unread lists the options ("Struct option") that the packages of dirs declare and that none of them reads. An option
// is read where a selector names its field, other than to assign to it. A section that is passed on as a whole does
// not count, so dirs must include the package that takes it. root is the folder of the module with the given path; a
// package outside the module may be missing, so the answer needs no build.
func Unread(root, module string, dirs ...string) ([]string, error) {
	im := &importer{root: root, module: module, fset: token.NewFileSet(), done: map[string]*types.Package{}}
	declared, read := map[string]string{}, map[string]bool{} // by "package.Struct.Field"
	for _, dir := range dirs {
		files, err := im.files(dir)
		if err != nil {
			return nil, err
		}
		name := path.Join(module, dir)
		declare(name, files, declared)
		info := &types.Info{Selections: map[*ast.SelectorExpr]*types.Selection{}}
		c := types.Config{Importer: im, Error: func(error) {}}
		c.Check(name, im.fset, files, info) // errors are expected: packages outside the module are absent
		written := assigned(files)
		for expr, sel := range info.Selections {
			if sel.Kind() == types.FieldVal && !written[expr] {
				markRead(sel, read)
			}
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

// importer reads the declarations of the module's packages, without function bodies, and gives an empty package for any
// other.
type importer struct {
	root, module string
	fset         *token.FileSet
	done         map[string]*types.Package
}

func (im *importer) files(dir string) ([]*ast.File, error) {
	names, err := filepath.Glob(filepath.Join(im.root, dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(im.fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// Import is types.Importer.
func (im *importer) Import(name string) (*types.Package, error) {
	if p := im.done[name]; p != nil {
		return p, nil
	}
	dir, own := strings.CutPrefix(name, im.module+"/")
	if !own {
		p := types.NewPackage(name, path.Base(name))
		p.MarkComplete()
		im.done[name] = p
		return p, nil
	}
	files, err := im.files(dir)
	if err != nil {
		return nil, err
	}
	c := types.Config{Importer: im, IgnoreFuncBodies: true, Error: func(error) {}}
	p, _ := c.Check(name, im.fset, files, nil) // errors are expected, as in Unread
	im.done[name] = p
	return p, nil
}

// declare collects the conf-tagged fields of all structs.
func declare(pkg string, files []*ast.File, into map[string]string) {
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
						into[pkg+"."+ts.Name.Name+"."+n.Name] = ts.Name.Name + " " + name
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
		if n, ok := types.Unalias(t).(*types.Named); ok {
			read[n.Obj().Pkg().Path()+"."+n.Obj().Name()+"."+f.Name()] = true
		}
		t = f.Type()
	}
}
