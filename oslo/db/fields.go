package db

import (
	"fmt"
	"reflect"
	"slices"
)

// Fields copies the fields that a row R and a service's type T have in common, so that a new column needs no line in
// the conversions between them. Fields are common if name and type are the same.
type Fields[R, T any] struct{ pairs [][2]int }

// NewFields matches the fields of R and T. except names the fields of either that the store converts by hand. It panics
// if another field has no counterpart, so that a field which is renamed or forgotten on one side ends the start.
func NewFields[R, T any](except ...string) *Fields[R, T] {
	r, t := reflect.TypeFor[R](), reflect.TypeFor[T]()
	f := &Fields[R, T]{}
	for i := range r.NumField() {
		field := r.Field(i)
		if slices.Contains(except, field.Name) {
			continue
		}
		other, ok := t.FieldByName(field.Name)
		if !ok || other.Type != field.Type || len(other.Index) != 1 {
			panic(fmt.Sprintf("db: %s.%s has no counterpart in %s", r, field.Name, t))
		}
		f.pairs = append(f.pairs, [2]int{i, other.Index[0]})
	}
	for i := range t.NumField() {
		name := t.Field(i).Name
		if _, ok := r.FieldByName(name); !ok && !slices.Contains(except, name) {
			panic(fmt.Sprintf("db: %s.%s has no counterpart in %s", t, name, r))
		}
	}
	return f
}

// Read copies the common fields of a row into a value.
func (f *Fields[R, T]) Read(row *R, value *T) {
	from, to := reflect.ValueOf(row).Elem(), reflect.ValueOf(value).Elem()
	for _, p := range f.pairs {
		to.Field(p[1]).Set(from.Field(p[0]))
	}
}

// Write copies the common fields of a value into a row.
func (f *Fields[R, T]) Write(value *T, row *R) {
	from, to := reflect.ValueOf(value).Elem(), reflect.ValueOf(row).Elem()
	for _, p := range f.pairs {
		to.Field(p[0]).Set(from.Field(p[1]))
	}
}
