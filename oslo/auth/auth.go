// Package auth is the caller of a request: the Caller that a validated token yields, the Validator of tokens, and their
// context keys.
package auth

import (
	"context"
	"time"
)

// Caller is the content of a validated token. At most one of ProjectID, DomainID and System is set; none means an
// unscoped token.
type Caller struct {
	UserID            string    `json:"user_id"`
	UserName          string    `json:"user_name,omitempty"`
	UserDomainID      string    `json:"user_domain_id,omitempty"`
	UserDomainName    string    `json:"user_domain_name,omitempty"`
	ProjectID         string    `json:"project_id,omitempty"`
	ProjectName       string    `json:"project_name,omitempty"`
	ProjectDomainID   string    `json:"project_domain_id,omitempty"`
	ProjectDomainName string    `json:"project_domain_name,omitempty"`
	DomainID          string    `json:"domain_id,omitempty"`
	DomainName        string    `json:"domain_name,omitempty"`
	System            string    `json:"system,omitempty"` // "all" or empty
	Roles             []string  `json:"roles,omitempty"`  // role names, including implied roles
	Methods           []string  `json:"methods,omitempty"`
	AuditID           string    `json:"audit_id,omitempty"`
	Expires           time.Time `json:"expires,omitzero"`
}

// HasRole reports whether the caller has the named role on the token's scope.
func (c *Caller) HasRole(name string) bool {
	for _, r := range c.Roles {
		if r == name {
			return true
		}
	}
	return false
}

// Admin reports whether the caller has the admin role. It is OpenStack's context_is_admin.
func (c *Caller) Admin() bool { return c != nil && c.HasRole("admin") }

// Validator validates tokens. It may block on the network. It returns fault.Unauthorized for a token that is malformed,
// unknown, expired or revoked, and fault.Unavailable if the token cannot be checked now.
type Validator interface {
	Validate(ctx context.Context, token string) (*Caller, error)
}

// ValidatorFunc adapts a function to Validator.
type ValidatorFunc func(ctx context.Context, token string) (*Caller, error)

func (f ValidatorFunc) Validate(ctx context.Context, token string) (*Caller, error) {
	return f(ctx, token)
}

type callerKey struct{}
type requestKey struct{}

// With returns a context that carries the caller.
func With(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// From returns the caller in ctx, nil if there is none.
func From(ctx context.Context) *Caller { c, _ := ctx.Value(callerKey{}).(*Caller); return c }

// WithRequest returns a context that carries the request id. Messages, tasks and log lines include it.
func WithRequest(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// RequestID returns the request id in ctx, empty if there is none.
func RequestID(ctx context.Context) string { s, _ := ctx.Value(requestKey{}).(string); return s }

// Service returns the caller of a service's own requests: the roles admin and service on a project of its own.
func Service(name string) *Caller {
	return &Caller{UserID: name, UserName: name, ProjectID: ownProject, ProjectName: "service",
		Roles: []string{"admin", "service"}}
}
