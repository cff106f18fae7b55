package archtest

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// dependenciesFile is the table of modules, one line each: module | why | where it may be imported.
const dependenciesFile = "docs/dependencies.md"

// homes binds whole families of modules to one folder, whatever the table says: the second engine must not leak out of
// its room.
var homes = []struct{ module, folder string }{
	{"zombiezen.com/go/sqlite", "oslo/db/sqlite"},
	{"github.com/jackc/pgx", "oslo/db/postgres"},
	{"github.com/digitalocean/go-libvirt", "nova/virt/libvirt"},
	{"libvirt.org/go", "nova/virt/libvirt"},
	{"github.com/vishvananda/netlink", "neutron/agent/netdev"},
	{"github.com/vishvananda/netns", "neutron/agent/netdev"},
	{"github.com/google/nftables", "neutron/agent/nft"},
}

type dependency struct {
	module string
	where  []string
	line   int
	used   bool
}

// Modules checks that each imported module is in the table, imported where the table allows, and that the table has no
// idle lines.
func Modules(r *Repo) []Complaint {
	table, out := readTable(r.Tree)
	for _, f := range r.Files {
		for _, im := range f.Imports {
			if first, _, _ := strings.Cut(im.Path, "/"); first == Module || !strings.Contains(first, ".") {
				continue
			}
			for _, h := range homes {
				if covers(h.module, im.Path) && !within(f.Dir, h.folder) && !f.Test && !support(f.Dir) {
					out = append(out, Complaint{f.Path, im.Line, fmt.Sprintf("%s may be imported only below %s", h.module, h.folder)})
				}
			}
			d := find(table, im.Path)
			if d == nil {
				out = append(out, Complaint{f.Path, im.Line,
					fmt.Sprintf("%s has no line in %s: say there why it is needed and where", im.Path, dependenciesFile)})
				continue
			}
			d.used = true
			if !d.allows(f) {
				out = append(out, Complaint{f.Path, im.Line, fmt.Sprintf("%s may be imported in %s only (%s:%d)", d.module,
					strings.Join(d.where, ", "), dependenciesFile, d.line)})
			}
		}
	}
	for _, d := range table {
		if !d.used {
			out = append(out, Complaint{dependenciesFile, d.line, d.module + " is imported by nobody: remove the line"})
		}
	}
	return out
}

func readTable(tree fs.FS) ([]*dependency, []Complaint) {
	text, err := fs.ReadFile(tree, dependenciesFile)
	if err != nil {
		return nil, []Complaint{{dependenciesFile, 0, "the table of dependencies cannot be read: " + err.Error()}}
	}
	var table []*dependency
	var out []Complaint
	for i, line := range strings.Split(string(text), "\n") {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for j := range cells {
			cells[j] = strings.Trim(strings.TrimSpace(cells[j]), "`")
		}
		if !strings.HasPrefix(line, "|") || cells[0] == "module" || strings.HasPrefix(cells[0], "--") {
			continue
		}
		if len(cells) != 3 || cells[1] == "" || cells[2] == "" {
			out = append(out, Complaint{dependenciesFile, i + 1, "a line must be | module | why | where |"})
			continue
		}
		d := &dependency{module: cells[0], line: i + 1}
		for w := range strings.SplitSeq(cells[2], ",") {
			d.where = append(d.where, strings.Trim(strings.TrimSpace(w), "`"))
		}
		if slices.ContainsFunc(table, func(o *dependency) bool { return o.module == d.module }) {
			out = append(out, Complaint{dependenciesFile, i + 1, d.module + " has a line already"})
			continue
		}
		table = append(table, d)
	}
	return table, out
}

// find is the table's longest module that the import path belongs to.
func find(table []*dependency, target string) *dependency {
	var best *dependency
	for _, d := range table {
		if covers(d.module, target) && (best == nil || len(d.module) > len(best.module)) {
			best = d
		}
	}
	return best
}

func covers(module, target string) bool {
	return target == module || strings.HasPrefix(target, module+"/")
}

func (d *dependency) allows(f *File) bool {
	for _, w := range d.where {
		switch w {
		case "anywhere":
			return true
		case "tests":
			if f.Test || support(f.Dir) {
				return true
			}
		default:
			if within(f.Dir, w) || w == "main" && f.Dir == "" {
				return true
			}
		}
	}
	return false
}
