package api

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"hypernova/oslo/policy"
)

// view is one document being written.
type view struct {
	buf   []byte
	w     *writers
	v     Version
	allow func(rule string, t policy.Target) bool // nil: everything
	known map[verdictKey][]bool
	keep  map[string]bool // fields=…; nil: all; applies to items only

	err error
	aimed
}

// aimed is whose thing the guarded fields being written are about.
type aimed struct {
	target  policy.Target
	project string
	user    string
	named   bool // project and user name the target
}

// verdictKey is a plan's guarded fields for one owner.
type verdictKey struct {
	plan          *shown
	project, user string
	named         bool
}

// verdicts decides on the guarded fields of a plan, once per owner.
func (e *view) verdicts(plan []shown) []bool {
	key := verdictKey{&plan[0], e.project, e.user, e.named}
	if e.target == nil { // a Targeter's own facts are too rich to be a key
		if have, ok := e.known[key]; ok {
			return have
		}
	}
	t := e.target
	if e.named {
		t = policy.Target{"project_id": e.project, "tenant_id": e.project, "user_id": e.user}
	}
	out := make([]bool, len(plan))
	for i := range plan {
		out[i] = plan[i].policy == "" || e.allow(plan[i].policy, t)
	}
	if e.target == nil {
		if e.known == nil {
			e.known = map[verdictKey][]bool{}
		}
		e.known[key] = out
	}
	return out
}

// writer appends one value; v is addressable where that saves an allocation.
type writer func(e *view, v reflect.Value)

// writers is the cache of encoding plans, one per (type, time form, version).
type writers struct {
	mu    sync.Mutex
	plans sync.Map // writerKey → *writer
	pool  sync.Pool
}

type writerKey struct {
	t    reflect.Type
	form string
	v    Version
}

func (ws *writers) of(t reflect.Type, v Version) writer {
	return ws.formed(t, defaultTimeForm, v)
}

func (ws *writers) formed(t reflect.Type, form string, v Version) writer {
	if p, ok := ws.plans.Load(writerKey{t, form, v}); ok {
		return *p.(*writer)
	}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	b := &writerBuilder{ws: ws, v: v, building: map[writerKey]*writer{}}
	w := b.build(t, form)
	for k, p := range b.building {
		ws.plans.Store(k, p)
	}
	return w
}

type writerBuilder struct {
	ws       *writers
	v        Version
	building map[writerKey]*writer
}

func (b *writerBuilder) build(t reflect.Type, form string) writer {
	key := writerKey{t, form, b.v}
	if p, ok := b.ws.plans.Load(key); ok {
		return *p.(*writer)
	}
	if p, ok := b.building[key]; ok {
		return func(e *view, v reflect.Value) { (*p)(e, v) }
	}
	p := new(writer)
	b.building[key] = p
	*p = b.make(t, form)
	return *p
}

func (b *writerBuilder) make(t reflect.Type, form string) writer {
	switch {
	case t == rawType:
		return writeRaw
	case isOpt(t):
		next := b.build(t.Field(2).Type, form)
		return func(e *view, v reflect.Value) {
			if !v.Field(0).Bool() || v.Field(1).Bool() {
				e.null()
				return
			}
			next(e, v.Field(2))
		}
	case t == timeType:
		return timeWriter(form)
	case t.Kind() == reflect.Interface:
		return writeAny
	case t.Kind() == reflect.Pointer:
		next := b.build(t.Elem(), form)
		return func(e *view, v reflect.Value) {
			if v.IsNil() {
				e.null()
				return
			}
			next(e, v.Elem())
		}
	case t.Implements(jsonWriter):
		return writeMarshaler
	case t.Implements(textWriter):
		return writeText
	}
	return b.makeKind(t, form)
}

func (b *writerBuilder) makeKind(t reflect.Type, form string) writer {
	switch t.Kind() {
	case reflect.String:
		return func(e *view, v reflect.Value) { e.buf = appendString(e.buf, v.String()) }
	case reflect.Bool:
		return func(e *view, v reflect.Value) { e.bool(v.Bool()) }
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(e *view, v reflect.Value) { e.buf = appendInt(e.buf, v.Int()) }
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return func(e *view, v reflect.Value) { e.buf = appendUint(e.buf, v.Uint()) }
	case reflect.Float32, reflect.Float64:
		return func(e *view, v reflect.Value) { e.buf = appendFloat(e.buf, v.Float()) }
	case reflect.Slice, reflect.Array:
		if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 {
			return writeMarshaled // base64
		}
		next := b.build(t.Elem(), form)
		return func(e *view, v reflect.Value) {
			e.buf = append(e.buf, '[')
			for i := range v.Len() {
				if i > 0 {
					e.buf = append(e.buf, ',')
				}
				next(e, v.Index(i))
			}
			e.buf = append(e.buf, ']')
		}
	case reflect.Map:
		if t == textMapType {
			return writeTextMap
		}
		if t.ConvertibleTo(amountsType) {
			return writeAmounts
		}
		next := b.build(t.Elem(), form)
		return func(e *view, v reflect.Value) {
			e.buf = append(e.buf, '{')
			e.members(v, next, false)
			e.buf = append(e.buf, '}')
		}
	case reflect.Struct:
		return b.structWriter(t)
	}
	panic(fmt.Sprintf("api: %s cannot be encoded", t))
}

// writeTextMap is the map that most views have, without reflection.
func writeTextMap(e *view, v reflect.Value) {
	var m map[string]string
	if v.CanAddr() {
		m = *v.Addr().Interface().(*map[string]string)
	} else {
		m = v.Interface().(map[string]string)
	}
	writePairs(e, m, appendString)
}

// writeAmounts is a map of whole numbers, of which there are thousands in an answer about resources.
func writeAmounts(e *view, v reflect.Value) {
	writePairs(e, v.Convert(amountsType).Interface().(map[string]int64), appendInt)
}

func writePairs[T any](e *view, m map[string]T, write func([]byte, T) []byte) {
	var few [8]string
	keys := few[:0]
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	e.buf = append(e.buf, '{')
	for i, k := range keys {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.buf = appendString(e.buf, k)
		e.buf = append(e.buf, ':')
		e.buf = write(e.buf, m[k])
	}
	e.buf = append(e.buf, '}')
}

// entry is one member of a map that is being written.
type entry struct {
	name  string
	value reflect.Value
}

// members writes a map's members in the order of their names; comma tells whether something stands before.
func (e *view) members(m reflect.Value, next writer, comma bool) {
	var few [4]entry
	all := few[:0]
	if n := m.Len(); n > len(few) {
		all = make([]entry, 0, n)
	}
	key := reflect.New(m.Type().Key()).Elem()
	for it := m.MapRange(); it.Next(); {
		key.SetIterKey(it)
		all = append(all, entry{key.String(), it.Value()})
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	for _, x := range all {
		if comma {
			e.buf = append(e.buf, ',')
		}
		comma = true
		e.buf = appendString(e.buf, x.name)
		e.buf = append(e.buf, ':')
		next(e, x.value)
	}
}

// shown is one field of a struct's encoding plan.
type shown struct {
	name, policy string
	key          []byte // "name":
	index        []int
	flat         int // index where the path has one step, else -1
	write        writer
	omitEmpty    bool
	optional     bool
	rest         bool
}

func (s *shown) value(v reflect.Value) reflect.Value {
	if s.flat >= 0 {
		return v.Field(s.flat)
	}
	return v.FieldByIndex(s.index)
}

func (b *writerBuilder) structWriter(t reflect.Type) writer {
	var plan []shown
	project, user := []int(nil), []int(nil)
	guarded := false
	for _, f := range fieldsOf(t) {
		if f.typ.Kind() == reflect.String && (f.wire == "project_id" || f.wire == "tenant_id") && project == nil {
			project = f.index
		}
		if f.typ.Kind() == reflect.String && f.wire == "user_id" {
			user = f.index
		}
		if !f.spans.contains(b.v) {
			continue
		}
		s := shown{name: f.wire, policy: f.policy, index: f.index, flat: -1, omitEmpty: f.omitEmpty, optional: isOpt(f.typ),
			rest: f.rest}
		if len(f.index) == 1 {
			s.flat = f.index[0]
		}
		s.key = append(appendString(nil, f.wire), ':')
		if f.rest {
			s.write = b.build(f.typ.Elem(), f.timeLayout)
		} else {
			s.write = b.build(f.typ, f.timeLayout)
		}
		guarded = guarded || f.policy != ""
		plan = append(plan, s)
	}
	targeter := t.Implements(targeterType)
	byPointer := !targeter && reflect.PointerTo(t).Implements(targeterType)
	return func(e *view, v reflect.Value) {
		outer := e.aimed
		var allowed []bool
		if guarded && e.allow != nil {
			e.aim(v, targeter, byPointer, project, user)
			allowed = e.verdicts(plan)
		}
		keep := e.keep
		e.keep = nil // selection is for items, not for what they contain
		e.buf = append(e.buf, '{')
		comma := false
		for i := range plan {
			s := &plan[i]
			if keep != nil && !s.rest && !keep[s.name] || allowed != nil && !allowed[i] {
				continue
			}
			f := s.value(v)
			if s.rest {
				n := len(e.buf)
				e.rest(f, s.write, comma, keep)
				comma = comma || len(e.buf) > n
				continue
			}
			if s.optional && !f.Field(0).Bool() || s.omitEmpty && emptyValue(f) {
				continue
			}
			if comma {
				e.buf = append(e.buf, ',')
			}
			comma = true
			e.buf = append(e.buf, s.key...)
			s.write(e, f)
		}
		e.buf = append(e.buf, '}')
		e.keep, e.aimed = keep, outer
	}
}

func (e *view) rest(m reflect.Value, next writer, comma bool, keep map[string]bool) {
	if keep == nil {
		e.members(m, next, comma)
		return
	}
	some := reflect.MakeMap(m.Type())
	for _, k := range m.MapKeys() {
		if keep[k.String()] {
			some.SetMapIndex(k, m.MapIndex(k))
		}
	}
	e.members(some, next, comma)
}

// aim finds whose thing the guarded fields of v are about.
func (e *view) aim(v reflect.Value, targeter, byPointer bool, project, user []int) {
	e.aimed = aimed{}
	switch {
	case targeter:
		e.target = v.Interface().(Targeter).PolicyTarget()
	case byPointer && v.CanAddr():
		e.target = v.Addr().Interface().(Targeter).PolicyTarget()
	case project != nil:
		e.named, e.project = true, v.FieldByIndex(project).String()
		if user != nil {
			e.user = v.FieldByIndex(user).String()
		}
	}
}

func emptyValue(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	}
	return v.IsZero()
}

func (e *view) null() { e.buf = append(e.buf, "null"...) }

func (e *view) bool(b bool) {
	if b {
		e.buf = append(e.buf, "true"...)
	} else {
		e.buf = append(e.buf, "false"...)
	}
}

func writeRaw(e *view, v reflect.Value) {
	if v.Len() == 0 {
		e.null()
		return
	}
	e.buf = append(e.buf, v.Bytes()...)
}

// timeWriter writes an instant in UTC; the zero time is null.
func timeWriter(layout string) writer {
	return func(e *view, v reflect.Value) {
		var t time.Time
		if v.CanAddr() {
			t = *v.Addr().Interface().(*time.Time)
		} else {
			t = v.Interface().(time.Time)
		}
		if t.IsZero() {
			e.null()
			return
		}
		e.buf = append(e.buf, '"')
		e.buf = t.UTC().AppendFormat(e.buf, layout)
		e.buf = append(e.buf, '"')
	}
}

func writeAny(e *view, v reflect.Value) {
	if v.IsNil() {
		e.null()
		return
	}
	switch x := v.Interface().(type) {
	case string:
		e.buf = appendString(e.buf, x)
	case bool:
		e.bool(x)
	case int:
		e.buf = appendInt(e.buf, int64(x))
	default:
		e.value(v.Elem())
	}
}

// value writes a value whose type is known only now.
func (e *view) value(v reflect.Value) {
	t := v.Type()
	if p, ok := e.w.plans.Load(writerKey{t, defaultTimeForm, e.v}); ok {
		(*p.(*writer))(e, v)
		return
	}
	if t.Kind() == reflect.Struct && t != timeType && !isOpt(t) && !t.Implements(jsonWriter) && len(fieldsOf(t)) == 0 {
		writeMarshaled(e, v) // a struct without wire tags: encoding/json's view of it
		return
	}
	e.w.of(t, e.v)(e, v)
}

func writeMarshaler(e *view, v reflect.Value) {
	if v.Kind() == reflect.Pointer && v.IsNil() {
		e.null()
		return
	}
	b, err := v.Interface().(json.Marshaler).MarshalJSON()
	e.piece(b, err)
}

func writeMarshaled(e *view, v reflect.Value) {
	b, err := json.Marshal(v.Interface())
	e.piece(b, err)
}

func (e *view) piece(b []byte, err error) {
	if err != nil {
		e.err = err
		e.null()
		return
	}
	e.buf = append(e.buf, b...)
}

func writeText(e *view, v reflect.Value) {
	b, err := v.Interface().(encoding.TextMarshaler).MarshalText()
	if err != nil {
		e.err = err
		e.null()
		return
	}
	e.buf = appendString(e.buf, string(b))
}

const hexDigits = "0123456789abcdef"

// appendString writes a JSON string: only what must be escaped is, wrong UTF-8 becomes U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= 0x20 && c != '"' && c != '\\' {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			b = append(b, s[start:i]...)
			b = append(b, "\uFFFD"...)
			start = i + size
		}
		i += size
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
