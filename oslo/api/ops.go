package api

import (
	"context"
	"net/http"
	"reflect"

	"hypernova/oslo/fault"
	"hypernova/oslo/policy"
)

// Do declares an operation without a loaded target. pattern is "METHOD /path/{param}" relative to the API's base. In
// is the body; of GET, HEAD and DELETE it is the query string. If In is a Targeter the policy is checked on its
// target, as for a create in another domain than the caller's.
func Do[A, In, Out any](pattern string, rule *policy.Rule, status int, h func(A, context.Context, *Request,
	*In) (Out, error), o ...Option) Op[A] {
	d := define("do", pattern, rule, status, o)
	inOut[In, Out](d)
	return Op[A]{d, func(a A, c *call) error {
		in := new(In)
		if c.s.c.Exacting {
			if err := c.authorize(nil); err != nil {
				return err
			}
		}
		if err := c.decode(in); err != nil {
			return err
		}
		var target policy.Target
		if g, ok := any(in).(Targeter); ok {
			target = g.PolicyTarget()
		}
		if err := c.authorize(target); err != nil {
			return err
		}
		out, err := h(a, c.ctx, c.r, in)
		if err != nil {
			return err
		}
		return c.reply(&out)
	}}
}

// On declares an operation on a loaded target: load (NotFound is 404), then the policy on the target, then h.
func On[A, T, In, Out any](pattern string, rule *policy.Rule, status int, load func(A, context.Context, *Request) (T,
	error), h func(A, context.Context, *Request, T, *In) (Out, error), o ...Option) Op[A] {
	d := define("on", pattern, rule, status, o)
	inOut[In, Out](d)
	return Op[A]{d, func(a A, c *call) error {
		in := new(In)
		if !c.s.c.Exacting {
			if err := c.decode(in); err != nil {
				return err
			}
		}
		t, err := loadTarget(a, c, load)
		if err != nil {
			return err
		}
		if c.s.c.Exacting {
			if err := c.decode(in); err != nil {
				return err
			}
		}
		if c.hollow {
			return refused(within(inputf("at least one member is required"), d.envelopeIn()))
		}
		out, err := h(a, c.ctx, c.r, t, in)
		if err != nil {
			return err
		}
		return c.reply(&out)
	}}
}

// Act declares POST <pattern> with a body {"name": In}; all Acts of one pattern share a route. Where In is None the
// member may be null, an object or anything else that clients put there.
func Act[A, T, In, Out any](pattern, name string, rule *policy.Rule, status int, load func(A, context.Context,
	*Request) (T, error), h func(A, context.Context, *Request, T, *In) (Out, error), o ...Option) Op[A] {
	d := define("act", pattern, rule, status, o)
	d.action = name
	inOut[In, Out](d)
	return Op[A]{d, func(a A, c *call) error {
		in := new(In)
		if err := c.decodeAction(in); err != nil {
			return err
		}
		t, err := loadTarget(a, c, load)
		if err != nil {
			return err
		}
		out, err := h(a, c.ctx, c.r, t, in)
		if err != nil {
			return err
		}
		return c.reply(&out)
	}}
}

// List declares a collection: Q is a struct of query parameters with wire tags; the answer is {"plural": [...]} with
// links in the service's form.
func List[A, Q, V any](pattern string, rule *policy.Rule, h func(A, context.Context, *Request,
	*Q) (Page[V], error), o ...Option) Op[A] {
	d := define("list", pattern, rule, http.StatusOK, o)
	d.query, d.out = typeOf[Q](), typeOf[V]()
	return Op[A]{d, func(a A, c *call) error {
		q := new(Q)
		if err := c.decodeQuery(q, d.query); err != nil {
			return err
		}
		if err := c.authorize(nil); err != nil {
			return err
		}
		page, err := h(a, c.ctx, c.r, q)
		if err != nil {
			return err
		}
		return c.replyPage(reflect.ValueOf(&page.Items).Elem(), page.neighbours(), page.Extra)
	}}
}

// ListOf is List below a loaded target, as the addresses of one server.
func ListOf[A, T, Q, V any](pattern string, rule *policy.Rule, load func(A, context.Context, *Request) (T, error),
	h func(A, context.Context, *Request, T, *Q) (Page[V], error), o ...Option) Op[A] {
	d := define("list", pattern, rule, http.StatusOK, o)
	d.query, d.out = typeOf[Q](), typeOf[V]()
	return Op[A]{d, func(a A, c *call) error {
		q := new(Q)
		if err := c.decodeQuery(q, d.query); err != nil {
			return err
		}
		t, err := loadTarget(a, c, load)
		if err != nil {
			return err
		}
		page, err := h(a, c.ctx, c.r, t, q)
		if err != nil {
			return err
		}
		return c.replyPage(reflect.ValueOf(&page.Items).Elem(), page.neighbours(), page.Extra)
	}}
}

// Raw declares an operation that reads and writes the HTTP streams itself (image data, console). Authentication,
// policy, request id and errors are as for other operations: an error returned before the first byte is written is
// answered in the dialect. If nothing is written the status is 204.
func Raw[A, T any](pattern string, rule *policy.Rule, load func(A, context.Context,
	*Request) (T, error), h func(A, context.Context, *Request, T, http.ResponseWriter) error, o ...Option) Op[A] {
	d := define("raw", pattern, rule, http.StatusNoContent, o)
	return Op[A]{d, func(a A, c *call) error {
		if err := c.media(); err != nil {
			return err
		}
		t, err := loadTarget(a, c, load)
		if err != nil {
			return err
		}
		if err := h(a, c.ctx, c.r, t, c.w); err != nil || c.w.status != 0 {
			return err
		}
		return c.empty()
	}}
}

// Bulk declares a create that takes one thing {"port": {…}} or several {"ports": […]} and answers in the same form.
func Bulk[A, In, Out any](pattern string, rule *policy.Rule, status int, h func(A, context.Context, *Request,
	[]*In) ([]Out, error), o ...Option) Op[A] {
	d := define("bulk", pattern, rule, status, o)
	inOut[In, Out](d)
	return Op[A]{d, func(a A, c *call) error {
		var ins []*In
		many, err := c.decodeBulk(d.in, func() any { in := new(In); ins = append(ins, in); return in })
		if err != nil {
			return err
		}
		if err := c.authorize(nil); err != nil {
			return err
		}
		outs, err := h(a, c.ctx, c.r, ins)
		if err != nil {
			return err
		}
		if many {
			return c.replyPage(reflect.ValueOf(&outs).Elem(), neighbours{}, nil)
		}
		if len(outs) != 1 {
			return fault.New(fault.Internal, "%d views of one thing", len(outs))
		}
		return c.reply(&outs[0])
	}}
}

func inOut[In, Out any](d *opDef) {
	d.in, d.out = typeOf[In](), typeOf[Out]()
	if queryMethod(d.method) {
		d.query, d.in = d.in, nil
		if d.query == nil {
			d.query = d.opts.query
		}
		return
	}
	d.query = d.opts.query
}

// Nothing is the load function of an operation without a target: the policy is checked on the caller's own ids.
func Nothing[A any](A, context.Context, *Request) (None, error) { return None{}, nil }

func loadTarget[A, T any](a A, c *call, load loader[A, T]) (T, error) {
	t, err := load(a, c.ctx, c.r)
	if err != nil {
		if c.s.c.MissingRefused && !c.op.def.opts.missingShown && fault.KindOf(err) == fault.NotFound {
			if refused := c.authorize(policy.Target{}); refused != nil {
				return t, refused
			}
		}
		return t, err
	}
	if g, ok := any(t).(Targeter); ok {
		c.r.target = g.PolicyTarget()
	} else if g, ok := any(&t).(Targeter); ok {
		c.r.target = g.PolicyTarget()
	}
	return t, c.authorize(c.r.target)
}
