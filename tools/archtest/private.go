package archtest

import (
	"go/ast"
	"go/token"
	"slices"
)

// files are the functions that make files and folders with a mode that the umask and what is there already decide with.
var files = map[string][]string{
	"os":      {"Create", "WriteFile", "Mkdir", "MkdirAll", "Chmod"},
	"net":     {"ListenUnix", "ListenUnixgram", "ListenUnixPacket"},
	"syscall": {"Umask", "Mkdir", "Mknod"},
}

// ofHost are rooms whose files are not the program's own: the kernel's, those of other programs, and disks that QEMU is
// to open.
var ofHost = []string{"neutron/agent/netdev", "nova/virt/libvirt"}

// Private checks that files, folders and sockets are made by oslo/private, so that no new code forgets to keep other
// users out. Opening a file that is there, and temporary files, which are private already, are free.
func Private(r *Repo) []Complaint {
	var out []Complaint
	for _, f := range r.Files {
		if f.Test || support(f.Dir) || f.Dir == "oslo/private" || slices.Contains(ofHost, f.Dir) {
			continue
		}
		names := map[string]string{}
		for path := range files {
			if as := importedAs(f, path); as != "" {
				names[as] = path
			}
		}
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if s, ok := n.Fun.(*ast.SelectorExpr); ok && makes(s, n.Args, names) {
					out = append(out, Complaint{f.Path, r.line(n.Pos()),
						"files are made by oslo/private, which keeps other users out whatever the umask"})
				}
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && slices.Contains(files[names[x.Name]], n.Sel.Name) {
					out = append(out, Complaint{f.Path, r.line(n.Pos()), names[x.Name] + "." + n.Sel.Name +
						": files, folders and sockets are made by oslo/private, which keeps other users out whatever the umask"})
				}
			}
			return true
		})
	}
	return out
}

// makes reports a call of OpenFile that may make the file, and a listener at a name in the file system.
func makes(s *ast.SelectorExpr, args []ast.Expr, names map[string]string) bool {
	switch s.Sel.Name {
	case "OpenFile":
		x, ok := s.X.(*ast.Ident)
		return ok && names[x.Name] == "os" && len(args) == 3 && mentions(args[1], "O_CREATE")
	case "Listen":
		return slices.ContainsFunc(args, func(a ast.Expr) bool {
			l, ok := a.(*ast.BasicLit)
			return ok && l.Kind == token.STRING && (l.Value == `"unix"` || l.Value == `"unixpacket"`)
		})
	}
	return false
}

func mentions(e ast.Expr, name string) bool {
	found := false
	ast.Inspect(e, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		found = found || ok && id.Name == name
		return !found
	})
	return found
}
