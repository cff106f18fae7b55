package api

import (
	"reflect"
	"sort"
)

// Operation is a plain description of a declared operation, for dumps, golden files and tests that walk every
// operation.
type Operation struct {
	Method, Path, Action string
	Resource, Kind       string
	Rule                 string `json:",omitempty"`
	Span                 string `json:",omitempty"`
	Status               int
	NoAuth, Hidden       bool     `json:",omitempty"`
	Media                []string `json:",omitempty"`
	EnvelopeIn           string   `json:",omitempty"`
	EnvelopeOut          string   `json:",omitempty"`
	Query, In, Out       []Member `json:",omitempty"`
}

// Member describes one member of a wire type.
type Member struct {
	Name    string
	Type    string   // string, integer, number, boolean, time, object, map, list, any; "list of string" and so on
	Span    string   `json:",omitempty"`
	Checks  string   `json:",omitempty"`
	Policy  string   `json:",omitempty"`
	Doc     string   `json:",omitempty"`
	Members []Member `json:",omitempty"`
}

// Describe lists every operation of the resources, ordered by path, method, action and span.
func Describe[A any](rs ...Resource[A]) []Operation {
	var out []Operation
	for _, r := range rs {
		for _, op := range r.Ops {
			d := *op.def
			d.resource, d.plural = r.Name, r.Plural
			out = append(out, d.describe())
		}
	}
	sort.SliceStable(out, func(i, j int) bool {
		a, b := out[i], out[j]
		switch {
		case a.Path != b.Path:
			return a.Path < b.Path
		case a.Method != b.Method:
			return a.Method < b.Method
		case a.Action != b.Action:
			return a.Action < b.Action
		}
		return a.Span < b.Span
	})
	return out
}

// describe also verifies the wire types: it panics on tags that make no sense.
func (d *opDef) describe() Operation {
	for _, t := range []reflect.Type{d.in, d.query} {
		verify(t, true, map[reflect.Type]bool{})
	}
	verify(d.out, false, map[reflect.Type]bool{})
	o := Operation{Method: d.method, Path: d.path, Action: d.action, Resource: d.resource, Kind: d.kind,
		Span: d.span.String(), Status: d.status,
		NoAuth: d.noAuth, Hidden: d.hidden, Media: d.opts.media}
	if d.rule != nil {
		o.Rule = d.rule.Name
	}
	if d.in != nil && d.action == "" {
		o.EnvelopeIn = d.envelopeIn()
	}
	if d.out != nil {
		o.EnvelopeOut = d.envelopeOut()
		if d.kind == "list" && !d.envOutSet {
			o.EnvelopeOut = d.plural
		}
	}
	o.Query, o.In, o.Out = shape(d.query, nil), shape(d.in, nil), shape(d.out, nil)
	return o
}

// shape lists the members of the struct inside t, if there is one; path holds the types around it, so that recursion
// ends.
func shape(t reflect.Type, path []reflect.Type) []Member {
	for t != nil {
		switch {
		case isOpt(t):
			t = t.Field(2).Type
			continue
		case t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map:
			t = t.Elem()
			continue
		}
		break
	}
	if t == nil || t.Kind() != reflect.Struct || t == timeType {
		return nil
	}
	for _, p := range path {
		if p == t {
			return nil
		}
	}
	path = append(path[:len(path):len(path)], t)
	var out []Member
	for _, f := range fieldsOf(t) {
		out = append(out, Member{Name: f.wire, Type: wireType(f.typ), Span: f.spans.String(), Checks: f.rules.source,
			Policy: f.policy,
			Doc:    f.doc, Members: shape(f.typ, path)})
	}
	return out
}

func wireType(t reflect.Type) string {
	switch {
	case t == timeType:
		return "time"
	case t == rawType || t.Kind() == reflect.Interface:
		return "any"
	case isOpt(t):
		return wireType(t.Field(2).Type)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return wireType(t.Elem())
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return "string"
		}
		return "list of " + wireType(t.Elem())
	case reflect.Map:
		return "map of " + wireType(t.Elem())
	case reflect.Struct:
		return "object"
	}
	return "integer"
}

// fieldRules are the names of the rules that guard members of the view.
func (d *opDef) fieldRules() []string {
	var out []string
	var walk func(ms []Member)
	walk = func(ms []Member) {
		for _, m := range ms {
			if m.Policy != "" {
				out = append(out, m.Policy)
			}
			walk(m.Members)
		}
	}
	walk(shape(d.out, nil))
	return out
}
