package api

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"hypernova/oslo/fault"
)

// inputError describes an invalid document; path grows from the inside out.
type inputError struct {
	path []string
	why  string
	fact InputFact
	got  string // the value, as text, of a wrongValue
}

func (e *inputError) Error() string {
	if len(e.path) == 0 {
		return strings.ToUpper(e.why[:1]) + e.why[1:] + "."
	}
	var b strings.Builder
	for i := len(e.path) - 1; i >= 0; i-- {
		p := e.path[i]
		if b.Len() > 0 && p[0] != '[' {
			b.WriteByte('.')
		}
		b.WriteString(p)
	}
	return "Invalid input for field/attribute " + b.String() + ": " + e.why + "."
}

func inputf(format string, args ...any) *inputError {
	return &inputError{why: fmt.Sprintf(format, args...)}
}

// within adds the place of an error to its path.
func within(err error, name string) error {
	var e *inputError
	if errors.As(err, &e) {
		if name == "" {
			name = "''"
		}
		e.path = append(e.path, name)
		return e
	}
	return err
}

// refused makes a fault.Invalid of an error of the decoder or of a Validator.
func refused(err error) error {
	if err == nil || fault.Of(err) != nil {
		return err
	}
	f := fault.New(fault.Invalid, "%s", err.Error())
	var e *inputError
	if errors.As(err, &e) {
		return &refusedInput{f, e}
	}
	return f
}

// refusedInput is the fault of an invalid document, with the facts for a dialect's own message.
type refusedInput struct {
	*fault.Fault
	input *inputError
}

// Unwrap is both.
func (e *refusedInput) Unwrap() []error { return []error{e.Fault, e.input} }

// Decode reads one document as strictly as a request body, for UnmarshalJSON methods of wire types with several
// forms. It makes its plan anew, so it is slow.
func Decode(raw []byte, v Version, into any) error {
	x := reflect.ValueOf(into).Elem()
	var rs readers
	return rs.of(x.Type(), v)(raw, x)
}

// reader decodes one checked value.
type reader func(raw []byte, v reflect.Value) error

// readers is the cache of decoding plans, one per (type, rules, version).
type readers struct {
	mu    sync.Mutex
	plans sync.Map // readerKey → *reader
	// relaxed plans pass over unknown members. It is set before the first use.
	relaxed bool
}

type readerKey struct {
	t reflect.Type
	r *rules
	v Version
}

// of returns the plan of a top-level type.
func (rs *readers) of(t reflect.Type, v Version) reader {
	if p, ok := rs.plans.Load(readerKey{t, noRules, v}); ok {
		return *p.(*reader)
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	b := &readerBuilder{cache: rs, v: v, building: map[readerKey]*reader{}}
	r := b.build(t, noRules)
	for k, p := range b.building { // only now is every one of them whole
		rs.plans.Store(k, p)
	}
	return r
}

type readerBuilder struct {
	cache    *readers
	v        Version
	building map[readerKey]*reader
}

func (b *readerBuilder) build(t reflect.Type, r *rules) reader {
	key := readerKey{t, r, b.v}
	if r == noRules {
		if p, ok := b.cache.plans.Load(key); ok {
			return *p.(*reader)
		}
		if p, ok := b.building[key]; ok { // a recursive type: bind late
			return func(raw []byte, v reflect.Value) error { return (*p)(raw, v) }
		}
	}
	p := new(reader)
	if r == noRules {
		b.building[key] = p
	}
	*p = b.make(t, r)
	return *p
}

func (b *readerBuilder) make(t reflect.Type, r *rules) reader {
	if r.oldNull && b.cache.relaxed {
		c := *r
		c.nullable, c.oldNull = true, false
		r = &c
	}
	switch {
	case t == rawType:
		return func(raw []byte, v reflect.Value) error { v.SetBytes(append([]byte(nil), raw...)); return nil }
	case isOpt(t):
		return optReader(b.build(t.Field(2).Type, inner(r)), r)
	case t == timeType:
		return readTime
	case t.Kind() == reflect.Interface:
		return readAny
	case t.Kind() == reflect.Pointer:
		return pointerReader(t, b.build(t.Elem(), inner(r)), r)
	}
	p := reflect.PointerTo(t)
	if p.Implements(jsonReader) {
		return notNull(r, func(raw []byte, v reflect.Value) error {
			return foreign(v.Addr().Interface().(json.Unmarshaler).UnmarshalJSON(raw))
		})
	}
	if p.Implements(textReader) {
		return notNull(r, func(raw []byte, v reflect.Value) error {
			if raw[0] != '"' {
				return wrongType(raw, "string")
			}
			s := unquote(raw)
			if why := r.checkText(s); why != "" {
				return inputf("%s", why)
			}
			return foreign(v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s)))
		})
	}
	return notNull(r, b.makeKind(t, r))
}

func (b *readerBuilder) makeKind(t reflect.Type, r *rules) reader {
	switch t.Kind() {
	case reflect.String:
		return stringReader(r, r.stripped || r.name && b.cache.relaxed)
	case reflect.Bool:
		return boolReader(r)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return intReader(r)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return uintReader(r)
	case reflect.Float32, reflect.Float64:
		return floatReader(r)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return readBytes
		}
		return sliceReader(b.build(t.Elem(), r.elementRules()), r)
	case reflect.Map:
		return mapReader(t, b.build(t.Elem(), r.elementRules()), r)
	case reflect.Struct:
		return b.structReader(t)
	}
	panic(fmt.Sprintf("api: %s cannot be decoded", t))
}

func (r *rules) elementRules() *rules {
	if r.each == nil {
		return noRules
	}
	return r.each
}

// inner are the rules of the value inside an optional or pointer, which itself handles null.
func inner(r *rules) *rules {
	if !r.nullable {
		return r
	}
	c := *r
	c.nullable = false
	return &c
}

func foreign(err error) error {
	if err == nil {
		return nil
	}
	var own *inputError
	if errors.As(err, &own) {
		return own
	}
	if f := fault.Of(err); f != nil && f.Code != "" {
		return f // it has a name that clients know
	} else if f != nil {
		return inputf("%s", strings.TrimSuffix(f.Msg, "."))
	}
	return inputf("%s", err.Error())
}

func wrongType(raw []byte, want string) error {
	e := inputf("%s is not of type '%s'", describe(raw), want)
	e.fact, e.got = factOf(want), spoken(raw)
	return e
}

// factOf is what is wrong with a value that should be of a JSON type.
func factOf(want string) InputFact {
	switch want {
	case "string":
		return WrongString
	case "boolean":
		return WrongBool
	case "integer":
		return WrongInt
	}
	return WrongInput
}

// spoken is a value as OpenStack's messages show it, shortened.
func spoken(raw []byte) string {
	switch raw[0] {
	case '"':
		return shorten(unquote(raw))
	case 'n':
		return "None"
	case 't':
		return "True"
	case 'f':
		return "False"
	}
	return shorten(string(raw))
}

// noNull refuses null for a value of type t.
func noNull(t reflect.Type) error {
	e := inputf("null is not allowed")
	e.got = "None"
	switch t.Kind() {
	case reflect.String:
		e.fact = WrongString
	case reflect.Bool:
		e.fact = WrongBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		e.fact = WrongInt
	}
	return e
}

// describe shows a wrong value if it is short, else its type.
func describe(raw []byte) string {
	if len(raw) <= 64 && raw[0] != '{' && raw[0] != '[' {
		return string(raw)
	}
	return "a value of type " + kindOf(raw)
}

func notNull(r *rules, next reader) reader {
	return func(raw []byte, v reflect.Value) error {
		if raw[0] == 'n' {
			if r.nullable {
				v.SetZero()
				return nil
			}
			return noNull(v.Type())
		}
		return next(raw, v)
	}
}

func optReader(next reader, r *rules) reader {
	return func(raw []byte, v reflect.Value) error {
		v.Field(0).SetBool(true)
		if raw[0] == 'n' {
			if !r.nullable {
				return noNull(v.Field(2).Type())
			}
			v.Field(1).SetBool(true)
			return nil
		}
		return next(raw, v.Field(2))
	}
}

func pointerReader(t reflect.Type, next reader, r *rules) reader {
	return func(raw []byte, v reflect.Value) error {
		if raw[0] == 'n' {
			if !r.nullable {
				return inputf("null is not allowed")
			}
			v.SetZero()
			return nil
		}
		p := reflect.New(t.Elem())
		v.Set(p)
		return next(raw, p.Elem())
	}
}

func readAny(raw []byte, v reflect.Value) error {
	if v.NumMethod() > 0 {
		return inputf("cannot be read")
	}
	var x any
	if err := json.Unmarshal(raw, &x); err != nil {
		return inputf("%v", err)
	}
	if x == nil {
		v.SetZero()
		return nil
	}
	v.Set(reflect.ValueOf(x))
	return nil
}

func readTime(raw []byte, v reflect.Value) error {
	if raw[0] != '"' {
		return wrongType(raw, "string")
	}
	t, err := parseTime(unquote(raw))
	if err != nil {
		return err
	}
	v.Set(reflect.ValueOf(t))
	return nil
}

// parseTime reads the ISO 8601 forms OpenStack's clients send; without a zone it is UTC.
func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00",
		"2006-01-02 15:04:05",
		"2006-01-02T15:04:05-0700", "2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, inputf("%s is not a date-time", quoted(s))
}

func readBytes(raw []byte, v reflect.Value) error {
	if raw[0] != '"' {
		return wrongType(raw, "string")
	}
	var b []byte
	if err := json.Unmarshal(raw, &b); err != nil {
		return inputf("is not base64")
	}
	v.SetBytes(b)
	return nil
}

func stringReader(r *rules, strip bool) reader {
	return func(raw []byte, v reflect.Value) error {
		var s string
		switch {
		case raw[0] == '"':
			s = unquote(raw)
		case r.intish && integer(raw):
			s = string(raw)
		default:
			return wrongType(raw, "string")
		}
		if strip {
			s = strings.TrimSpace(s)
		}
		if why := r.checkText(s); why != "" {
			return inputf("%s", why)
		}
		v.SetString(s)
		return nil
	}
}

func boolReader(r *rules) reader {
	return func(raw []byte, v reflect.Value) error {
		switch {
		case raw[0] == 't' || raw[0] == 'f':
			v.SetBool(raw[0] == 't')
			return nil
		case r.exact:
			if b, ok := boolWords[unquoted(raw)]; ok {
				v.SetBool(b)
				return nil
			}
		case r.boolish:
			s := string(raw)
			if raw[0] == '"' {
				s = unquote(raw)
			}
			if b, ok := parseBool(s); ok {
				v.SetBool(b)
				return nil
			}
		}
		return wrongType(raw, "boolean")
	}
}

// unquoted is a string's text; of anything else nothing.
func unquoted(raw []byte) string {
	if raw[0] != '"' {
		return ""
	}
	return unquote(raw)
}

func integer(raw []byte) bool {
	for i, c := range raw {
		if !(c >= '0' && c <= '9' || i == 0 && c == '-' && len(raw) > 1) {
			return false
		}
	}
	return len(raw) > 0
}

// number is the text of a number, taken out of a string where the rules are lax.
func number(raw []byte, r *rules) []byte {
	if raw[0] == '"' && r.exact {
		return []byte(unquote(raw))
	}
	if raw[0] == '"' && r.intish {
		return []byte(strings.TrimSpace(unquote(raw)))
	}
	return raw
}

func intReader(r *rules) reader {
	return func(raw []byte, v reflect.Value) error {
		text := number(raw, r)
		if !integer(text) {
			return wrongType(raw, "integer")
		}
		n, err := strconv.ParseInt(string(text), 10, 64)
		if err != nil || v.OverflowInt(n) {
			return inputf("%s is out of range", describe(raw))
		}
		if why := r.checkNumber(float64(n)); why != "" {
			return inputf("%s", why)
		}
		v.SetInt(n)
		return nil
	}
}

func uintReader(r *rules) reader {
	return func(raw []byte, v reflect.Value) error {
		text := number(raw, r)
		if !integer(text) {
			return wrongType(raw, "integer")
		}
		n, err := strconv.ParseUint(string(text), 10, 64)
		if err != nil || v.OverflowUint(n) {
			return inputf("%s is out of range", describe(raw))
		}
		if why := r.checkNumber(float64(n)); why != "" {
			return inputf("%s", why)
		}
		v.SetUint(n)
		return nil
	}
}

func floatReader(r *rules) reader {
	return func(raw []byte, v reflect.Value) error {
		text := string(number(raw, r))
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) || strings.ContainsAny(text, "xX_") {
			return wrongType(raw, "number")
		}
		if why := r.checkNumber(f); why != "" {
			return inputf("%s", why)
		}
		v.SetFloat(f)
		return nil
	}
}

// ParseTime reads the date-times that OpenStack's clients send, as UTC.
func ParseTime(s string) (time.Time, error) {
	t, err := parseTime(s)
	return t, refused(err)
}
