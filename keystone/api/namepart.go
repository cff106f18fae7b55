package api

import (
	"strings"

	"hypernova/oslo/db"
)

// namePart are keystone's inexact filters on names. None of them minds case, which keystone's own database does not either.
type namePart struct {
	Contains    *string `wire:"name__contains"`
	Starts      *string `wire:"name__startswith"`
	Ends        *string `wire:"name__endswith"`
	IContains   *string `wire:"name__icontains"`
	IStartsWith *string `wire:"name__istartswith"`
	IEndsWith   *string `wire:"name__iendswith"`
}

func (p *namePart) like(where []db.Cond) []db.Cond {
	for _, f := range []struct {
		part        *string
		front, back string
	}{{p.Contains, "%", "%"}, {p.IContains, "%", "%"}, {p.Starts, "", "%"}, {p.IStartsWith, "", "%"}, {p.Ends, "%", ""}, {p.IEndsWith, "%", ""}} {
		if f.part != nil {
			text := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(*f.part)
			where = append(where, db.Cond{Column: "name", Op: db.Like, Values: []any{f.front + text + f.back}})
		}
	}
	return where
}
