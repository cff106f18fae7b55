package archtest

import (
	"go/ast"
	"go/token"
	"regexp"
	"strings"
)

// serviceNames are the names that the kit may not know, in identifiers and in texts of its code. Comments may give
// examples.
var serviceNames = regexp.MustCompile(`nova|Nova|NOVA|[Kk]eystone|[Nn]eutron|[Gg]lance|[Pp]lacement|[Cc]inder`)

// own is the project's own name, which contains one of theirs.
var own = regexp.MustCompile(`(?i)hypernova`)

// kitMay are the texts that are a protocol's, and not a service's: what keystonemiddleware sends in every service's
// place.
var kitMay = map[string]bool{"`Keystone uri=\"`": true}

// Kit checks that oslo knows no service: what differs between services is a value that the service gives.
func Kit(r *Repo) []Complaint {
	var out []Complaint
	for _, f := range r.Files {
		if f.Test || !strings.HasPrefix(f.Dir, "oslo") || support(f.Dir) {
			continue
		}
		say := func(pos token.Pos, what string) {
			out = append(out, Complaint{f.Path, r.line(pos),
				what + " names a service; the kit knows none: let the service give what differs"})
		}
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ImportSpec:
				return false
			case *ast.Ident:
				if names(n.Name) {
					say(n.Pos(), n.Name)
				}
			case *ast.BasicLit:
				if n.Kind == token.STRING && names(n.Value) && !kitMay[n.Value] {
					say(n.Pos(), n.Value)
				}
			}
			return true
		})
	}
	return out
}

func names(text string) bool { return serviceNames.MatchString(own.ReplaceAllString(text, "")) }
