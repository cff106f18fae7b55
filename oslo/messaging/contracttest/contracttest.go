// Package contracttest checks that RPC methods stay compatible between releases: fields are only added. The golden file
// shows on review what changed on the wire; the evolution test proves that peers of different age read each other.
package contracttest

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hypernova/oslo/messaging"
)

// Golden compares the contract of an API with testdata/<topic>.contract. It tells a removed or changed field, which
// breaks older peers, from an added one. update writes the file.
func Golden(t *testing.T, update bool, api *messaging.API) {
	t.Helper()
	file, got := filepath.Join("testdata", api.Topic()+".contract"), api.Contract()
	if update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: run with -update", err)
	}
	for _, lost := range Lost(string(want), got) {
		t.Errorf("%s: %q is gone or has another type, and older peers still send or expect it: add a field or a method beside it", api.Topic(), lost)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: run with -update if this is meant:\n%s", api.Topic(), diff)
	}
}

// Lost lists the methods and fields of before that after does not have in the same form.
func Lost(before, after string) []string {
	have := map[string]bool{}
	for _, l := range qualified(after) {
		have[l] = true
	}
	var lost []string
	for _, l := range qualified(before) {
		if !have[l] {
			lost = append(lost, l)
		}
	}
	return lost
}

// qualified prefixes each field with its type.
func qualified(contract string) []string {
	var out []string
	within := ""
	for line := range strings.Lines(contract) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "type "):
			within = strings.TrimPrefix(line, "type ")
		case strings.HasPrefix(line, "  "):
			out = append(out, within+"."+strings.TrimSpace(line))
		default:
			out = append(out, line)
		}
	}
	return out
}

// Evolve sends each message of an API through JSON as older and newer peers would: complete, with unknown fields at
// every level, and with each field missing. The first two must come back equal, the third must decode without an error.
func Evolve(t *testing.T, api *messaging.API) {
	t.Helper()
	for name, typ := range api.Messages() {
		v := reflect.New(typ)
		fill(v.Elem(), 0)
		text, err := json.Marshal(v.Interface())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		back := reflect.New(typ)
		if err := json.Unmarshal(text, back.Interface()); err != nil {
			t.Errorf("%s: %v in %s", name, err, text)
			continue
		}
		if !reflect.DeepEqual(v.Interface(), back.Interface()) {
			t.Errorf("%s: does not come back as it was sent:\n%s", name, cmp.Diff(v.Interface(), back.Interface(),
				cmp.Exporter(func(reflect.Type) bool { return true })))
		}
		newer(t, name, typ, v, text)
		older(t, name, typ, text)
	}
}

func newer(t *testing.T, name string, typ reflect.Type, want reflect.Value, text []byte) {
	t.Helper()
	var doc any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	visit(typ, doc, func(m map[string]any, _ reflect.Type) {
		m["field_of_a_newer_peer"] = map[string]any{"x": []any{1, "y", nil}}
	})
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	got := reflect.New(typ)
	if err := json.Unmarshal(text, got.Interface()); err != nil {
		t.Errorf("%s: a newer peer's message: %v", name, err)
	} else if !reflect.DeepEqual(want.Interface(), got.Interface()) {
		t.Errorf("%s: a field of a newer peer changes what is read", name)
	}
}

func older(t *testing.T, name string, typ reflect.Type, text []byte) {
	t.Helper()
	var doc any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	visit(typ, doc, func(m map[string]any, of reflect.Type) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			kept := m[key]
			delete(m, key)
			short, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(short, reflect.New(typ).Interface()); err != nil {
				t.Errorf("%s: an older peer's message without %s.%s: %v", name, of, key, err)
			}
			m[key] = kept
		}
	})
}

// visit calls f for each object of doc that is a struct in typ.
func visit(typ reflect.Type, doc any, f func(map[string]any, reflect.Type)) {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch d := doc.(type) {
	case []any:
		if typ.Kind() == reflect.Slice || typ.Kind() == reflect.Array {
			for _, x := range d {
				visit(typ.Elem(), x, f)
			}
		}
	case map[string]any:
		if typ.Kind() == reflect.Map {
			for _, x := range d {
				visit(typ.Elem(), x, f)
			}
		}
		if typ.Kind() != reflect.Struct {
			return
		}
		for _, field := range reflect.VisibleFields(typ) {
			key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if key == "" {
				key = field.Name
			}
			if x, ok := d[key]; ok {
				visit(field.Type, x, f)
			}
		}
		f(d, typ)
	}
}

// fill sets every field that travels to a value that is not zero. Recursive types end after a few rounds.
func fill(v reflect.Value, depth int) {
	if depth > 8 {
		return
	}
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)))
		return
	case json.RawMessage:
		v.Set(reflect.ValueOf(json.RawMessage(`{"a":1}`)))
		return
	}
	if text(v) {
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("text")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(7)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth+1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), depth+1)
		fill(v.Index(1), depth+1)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), depth+1)
		}
	case reflect.Map:
		key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, depth+1)
		fill(elem, depth+1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, elem)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Tag.Get("json") != "-" {
				fill(v.Field(i), depth+1)
			}
		}
	}
}

// text fills types that unmarshal from text, such as addresses.
func text(v reflect.Value) bool {
	u, ok := v.Addr().Interface().(interface{ UnmarshalText([]byte) error })
	if !ok {
		return false
	}
	for _, x := range []string{"192.0.2.7", "192.0.2.0/24", "52:54:00:12:34:56", "1"} {
		if u.UnmarshalText([]byte(x)) == nil {
			return true
		}
	}
	return false
}

// Filled returns a T without empty fields.
func Filled[T any]() T {
	var v T
	fill(reflect.ValueOf(&v).Elem(), 0)
	return v
}
