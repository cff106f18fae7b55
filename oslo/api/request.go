package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
	"hypernova/oslo/policy"
)

// Request is a request besides its decoded body.
type Request struct {
	ID      string
	Caller  *auth.Caller // nil only on NoAuth operations without a token
	Service *auth.Caller // the service that asks for Caller; nil: the caller asks himself
	Version Version
	HTTP    *http.Request

	s       *server
	global  string // the caller's own request id, if it sent one
	params  []param
	header  http.Header
	status  int
	target  policy.Target // of the loaded thing
	query   any
	project string // the project segment of the path, if it has one
}

type param struct{ name, value string }

// Param is a path parameter, unescaped; empty if the pattern has none of that name.
func (r *Request) Param(name string) string {
	for _, p := range r.params {
		if p.name == name {
			return p.value
		}
	}
	return ""
}

// AtLeast compares the minor part of the negotiated microversion.
func (r *Request) AtLeast(minor int) bool { return r.Version.Minor >= minor }

// SetHeader sets a header of the answer.
func (r *Request) SetHeader(k, v string) {
	if r.header == nil {
		r.header = http.Header{}
	}
	r.header.Set(k, v)
}

// SetStatus chooses another success status than the declared one.
func (r *Request) SetStatus(status int) { r.status = status }

// GlobalID is the request id that the caller sent (X-OpenStack-Request-ID); empty if it sent none.
func (r *Request) GlobalID() string { return r.global }

// QueryOf is the decoded query of an operation declared with Query[Q].
func QueryOf[Q any](r *Request) *Q {
	q, ok := r.query.(*Q)
	if !ok {
		return new(Q)
	}
	return q
}

// URL is an absolute link below the API's base, with the project segment if the request's own path has one.
func (r *Request) URL(path string, args ...any) string {
	return r.s.base(r.HTTP) + r.s.c.Base + r.segment() + sprintf(path, args)
}

// RootURL is an absolute link below the service's root, as nova's version-less bookmarks are.
func (r *Request) RootURL(path string, args ...any) string {
	return r.s.base(r.HTTP) + r.segment() + sprintf(path, args)
}

func (r *Request) segment() string {
	if r.project == "" {
		return ""
	}
	return "/" + url.PathEscape(r.project)
}

func sprintf(path string, args []any) string {
	if len(args) == 0 {
		return path
	}
	return fmt.Sprintf(path, args...)
}

// base is scheme://host[/prefix] without the API's own base path.
func (s *server) base(h *http.Request) string {
	if s.endpoint != "" {
		return s.endpoint
	}
	return Origin(h)
}

// Origin is scheme and host as the client sees them, honouring X-Forwarded-Proto, -Host and -Prefix.
func Origin(h *http.Request) string {
	scheme, host := "http", h.Host
	if h.TLS != nil {
		scheme = "https"
	}
	if p := first(h.Header.Get("X-Forwarded-Proto")); p == "http" || p == "https" {
		scheme = p
	}
	if f := first(h.Header.Get("X-Forwarded-Host")); f != "" {
		host = f
	}
	return scheme + "://" + host + strings.TrimSuffix(first(h.Header.Get("X-Forwarded-Prefix")), "/")
}

func first(list string) string {
	a, _, _ := strings.Cut(list, ",")
	return strings.TrimSpace(a)
}

// Allowed asks the policy about a further rule. A nil target is the caller's own project.
func (r *Request) Allowed(rule *policy.Rule, target policy.Target) bool {
	return r.verdict(rule, target).Allowed
}

// Require is Allowed as a fault.Forbidden.
func (r *Request) Require(rule *policy.Rule, target policy.Target) error {
	v := r.verdict(rule, target)
	if v.Allowed {
		return nil
	}
	return refusal(rule, r.Caller, v)
}

// AsService makes the service that acts for a user the caller, if there is one: for operations that the service
// performs for itself.
func (r *Request) AsService() {
	if r.Service != nil {
		r.Caller = r.Service
	}
}

// Decides is Require without a request, for other packages of the process that check a rule of the API.
func Decides(e *policy.Enforcer, rule *policy.Rule, c *auth.Caller, t policy.Target) error {
	if t == nil {
		t = OwnTarget(c)
	}
	if v := e.Check(rule, c, t); !v.Allowed {
		return refusal(rule, c, v)
	}
	return nil
}

// refusal is the fault.Forbidden that names the rule; its check string is only for administrators and the log.
func refusal(rule *policy.Rule, c *auth.Caller, v policy.Verdict) error {
	msg := "Policy does not allow " + rule.Name + " to be performed."
	if v.Reason != "" && c.Admin() {
		msg += " " + v.Reason
	}
	return fault.Forbiddenf("%s", msg).Coded("PolicyNotAuthorized").Because(errors.New(v.Reason))
}

func (r *Request) verdict(rule *policy.Rule, target policy.Target) policy.Verdict {
	if target == nil {
		target = OwnTarget(r.Caller)
	}
	c := r.Caller
	if c == nil {
		c = &auth.Caller{}
	}
	return r.s.c.Policy.Check(rule, c, target)
}

// OwnTarget is the policy target of resources that belong to the caller.
func OwnTarget(c *auth.Caller) policy.Target {
	if c == nil {
		return policy.Target{}
	}
	return policy.Target{"project_id": c.ProjectID, "tenant_id": c.ProjectID, "user_id": c.UserID, "domain_id": c.DomainID}
}

// allowField decides a policy-tagged field of a view: on the view's own target, the loaded thing's, or the caller's.
func (r *Request) allowField(name string, t policy.Target) bool {
	rule := r.s.c.Policy.Rule(name)
	if t == nil {
		t = r.target
	}
	return r.verdict(rule, t).Allowed
}
