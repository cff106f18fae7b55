package db

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"

	"hypernova/oslo/fault"
)

// ListQuery is a filtered, sorted, keyset-paged SELECT over declared columns. sql is "SELECT … FROM … [JOIN …]" without
// WHERE. columns maps API names to SQL expressions. An expression that ends in " NOT NULL" is never NULL, which lets an
// index serve deep pages. Joins must not repeat rows.
//
// NULLs sort as the engine sorts them (first on SQLite, last on PostgreSQL). Pages are complete and disjoint either
// way.
type ListQuery[R any] struct {
	head    string // SELECT …
	from    string // FROM …
	columns map[string]column
	id      column
	plan    atomic.Pointer[plan]
	keys    atomic.Pointer[plan]
	sound   func(*R) error // nil: every row that scans is valid
	told    told
}

type column struct {
	expr    string
	notNull bool
}

func declared(expr string) column {
	e, ok := strings.CutSuffix(expr, " NOT NULL")
	return column{strings.TrimSpace(e), ok}
}

// NewList registers a list. idColumn is an expression with unique values, which are the markers.
func NewList[R any](s *Set, sql string, columns map[string]string, idColumn string) *ListQuery[R] {
	at := topLevelFrom(sql)
	if at < 0 {
		panic("db: list without FROM: " + sql)
	}
	l := &ListQuery[R]{head: strings.TrimSpace(sql[:at]), from: strings.TrimSpace(sql[at:]), columns: map[string]column{}}
	for name, expr := range columns {
		l.columns[name] = declared(expr)
	}
	l.id = column{declared(idColumn).expr, true}
	s.add(l.head + "\n" + l.from + "\nORDER BY " + l.id.expr)
	s.lists = append(s.lists, l)
	return l
}

// topLevelFrom finds the FROM of the outermost SELECT.
func topLevelFrom(sql string) int {
	depth, quoted := 0, false
	for i := 0; i+4 < len(sql); i++ {
		switch c := sql[i]; {
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case depth == 0 && i > 0 && strings.EqualFold(sql[i:i+4], "from") && isSpace(sql[i-1]) && isSpace(sql[i+4]):
			return i
		}
	}
	return -1
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// ListArgs selects a part of a list, in the API's names.
type ListArgs struct {
	// Scope is the rows that the caller may see. It applies to the marker too: a row outside of it is not a valid marker.
	Scope   []Cond
	Where   []Cond
	Sort    []SortKey // the id column is always appended as tie-breaker
	Marker  string
	Limit   int  // 0: all
	Reverse bool // page_reverse: the rows before the marker, still in the order of Sort
}

// SortKey is one column to sort by.
type SortKey struct {
	Column string
	Desc   bool
}

// Page reads at most a.Limit rows after a.Marker (an id). An unknown Marker or an undeclared column is fault.Invalid.
// Unreadable rows are logged and left out; see Unreadable.
func (l *ListQuery[R]) Page(ctx context.Context, on Querier, a ListArgs) ([]R, error) {
	var all []R
	err := l.whole(ctx, on, a, func(rows []R) (int, []*Unreadable) {
		all = rows
		return len(rows), nil
	})
	return all, err
}

// page reads one page. It returns the rows that cannot be scanned separately.
func (l *ListQuery[R]) page(ctx context.Context, on Querier, a ListArgs) (all []R, bad []*Unreadable, err error) {
	text, args, err := l.build(ctx, on, a)
	if err != nil {
		return nil, nil, err
	}
	err = query(ctx, on, text, args, reflect.TypeFor[R](), &l.plan, func(rows Rows, p *plan) error {
		bad = nil
		var err error
		all, err = collect(rows, p, all[:0], a.Limit, func(err error) error {
			u, err := spoilt(rows, tableOf(l.from), bare(l.id.expr), err)
			if err == nil {
				bad = append(bad, u)
			}
			return err
		})
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if a.Reverse {
		slices.Reverse(all)
	}
	return all, bad, nil
}

// Count returns the number of rows that meet the conditions.
func (l *ListQuery[R]) Count(ctx context.Context, on Querier, where []Cond) (int64, error) {
	b := &builder{columns: l.columns, caps: dialectOf(on).Caps()}
	cond, err := b.all(where)
	if err != nil {
		return 0, err
	}
	text := "SELECT COUNT(*) " + l.from
	if cond != "" {
		text += "\nWHERE " + cond
	}
	var n int64
	err = query(ctx, on, text, b.args, reflect.TypeFor[int64](), &l.keys, func(rows Rows, p *plan) error {
		for rows.Next() {
			if err := p.scan(rows, reflect.ValueOf(&n).Elem()); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	return n, err
}

// Text returns the statement of Page, for tests that read its query plan.
func (l *ListQuery[R]) Text(ctx context.Context, on Querier, a ListArgs) (string, []any, error) {
	return l.build(ctx, on, a)
}

func (l *ListQuery[R]) build(ctx context.Context, on Querier, a ListArgs) (string, []any, error) {
	if a.Limit < 0 {
		return "", nil, fault.Invalidf("The limit must not be negative.")
	}
	caps := dialectOf(on).Caps()
	b := &builder{columns: l.columns, caps: caps}
	cond, err := b.all(append(slices.Clone(a.Scope), a.Where...))
	if err != nil {
		return "", nil, err
	}
	keys, err := l.sortKeys(a)
	if err != nil {
		return "", nil, err
	}
	if a.Marker != "" {
		after, err := l.after(ctx, on, b, keys, a)
		if err != nil {
			return "", nil, err
		}
		if cond != "" {
			cond = "(" + cond + ") AND "
		}
		cond += after
	}
	var s strings.Builder
	s.WriteString(l.head + "\n" + l.from)
	if cond != "" {
		s.WriteString("\nWHERE " + cond)
	}
	s.WriteString("\nORDER BY ")
	for i, k := range keys {
		if i > 0 {
			s.WriteString(", ")
		}
		s.WriteString(k.expr)
		if k.desc {
			s.WriteString(" DESC")
		}
	}
	if a.Limit > 0 {
		s.WriteString("\nLIMIT ?")
		b.args = append(b.args, a.Limit)
	}
	return s.String(), b.args, nil
}

// sortKey is a column with its direction.
type sortKey struct {
	column
	desc bool
}

func (l *ListQuery[R]) sortKeys(a ListArgs) ([]sortKey, error) {
	var keys []sortKey
	last := false
	for _, k := range a.Sort {
		c, ok := l.columns[k.Column]
		if !ok {
			return nil, fault.Invalidf("It is not possible to sort by %q.", k.Column)
		}
		if slices.ContainsFunc(keys, func(o sortKey) bool { return o.expr == c.expr }) {
			continue // a repeated column has no effect
		}
		keys = append(keys, sortKey{c, k.Desc != a.Reverse})
		last = last || c.expr == l.id.expr
	}
	if !last {
		desc := a.Reverse
		if n := len(keys); n > 0 {
			desc = keys[n-1].desc // a uniform direction lets an index serve
		}
		keys = append(keys, sortKey{l.id, desc})
	}
	return keys, nil
}

// MarkerNotFound is the fault code for a marker without a row in the scope.
const MarkerNotFound = "MarkerNotFound"

// after returns the condition for rows after the marker's row.
func (l *ListQuery[R]) after(ctx context.Context, on Querier, b *builder, keys []sortKey, a ListArgs) (string, error) {
	exprs := make([]string, len(keys))
	for i, k := range keys {
		exprs[i] = k.expr
	}
	values := make([]any, len(keys))
	into := make([]any, len(keys))
	for i := range values {
		into[i] = &values[i]
	}
	text := "SELECT " + strings.Join(exprs, ", ") + " " + l.from + "\nWHERE " + l.id.expr + " = ?"
	seen := &builder{columns: l.columns, caps: b.caps, args: []any{a.Marker}}
	scope, err := seen.all(a.Scope)
	if err != nil {
		return "", err
	}
	if scope != "" {
		text += " AND " + scope
	}
	found := false
	err = run(ctx, on, text, func(c Conn, text string) error {
		rows, err := c.Query(ctx, text, seen.args)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }() // an incomplete read shows in rows.Err
		if rows.Next() {
			found = true
			if err := rows.Scan(into...); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	if err != nil {
		return "", err
	}
	if !found {
		return "", fault.Invalidf("The marker %q does not exist.", a.Marker).Coded(MarkerNotFound)
	}
	return b.behind(keys, values), nil
}

// behind writes "comes after these values": as one comparison of tuples if an index can serve it, else spelled out.
func (b *builder) behind(keys []sortKey, values []any) string {
	plain := true
	for _, k := range keys {
		plain = plain && k.notNull && k.desc == keys[0].desc
	}
	if plain {
		exprs := make([]string, len(keys))
		for i, k := range keys {
			exprs[i] = k.expr
			b.args = append(b.args, values[i])
		}
		op := ">"
		if keys[0].desc {
			op = "<"
		}
		marks := "?" + strings.Repeat(", ?", len(keys)-1)
		return fmt.Sprintf("(%s) %s (%s)", strings.Join(exprs, ", "), op, marks)
	}
	var ors []string
	for i, k := range keys {
		n := len(b.args)
		var ands []string
		for j := range i {
			ands = append(ands, b.same(keys[j], values[j]))
		}
		later := b.later(k, values[i])
		if later == "" { // nothing sorts after it
			b.args = b.args[:n]
			continue
		}
		ors = append(ors, "("+strings.Join(append(ands, later), " AND ")+")")
	}
	if len(ors) == 0 {
		return "1 = 0"
	}
	return "(" + strings.Join(ors, " OR ") + ")"
}

func (b *builder) same(k sortKey, v any) string {
	if v == nil {
		return k.expr + " IS NULL"
	}
	b.args = append(b.args, v)
	return k.expr + " = ?"
}

func (b *builder) later(k sortKey, v any) string {
	nullsLast := b.caps.NullsLargest != k.desc // in the direction of the read
	switch {
	case v == nil && nullsLast:
		return ""
	case v == nil:
		return k.expr + " IS NOT NULL"
	}
	b.args = append(b.args, v)
	op := " > ?"
	if k.desc {
		op = " < ?"
	}
	if nullsLast && !k.notNull {
		return "(" + k.expr + op + " OR " + k.expr + " IS NULL)"
	}
	return k.expr + op
}
