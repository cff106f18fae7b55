package db

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Table is a table whose rows are R, a struct with a tag for each column. The select list, the INSERT, the UPDATEs and
// the columns of lists derive from the tags, so a new column is one field:
//
//	type portRow struct {
//		ID      string  `db:"id" list:"id"`
//		Name    string  `db:"name" list:"name"`
//		Host    string  `db:"host" list:"binding:host_id"`
//		Created db.Time `db:"created_at,once,set" list:"created_at"`
//	}
//
// After the column's name, "once" marks a column that no UPDATE writes. "set" marks a column that is never NULL
// although its Go type could be (a pointer, a Time); other types are never NULL. "list" is the column's name in filters
// and sort keys, or several names separated by commas; a column without it can be used in neither.
type Table[R any] struct {
	Part[R]
	insert *Insert[R]
}

// Part is some of a table's columns as rows R, with tags as in Table. It reads and updates those columns. A table has
// one Table and any number of Parts, for example one without its largest columns.
type Part[R any] struct {
	set     *Set
	name    string
	keys    []string
	columns []tableColumn
	get     *Query[R]
}

type tableColumn struct {
	field
	list    string
	once    bool
	notNull bool
}

// NewTable declares a table and registers its SELECT by key and its INSERT. The key columns together identify a row;
// the last of them is the marker of lists. It panics if R lacks one of them or a tag has an unknown word.
func NewTable[R any](s *Set, name, key string, more ...string) *Table[R] {
	return &Table[R]{*NewPart[R](s, name, key, more...), NewInsert[R](s, name)}
}

// NewPart declares some columns of a table and registers their SELECT by key. R has the key columns too.
func NewPart[R any](s *Set, name, key string, more ...string) *Part[R] {
	t := &Part[R]{set: s, name: name, keys: append([]string{key}, more...),
		columns: tableColumns(reflect.TypeFor[R](), nil)}
	for _, k := range t.keys {
		if !slices.ContainsFunc(t.columns, func(c tableColumn) bool { return c.name == k }) {
			panic(fmt.Sprintf("db: %s has no column %s for the key of %s", reflect.TypeFor[R](), k, name))
		}
	}
	t.get = t.Query(t.byKey())
	return t
}

// byKey returns the condition that selects a row.
func (t *Part[R]) byKey() string { return strings.Join(t.keys, " = ?\n  AND ") + " = ?" }

func tableColumns(rows reflect.Type, at []int) []tableColumn {
	var out []tableColumn
	for i := range rows.NumField() {
		f := rows.Field(i)
		index := append(slices.Clone(at), i)
		tag := f.Tag.Get("db")
		if tag == "" && f.Anonymous && f.Type.Kind() == reflect.Struct {
			out = append(out, tableColumns(f.Type, index)...)
			continue
		}
		if tag == "" || tag == "-" {
			continue
		}
		words := strings.Split(tag, ",")
		c := tableColumn{field: field{words[0], index}, list: f.Tag.Get("list")}
		c.notNull = f.Type.Kind() != reflect.Pointer && f.Type != reflect.TypeFor[Time]()
		for _, w := range words[1:] {
			switch w {
			case "once":
				c.once = true
			case "set":
				c.notNull = true
			default:
				panic(fmt.Sprintf("db: %s.%s: the tag says %q, which means nothing", rows, f.Name, w))
			}
		}
		out = append(out, c)
	}
	return out
}

// Columns returns the select list for the caller's own statements, with an optional table alias.
func (t *Part[R]) Columns(alias string) string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
		if alias != "" {
			names[i] = alias + "." + c.name
		}
	}
	return strings.Join(names, ", ")
}

// ColumnsBut returns the select list without some columns, whose fields in R are zero after a read. It panics if there
// is no such column.
func (t *Part[R]) ColumnsBut(without ...string) string {
	for _, name := range without {
		t.column(name)
	}
	var names []string
	for _, c := range t.columns {
		if !slices.Contains(without, c.name) {
			names = append(names, c.name)
		}
	}
	return strings.Join(names, ", ")
}

// Query registers the SELECT of whole rows with a WHERE clause and what follows it (ORDER BY, LIMIT). A text that
// begins with ORDER BY has no WHERE clause.
func (t *Part[R]) Query(where string) *Query[R] {
	if !strings.HasPrefix(where, "ORDER BY") {
		where = "WHERE " + where
	}
	return NewQuery[R](t.set, "SELECT "+t.Columns("")+"\nFROM "+t.name+"\n"+where)
}

// Get returns the row with that key, given in the order of NewTable. fault.NotFound if there is none.
func (t *Part[R]) Get(ctx context.Context, on Querier, key ...any) (R, error) {
	return t.get.One(ctx, on, key...)
}

// Insert inserts a row. A unique violation is fault.Conflict with errors.Is(err, ErrDuplicate).
func (t *Table[R]) Insert(ctx context.Context, on Querier, row R) error {
	return t.insert.Do(ctx, on, row)
}

// InsertAll inserts rows in few statements; on a *DB all or none.
func (t *Table[R]) InsertAll(ctx context.Context, on Querier, rows []R) error {
	return t.insert.DoAll(ctx, on, rows)
}

// Absent inserts a row unless it violates a unique constraint, and reports whether it did; see Insert.Absent.
func (t *Table[R]) Absent(ctx context.Context, on Querier, row R) (bool, error) {
	return t.insert.Absent(ctx, on, row)
}

// Upsert is an INSERT that updates a row with the same key.
type Upsert[R any] struct {
	insert *Insert[R]
	sql    string
}

// Upsert registers an INSERT that writes the named columns of the row that has the key already.
func (t *Table[R]) Upsert(columns ...string) *Upsert[R] {
	sets := make([]string, len(columns))
	for i, name := range columns {
		t.column(name)
		sets[i] = name + " = excluded." + name
	}
	return &Upsert[R]{t.insert, t.set.add(t.insert.head + t.insert.tuple + "\nON CONFLICT (" + strings.Join(t.keys, ", ") +
		") DO UPDATE\nSET " + strings.Join(sets, ", "))}
}

// Do inserts or updates the row.
func (u *Upsert[R]) Do(ctx context.Context, on Querier, row R) error {
	_, err := exec(ctx, on, u.sql, u.insert.values(nil, row))
	return err
}

// List registers the list of the table's rows over the columns with a list name; see ListQuery.
func (t *Part[R]) List() *ListQuery[R] {
	return NewList[R](t.set, "SELECT "+t.Columns("")+"\nFROM "+t.name, t.ListColumns(""), t.keys[len(t.keys)-1])
}

// ListColumns maps list names to expressions, for the caller's own lists with joins.
func (t *Part[R]) ListColumns(alias string) map[string]string {
	out := map[string]string{}
	for _, c := range t.columns {
		if c.list == "" {
			continue
		}
		expr := c.name
		if alias != "" {
			expr = alias + "." + c.name
		}
		if c.notNull {
			expr += " NOT NULL"
		}
		for _, name := range strings.Split(c.list, ",") {
			out[name] = expr
		}
	}
	return out
}

// Update is an UPDATE of columns of one row, selected by its key.
type Update[R any] struct {
	sql    string
	fields []field
	keys   []field
}

// Update registers an UPDATE of the named columns. Without names it is all columns except the key and "once" columns. A
// name that contains "=" is a complete assignment, such as "revision_number = revision_number + 1". guard, possibly
// empty, is a further condition; Do takes its arguments and returns 0 if it fails.
func (t *Part[R]) Update(guard string, columns ...string) *Update[R] {
	u := &Update[R]{}
	var sets []string
	if len(columns) == 0 {
		for _, c := range t.columns {
			if !c.once && !slices.Contains(t.keys, c.name) {
				columns = append(columns, c.name)
			}
		}
	}
	for _, name := range columns {
		if strings.Contains(name, "=") {
			sets = append(sets, name)
			continue
		}
		sets = append(sets, name+" = ?")
		u.fields = append(u.fields, t.column(name))
	}
	for _, k := range t.keys {
		u.keys = append(u.keys, t.column(k))
	}
	u.sql = "UPDATE " + t.name + "\nSET " + strings.Join(sets, ", ") + "\nWHERE " + t.byKey()
	if guard != "" {
		u.sql += "\n  AND " + guard
	}
	t.set.add(u.sql)
	return u
}

func (t *Part[R]) column(name string) field {
	i := slices.IndexFunc(t.columns, func(c tableColumn) bool { return c.name == name })
	if i < 0 {
		panic(fmt.Sprintf("db: %s has no column %s", t.name, name))
	}
	return t.columns[i].field
}

// Do updates the row and returns the number of affected rows, 0 or 1.
func (u *Update[R]) Do(ctx context.Context, on Querier, row R, guard ...any) (int64, error) {
	v := reflect.ValueOf(&row).Elem()
	args := make([]any, 0, len(u.fields)+len(u.keys)+len(guard))
	for _, f := range u.fields {
		args = append(args, v.FieldByIndex(f.index).Interface())
	}
	for _, f := range u.keys {
		args = append(args, v.FieldByIndex(f.index).Interface())
	}
	return exec(ctx, on, u.sql, append(args, guard...))
}

// Delete registers the DELETE of a row by its key. guard is a further condition, as in Update.
func (t *Part[R]) Delete(guard string) *Exec {
	text := "DELETE FROM " + t.name + "\nWHERE " + t.byKey()
	if guard != "" {
		text += "\n  AND " + guard
	}
	return NewExec(t.set, text)
}
