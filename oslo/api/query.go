package api

import (
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"sync"
)

// queries is the cache of query plans.
type queries struct{ plans sync.Map } // queryKey → *queryPlan

type queryKey struct {
	t reflect.Type
	v Version
}

type queryPlan struct {
	fields    map[string]queryField
	required  []string
	rest      []int
	restType  reflect.Type
	validates bool
	filters   []field // those with a filter tag
}

type queryField struct {
	index []int
	typ   reflect.Type
	rules *rules
}

func (qs *queries) of(t reflect.Type, v Version) *queryPlan {
	if p, ok := qs.plans.Load(queryKey{t, v}); ok {
		return p.(*queryPlan)
	}
	p := &queryPlan{fields: map[string]queryField{}, validates: reflect.PointerTo(t).Implements(validatorType)}
	for _, f := range fieldsOf(t) {
		if !f.spans.contains(v) {
			continue
		}
		if f.rest {
			p.rest, p.restType = f.index, f.typ
			continue
		}
		if f.filter != nil {
			p.filters = append(p.filters, f)
		}
		if f.rules.required {
			p.required = append(p.required, f.wire)
		}
		p.fields[f.wire] = queryField{f.index, f.typ, f.rules}
	}
	qs.plans.Store(queryKey{t, v}, p)
	return p
}

// several says whether a parameter may be given more than once.
func (p *queryPlan) several(name string) bool {
	f, ok := p.fields[name]
	t := f.typ
	if !ok {
		if p.rest == nil {
			return false
		}
		t = p.restType.Elem()
	}
	if isOpt(t) {
		t = t.Field(2).Type
	}
	return t.Kind() == reflect.Slice
}

// read fills v, a struct, from the query string. Of several faults it returns that of the parameter whose name comes
// first.
func (p *queryPlan) read(values url.Values, v reflect.Value, strict bool, version Version) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		vs := values[name]
		f, ok := p.fields[name]
		if !ok {
			if p.rest != nil {
				if err := putRest(v.FieldByIndex(p.rest), p.restType, name, vs); err != nil {
					return err
				}
				continue
			}
			if strict {
				return inputf("Invalid input for query parameters %s: the parameter is not known here", name)
			}
			continue
		}
		if err := readParameter(v.FieldByIndex(f.index), f.typ, f.rules, vs); err != nil {
			return inputf("Invalid input for query parameters %s: %s", name, err.Error())
		}
	}
	for _, name := range p.required {
		if !values.Has(name) {
			return inputf("Invalid input for query parameters %s: the parameter is required", name)
		}
	}
	if p.validates {
		return v.Addr().Interface().(Validator).Validate(version)
	}
	return nil
}

func putRest(m reflect.Value, t reflect.Type, name string, vs []string) error {
	if m.IsNil() {
		m.Set(reflect.MakeMap(t))
	}
	key := reflect.ValueOf(name).Convert(t.Key())
	switch t.Elem().Kind() {
	case reflect.String:
		m.SetMapIndex(key, reflect.ValueOf(vs[len(vs)-1]).Convert(t.Elem()))
	case reflect.Slice:
		m.SetMapIndex(key, reflect.ValueOf(vs).Convert(t.Elem()))
	default:
		return fmt.Errorf("cannot hold query parameters in a %s", t)
	}
	return nil
}

// readParameter sets one field; of a repeated parameter a scalar takes the last.
func readParameter(v reflect.Value, t reflect.Type, r *rules, vs []string) error {
	switch {
	case isOpt(t):
		v.Field(0).SetBool(true)
		return readParameter(v.Field(2), t.Field(2).Type, r, vs)
	case t.Kind() == reflect.Pointer:
		p := reflect.New(t.Elem())
		v.Set(p)
		return readParameter(p.Elem(), t.Elem(), r, vs)
	case t.Kind() == reflect.Slice:
		out := reflect.MakeSlice(t, len(vs), len(vs))
		for i, s := range vs {
			if err := readParameter(out.Index(i), t.Elem(), r.elementRules(), []string{s}); err != nil {
				return err
			}
		}
		v.Set(out)
		if why := r.checkCount(len(vs)); why != "" {
			return fmt.Errorf("%s", why)
		}
		return nil
	}
	return readText(v, t, r, vs[len(vs)-1])
}

func readText(v reflect.Value, t reflect.Type, r *rules, s string) error {
	if t == timeType {
		at, err := parseTime(s)
		if err == nil {
			v.Set(reflect.ValueOf(at))
		}
		return plain(err)
	}
	switch t.Kind() {
	case reflect.String:
		if why := r.checkText(s); why != "" {
			return fmt.Errorf("%s", why)
		}
		v.SetString(s)
		return nil
	case reflect.Bool:
		if b, ok := parseBool(s); ok {
			v.SetBool(b)
			return nil
		}
		return fmt.Errorf("%s is not a boolean", quoted(s))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || v.OverflowInt(n) {
			return fmt.Errorf("%s is not an integer", quoted(s))
		}
		if why := r.checkNumber(float64(n)); why != "" {
			return fmt.Errorf("%s", why)
		}
		v.SetInt(n)
		return nil
	case reflect.Float32, reflect.Float64:
		return plain(floatReader(r)([]byte(s), v))
	}
	if u, ok := v.Addr().Interface().(interface{ UnmarshalText([]byte) error }); ok {
		return u.UnmarshalText([]byte(s))
	}
	return fmt.Errorf("cannot be read")
}

// plain strips the frame of a decoder's error, which the caller puts around it anew.
func plain(err error) error {
	if e, ok := err.(*inputError); ok {
		return fmt.Errorf("%s", e.why)
	}
	return err
}
