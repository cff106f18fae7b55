package db

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// Time is a UTC instant stored as BIGINT microseconds. The zero Time is NULL.
type Time struct{ time.Time }

// At returns t in the database's precision.
func At(t time.Time) Time {
	if t.IsZero() {
		return Time{}
	}
	return Time{t.UTC().Truncate(time.Microsecond)}
}

// Ptr returns the instant, nil for the zero Time.
func (t Time) Ptr() *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t.Time
}

// Value returns the stored form.
func (t Time) Value() (driver.Value, error) {
	if t.IsZero() {
		return nil, nil
	}
	return t.UnixMicro(), nil
}

// Scan reads the stored form.
func (t *Time) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*t = Time{}
	case int64:
		*t = Time{time.UnixMicro(v).UTC()}
	default:
		return fmt.Errorf("db: an instant is BIGINT microseconds, not %T", v)
	}
	return nil
}

// JSON stores a T as TEXT.
type JSON[T any] struct{ V T }

// Value returns the stored form.
func (j JSON[T]) Value() (driver.Value, error) {
	b, err := json.Marshal(j.V)
	return string(b), err
}

// Scan reads the stored form. NULL is the zero T.
func (j *JSON[T]) Scan(v any) error {
	var zero T
	j.V = zero
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		if blank(v, &j.V) {
			return nil
		}
		if list, ok := any(&j.V).(*[]string); ok && flatTexts(v, list) {
			return nil
		}
		return json.Unmarshal([]byte(v), &j.V)
	case []byte:
		return json.Unmarshal(v, &j.V)
	}
	return fmt.Errorf("db: a document is TEXT, not %T", v)
}

// blank reads an empty list or object, which most documents are, without the decoder. It reports whether text is one
// that into can take.
func blank(text string, into any) bool {
	if text != "[]" && text != "{}" {
		return false
	}
	v := reflect.ValueOf(into).Elem()
	switch {
	case text == "[]" && v.Kind() == reflect.Slice && !v.Addr().Type().Implements(unmarshaler):
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	case text == "{}" && v.Kind() == reflect.Map && !v.Addr().Type().Implements(unmarshaler):
		v.Set(reflect.MakeMap(v.Type()))
	default:
		return false
	}
	return true
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// bind converts arguments to types that every driver accepts: nil, bool, int64, float64, string or []byte.
func bind(args []any) ([]any, error) {
	out := make([]any, len(args))
	for i, a := range args {
		switch v := a.(type) {
		case nil, string, int64, bool, float64:
			out[i] = v
		case time.Time:
			out[i], _ = At(v).Value()
		default:
			w, err := driver.DefaultParameterConverter.ConvertValue(a)
			if err != nil {
				return nil, fmt.Errorf("db: argument %d: %w", i+1, err)
			}
			if t, ok := w.(time.Time); ok {
				w, _ = At(t).Value()
			}
			out[i] = w
		}
	}
	return out, nil
}
