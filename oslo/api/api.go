// Package api declares HTTP APIs: resources are tables of operations, wire types are structs with tags, and
// everything else derives.
//
// The order of one request: request id → token → microversion → route → body → schema (400) → load target (404) →
// policy (403, or 404 where existence is secret) → handler → view. No handler fetches a token, decodes, checks policy
// or encodes by hand.
//
// Tags of wire types:
//
//	wire:"name"       the member; on an embedded struct without the tag its fields are flattened; "*" on a map with string keys catches
//	                  (in a view: adds) all other members
//	mv:"2.19-"        the microversions it exists in, comma-separated spans "2.1-2.56", "-2.56", "2.19-", "2.5"; outside it is unknown
//	is:"required,…"   checks, see validate.go
//	policy:"rule"     (views) shown only where the named rule allows
//	omit:"empty"      (views) left out when it is the zero value; an absent opt.Of is always left out
//	time:"micro"      (views) 2006-01-02T15:04:05.000000; "zmicro" the same with Z; the default is 2006-01-02T15:04:05Z
//	doc:"…"           a sentence for the described schema
//
// Two fields may share a wire name if their spans do not meet.
package api

import (
	"context"
	"net/http"
	"reflect"
	"strings"

	"hypernova/oslo/policy"
)

// None is the type of a body or view that is not there.
type None struct{}

// Op is one declared operation; its handler is a method of A.
type Op[A any] struct {
	def *opDef
	run func(a A, c *call) error
}

// Ops is the table of a resource.
type Ops[A any] []Op[A]

// Resource groups operations; Name is the envelope of one ("server"), Plural of a list ("servers").
type Resource[A any] struct {
	Name, Plural string
	Ops          Ops[A]
}

// Bound is a resource whose operations have their receiver.
type Bound = Resource[None]

// Bind gives the operations of the resources their receiver. A service of many resources has a small receiver for
// each of them; its handler is made of the results of Bind for all. Describe works with an empty receiver.
func Bind[A any](a A, rs ...Resource[A]) []Bound {
	out := make([]Bound, len(rs))
	for i, r := range rs {
		out[i] = Bound{Name: r.Name, Plural: r.Plural, Ops: make(Ops[None], len(r.Ops))}
		for j, op := range r.Ops {
			out[i].Ops[j] = Op[None]{op.def, func(_ None, c *call) error { return op.run(a, c) }}
		}
	}
	return out
}

// Targeter is implemented by loaded things whose policy target is their own project/user/domain.
// A loaded value that is not a Targeter is checked against the caller's own ids. A view that is a Targeter, or has a
// project_id or tenant_id member, has its policy-tagged fields decided on that target.
type Targeter interface{ PolicyTarget() policy.Target }

// Validator is implemented by wire types with rules that span several members. The error is a fault.Invalid, or any
// error whose text becomes one. It runs after all members were decoded and checked.
type Validator interface{ Validate(v Version) error }

// opDef is the part of an operation that needs no type parameter: what routing, description and the shared stages
// look at.
type opDef struct {
	opts
	method, path, action string
	kind                 string // do, on, list, act, raw, bulk, patch
	rule                 *policy.Rule
	status               int
	in, query, out       reflect.Type // nil: none
	resource, plural     string
}

// name is the operation in logs, metrics and messages.
func (d *opDef) name() string {
	if d.action != "" {
		return d.method + " " + d.path + " " + d.action
	}
	return d.method + " " + d.path
}

func define(kind, pattern string, rule *policy.Rule, status int, o []Option) *opDef {
	method, path, ok := strings.Cut(pattern, " ")
	if !ok || (path != "" && path[0] != '/') {
		panic("api: pattern " + pattern + " is not \"METHOD /path\"")
	}
	d := &opDef{method: method, path: path, kind: kind, rule: rule, status: status}
	for _, f := range o {
		f(&d.opts)
	}
	return d
}

func typeOf[T any]() reflect.Type {
	t := reflect.TypeFor[T]()
	if t == reflect.TypeFor[None]() {
		return nil
	}
	return t
}

// queryMethod reports methods whose input is the query string, not a body.
func queryMethod(m string) bool {
	return m == http.MethodGet || m == http.MethodHead || m == http.MethodDelete
}

// loader fetches the target of an operation from the path.
type loader[A, T any] = func(A, context.Context, *Request) (T, error)
