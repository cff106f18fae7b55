package api

import (
	"reflect"
)

func sliceReader(next reader, r *rules) reader {
	return func(raw []byte, v reflect.Value) error {
		if raw[0] != '[' {
			return wrongType(raw, "array")
		}
		v.Set(reflect.MakeSlice(v.Type(), 0, 4))
		var seen map[string]bool
		if r.unique {
			seen = map[string]bool{}
		}
		err := elements(raw, func(n int, value []byte) error {
			if seen != nil {
				key := string(value)
				if value[0] == '"' {
					key = `"` + unquote(value) // one text may be written in two ways
				}
				if seen[key] {
					return within(inputf("%s is there twice", describe(value)), "["+itoa(n)+"]")
				}
				seen[key] = true
			}
			v.Grow(1)
			v.SetLen(n + 1)
			v.Index(n).SetZero()
			if err := next(value, v.Index(n)); err != nil {
				return within(err, "["+itoa(n)+"]")
			}
			return nil
		})
		if err != nil {
			return err
		}
		if why := r.checkCount(v.Len()); why != "" {
			return inputf("%s", why)
		}
		return nil
	}
}

func mapReader(t reflect.Type, next reader, r *rules) reader {
	return func(raw []byte, v reflect.Value) error {
		if raw[0] != '{' {
			return wrongType(raw, "object")
		}
		m := reflect.MakeMap(t)
		v.Set(m)
		err := members(raw, func(name string, value []byte) error {
			return putMember(m, t, name, value, next, r)
		})
		if err != nil {
			return err
		}
		if why := r.checkCount(m.Len()); why != "" {
			return inputf("%s", why)
		}
		return nil
	}
}

func putMember(m reflect.Value, t reflect.Type, name string, value []byte, next reader, r *rules) error {
	key := reflect.ValueOf(name).Convert(t.Key())
	if m.MapIndex(key).IsValid() {
		return within(inputf("the member is there twice"), name)
	}
	if r.keys != nil {
		if why := r.keys.checkText(name); why != "" {
			return inputf("key %s", why)
		}
	}
	e := reflect.New(t.Elem()).Elem()
	if err := next(value, e); err != nil {
		return within(err, name)
	}
	m.SetMapIndex(key, e)
	return nil
}

// member is one field of a struct's decoding plan.
type member struct {
	name  string
	index []int
	read  reader
}

func (b *readerBuilder) structReader(t reflect.Type) reader {
	byName := map[string]int{}
	var ms []member
	var required []int
	var rest *field
	var restNext reader
	for _, f := range fieldsOf(t) {
		if !f.spans.contains(b.v) {
			continue
		}
		if f.rest {
			rest, restNext = &f, b.build(f.typ.Elem(), f.rules.elementRules())
			continue
		}
		if f.rules.required {
			required = append(required, len(ms))
		}
		byName[f.wire] = len(ms)
		ms = append(ms, member{f.wire, f.index, b.build(f.typ, f.rules)})
	}
	relaxed := b.cache.relaxed
	version, validates := b.v, reflect.PointerTo(t).Implements(validatorType)
	return func(raw []byte, v reflect.Value) error {
		if raw[0] != '{' {
			return wrongType(raw, "object")
		}
		seen := make([]bool, len(ms))
		err := members(raw, func(name string, value []byte) error {
			i, ok := byName[name]
			if !ok {
				if rest == nil && relaxed {
					return nil
				}
				if rest == nil {
					e := inputf("the member is not known here")
					e.fact = UnknownMember
					return within(e, name)
				}
				m := v.FieldByIndex(rest.index)
				if m.IsNil() {
					m.Set(reflect.MakeMap(rest.typ))
				}
				return putMember(m, rest.typ, name, value, restNext, rest.rules)
			}
			if seen[i] {
				return within(inputf("the member is there twice"), name)
			}
			seen[i] = true
			if err := ms[i].read(value, v.FieldByIndex(ms[i].index)); err != nil {
				return within(err, name)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, i := range required {
			if !seen[i] {
				e := inputf("the member is required")
				e.fact = MissingMember
				return within(e, ms[i].name)
			}
		}
		if validates {
			return v.Addr().Interface().(Validator).Validate(version)
		}
		return nil
	}
}
