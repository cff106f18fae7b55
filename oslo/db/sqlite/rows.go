package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"zombiezen.com/go/sqlite"

	"hypernova/oslo/db"
)

// rows are the rows of a statement that runs.
type rows struct {
	c       *conn
	s       *stmt
	ctx     context.Context
	unwatch func()
	err     error
	over    bool
	closed  bool
}

// Columns returns the names of the columns.
func (r *rows) Columns() ([]string, error) { return r.s.names, nil }

// Next goes to the next row. It returns false at the end and on errors; see Err.
func (r *rows) Next() bool {
	if r.over {
		return false
	}
	row, err := r.c.step(r.ctx, r.s)
	r.err, r.over = err, !row
	return row
}

// Err returns the error that ended the rows.
func (r *rows) Err() error { return r.err }

// Close gives the statement back. It may be called twice.
func (r *rows) Close() error {
	if !r.closed {
		r.closed, r.over = true, true
		r.unwatch()
		r.s.done()
	}
	return nil
}

var errNull = errors.New("converting NULL to a type without NULL is unsupported")

// Scan copies the row, as database/sql does. The types that rows of services have are read without an interface value.
func (r *rows) Scan(into ...any) error {
	if len(into) != len(r.s.names) {
		return fmt.Errorf("sql: expected %d destination arguments in Scan, not %d", len(r.s.names), len(into))
	}
	for i, p := range into {
		if err := r.column(i, p); err != nil {
			return fmt.Errorf("sql: Scan error on column index %d, name %q: %w", i, r.s.names[i], err)
		}
	}
	return nil
}

func (r *rows) column(i int, p any) error {
	s, kind := r.s.s, r.s.s.ColumnType(i)
	switch p := p.(type) {
	case *string:
		if kind == sqlite.TypeText {
			*p = s.ColumnText(i)
			return nil
		}
	case *int:
		if kind == sqlite.TypeInteger {
			*p = s.ColumnInt(i)
			return nil
		}
	case *int64:
		if kind == sqlite.TypeInteger {
			*p = s.ColumnInt64(i)
			return nil
		}
	case *bool:
		if kind == sqlite.TypeInteger {
			if n := s.ColumnInt64(i); n == 0 || n == 1 {
				*p = n == 1
				return nil
			}
		}
	case *db.Time:
		switch kind {
		case sqlite.TypeInteger:
			*p = db.Time{Time: time.UnixMicro(s.ColumnInt64(i)).UTC()}
			return nil
		case sqlite.TypeNull:
			*p = db.Time{}
			return nil
		}
	case **string:
		switch kind {
		case sqlite.TypeText:
			text := s.ColumnText(i)
			*p = &text
			return nil
		case sqlite.TypeNull:
			*p = nil
			return nil
		}
	case *any:
		*p = r.value(i)
		return nil
	case sql.Scanner:
		return p.Scan(r.value(i))
	}
	return convert(reflect.ValueOf(p), r.value(i))
}

// value returns a column as int64, float64, string, []byte or nil.
func (r *rows) value(i int) any {
	s := r.s.s
	switch s.ColumnType(i) {
	case sqlite.TypeInteger:
		return s.ColumnInt64(i)
	case sqlite.TypeFloat:
		return s.ColumnFloat(i)
	case sqlite.TypeText:
		return s.ColumnText(i)
	case sqlite.TypeBlob:
		b := make([]byte, s.ColumnLen(i))
		s.ColumnBytes(i, b)
		return b
	}
	return nil
}

// convert stores a value in what p points to, by the rules of database/sql: text and numbers become each other where
// nothing is lost, and NULL needs a pointer.
func convert(p reflect.Value, value any) error {
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return errors.New("destination not a pointer")
	}
	to := p.Elem()
	if to.Kind() == reflect.Pointer {
		if value == nil {
			to.SetZero()
			return nil
		}
		next := reflect.New(to.Type().Elem())
		if err := into(next, value); err != nil {
			return err
		}
		to.Set(next)
		return nil
	}
	if to.Kind() == reflect.Slice && to.Type().Elem().Kind() == reflect.Uint8 {
		switch v := value.(type) {
		case nil:
			to.SetZero()
		case []byte:
			to.SetBytes(v)
		default:
			to.SetBytes([]byte(text(value)))
		}
		return nil
	}
	if value == nil {
		return errNull
	}
	wrong := func(err error) error {
		return fmt.Errorf("converting driver.Value type %T (%q) to a %s: %w", value, text(value), to.Kind(), err)
	}
	switch to.Kind() {
	case reflect.String:
		to.SetString(text(value))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(text(value), 10, to.Type().Bits())
		if err != nil {
			return wrong(errors.Unwrap(err))
		}
		to.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, err := strconv.ParseUint(text(value), 10, to.Type().Bits())
		if err != nil {
			return wrong(errors.Unwrap(err))
		}
		to.SetUint(n)
	case reflect.Float32, reflect.Float64:
		n, err := strconv.ParseFloat(text(value), to.Type().Bits())
		if err != nil {
			return wrong(errors.Unwrap(err))
		}
		to.SetFloat(n)
	case reflect.Bool:
		b, err := strconv.ParseBool(text(value))
		if err != nil {
			return wrong(errors.Unwrap(err))
		}
		to.SetBool(b)
	default:
		return fmt.Errorf("unsupported Scan, storing driver.Value type %T into type %s", value, p.Type())
	}
	return nil
}

// into is convert for what may be a Scanner.
func into(p reflect.Value, value any) error {
	if s, ok := p.Interface().(sql.Scanner); ok {
		return s.Scan(value)
	}
	return convert(p, value)
}

func text(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return fmt.Sprint(value)
}
