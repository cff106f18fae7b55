package archtest

import (
	"go/ast"
	"io/fs"
	"slices"
	"strings"
)

// RightsPage lists every call from one service's rooms to another service, and by whose rights it is judged.
const RightsPage = "docs/whose-rights.md"

// contracts that services call each other by, by the names of the fields and variables that hold them.
var crossing = map[string]string{"Networks": "neutron", "Images": "glance", "g": "glance",
	"Placement": "placement", "placement": "placement", "p": "placement",
	"Projects": "keystone", "Groups": "neutron", "Notifier": "nova", "Validator": "keystone"}

// Rights holds the page of rights against the code: a call that is not declared, one that is declared and not made,
// and a contract of another service that is held under a name by which its calls would not be found.
func Rights(r *Repo) []Complaint {
	page, err := fs.ReadFile(r.Tree, RightsPage)
	if err != nil {
		return nil // a tree without the page is a made-up one
	}
	declared := declaredCalls(string(page))
	made := map[string]bool{}
	var out []Complaint
	for _, f := range r.Files {
		service, _, _ := strings.Cut(f.Dir, "/")
		if f.Test || !slices.Contains(services, service) {
			continue
		}
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Field:
				out = append(out, r.held(f, service, n)...)
			case *ast.CallExpr:
				call := called(service, n)
				if call == "" {
					return true
				}
				key := f.Dir + " " + call
				made[key] = true
				if !declared[key] {
					out = append(out, Complaint{f.Path, r.Fset.Position(n.Pos()).Line,
						"calls " + call + ": say in " + RightsPage + " whose wish it is and whose rights judge it"})
				}
			}
			return true
		})
	}
	for key := range declared {
		if !made[key] {
			out = append(out, Complaint{RightsPage, 0, key + " is declared and no longer made: take the line away"})
		}
	}
	return out
}

// declaredCalls are the first two columns of the page's table: "| room | service.Call | …".
func declaredCalls(page string) map[string]bool {
	out := map[string]bool{}
	for line := range strings.Lines(page) {
		cells := strings.Split(line, "|")
		if len(cells) < 5 || !strings.Contains(cells[1], "`") {
			continue
		}
		clean := func(s string) string { return strings.Trim(strings.TrimSpace(s), "`") }
		out[clean(cells[1])+" "+clean(cells[2])] = true
	}
	return out
}

// called is "service.Method" of a call by another service's contract; empty for other calls.
func called(service string, n *ast.CallExpr) string {
	sel, ok := n.Fun.(*ast.SelectorExpr)
	if !ok || !sel.Sel.IsExported() {
		return ""
	}
	field, ok := sel.X.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	to := crossing[field.Sel.Name]
	if to == "" || to == service || service == "keystone" { // identity calls no other service, see held
		return ""
	}
	return to + "." + sel.Sel.Name
}

// held complains of another service's contract under a name that is not known.
func (r *Repo) held(f *File, service string, n *ast.Field) []Complaint {
	t, ok := n.Type.(*ast.SelectorExpr)
	if !ok || t.Sel.Name != "API" {
		return nil
	}
	of, ok := t.X.(*ast.Ident)
	if !ok || of.Name == service || !slices.Contains(services, of.Name) {
		return nil
	}
	var out []Complaint
	for _, name := range n.Names {
		if service == "keystone" {
			out = append(out, Complaint{f.Path, r.Fset.Position(n.Pos()).Line,
				"holds " + of.Name + ".API: identity calls no other service"})
			continue
		}
		if crossing[name.Name] != of.Name {
			out = append(out, Complaint{f.Path, r.Fset.Position(n.Pos()).Line,
				"holds " + of.Name + ".API as " + name.Name + ": name it as others do, or tools/archtest does not see its calls"})
		}
	}
	return out
}
