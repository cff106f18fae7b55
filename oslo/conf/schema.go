package conf

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// schema is the declarations in the tags of a root struct.
type schema struct {
	sections []*section
	models   []*section // sections that the configuration names
}

type section struct {
	name, help string
	options    []*option
}

type option struct {
	section, name, help, def, unit string
	min, max, enum, is, secret     string
	multi                          bool
	field                          reflect.Value
	goName                         string
}

// schemaOf reads the tags. It panics on a bad tag.
func schemaOf(root any) *schema {
	v := reflect.ValueOf(root)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		panic(fmt.Sprintf("conf: root must be a pointer to a struct, not %T", root))
	}
	v = v.Elem()
	s := &schema{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, ok := f.Tag.Lookup("section")
		if !ok {
			continue // families follow when all other names are known
		}
		if s.section(name) != nil {
			panic(fmt.Sprintf("conf: section [%s] is declared twice", name))
		}
		sec := &section{name: name, help: f.Tag.Get("help")}
		sec.add(v.Field(i))
		s.sections = append(s.sections, sec)
	}
	for _, f := range families(root) {
		f.add(s)
		s.models = append(s.models, f.model())
	}
	return s
}

func (s *section) add(v reflect.Value) {
	if v.Kind() != reflect.Struct {
		panic(fmt.Sprintf("conf: section [%s] must be a struct, not %s", s.name, v.Type()))
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Anonymous {
			s.add(v.Field(i))
			continue
		}
		name, ok := f.Tag.Lookup("conf")
		if !ok {
			continue
		}
		if s.option(name) != nil {
			panic(fmt.Sprintf("conf: option [%s] %s is declared twice", s.name, name))
		}
		o := &option{
			section: s.name, name: name, goName: f.Name, field: v.Field(i),
			help: f.Tag.Get("help"), def: f.Tag.Get("default"), unit: f.Tag.Get("unit"),
			min: f.Tag.Get("min"), max: f.Tag.Get("max"), enum: f.Tag.Get("enum"), is: f.Tag.Get("is"),
			secret: f.Tag.Get("secret"), multi: f.Tag.Get("multi") == "true",
		}
		if o.help == "" {
			panic(fmt.Sprintf("conf: option [%s] %s has no help", s.name, name))
		}
		if !o.field.IsZero() {
			o.def = strings.ReplaceAll(o.format(), "$", "$$")
		}
		if _, err := o.kind(); err != nil {
			panic(fmt.Sprintf("conf: option [%s] %s: %s", s.name, name, err))
		}
		s.options = append(s.options, o)
	}
}

func (s *schema) section(name string) *section {
	for _, sec := range s.sections {
		if sec.name == name {
			return sec
		}
	}
	return nil
}

func (s *schema) sectionNames() []string {
	var names []string
	for _, sec := range s.sections {
		names = append(names, sec.name)
	}
	return names
}

func (s *section) option(name string) *option {
	i := slices.IndexFunc(s.options, func(o *option) bool { return o.name == name })
	if i < 0 {
		return nil
	}
	return s.options[i]
}

func (s *section) optionNames() []string {
	var names []string
	for _, o := range s.options {
		names = append(names, o.name)
	}
	return names
}
