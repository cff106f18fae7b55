package db

import (
	"database/sql"
	"fmt"
	"reflect"
)

// field is one tagged field of a row type.
type field struct {
	name  string
	index []int
}

// fieldsOf lists the tagged fields of a struct in order; embedded structs are read as if written out.
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
		fs = append(fs, field{tag, f.Index})
	}
	return fs
}

// plan says where each column of a result goes.
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
func (p *plan) scan(rows *sql.Rows, v reflect.Value) error {
	if p.scalar {
		return rows.Scan(v.Addr().Interface())
	}
	into := make([]any, len(p.into))
	for i, at := range p.into {
		into[i] = v.FieldByIndex(at).Addr().Interface()
	}
	return rows.Scan(into...)
}
