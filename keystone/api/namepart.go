package api

import (
	"regexp"
	"slices"
	"strings"

	"hypernova/oslo/api"
	"hypernova/oslo/db"
)

// part is one of keystone's inexact filters: name__contains, name__startswith, name__endswith, and the same with an
// i, which do not mind case.
type part struct {
	attribute, how, text string
	fold                 bool
}

// inexact reads the inexact filters of a list's request on those attributes that the list can be filtered by.
func inexact(r *api.Request, attributes ...string) []part {
	var out []part
	for key, values := range r.HTTP.URL.Query() {
		attribute, how, found := strings.Cut(key, "__")
		if !found || !slices.Contains(attributes, attribute) {
			continue
		}
		plain, fold := strings.CutPrefix(how, "i")
		if !slices.Contains([]string{"contains", "startswith", "endswith"}, plain) {
			continue // keystone takes others for no filter as well
		}
		for _, v := range values {
			out = append(out, part{attribute, plain, v, fold})
		}
	}
	return out
}

// like adds the request's inexact filters to those of a list that the database filters.
func like(where []db.Cond, r *api.Request, attributes ...string) []db.Cond {
	for _, p := range inexact(r, attributes...) {
		where = append(where, p.cond())
	}
	return where
}

func (p part) cond() db.Cond {
	if p.fold {
		text := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(p.text)
		switch p.how {
		case "contains":
			text = "%" + text + "%"
		case "startswith":
			text += "%"
		default:
			text = "%" + text
		}
		return db.Cond{Column: p.attribute, Op: db.Like, Values: []any{text}}
	}
	text := regexp.QuoteMeta(p.text)
	switch p.how {
	case "startswith":
		text = "^" + text
	case "endswith":
		text += "$"
	}
	return db.Cond{Column: p.attribute, Op: db.Regexp, Values: []any{text}}
}

// resembles tells whether something passes the request's inexact filters; values are what it has, in the order of
// attributes.
func resembles(r *api.Request, attributes []string, values ...string) bool {
	return !slices.ContainsFunc(inexact(r, attributes...), func(p part) bool {
		return !p.holds(values[slices.Index(attributes, p.attribute)])
	})
}

func (p part) holds(value string) bool {
	text := p.text
	if p.fold {
		value, text = strings.ToLower(value), strings.ToLower(text)
	}
	switch p.how {
	case "contains":
		return strings.Contains(value, text)
	case "startswith":
		return strings.HasPrefix(value, text)
	}
	return strings.HasSuffix(value, text)
}
