package api

import (
	"context"
	"encoding/json"
	"mime"
	"reflect"

	"hypernova/oslo/fault"
	"hypernova/oslo/policy"
)

// The media types of glance's two forms of a JSON patch.
const (
	patchMedia = "application/openstack-images-v2.1-json-patch"
	patchOlder = "application/openstack-images-v2.0-json-patch"
)

// PatchOp is one operation of a JSON patch, as sent; the handler gives it meaning.
type PatchOp struct {
	Op    string          `wire:"op" is:"required,enum=add|replace|remove"`
	Path  string          `wire:"path" is:"required,minlen=1,maxlen=1024"`
	Value json.RawMessage `wire:"value"`
}

// olderOp is the form of patchOlder: the operation is the name of the member that has the path.
type olderOp struct {
	Add     string          `wire:"add" is:"minlen=1,maxlen=1024"`
	Replace string          `wire:"replace" is:"minlen=1,maxlen=1024"`
	Remove  string          `wire:"remove" is:"minlen=1,maxlen=1024"`
	Value   json.RawMessage `wire:"value"`
}

func (o olderOp) modern() (PatchOp, error) {
	var out PatchOp
	for op, path := range map[string]string{"add": o.Add, "replace": o.Replace, "remove": o.Remove} {
		if path == "" {
			continue
		}
		if out.Op != "" {
			return out, fault.Invalidf("An operation has one of add, remove and replace, not several.")
		}
		out = PatchOp{op, path, o.Value}
	}
	if out.Op == "" {
		return out, fault.Invalidf("An operation has a member add, remove or replace.")
	}
	return out, nil
}

// Patch declares a JSON patch of a loaded target; the default media types are glance's.
func Patch[A, T, Out any](pattern string, rule *policy.Rule, status int, load func(A, context.Context, *Request) (T,
	error), h func(A, context.Context, *Request, T, []PatchOp) (Out, error), o ...Option) Op[A] {
	d := define("patch", pattern, rule, status, append([]Option{Media(patchMedia, patchOlder)}, o...))
	d.in, d.out = reflect.TypeFor[[]PatchOp](), typeOf[Out]()
	d.envIn, d.envInSet = "", true
	return Op[A]{d, func(a A, c *call) error {
		ops, err := c.patch()
		if err != nil {
			return err
		}
		t, err := loadTarget(a, c, load)
		if err != nil {
			return err
		}
		out, err := h(a, c.ctx, c.r, t, ops)
		if err != nil {
			return err
		}
		return c.reply(&out)
	}}
}

// patch reads either form.
func (c *call) patch() ([]PatchOp, error) {
	var ops []PatchOp
	if media, _, err := mime.ParseMediaType(c.r.HTTP.Header.Get("Content-Type")); err != nil || media != patchOlder {
		err := c.decode(&ops)
		return ops, err
	}
	var older []olderOp
	if err := c.decode(&older); err != nil {
		return nil, err
	}
	for _, o := range older {
		op, err := o.modern()
		if err != nil {
			return nil, err
		}
		ops = append(ops, op)
	}
	return ops, nil
}
