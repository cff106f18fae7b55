package archtest

import (
	"go/ast"
	"go/token"
	"strconv"
	"strings"
)

// Policies checks that a service that has a package <service>/api/policies declares its policy rules there, and that
// the variable of a rule is named after the rule, so that OpenStack's name of a rule tells its name in Go.
func Policies(r *Repo) []Complaint {
	var out []Complaint
	for _, f := range r.Files {
		dir := roomOf(f.Dir).service + "/api/policies"
		if f.Test || r.Packages[dir] == nil {
			continue
		}
		if f.Dir != dir {
			out = append(out, strayRules(r, f, dir)...)
			continue
		}
		for _, d := range f.Syntax.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, s := range g.Specs {
				v := s.(*ast.ValueSpec)
				if len(v.Names) != 1 || len(v.Values) != 1 {
					continue
				}
				rule := declaredRule(v.Values[0])
				if rule == "" {
					continue
				}
				if want := ruleVariable(rule); v.Names[0].Name != want {
					at := r.Fset.Position(v.Pos())
					out = append(out, Complaint{at.Filename, at.Line, v.Names[0].Name + " is the rule " + rule +
						": name it " + want})
				}
			}
		}
	}
	return out
}

// strayRules are the rules that a file outside of the service's policies makes.
func strayRules(r *Repo, f *File, dir string) []Complaint {
	var out []Complaint
	ast.Inspect(f.Syntax, func(n ast.Node) bool {
		lit, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		s, ok := lit.Type.(*ast.SelectorExpr)
		if !ok || s.Sel.Name != "Rule" {
			return true
		}
		if x, ok := s.X.(*ast.Ident); ok && x.Name == "policy" {
			at := r.Fset.Position(lit.Pos())
			out = append(out, Complaint{at.Filename, at.Line, "declares a policy rule: declare it in " + dir})
		}
		return true
	})
	return out
}

// declaredRule is the name in a call such as rule("list_users", …); empty for other expressions.
func declaredRule(e ast.Expr) string {
	call, ok := e.(*ast.CallExpr)
	if !ok || len(call.Args) == 0 {
		return ""
	}
	lit, ok := call.Args[0].(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	name, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return name
}

// initialisms are words of rules that Go writes in capitals.
var initialisms = map[string]string{"api": "API", "ip": "IP", "ips": "IPs", "id": "ID", "mac": "MAC", "vif": "VIF",
	"vnic": "VNIC", "qos": "QoS", "rbac": "RBAC", "ec2": "EC2", "ec2tokens": "EC2Tokens", "s3tokens": "S3Tokens"}

// ruleVariable is the name of a rule's variable: the rule's name in Go's form, without its service and without os.
func ruleVariable(rule string) string {
	for _, service := range []string{"os_compute_api:", "compute:", "identity:", "placement:"} {
		rule = strings.TrimPrefix(rule, service)
	}
	var b strings.Builder
	for part := range strings.SplitSeq(rule, ":") {
		words := strings.FieldsFunc(part, func(c rune) bool { return strings.ContainsRune("-_.", c) })
		if len(words) > 1 && words[0] == "os" {
			words = words[1:]
		}
		for _, w := range words {
			if short, ok := initialisms[w]; ok {
				b.WriteString(short)
			} else {
				b.WriteString(strings.ToUpper(w[:1]) + w[1:])
			}
		}
	}
	return b.String()
}
