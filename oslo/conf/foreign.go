package conf

import (
	"fmt"
	"slices"
	"strings"
)

// Sources are the sources of settings. Later ones win: files, then environment, then single settings.
type Sources struct {
	Files     []string
	Env, Sets []string
	Foreign   Foreign // nil: files contain only root's options
}

// Foreign interprets files that were written for other programs. Its methods are called in order for each entry of each
// file, perhaps more than once.
type Foreign interface {
	// Begin is called before the files are read, and before they are read again.
	Begin()
	// Mean returns the meaning of an entry.
	Mean(e Entry) Meaning
	// Section reports whether the other program has a section of that name.
	Section(file, name string) bool
	// Names lists the other program's options in a section, to suggest the nearest one.
	Names(file, section string) []string
}

// Entry is one assignment in a file.
type Entry struct{ File, Section, Option, Value string }

// Meaning is the meaning of an entry of another program's file. The zero value leaves the entry to root's own
// declarations.
type Meaning struct {
	Taken   bool   // the entry is handled completely
	Set     []Set  // root's options that it sets
	Remark  string // a sentence for the operator; empty: none
	Problem string // why the program cannot start, unless a later source sets the options of Set; empty: it can
	Owner   string // the program that the file belongs to; different values from different owners are a problem
}

// Set is an assignment to an option of root.
type Set struct{ Section, Option, Value string }

// foreign handles an entry by the other program's reader. It reports whether that was all.
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

// assign records an assignment of a file.
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

// section finds a section, ignoring case as OpenStack does.
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

// sectionOfAnother reports whether only the other program has a section.
func (l *loader) sectionOfAnother(file, name string) bool {
	return l.from.Foreign != nil && l.from.Foreign.Section(file, name)
}

// foreignHint suggests the nearest option of the other program, empty if none is near.
func (l *loader) foreignHint(file, section, name string, own []string) string {
	if l.from.Foreign == nil {
		return ""
	}
	return Hint(name, append(slices.Clone(own), l.from.Foreign.Names(file, section)...), "%s")
}
