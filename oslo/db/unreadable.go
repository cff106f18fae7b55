package db

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"

	"hypernova/oslo/log"
)

// Unreadable is a row that exists but cannot be decoded: a document that does not parse, or a column of another type.
// Only damage or manual changes cause it. Lists log it once and leave it out; reading it alone returns this error.
type Unreadable struct {
	Table string
	ID    string // the row's id, as in markers
	Err   error
}

// Error returns the table, the id and the cause.
func (u *Unreadable) Error() string {
	return fmt.Sprintf("row %s of table %s cannot be read: %v", u.ID, u.Table, u.Err)
}

// Unwrap returns the cause.
func (u *Unreadable) Unwrap() error { return u.Err }

// told is the set of rows that are logged already.
type told struct{ rows sync.Map }

func (t *told) tell(ctx context.Context, all []*Unreadable) {
	for _, u := range all {
		if _, known := t.rows.LoadOrStore(u.ID, true); !known {
			log.From(ctx).ErrorContext(ctx, "leaving a row out of lists: it cannot be read; see hypernova check", "table",
				u.Table, "id", u.ID, log.Err, u.Err.Error())
		}
	}
}

// Sound sets how rows are decoded further, for Set.Unreadable. It does not change lists; PageOf does.
func (l *ListQuery[R]) Sound(read func(*R) error) *ListQuery[R] {
	l.sound = read
	return l
}

// PageOf is Page for rows that are decoded further. A row for which convert fails is logged and left out, like one that
// cannot be scanned.
func PageOf[R, V any](ctx context.Context, l *ListQuery[R], on Querier, a ListArgs, convert func(*R) (V, error)) ([]V,
	error) {
	var out []V
	err := l.whole(ctx, on, a, func(rows []R) (good int, bad []*Unreadable) {
		out = make([]V, 0, len(rows))
		for i := range rows {
			v, err := convert(&rows[i])
			if err != nil {
				bad = append(bad, &Unreadable{tableOf(l.from), l.idOf(&rows[i]), err})
				continue
			}
			out = append(out, v)
		}
		return len(out), bad
	})
	if err == nil && a.Limit > 0 && len(out) > a.Limit {
		// More was read to replace the rows left out.
		if a.Reverse {
			return out[len(out)-a.Limit:], nil
		}
		out = out[:a.Limit]
	}
	return out, err
}

// whole reads a page again, longer by the number of rows left out, until it is complete or the list ends.
func (l *ListQuery[R]) whole(ctx context.Context, on Querier, a ListArgs, take func([]R) (int, []*Unreadable)) error {
	most := a.Limit
	for {
		rows, bad, err := l.page(ctx, on, a)
		if err != nil {
			return err
		}
		read := len(rows) + len(bad)
		good, more := take(rows)
		if bad = append(bad, more...); len(bad) == 0 {
			return nil
		}
		l.told.tell(ctx, bad)
		if most == 0 || good >= most || read < a.Limit {
			return nil
		}
		a.Limit = most + len(bad)
	}
}

// idOf returns the row's id, empty if it has none.
func (l *ListQuery[R]) idOf(r *R) string {
	v := reflect.ValueOf(r).Elem()
	for _, f := range fieldsOf(v.Type()) {
		if f.name == bare(l.id.expr) {
			return fmt.Sprint(v.FieldByIndex(f.index).Interface())
		}
	}
	return ""
}

// bare returns a column without its table.
func bare(expr string) string { return expr[strings.LastIndexByte(expr, '.')+1:] }

// tableOf returns the first table that a FROM clause names.
func tableOf(text string) string {
	words := strings.Fields(text)
	for i, w := range words[:max(len(words)-1, 0)] {
		if table := strings.Trim(words[i+1], "(,)"); strings.EqualFold(w, "FROM") && table != "" &&
			!strings.EqualFold(table, "SELECT") {
			return table
		}
	}
	return ""
}

// spoilt returns what can be identified of the current row, which could not be scanned because of err. It returns other
// errors unchanged.
func spoilt(rows Rows, table, id string, err error) (*Unreadable, error) {
	names, nerr := rows.Columns()
	if nerr != nil {
		return nil, errors.Join(err, nerr)
	}
	values, into := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	if rows.Scan(into...) != nil {
		return nil, err // the engine cannot read it either
	}
	u := &Unreadable{Table: table, Err: err}
	for i, n := range names {
		if n == id {
			u.ID = fmt.Sprint(values[i])
		}
	}
	return u, nil
}

// examiner is a list of any row type.
type examiner interface {
	examine(ctx context.Context, on Querier) ([]*Unreadable, error)
}

// Unreadable reads every row of the lists of the set and returns those that cannot be decoded.
func (s *Set) Unreadable(ctx context.Context, on Querier) (all []*Unreadable, err error) {
	seen := map[string]bool{}
	for _, l := range s.lists {
		found, err := l.examine(ctx, on)
		if err != nil {
			return all, err
		}
		for _, u := range found {
			if key := u.Table + " " + u.ID; !seen[key] {
				seen[key] = true
				all = append(all, u)
			}
		}
	}
	return all, nil
}

func (l *ListQuery[R]) examine(ctx context.Context, on Querier) (all []*Unreadable, err error) {
	text := l.head + "\n" + l.from
	var p atomic.Pointer[plan]
	err = query(ctx, on, text, nil, reflect.TypeFor[R](), &p, func(rows Rows, p *plan) error {
		all = nil
		var r, zero R
		into := p.targets(reflect.ValueOf(&r).Elem())
		for rows.Next() {
			r = zero
			if err := rows.Scan(into...); err != nil {
				u, err := spoilt(rows, tableOf(l.from), bare(l.id.expr), err)
				if err != nil {
					return err
				}
				all = append(all, u)
				continue
			}
			if l.sound == nil {
				continue
			}
			if err := l.sound(&r); err != nil {
				all = append(all, &Unreadable{tableOf(l.from), l.idOf(&r), err})
			}
		}
		return rows.Err()
	})
	return all, err
}
