// Package api declares HTTP APIs. (CONTRACT SKELETON: owner replaces bodies, keeps signatures.)
package api

import (
	"context"
	"net/http"

	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
	"hypernova/oslo/policy"
)

// None is the type of a body or view that is not there.
type None struct{}

// Op is one declared operation; its handler is a method of A.
type Op[A any] struct{ _ A }

// Ops is the table of a resource.
type Ops[A any] []Op[A]

// Resource groups operations; Name is the envelope of one ("server"), Plural of a list ("servers").
type Resource[A any] struct {
	Name, Plural string
	Ops          Ops[A]
}

// Version is a microversion; the zero Version is "none" (APIs without microversions).
type Version struct{ Major, Minor int }

// Request is what a handler knows besides its decoded body.
type Request struct {
	ID      string
	Caller  *auth.Caller // nil only on NoAuth operations without a token
	Version Version
	HTTP    *http.Request
}

func (r *Request) Param(name string) string            { panic("x") } // path parameter
func (r *Request) AtLeast(minor int) bool              { panic("x") } // microversion comparison
func (r *Request) SetHeader(k, v string)               { panic("x") } // response header
func (r *Request) SetStatus(status int)                { panic("x") } // another success status than declared
func (r *Request) URL(path string, args ...any) string { panic("x") } // absolute link below the API's base, honouring X-Forwarded-* / configured endpoint
// Allowed asks the policy about a further rule; Require is the same as a Forbidden fault. target may be nil: the caller's own project.
func (r *Request) Allowed(rule *policy.Rule, target policy.Target) bool  { panic("x") }
func (r *Request) Require(rule *policy.Rule, target policy.Target) error { panic("x") }

// Targeter is implemented by loaded things whose policy target is their own project/user/domain.
// A loaded value that is not a Targeter is checked against the caller's own ids.
type Targeter interface{ PolicyTarget() policy.Target }

// Option adjusts an operation: Span, Envelope, Bare, NoAuth, Hidden, MaxBody, Media, Query.
type Option func(*opts)
type opts struct{}

func Span(mv string) Option          { panic("x") } // microversions the op exists in, "2.26-", "2.1-2.35"; outside: 404
func Envelope(name string) Option    { panic("x") } // body and view wrapped in this member instead of the resource's
func EnvelopeIn(name string) Option  { panic("x") }
func EnvelopeOut(name string) Option { panic("x") }
func Bare() Option                   { panic("x") } // no envelope
func NoAuth() Option                 { panic("x") } // may be called without a token
func Hidden() Option                 { panic("x") } // a policy refusal on the loaded target answers 404, as where existence is secret
func MaxBody(n int64) Option         { panic("x") } // bytes; default 1 MiB... see Service.MaxBody
func Media(types ...string) Option   { panic("x") } // accepted request content types; default application/json

// Do declares an operation without a loaded target. pattern is "METHOD /path/{param}" relative to the API's base.
func Do[A, In, Out any](pattern string, rule *policy.Rule, status int, h func(A, context.Context, *Request, *In) (Out, error), o ...Option) Op[A] {
	panic("x")
}

// On declares an operation on a loaded target: load answers NotFound → 404, then the policy is asked about the target, then h runs.
func On[A, T, In, Out any](pattern string, rule *policy.Rule, status int, load func(A, context.Context, *Request) (T, error), h func(A, context.Context, *Request, T, *In) (Out, error), o ...Option) Op[A] {
	panic("x")
}

// List declares a collection: Q is a struct of query parameters with wire tags; the answer is {"plural": [...], "plural_links": [...]}.
func List[A, Q, V any](pattern string, rule *policy.Rule, h func(A, context.Context, *Request, *Q) (Page[V], error), o ...Option) Op[A] {
	panic("x")
}

// Page is one page of a list. Next is the marker of the following page, empty at the end; the kit writes links in the service's form.
type Page[V any] struct {
	Items []V
	Next  string
	Extra map[string]any // further top-level members, e.g. totals
}

// Act declares POST <pattern> with a body {"name": In}; all Acts of one pattern share a route. In may be opt-like: null body allowed when In is None.
func Act[A, T, In, Out any](pattern, name string, rule *policy.Rule, status int, load func(A, context.Context, *Request) (T, error), h func(A, context.Context, *Request, T, *In) (Out, error), o ...Option) Op[A] {
	panic("x")
}

// Raw declares an operation that reads and writes the HTTP streams itself (image data, console). Auth, policy, request id, errors stay the kit's.
func Raw[A, T any](pattern string, rule *policy.Rule, load func(A, context.Context, *Request) (T, error), h func(A, context.Context, *Request, T, http.ResponseWriter) error, o ...Option) Op[A] {
	panic("x")
}

// Dialect is a service's error shape.
type Dialect interface {
	// Write answers with the fault. status is already decided (kind map + dialect override).
	Write(w http.ResponseWriter, r *Request, status int, f *fault.Fault)
	// Status maps a kind to a status for this service.
	Status(k fault.Kind) int
}

// Nova, Keystone, Neutron, Placement, Glance are the dialects.
var Nova, Keystone, Neutron, Placement, Glance, Cinder Dialect

// Versions is a microversioned API's range and header forms.
type Versions struct {
	Service  string // "compute", "placement" in OpenStack-API-Version
	Legacy   string // "X-OpenStack-Nova-API-Version" or empty
	Min, Max Version
}

// Config assembles one service's handler.
type Config struct {
	Name          string // "nova", metrics and logs
	Base          string // "/v2.1", "/v3", "/v2", "/v2.0", "" ; an optional {project_id} segment is accepted where ProjectInPath
	ProjectInPath bool
	Dialect       Dialect
	Versions      *Versions
	Validator     auth.Validator
	Policy        *policy.Enforcer
	MaxBody       int64
	Endpoint      string       // public base URL for links; empty: from the request
	Root          http.Handler // version discovery documents at / and /Base; unauthenticated
	Links         LinkStyle    // how lists write next links
}
type LinkStyle int

const (
	LinksNova     LinkStyle = iota // "servers_links": [{"rel":"next","href":…}]
	LinksKeystone                  // "links": {"self","previous","next"}
	LinksGlance                    // "first","next","schema"
	LinksNeutron                   // "networks_links"
	LinksNone
)

// New makes the handler of a service out of its resources. A bad tag, duplicate route or unknown rule is a programmer's error and panics at start.
func New[A any](c Config, a A, rs ...Resource[A]) http.Handler { panic("x") }
