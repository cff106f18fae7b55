package conf

import (
	"fmt"
	"slices"
	"strings"
)

// Sources are where settings come from, in the order in which later ones win: files, then environment, then single settings.
type Sources struct {
	Files     []string
	Env, Sets []string
	Foreign   Foreign // nil: files name the options of root only
}

// Foreign understands files that were written for other programs. Its methods are called for each entry of each file, once or more
// often, in order.
type Foreign interface {
	// Begin is called before the files are read, or read again.
	Begin()
	// Mean says what an entry means here.
	Mean(e Entry) Meaning
	// Section says whether the other program may have a section of the name.
	Section(file, name string) bool
	// Names are options that the other program has in a section, to find the nearest to a misspelt one.
	Names(file, section string) []string
}

// Entry is one assignment of a file.
type Entry struct{ File, Section, Option, Value string }

// Meaning is what an entry of another program's file means here. The zero value leaves the entry to root's own declarations.
type Meaning struct {
	Taken   bool   // nothing else is to be made of the entry
	Set     []Set  // the options of root that it stands for
	Remark  string // what the operator shall know; empty: nothing
	Problem string // why the program cannot start with it, unless a later source sets the options of Set; empty: it can
	Owner   string // whose file it is: owners that set one option differently are a problem
}

// Set is an option of root and its text.
type Set struct{ Section, Option, Value string }

// foreign makes of an entry what the other program's reader says, and reports whether that was all.
func (l *loader) foreign(e Entry, place string) bool {
	if l.from.Foreign == nil {
		return false
	}
	m := l.from.Foreign.Mean(e)
	l.raw[strings.ToLower(e.Section+"."+e.Option)] = e.Value
	if !m.Taken {
		return false
	}
	if m.Problem != "" && len(m.Set) == 0 {
		l.problem(place, "[%s] %s: %s", e.Section, e.Option, m.Problem)
	}
	if m.Remark != "" {
		l.remarks = append(l.remarks, fmt.Sprintf("%s: [%s] %s: %s", place, e.Section, e.Option, m.Remark))
	}
	for _, s := range m.Set {
		if sec := l.schema.section(s.Section); sec != nil {
			if o := sec.option(s.Option); o != nil {
				l.assign(o, s.Value, place, m.Owner)
				v := l.values[o]
				v.problem = m.Problem
				l.values[o] = v
			}
		}
	}
	return true
}

// assign notes what a file says of an option.
func (l *loader) assign(o *option, value, place, owner string) {
	former := l.values[o]
	v := setting{text: value, place: place, owner: owner}
	if o.multi {
		v.lines = append(slices.Clone(former.lines), value)
	} else if owner != "" && former.owner != "" && former.owner != owner && former.text != value {
		v.rival = former.place
	}
	l.values[o] = v
}

// section finds a section whatever the case of its name, as OpenStack does.
func (l *loader) section(name string) *section {
	if s := l.schema.section(name); s != nil {
		return s
	}
	for _, s := range l.schema.sections {
		if strings.EqualFold(s.name, name) {
			return s
		}
	}
	return nil
}

// sectionOfAnother reports that a section is another program's alone.
func (l *loader) sectionOfAnother(file, name string) bool {
	return l.from.Foreign != nil && l.from.Foreign.Section(file, name)
}

// foreignHint names the nearest of the other program's options, empty where none is near.
func (l *loader) foreignHint(file, section, name string, own []string) string {
	if l.from.Foreign == nil {
		return ""
	}
	return hint(name, append(slices.Clone(own), l.from.Foreign.Names(file, section)...), "%s")
}
