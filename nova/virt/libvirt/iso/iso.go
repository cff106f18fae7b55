// Package iso builds small ISO 9660 volumes in memory, for config drives. A volume has two directory trees over the
// same data, so that every guest can read it: the plain tree with short upper-case names, and Joliet's with the full
// names.
package iso

import (
	"encoding/binary"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"hypernova/oslo/fault"
)

const sector = 2048

// maxSize bounds the size of a volume.
const maxSize = 64 << 20

// Build returns a volume with the files, which are given by slash-separated relative paths. The same arguments give the
// same bytes. It returns fault.Invalid for a bad path and fault.TooLarge for a volume of more than 64 MiB.
func Build(label string, files map[string][]byte, now time.Time) ([]byte, error) {
	root, total := &dir{subs: map[string]*dir{}, files: map[string][]byte{}}, 0
	for _, name := range sortedKeys(files) {
		if name != path.Clean(name) || path.IsAbs(name) || name == "." || strings.HasPrefix(name, "../") || name == ".." {
			return nil, fault.Invalidf("%q cannot be a file on a config drive.", name)
		}
		if total += len(files[name]) + 2*sector; total > maxSize {
			return nil, fault.New(fault.TooLarge, "The config drive would be larger than %d MiB.", maxSize>>20)
		}
		if err := root.add(strings.Split(name, "/"), files[name]); err != nil {
			return nil, err
		}
	}
	w := &writer{now: now.UTC(), label: label}
	return w.build(root)
}

// dir is a directory to write. Arrays of two have a value for each tree: plain, Joliet.
type dir struct {
	name   string
	parent *dir
	subs   map[string]*dir
	files  map[string][]byte
	extent [2]uint32
	size   [2]uint32
	number [2]uint16 // in the path table
}

func (d *dir) add(parts []string, data []byte) error {
	name := parts[0]
	if name == "" || len(utf16.Encode([]rune(name))) > 64 {
		return fault.Invalidf("%q cannot be a file name on a config drive.", name)
	}
	if len(parts) == 1 {
		if d.subs[name] != nil {
			return fault.Invalidf("%q is both a file and a folder on the config drive.", name)
		}
		d.files[name] = data
		return nil
	}
	if _, is := d.files[name]; is {
		return fault.Invalidf("%q is both a file and a folder on the config drive.", name)
	}
	sub := d.subs[name]
	if sub == nil {
		sub = &dir{name: name, parent: d, subs: map[string]*dir{}, files: map[string][]byte{}}
		d.subs[name] = sub
	}
	return sub.add(parts[1:], data)
}

const (
	plain  = 0
	joliet = 1
)

type writer struct {
	now   time.Time
	label string
	next  uint32 // the first free sector
	data  []placed
}

type placed struct {
	at   uint32
	data []byte
}

func (w *writer) build(root *dir) ([]byte, error) {
	dirs := root.all()
	if len(dirs) > 1000 {
		return nil, fault.New(fault.TooLarge, "The config drive would have too many folders.")
	}
	// Sectors: 16 and 17 descriptors, 18 the end of them, then path tables, directories, data.
	w.next = 19
	var tables [2][2]uint32 // by tree: little endian, big endian
	var tableSize [2]uint32
	for tree := range 2 {
		for i, d := range dirs {
			d.number[tree] = uint16(i + 1)
			tableSize[tree] += uint32(8+len(ident(d, tree))+1) &^ 1
		}
		for e := range 2 {
			tables[tree][e] = w.take(tableSize[tree])
		}
	}
	for tree := range 2 {
		for _, d := range dirs {
			d.size[tree] = sectors(d.length(tree)) * sector
			d.extent[tree] = w.take(d.size[tree])
		}
	}
	places := map[*dir]map[string]uint32{}
	for _, d := range dirs {
		places[d] = map[string]uint32{}
		for _, name := range sortedKeys(d.files) {
			at := w.take(uint32(max(1, len(d.files[name]))))
			places[d][name] = at
			w.data = append(w.data, placed{at, d.files[name]})
		}
	}
	out := make([]byte, w.next*sector)
	for tree := range 2 {
		copy(out[(16+tree)*sector:], w.descriptor(tree, root, tables[tree], tableSize[tree]))
		for e := range 2 {
			copy(out[tables[tree][e]*sector:], pathTable(dirs, tree, e == 1))
		}
		for _, d := range dirs {
			w.directory(out[d.extent[tree]*sector:][:d.size[tree]], d, tree, places[d])
		}
	}
	copy(out[18*sector:], "\xffCD001\x01")
	for _, p := range w.data {
		copy(out[p.at*sector:], p.data)
	}
	return out, nil
}

func (w *writer) take(bytes uint32) uint32 {
	at := w.next
	w.next += sectors(int(bytes))
	return at
}

// all returns the directories in the order of a path table: by depth, parent and name.
func (d *dir) all() []*dir {
	out := []*dir{d}
	for i := 0; i < len(out); i++ {
		for _, name := range sortedKeys(out[i].subs) {
			out = append(out, out[i].subs[name])
		}
	}
	return out
}

// length returns the size of a directory in bytes. No entry crosses a sector.
func (d *dir) length(tree int) int {
	n := 34 + 34
	add := func(l int) {
		if n%sector+l > sector {
			n = (n + sector - 1) / sector * sector
		}
		n += l
	}
	for _, e := range d.entries(tree) {
		add(recordLength(e.id))
	}
	return n
}

// entry is an entry of a directory, encoded for one tree.
type entry struct {
	id   string
	name string
	sub  *dir
}

func (d *dir) entries(tree int) []entry {
	var out []entry
	taken := map[string]bool{}
	for _, name := range sortedKeys(d.subs) {
		out = append(out, entry{ident(d.subs[name], tree), name, d.subs[name]})
		taken[out[len(out)-1].id] = true
	}
	for _, name := range sortedKeys(d.files) {
		id := fileIdent(name, tree)
		for i := 0; taken[id] && i < 1000; i++ { // two long names may have one short form
			id = fileIdent(string(rune('A'+i%26))+string(rune('A'+i/26))+"~"+name, tree)
		}
		taken[id] = true
		out = append(out, entry{id, name, nil})
	}
	slices.SortFunc(out, func(a, b entry) int { return strings.Compare(a.id, b.id) })
	return out
}

func ident(d *dir, tree int) string {
	switch {
	case d.parent == nil:
		return "\x00"
	case tree == joliet:
		return ucs2(d.name)
	}
	return short(d.name, 31)
}

func fileIdent(name string, tree int) string {
	if tree == joliet {
		return ucs2(name)
	}
	ext := path.Ext(name)
	base := strings.TrimSuffix(name, ext)
	if len(ext) > 9 {
		base, ext = name, ""
	}
	ext = strings.TrimPrefix(ext, ".")
	return short(base, 29-len(ext)) + "." + short(ext, 8) + ";1"
}

func short(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, s)
	return s[:min(n, len(s))]
}

func ucs2(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.BigEndian.AppendUint16(b, u)
	}
	return string(b)
}

func recordLength(id string) int { return (33 + len(id) + 1) &^ 1 }

func (w *writer) directory(out []byte, d *dir, tree int, places map[string]uint32) {
	parent := d.parent
	if parent == nil {
		parent = d
	}
	n := copy(out, w.record("\x00", d.extent[tree], d.size[tree], true))
	n += copy(out[n:], w.record("\x01", parent.extent[tree], parent.size[tree], true))
	for _, e := range d.entries(tree) {
		if n%sector+recordLength(e.id) > sector {
			n = (n + sector - 1) / sector * sector
		}
		if e.sub != nil {
			n += copy(out[n:], w.record(e.id, e.sub.extent[tree], e.sub.size[tree], true))
			continue
		}
		n += copy(out[n:], w.record(e.id, places[e.name], uint32(len(d.files[e.name])), false))
	}
}

func (w *writer) record(id string, extent, size uint32, isDir bool) []byte {
	b := make([]byte, recordLength(id))
	b[0] = byte(len(b))
	both32(b[2:], extent)
	both32(b[10:], size)
	t := w.now
	copy(b[18:], []byte{byte(t.Year() - 1900), byte(t.Month()), byte(t.Day()), byte(t.Hour()),
		byte(t.Minute()), byte(t.Second()), 0})
	if isDir {
		b[25] = 2
	}
	both16(b[28:], 1)
	b[32] = byte(len(id))
	copy(b[33:], id)
	return b
}

func (w *writer) descriptor(tree int, root *dir, tables [2]uint32, tableSize uint32) []byte {
	b := make([]byte, sector)
	b[0] = byte(1 + tree) // 1 primary, 2 supplementary
	copy(b[1:], "CD001\x01")
	text := func(at, n int, s string) {
		if tree == plain {
			copy(b[at:at+n], s+strings.Repeat(" ", n))
			return
		}
		copy(b[at:at+n], ucs2(s+strings.Repeat(" ", n/2)))
	}
	text(8, 32, "LINUX")
	text(40, 32, w.label)
	both32(b[80:], w.next)
	if tree == joliet {
		copy(b[88:], "%/E") // Joliet, level 3
	}
	both16(b[120:], 1)
	both16(b[124:], 1)
	both16(b[128:], sector)
	both32(b[132:], tableSize)
	binary.LittleEndian.PutUint32(b[140:], tables[0])
	binary.BigEndian.PutUint32(b[148:], tables[1])
	copy(b[156:], w.record("\x00", root.extent[tree], root.size[tree], true))
	for _, f := range [][2]int{{190, 128}, {318, 128}, {446, 128}, {574, 128}, {702, 37}, {739, 37}, {776, 37}} {
		text(f[0], f[1], "")
	}
	stamp := w.now.Format("20060102150405") + "00\x00"
	copy(b[813:], stamp)
	copy(b[830:], stamp)
	for _, at := range []int{847, 864} {
		copy(b[at:], "0000000000000000\x00")
	}
	b[881] = 1
	return b
}

func pathTable(dirs []*dir, tree int, big bool) []byte {
	var b []byte
	var order binary.AppendByteOrder = binary.LittleEndian
	if big {
		order = binary.BigEndian
	}
	for _, d := range dirs {
		id, parent := ident(d, tree), uint16(1)
		if d.parent != nil {
			parent = d.parent.number[tree]
		}
		b = append(b, byte(len(id)), 0)
		b = order.AppendUint32(b, d.extent[tree])
		b = order.AppendUint16(b, parent)
		b = append(b, id...)
		if len(id)%2 == 1 {
			b = append(b, 0)
		}
	}
	return b
}

func both32(b []byte, v uint32) {
	binary.LittleEndian.PutUint32(b, v)
	binary.BigEndian.PutUint32(b[4:], v)
}

func both16(b []byte, v uint16) {
	binary.LittleEndian.PutUint16(b, v)
	binary.BigEndian.PutUint16(b[2:], v)
}

func sectors(n int) uint32 { return uint32((n + sector - 1) / sector) }

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
