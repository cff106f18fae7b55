// Package opt is an optional value that distinguishes absent, null and set.
package opt

import (
	"bytes"
	"encoding/json"
)

// Of is an optional value. The zero value is absent.
type Of[T any] struct {
	Set   bool // the member was in the document, possibly as null
	Null  bool // the member was null; implies Set
	Value T    // meaningful only if Set and not Null
}

// Some is a present value.
func Some[T any](v T) Of[T] { return Of[T]{Set: true, Value: v} }

// Null is a member that is present and null.
func Null[T any]() Of[T] { return Of[T]{Set: true, Null: true} }

// Has reports a present, non-null value.
func (o Of[T]) Has() bool { return o.Set && !o.Null }

// Or is the value, or d where there is none.
func (o Of[T]) Or(d T) T {
	if o.Has() {
		return o.Value
	}
	return d
}

// Ptr is a pointer to a copy of the value, nil where there is none.
func (o Of[T]) Ptr() *T {
	if !o.Has() {
		return nil
	}
	v := o.Value
	return &v
}

// Ptr makes an optional of a pointer: nil is null.
func Ptr[T any](p *T) Of[T] {
	if p == nil {
		return Null[T]()
	}
	return Some(*p)
}

// UnmarshalJSON is called only for members that are in the document.
func (o *Of[T]) UnmarshalJSON(b []byte) error {
	o.Set = true
	if bytes.Equal(b, []byte("null")) {
		o.Null = true
		return nil
	}
	return json.Unmarshal(b, &o.Value)
}

// MarshalJSON writes null where there is no value.
func (o Of[T]) MarshalJSON() ([]byte, error) {
	if !o.Has() {
		return []byte("null"), nil
	}
	return json.Marshal(o.Value)
}
