package db

import (
	"regexp"
	"strings"

	"hypernova/oslo/fault"
)

// Cond is a condition on a declared column. An undeclared column is fault.Invalid, so a client's text never becomes
// SQL.
type Cond struct {
	Column string
	Op     Op
	Values []any
}

// Op is a comparison of a column with values.
type Op int

const (
	Eq    Op = iota // with nil: IS NULL
	Ne              // true for NULL, unless compared with nil
	In              // without values: false
	NotIn           // true for NULL
	Lt
	Le
	Gt
	Ge
	Like   // % and _ are wildcards, \ escapes them; ignores case
	IsNull // without a value
	NotNull
	Regexp // matches anywhere in the text; case-sensitive

	anyOf // Values are []Cond
	allOf
	noneOf
)

// EqTo is equality; nil means NULL.
func EqTo(col string, v any) Cond { return Cond{col, Eq, []any{v}} }

// InList is membership in a list of values.
func InList[T any](col string, vs []T) Cond {
	c := Cond{Column: col, Op: In}
	for _, v := range vs {
		c.Values = append(c.Values, v)
	}
	return c
}

// Contains matches a part of the text and ignores case.
func Contains(col, part string) Cond {
	return Cond{col, Like, []any{"%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(part) + "%"}}
}

// Any is true if at least one condition is. Without conditions it is false.
func Any(cs ...Cond) Cond { return group(anyOf, cs) }

// All is true if every condition is.
func All(cs ...Cond) Cond { return group(allOf, cs) }

// Not is true if the condition is false; it is not true if the condition is NULL.
func Not(c Cond) Cond { return group(noneOf, []Cond{c}) }

func group(op Op, cs []Cond) Cond {
	c := Cond{Op: op}
	for _, x := range cs {
		c.Values = append(c.Values, x)
	}
	return c
}

// builder writes conditions and collects their arguments.
type builder struct {
	columns map[string]column
	caps    Caps
	args    []any
	conds   int // number written so far
}

// mostConds is the largest number of conditions of a list. Engines bound the depth of an expression, SQLite at 1000.
const mostConds = 500

func (b *builder) all(cs []Cond) (string, error) {
	parts := make([]string, len(cs))
	for i, c := range cs {
		s, err := b.cond(c)
		if err != nil {
			return "", err
		}
		parts[i] = s
	}
	return strings.Join(parts, " AND "), nil
}

func (b *builder) cond(c Cond) (string, error) {
	if b.conds++; b.conds > mostConds {
		return "", fault.Invalidf("There are too many filters.")
	}
	if c.Op >= anyOf {
		return b.group(c)
	}
	col, ok := b.columns[c.Column]
	if !ok {
		return "", fault.Invalidf("It is not possible to filter by %q.", c.Column)
	}
	e := col.expr
	if want := arity(c.Op); want >= 0 && want != len(c.Values) {
		return "", fault.Invalidf("The filter on %q takes %d values, not %d.", c.Column, want, len(c.Values))
	}
	switch c.Op {
	case IsNull:
		return e + " IS NULL", nil
	case NotNull:
		return e + " IS NOT NULL", nil
	case In, NotIn:
		return b.in(col, c)
	case Regexp:
		return b.regexp(e, c)
	}
	v := c.Values[0]
	if v == nil && c.Op == Eq {
		return e + " IS NULL", nil
	}
	if v == nil && c.Op == Ne {
		return e + " IS NOT NULL", nil
	}
	b.args = append(b.args, v)
	switch c.Op {
	case Eq:
		return e + " = ?", nil
	case Ne:
		if col.notNull {
			return e + " <> ?", nil
		}
		return "(" + e + " <> ? OR " + e + " IS NULL)", nil
	case Lt:
		return e + " < ?", nil
	case Le:
		return e + " <= ?", nil
	case Gt:
		return e + " > ?", nil
	case Ge:
		return e + " >= ?", nil
	case Like:
		return e + " " + b.caps.Like + ` ? ESCAPE '\'`, nil
	}
	return "", fault.Invalidf("The filter on %q is not known.", c.Column)
}

func arity(op Op) int {
	switch op {
	case IsNull, NotNull:
		return 0
	case In, NotIn:
		return -1
	}
	return 1
}

func (b *builder) group(c Cond) (string, error) {
	parts := make([]string, 0, len(c.Values))
	for _, v := range c.Values {
		in, ok := v.(Cond)
		if !ok {
			return "", fault.Invalidf("A group of filters holds filters only.")
		}
		s, err := b.cond(in)
		if err != nil {
			return "", err
		}
		parts = append(parts, s)
	}
	switch {
	case c.Op == noneOf:
		return "NOT (" + strings.Join(parts, " AND ") + ")", nil
	case len(parts) == 0 && c.Op == anyOf:
		return "1 = 0", nil
	case len(parts) == 0:
		return "1 = 1", nil
	case c.Op == anyOf:
		return "(" + strings.Join(parts, " OR ") + ")", nil
	}
	return "(" + strings.Join(parts, " AND ") + ")", nil
}

func (b *builder) in(col column, c Cond) (string, error) {
	op, none := " IN (", "1 = 0"
	if c.Op == NotIn {
		op, none = " NOT IN (", "1 = 1"
	}
	var vs []any
	null := false
	for _, v := range c.Values {
		if v == nil {
			null = true
			continue
		}
		vs = append(vs, v)
	}
	if len(vs) == 0 && !null {
		return none, nil
	}
	if len(b.args)+2*len(vs) > b.caps.MaxParams {
		return "", fault.Invalidf("The filter on %q has too many values.", c.Column)
	}
	var parts []string
	if len(vs) > 0 {
		// Lists are padded to a power of two, so that few statement texts need to be prepared.
		n := 1
		for n < len(vs) {
			n *= 2
		}
		for len(vs) < n {
			vs = append(vs, vs[len(vs)-1])
		}
		b.args = append(b.args, vs...)
		parts = append(parts, col.expr+op+"?"+strings.Repeat(", ?", n-1)+")")
	}
	switch {
	case c.Op == In && null:
		parts = append(parts, col.expr+" IS NULL")
	case c.Op == NotIn && null:
		parts = append(parts, col.expr+" IS NOT NULL")
		return "(" + strings.Join(parts, " AND ") + ")", nil
	case c.Op == NotIn && !col.notNull:
		parts = append(parts, col.expr+" IS NULL")
	}
	return "(" + strings.Join(parts, " OR ") + ")", nil
}

// regexp writes a match of a regular expression, or of plain text if the expression contains nothing else.
func (b *builder) regexp(expr string, c Cond) (string, error) {
	pattern, ok := c.Values[0].(string)
	if !ok {
		return "", fault.Invalidf("The filter on %q takes a regular expression.", c.Column)
	}
	if _, err := Compile(pattern); err != nil {
		return "", fault.Invalidf("The filter on %q is not a regular expression: %s.", c.Column, pattern).Because(err)
	}
	b.args = append(b.args, pattern)
	if regexp.QuoteMeta(pattern) == pattern {
		return b.caps.Position + "(" + expr + ", ?) > 0", nil
	}
	return expr + " " + b.caps.Regexp + " ?", nil
}
