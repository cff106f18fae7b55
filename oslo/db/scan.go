package db

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// field is one tagged field of a row type.
type field struct {
	name  string
	index []int
}

// fieldsOf lists the tagged fields of a struct in order, including those of embedded structs.
func fieldsOf(t reflect.Type) []field {
	if t.Kind() != reflect.Struct {
		return nil
	}
	var fs []field
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("db")
		if tag == "" && f.Anonymous && f.Type.Kind() == reflect.Struct {
			for _, in := range fieldsOf(f.Type) {
				fs = append(fs, field{in.name, append([]int{i}, in.index...)})
			}
			continue
		}
		if tag == "" || tag == "-" {
			continue
		}
		name, _, _ := strings.Cut(tag, ",") // the rest of the tag is for Table
		fs = append(fs, field{name, f.Index})
	}
	return fs
}

// plan maps the columns of a result to fields.
type plan struct {
	scalar bool
	into   [][]int // per column
}

func planFor(t reflect.Type, columns []string) (*plan, error) {
	fs := fieldsOf(t)
	if len(fs) == 0 {
		if len(columns) != 1 {
			return nil, fmt.Errorf("%s takes one column, not %d", t, len(columns))
		}
		return &plan{scalar: true}, nil
	}
	byName := make(map[string][]int, len(fs))
	for _, f := range fs {
		byName[f.name] = f.index
	}
	p := &plan{into: make([][]int, len(columns))}
	for i, c := range columns {
		at, ok := byName[c]
		if !ok {
			return nil, fmt.Errorf("%s has no field for column %q", t, c)
		}
		p.into[i] = at
	}
	return p, nil
}

// scan reads the current row into v, which must be addressable.
func (p *plan) scan(rows Rows, v reflect.Value) error {
	return rows.Scan(p.targets(v)...)
}

// targets returns the scan targets of a row.
func (p *plan) targets(v reflect.Value) []any {
	if p.scalar {
		return []any{v.Addr().Interface()}
	}
	into := make([]any, len(p.into))
	for i, at := range p.into {
		into[i] = v.FieldByIndex(at).Addr().Interface()
	}
	return into
}

// steep is the number of rows after which a list allocates room for all requested rows, to avoid repeated copies while
// it grows.
const steep = 64

// collect scans all rows into one value and appends copies of it. most is the expected number of rows, 0 if unknown.
// bad handles a row that cannot be scanned; nil from it leaves the row out.
func collect[R any](rows Rows, p *plan, all []R, most int, bad func(error) error) ([]R, error) {
	var r, zero R
	into := p.targets(reflect.ValueOf(&r).Elem())
	for rows.Next() {
		r = zero // no values of the previous row remain, and its pointers stay its own
		if err := rows.Scan(into...); err != nil {
			if err := bad(err); err != nil {
				return nil, err
			}
			continue
		}
		if len(all) == steep && most > cap(all) {
			all = slices.Grow(all, min(most, 1000)-len(all))
		}
		all = append(all, r)
	}
	return all, rows.Err()
}
