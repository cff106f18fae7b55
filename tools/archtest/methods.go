package archtest

import (
	"fmt"
	"go/ast"
	"maps"
	"slices"
)

// mostMethods is how many methods a type may have.
const mostMethods = 39

// Wide are the types that have more methods than a type may have, as "folder.type", with how many. The list only gets
// shorter and its numbers smaller: a type that loses methods gets its new number, and one that is within the bound
// leaves the list.
func Wide() map[string]int {
	return map[string]int{}
}

// Methods checks that no type has more methods than somebody can keep in mind, except as many as wide allows it. A
// method that is written once for each operating system counts once, and methods of embedded types do not count.
func Methods(wide map[string]int) func(*Repo) []Complaint {
	return func(r *Repo) []Complaint {
		var out []Complaint
		seen := map[string]bool{}
		for _, dir := range r.dirs() {
			types := map[string]map[string]bool{}
			first := map[string]*ast.FuncDecl{}
			for _, f := range r.Packages[dir] {
				for _, d := range f.Syntax.Decls {
					m, ok := d.(*ast.FuncDecl)
					if !ok || m.Recv == nil {
						continue
					}
					t := receiver(m.Recv.List[0].Type)
					if f.Syntax.Name.Name != r.Packages[dir][0].Syntax.Name.Name && f.Test {
						t += " of tests"
					}
					if types[t] == nil {
						types[t], first[t] = map[string]bool{}, m
					}
					types[t][m.Name.Name] = true
				}
			}
			for _, t := range slices.Sorted(maps.Keys(types)) {
				id, n := dir+"."+t, len(types[t])
				seen[id] = true
				if text := tooMany(n, wide[id]); text != "" {
					at := r.Fset.Position(first[t].Pos())
					out = append(out, Complaint{at.Filename, at.Line, t + text})
				}
			}
		}
		for _, id := range slices.Sorted(maps.Keys(wide)) {
			if !seen[id] {
				out = append(out, Complaint{"tools/archtest/methods.go", 0, id + " is gone: take it off the list"})
			}
		}
		return out
	}
}

// tooMany says what is wrong with n methods where the list has listed, which is 0 for a type that is not on it.
func tooMany(n, listed int) string {
	switch {
	case n <= mostMethods && listed == 0, n == listed && n > mostMethods:
		return ""
	case n <= mostMethods:
		return fmt.Sprintf(" has %d methods: take it off the list in tools/archtest/methods.go", n)
	case n < listed:
		return fmt.Sprintf(" has %d methods: lower its number in tools/archtest/methods.go, which is %d", n, listed)
	case listed > 0:
		return fmt.Sprintf(" has %d methods, and had %d: give new ones to a type of their own", n, listed)
	}
	return fmt.Sprintf(" has %d methods, at most %d: give each subject a type of its own", n, mostMethods)
}

// receiver is the name of a method's type.
func receiver(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.StarExpr:
		return receiver(t.X)
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.IndexListExpr:
		return receiver(t.X)
	case *ast.ParenExpr:
		return receiver(t.X)
	case *ast.Ident:
		return t.Name
	}
	return ""
}
