package conf

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// family is a field of sections whose names an option lists: "name:kind,name:kind", or names alone.
type family struct {
	section, option string // the option with the names
	help            string
	field           reflect.Value // map[string]*T
}

// familyOf reads the tag `sections:"section.option"` of a map field.
func familyOf(f reflect.StructField, v reflect.Value) (family, bool) {
	tag, ok := f.Tag.Lookup("sections")
	if !ok {
		return family{}, false
	}
	sec, opt, two := strings.Cut(tag, ".")
	t := f.Type
	if !two || t.Kind() != reflect.Map || t.Key().Kind() != reflect.String || t.Elem().Kind() != reflect.Pointer ||
		t.Elem().Elem().Kind() != reflect.Struct {
		panic(fmt.Sprintf("conf: field %s: sections are a map[string]*Struct named by section.option", f.Name))
	}
	return family{sec, opt, f.Tag.Get("help"), v}, true
}

// names returns the keys of the map, sorted.
func (f family) names() []string {
	var out []string
	for _, k := range f.field.MapKeys() {
		out = append(out, k.String())
	}
	slices.Sort(out)
	return out
}

func (f family) add(s *schema) {
	for _, name := range f.names() {
		if s.section(name) != nil {
			continue // Load has reported it
		}
		sec := &section{name: name, help: f.help}
		sec.add(f.field.MapIndex(reflect.ValueOf(name)).Elem())
		s.sections = append(s.sections, sec)
	}
}

// model returns the section for documents, under a placeholder name.
func (f family) model() *section {
	sec := &section{name: "<" + f.option + ">", help: f.help}
	sec.add(reflect.New(f.field.Type().Elem().Elem()).Elem())
	return sec
}

// learn fills the map with an empty section for each listed name. It ignores other errors, which Load reports.
func (f family) learn(root any, from Sources, load func(*loader)) []string {
	f.field.Set(reflect.MakeMap(f.field.Type()))
	l := newLoader(root, from)
	load(l)
	sec := l.schema.section(f.section)
	if sec == nil || sec.option(f.option) == nil {
		panic(fmt.Sprintf("conf: sections are named by [%s] %s, which is not declared", f.section, f.option))
	}
	o := sec.option(f.option)
	text, err := l.resolve(o, l.setting(o).text, nil)
	if err != nil {
		return nil // Load reports it
	}
	var problems []string
	for item := range strings.SplitSeq(text, ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(item), ":")
		name = strings.TrimSpace(name)
		switch {
		case name == "":
		case l.schema.section(name) != nil:
			problems = append(problems, fmt.Sprintf("%s: [%s] %s: %q is the name of another section", l.setting(o).place,
				f.section, f.option, name))
		default:
			f.field.SetMapIndex(reflect.ValueOf(name), reflect.New(f.field.Type().Elem().Elem()))
		}
	}
	return problems
}

// families returns the families of a root struct.
func families(root any) []family {
	var out []family
	v := reflect.ValueOf(root).Elem()
	for i := range v.NumField() {
		if f, ok := familyOf(v.Type().Field(i), v.Field(i)); ok {
			out = append(out, f)
		}
	}
	return out
}
