package messaging

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Contract prints every method with its argument and reply, field by field, for a golden file, so that a change on the
// wire shows as a diff.
func (a *API) Contract() string {
	var b strings.Builder
	fmt.Fprintf(&b, "topic %s\n", a.topic)
	ms := slices.Clone(a.methods)
	slices.SortFunc(ms, func(x, y *method) int { return strings.Compare(x.name, y.name) })
	named := map[reflect.Type]bool{}
	var types []reflect.Type
	for _, m := range ms {
		fmt.Fprintf(&b, "%s %s(%s)", m.kind, m.name, typeName(m.req))
		collect(m.req, named, &types)
		if m.rep != nil {
			fmt.Fprintf(&b, " %s", typeName(m.rep))
			collect(m.rep, named, &types)
		}
		if m.o.level > 0 {
			fmt.Fprintf(&b, " level %d", m.o.level)
		}
		if m.kind == KindCall && m.o.timeout != DefaultTimeout {
			fmt.Fprintf(&b, " timeout %v", m.o.timeout)
		}
		if m.o.ordered {
			b.WriteString(" ordered")
		}
		if m.o.urgent {
			b.WriteString(" urgent")
		}
		b.WriteByte('\n')
	}
	slices.SortFunc(types, func(x, y reflect.Type) int { return strings.Compare(typeName(x), typeName(y)) })
	for _, t := range types {
		fmt.Fprintf(&b, "type %s\n", typeName(t))
		for f := range fields(t) {
			fmt.Fprintf(&b, "  %s %s\n", f.name, typeName(f.t))
		}
	}
	return b.String()
}

func typeName(t reflect.Type) string {
	if t == reflect.TypeFor[None]() {
		return "none"
	}
	switch {
	case t.Name() != "":
		return t.String()
	case t.Kind() == reflect.Pointer:
		return "*" + typeName(t.Elem())
	case t.Kind() == reflect.Slice:
		return "[]" + typeName(t.Elem())
	case t.Kind() == reflect.Map:
		return "map[" + typeName(t.Key()) + "]" + typeName(t.Elem())
	}
	return t.String()
}

// collect finds the structs that t refers to.
func collect(t reflect.Type, seen map[reflect.Type]bool, out *[]reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		collect(t.Elem(), seen, out)
	case reflect.Map:
		collect(t.Key(), seen, out)
		collect(t.Elem(), seen, out)
	case reflect.Struct:
		if seen[t] || t == reflect.TypeFor[time.Time]() || t == reflect.TypeFor[None]() {
			return
		}
		seen[t] = true
		*out = append(*out, t)
		for f := range fields(t) {
			collect(f.t, seen, out)
		}
	}
}

type field struct {
	name string
	t    reflect.Type
}

// fields iterates over the fields that travel, by their JSON names in order, with those of embedded structs.
func fields(t reflect.Type) func(func(field) bool) {
	return func(yield func(field) bool) {
		for _, f := range reflect.VisibleFields(t) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "-" || !f.IsExported() || f.Anonymous && name == "" {
				continue
			}
			if name == "" {
				name = f.Name
			}
			if !yield(field{name, f.Type}) {
				return
			}
		}
	}
}

// Messages iterates over the message types: each method's name with its argument's type and its reply's type.
func (a *API) Messages() func(yield func(name string, t reflect.Type) bool) {
	return func(yield func(string, reflect.Type) bool) {
		for _, m := range a.methods {
			if !yield(m.full, m.req) || m.rep != nil && !yield(m.full+" reply", m.rep) {
				return
			}
		}
	}
}
