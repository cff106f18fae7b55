package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"time"

	"hypernova/oslo/conns"
	"hypernova/oslo/fault"
	"hypernova/oslo/policy"
)

// choose picks the operation of a route by version and, among actions, by the body's member.
func (c *call) choose(ops []*bound) error {
	if ops[0].def.action != "" {
		return c.chooseAction(ops)
	}
	for _, b := range ops {
		if b.def.span.contains(c.r.Version) {
			c.op = b
			return nil
		}
	}
	return fault.NotFoundf("The resource could not be found.")
}

func (c *call) chooseAction(ops []*bound) error {
	c.op = &bound{def: &opDef{opts: ops[0].def.opts}}
	body, err := c.body()
	if err != nil {
		return err
	}
	if len(body) == 0 || body[0] != '{' {
		return fault.Invalidf("Malformed request body: the body must be an object with one action.")
	}
	name, n := "", 0
	err = members(body, func(k string, v []byte) error {
		name, c.action = k, v
		n++
		return nil
	})
	if err != nil {
		return refused(err)
	}
	if n != 1 {
		return fault.Invalidf("Malformed request body: the body must have exactly one action, it has %d members.", n)
	}
	known := false
	for _, b := range ops {
		if b.def.action != name {
			continue
		}
		known = true
		if b.def.span.contains(c.r.Version) {
			c.op = b
			return nil
		}
	}
	if known {
		return fault.NotFoundf("The resource could not be found.")
	}
	return fault.Invalidf("There is no such action: %s", shorten(name))
}

func shorten(s string) string { q := quoted(s); return q[1 : len(q)-1] }

// media checks the request's content type. A request without one is accepted.
func (c *call) media() error {
	given := c.r.HTTP.Header.Get("Content-Type")
	if given == "" {
		return nil
	}
	accepted := c.op.def.opts.media
	if len(accepted) == 0 {
		if c.op.def.kind == "raw" {
			return nil
		}
		accepted = []string{"application/json"}
	}
	t, _, err := mime.ParseMediaType(given)
	if err == nil && oneOf(accepted, strings.ToLower(t)) {
		return nil
	}
	return WithStatus(c.s.c.Dialect.MediaStatus(), fault.Invalidf("The content type %s is not supported, use %s.",
		shorten(given), strings.Join(accepted, " or ")))
}

// bodyWithin bounds the time for a request body, except image data.
const bodyWithin = 60 * time.Second

// body reads and checks the whole request body; empty is not an error here.
func (c *call) body() ([]byte, error) {
	limit := c.op.def.maxBody
	if limit == 0 {
		limit = c.s.c.MaxBody
	}
	if c.r.HTTP.ContentLength > limit {
		return nil, fault.New(fault.TooLarge, "The request body is larger than %d bytes.", limit)
	}
	conns.Whole(c.r.HTTP, bodyWithin)
	b, err := io.ReadAll(io.LimitReader(c.r.HTTP.Body, limit+1))
	if errors.Is(err, conns.ErrSlow) {
		return nil, WithStatus(http.StatusRequestTimeout,
			fault.Invalidf("The request body did not come in time.").Because(err))
	}
	if err != nil {
		return nil, fault.Invalidf("The request body ended too early.").Because(err)
	}
	if int64(len(b)) > limit {
		return nil, fault.New(fault.TooLarge, "The request body is larger than %d bytes.", limit)
	}
	b = b[skipSpace(b, 0):]
	if len(b) == 0 {
		return nil, nil
	}
	if err := c.media(); err != nil {
		return nil, err
	}
	return b, refused(checkJSON(b))
}

// envelope names the member around the body; empty: none.
func (d *opDef) envelopeIn() string {
	if d.envInSet {
		return d.envIn
	}
	return d.resource
}

func (d *opDef) envelopeOut() string {
	if d.envOutSet {
		return d.envOut
	}
	return d.resource
}

// decode fills in, a pointer to the declared input type, from the body, and the query where the operation declares one.
func (c *call) decode(in any) error {
	d := c.op.def
	if d.query != nil && queryMethod(d.method) && d.opts.query == nil {
		return c.decodeQuery(in, d.query)
	}
	if d.opts.query != nil {
		q := reflect.New(d.opts.query)
		if err := c.decodeQuery(q.Interface(), d.opts.query); err != nil {
			return err
		}
		c.r.query = q.Interface()
	}
	if d.in == nil {
		return nil
	}
	body, err := c.body()
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return fault.Invalidf("The request has no body.")
	}
	if name := d.envelopeIn(); name != "" {
		if body, err = unwrap(body, name, c.s.c.Relaxed); err != nil {
			return refused(err)
		}
	}
	c.hollow = d.opts.nonEmpty && body[0] == '{' && body[skipSpace(body, 1)] == '}'
	return c.read(body, in)
}

func (c *call) read(raw []byte, in any) error {
	v := reflect.ValueOf(in).Elem()
	err := c.s.readers.of(v.Type(), c.r.Version)(raw, v)
	if name := c.op.def.envelopeIn(); name != "" && c.op.def.action == "" {
		var e *inputError
		if errors.As(err, &e) {
			err = within(err, name)
		}
	}
	return refused(err)
}

// unwrap takes the value of the one member name; relaxed passes over others.
func unwrap(body []byte, name string, relaxed bool) ([]byte, error) {
	if body[0] != '{' {
		return nil, wrongType(body, "object")
	}
	var inside []byte
	err := members(body, func(k string, v []byte) error {
		switch {
		case k != name && relaxed:
			return nil
		case k != name:
			return within(inputf("the member is not known here"), k)
		case inside != nil:
			return within(inputf("the member is there twice"), k)
		}
		inside = v
		return nil
	})
	if err == nil && inside == nil {
		return nil, within(inputf("the member is required"), name)
	}
	return inside, err
}

func (c *call) decodeAction(in any) error {
	d := c.op.def
	if d.in == nil {
		return nil
	}
	v := reflect.ValueOf(in).Elem()
	if isOpt(v.Type()) && c.action[0] == 'n' { // an action whose body may be left out, as null
		v.Field(0).SetBool(true)
		v.Field(1).SetBool(true)
		return nil
	}
	err := c.s.readers.of(v.Type(), c.r.Version)(c.action, v)
	return refused(within(err, d.action))
}

// item is one element of a bulk body: the thing itself, or the thing in the envelope of a single one.
func item(raw []byte, envelope string) []byte {
	if raw[0] != '{' {
		return raw
	}
	inside := raw
	err := members(raw, func(k string, v []byte) error {
		if k == envelope {
			inside = v
		}
		return nil
	})
	if err != nil {
		return raw // what is wrong with it is said where it is read
	}
	return inside
}

// decodeBulk reads {"name": {…}} or {"plural": […]}, whose elements may have the envelope of a single one.
func (c *call) decodeBulk(t reflect.Type, next func() any) (many bool, err error) {
	d := c.op.def
	body, err := c.body()
	if err != nil {
		return false, err
	}
	if len(body) == 0 || body[0] != '{' {
		return false, fault.Invalidf("The request has no body.")
	}
	inside, err := unwrap(body, d.plural, false)
	if err != nil {
		if inside, err = unwrap(body, d.envelopeIn(), c.s.c.Relaxed); err != nil {
			return false, refused(err)
		}
		return false, c.read(inside, next())
	}
	if inside[0] != '[' {
		return true, refused(within(wrongType(inside, "array"), d.plural))
	}
	n := 0
	err = elements(inside, func(_ int, raw []byte) error { n++; return c.read(item(raw, d.envelopeIn()), next()) })
	if err == nil && n == 0 {
		err = inputf("the list %s is empty", d.plural)
	}
	return true, refused(err)
}

// strict reports whether unknown query parameters are refused.
func (c *call) strict() bool {
	d := c.op.def
	from := d.strictFrom
	if from == (Version{}) && d.method != http.MethodDelete && queryMethod(d.method) {
		from = c.s.c.StrictFrom
	}
	late := from != Version{} && !c.r.Version.Less(from)
	return (c.s.c.StrictQuery || d.strictQuery || late) && !d.looseQuery
}

// unknownQuery refuses parameters of an operation that declares none, where the API's versions make them strict.
func (c *call) unknownQuery() error {
	d := c.op.def
	if c.s.c.StrictFrom == (Version{}) || d.query != nil || d.opts.query != nil || !c.strict() {
		return nil
	}
	return refused(new(queryPlan).read(c.r.HTTP.URL.Query(), reflect.Value{}, true, c.r.Version))
}

// decodeQuery fills q, a pointer to a struct of type t.
func (c *call) decodeQuery(q any, t reflect.Type) error {
	if t == nil {
		return nil
	}
	v := reflect.ValueOf(q).Elem()
	values := c.r.HTTP.URL.Query()
	if c.s.c.FieldSelection {
		values.Del("fields")
	}
	if c.s.c.Exacting {
		for name, vs := range values {
			if len(vs) > 1 && !c.s.queries.of(t, c.r.Version).several(name) {
				values[name] = vs[:1]
			}
		}
	}
	plan := c.s.queries.of(t, c.r.Version)
	if err := plan.read(values, v, c.strict(), c.r.Version); err != nil {
		return refused(err)
	}
	if w, asked := paged(v); w != nil {
		_, versioned := plan.fields["limit"]
		return c.s.c.settle(w, asked, versioned)
	}
	return nil
}

// authorize checks the operation's rule on the target; nil is the caller's own.
func (c *call) authorize(target policy.Target) error {
	d := c.op.def
	if d.rule == nil {
		return nil
	}
	v := c.r.verdict(d.rule, target)
	if v.Allowed {
		return nil
	}
	err := refusal(d.rule, c.r.Caller, v)
	if d.hidden && target != nil {
		return fault.NotFoundf("The resource could not be found.").Because(err)
	}
	return err
}

// view borrows a buffer for one document.
func (c *call) view() *view {
	e, _ := c.s.views.pool.Get().(*view)
	if e == nil {
		e = &view{}
	}
	*e = view{buf: e.buf[:0], w: &c.s.views, v: c.r.Version}
	if c.s.c.Policy != nil {
		e.allow = c.r.allowField
	}
	return e
}

// keptBuffer bounds the buffers that the pool keeps after a large list.
const keptBuffer = 4 << 20

func (c *call) release(e *view) {
	if cap(e.buf) > keptBuffer {
		return
	}
	e.allow = nil
	c.s.views.pool.Put(e)
}

// reply writes a single view; out points to it.
func (c *call) reply(out any) error {
	d := c.op.def
	if d.out == nil {
		return c.empty()
	}
	e := c.view()
	defer c.release(e)
	name := d.envelopeOut()
	if name != "" {
		e.buf = append(e.buf, '{')
		e.buf = appendString(e.buf, name)
		e.buf = append(e.buf, ':')
	}
	v := reflect.ValueOf(out).Elem()
	e.keep = c.selection()
	c.s.views.of(v.Type(), c.r.Version)(e, v)
	if name != "" {
		e.buf = append(e.buf, '}')
	}
	return c.send(e)
}

func (c *call) send(e *view) error {
	if e.err != nil {
		return e.err
	}
	h := c.headers()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", itoa(len(e.buf)))
	c.w.WriteHeader(c.success())
	if c.r.HTTP.Method == http.MethodHead {
		return nil
	}
	_, err := c.w.Write(e.buf)
	return gone(err)
}

func (c *call) empty() error {
	h := c.headers()
	status := c.success()
	if status != http.StatusNoContent {
		h.Set("Content-Length", "0")
		if _, said := h["Content-Type"]; !said && !c.s.c.Exacting {
			h.Set("Content-Type", "application/json")
		}
	}
	c.w.WriteHeader(status)
	return nil
}

func (c *call) headers() http.Header {
	h := c.w.Header()
	for k, v := range c.r.header {
		h[k] = v
	}
	return h
}

func (c *call) success() int {
	if c.r.status != 0 {
		return c.r.status
	}
	return c.op.def.status
}
