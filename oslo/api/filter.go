package api

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Filter is a query parameter that narrows a list: a condition on a column of it.
//
// A list that knows its parameters one by one declares a filter as a tag of the parameter's field, which is a *string:
//
//	filter:"column"        the column has the parameter's text
//	filter:"column,flag"   the column is false for 0, false, False and no, and true for any other text (keystone)
//
// Where reads those. A list that takes any parameter has a table of filters, and reads them with Cond.
type Filter struct {
	Column string
	// Op compares the column with the value. In takes all values of a repeated parameter; the others take the last one.
	Op db.Op
	// Value reads a text; nil: the text is the value. Of its errors a fault goes to the client as it is; the text of any
	// other is told with the parameter's name. ErrNoRow is no error for the client: no row has such a value.
	Value func(text string) (any, error)
}

// ErrNoRow is the error of a Filter's Value for a text that no row can have in its column.
var ErrNoRow = errors.New("no row has this value")

// Cond is the condition for the parameter name with these values, of which there is at least one. Where a value is
// one that no row has, the condition is false.
func (f Filter) Cond(name string, values []string) (db.Cond, error) {
	if f.Op != db.In {
		values = values[len(values)-1:]
	}
	c := db.Cond{Column: f.Column, Op: f.Op}
	for _, text := range values {
		v, err := any(text), error(nil)
		if f.Value != nil {
			v, err = f.Value(text)
		}
		switch {
		case errors.Is(err, ErrNoRow) && f.Op != db.In:
			return db.Cond{Column: f.Column, Op: db.In}, nil
		case errors.Is(err, ErrNoRow):
		case err != nil && fault.Of(err) == nil:
			return c, fault.Invalidf("Invalid input for query parameters %s: %s.", name, err.Error())
		case err != nil:
			return c, err
		default:
			c.Values = append(c.Values, v)
		}
	}
	return c, nil
}

// Never reports a condition of Cond that no row meets.
func Never(c db.Cond) bool { return c.Op == db.In && len(c.Values) == 0 }

// IntegerOrNone reads an integer; a text that is none is ErrNoRow.
func IntegerOrNone(text string) (any, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return nil, ErrNoRow
	}
	return n, nil
}

// FlagValue reads a boolean in any of the spellings that oslo.utils takes.
func FlagValue(text string) (any, error) {
	if v, ok := Truth(text); ok {
		return v, nil
	}
	return nil, fmt.Errorf("'%s' is not a boolean", text)
}

// Truth is a boolean in any of the spellings that oslo.utils takes; ok is false for other texts.
func Truth(text string) (value, ok bool) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "1", "t", "true", "on", "y", "yes":
		return true, true
	case "0", "f", "false", "off", "n", "no":
		return false, true
	}
	return false, false
}

// TimeValue reads a point in time.
func TimeValue(text string) (any, error) {
	t, err := ParseTime(text)
	if err != nil {
		return nil, fmt.Errorf("'%s' is not a date-time", text)
	}
	return t, nil
}

// PatternValue reads a regular expression.
func PatternValue(text string) (any, error) {
	if _, err := db.Compile(text); err != nil {
		return nil, fmt.Errorf("'%s' is not a regular expression", text)
	}
	return text, nil
}

// Lax reads a boolean as keystone does: 0, false, False and no are false, anything else is true.
func Lax(text string) bool { return !slices.Contains([]string{"0", "false", "False", "no"}, text) }

func laxValue(text string) (any, error) { return Lax(text), nil }

// filterOf reads the filter tag of a query parameter; nil: it has none.
func filterOf(sf reflect.StructField, t reflect.Type) *Filter {
	tag, ok := sf.Tag.Lookup("filter")
	if !ok {
		return nil
	}
	column, kind, _ := strings.Cut(tag, ",")
	f := Filter{Column: column, Op: db.Eq}
	if kind == "flag" {
		f.Value = laxValue
	} else if kind != "" || column == "" || sf.Type != reflect.TypeFor[*string]() {
		panic(fmt.Sprintf("api: %s.%s: no filter %q of a %s", t, sf.Name, tag, sf.Type))
	}
	return &f
}

// Where are the conditions more, and those of the tagged filters that the request has. q is the query struct that its
// handler was given.
func Where[Q any](r *Request, q *Q, more ...db.Cond) []db.Cond {
	v := reflect.ValueOf(q).Elem()
	for _, f := range r.s.queries.of(v.Type(), r.Version).filters {
		text := v.FieldByIndex(f.index)
		if text.IsNil() {
			continue
		}
		c, err := f.filter.Cond(f.wire, []string{text.Elem().String()})
		if err == nil { // always: tagged filters take any text
			more = append(more, c)
		}
	}
	return more
}
