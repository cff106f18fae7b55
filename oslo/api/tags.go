package api

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// field is one tagged field of a wire struct, embedded ones flattened.
type field struct {
	wire       string
	index      []int
	typ        reflect.Type
	spans      spans
	rules      *rules
	policy     string
	omitEmpty  bool
	timeLayout string
	doc        string
	rest       bool // wire:"*"
	filter     *Filter
}

var (
	timeType        = reflect.TypeFor[time.Time]()
	rawType         = reflect.TypeFor[json.RawMessage]()
	jsonReader      = reflect.TypeFor[json.Unmarshaler]()
	jsonWriter      = reflect.TypeFor[json.Marshaler]()
	textReader      = reflect.TypeFor[encoding.TextUnmarshaler]()
	textWriter      = reflect.TypeFor[encoding.TextMarshaler]()
	validatorType   = reflect.TypeFor[Validator]()
	targeterType    = reflect.TypeFor[Targeter]()
	textMapType     = reflect.TypeFor[map[string]string]()
	amountsType     = reflect.TypeFor[map[string]int64]()
	pageQueryType   = reflect.TypeFor[PageQuery]()
	pagingType      = reflect.TypeFor[Paging]()
	defaultTimeForm = "2006-01-02T15:04:05Z"
)

// isOpt recognises opt.Of[T]: three fields Set, Null, Value.
func isOpt(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.PkgPath() == "hypernova/oslo/opt" && strings.HasPrefix(t.Name(), "Of[")
}

// fieldsOf reads the tags of a struct; a wrong tag is a programmer's error and panics. It is called once per (type,
// version).
func fieldsOf(t reflect.Type) []field {
	var out []field
	collect(t, nil, nil, &out)
	byName := map[string][]field{}
	for _, f := range out {
		for _, g := range byName[f.wire] {
			if f.spans.meet(g.spans) {
				panic(fmt.Sprintf("api: %s has two fields %q in the same versions", t, f.wire))
			}
		}
		byName[f.wire] = append(byName[f.wire], f)
	}
	return out
}

func collect(t reflect.Type, index []int, outer spans, out *[]field) {
	for i := range t.NumField() {
		sf := t.Field(i)
		at := append(append([]int(nil), index...), i)
		wire, tagged := sf.Tag.Lookup("wire")
		var ss spans
		if mv, ok := sf.Tag.Lookup("mv"); ok {
			ss = mustSpans(mv)
		} else {
			ss = outer
		}
		if sf.Anonymous && !tagged {
			if sf.Type.Kind() != reflect.Struct {
				panic(fmt.Sprintf("api: %s embeds %s, which is not a struct", t, sf.Type))
			}
			collect(sf.Type, at, ss, out)
			continue
		}
		if !tagged {
			if sf.IsExported() && sf.Tag != "" {
				panic(fmt.Sprintf("api: %s.%s has tags but no wire name", t, sf.Name))
			}
			continue
		}
		if !sf.IsExported() {
			panic(fmt.Sprintf("api: %s.%s has a wire name but is not exported", t, sf.Name))
		}
		f := field{wire: wire, index: at, typ: sf.Type, spans: ss, policy: sf.Tag.Get("policy"), doc: sf.Tag.Get("doc"),
			rest: wire == "*"}
		f.rules = parseRules(sf.Tag.Get("is"), t.String()+"."+sf.Name)
		f.filter = filterOf(sf, t)
		f.omitEmpty = sf.Tag.Get("omit") == "empty"
		f.timeLayout = timeLayout(sf.Tag.Get("time"), t, sf.Name)
		if f.rest && (sf.Type.Kind() != reflect.Map || sf.Type.Key().Kind() != reflect.String) {
			panic(fmt.Sprintf("api: %s.%s: wire:\"*\" wants a map with string keys", t, sf.Name))
		}
		*out = append(*out, f)
	}
}

func timeLayout(tag string, t reflect.Type, name string) string {
	switch tag {
	case "":
		return defaultTimeForm
	case "micro":
		return "2006-01-02T15:04:05.000000"
	case "zmicro":
		return "2006-01-02T15:04:05.000000Z"
	case "plain":
		return "2006-01-02T15:04:05"
	case "space":
		return "2006-01-02 15:04:05"
	}
	panic(fmt.Sprintf("api: %s.%s: unknown time form %q", t, name, tag))
}

// verify panics when a wire type, or one it contains, cannot be used.
func verify(t reflect.Type, reading bool, seen map[reflect.Type]bool) {
	if t == nil || seen[t] {
		return
	}
	seen[t] = true
	if t == timeType || t == rawType || t.Kind() == reflect.Interface {
		return
	}
	if isOpt(t) {
		verify(t.Field(2).Type, reading, seen)
		return
	}
	p := reflect.PointerTo(t)
	if reading && (p.Implements(jsonReader) || p.Implements(textReader)) || !reading && (p.Implements(jsonWriter) ||
		p.Implements(textWriter)) {
		return
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		verify(t.Elem(), reading, seen)
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			panic(fmt.Sprintf("api: %s: map keys must be strings", t))
		}
		verify(t.Elem(), reading, seen)
	case reflect.Struct:
		fs := fieldsOf(t)
		if len(fs) == 0 && t.NumField() > 0 {
			panic(fmt.Sprintf("api: %s has no wire tags", t))
		}
		for _, f := range fs {
			verify(f.typ, reading, seen)
		}
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		panic(fmt.Sprintf("api: %s cannot be on the wire", t))
	}
}
