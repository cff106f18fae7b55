// Package auth is who is calling: the Caller that a token proves, how a process learns it, and how it rides in a context.
package auth

import (
	"context"
	"time"
)

// Caller is what a token says. At most one of ProjectID, DomainID and System is set; none means an unscoped token.
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
	Roles             []string  `json:"roles,omitempty"`  // role names, implied ones included
	Methods           []string  `json:"methods,omitempty"`
	AuditID           string    `json:"audit_id,omitempty"`
	Expires           time.Time `json:"expires,omitzero"`
}

// HasRole reports whether the caller holds the named role on the token's scope.
func (c *Caller) HasRole(name string) bool {
	for _, r := range c.Roles {
		if r == name {
			return true
		}
	}
	return false
}

// Admin reports the admin role: what OpenStack's context_is_admin means.
func (c *Caller) Admin() bool { return c != nil && c.HasRole("admin") }

// Validator turns a token into its caller. It may block on the network; it answers fault.Unauthorized for a token that is
// malformed, unknown, expired or revoked, and fault.Unavailable where it cannot know.
type Validator interface {
	Validate(ctx context.Context, token string) (*Caller, error)
}

// ValidatorFunc is a function as a Validator.
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

// From is the caller in ctx, nil where there is none.
func From(ctx context.Context) *Caller { c, _ := ctx.Value(callerKey{}).(*Caller); return c }

// WithRequest returns a context that carries the request id, which goes with every message, task and log line.
func WithRequest(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// RequestID is the request id in ctx, empty where there is none.
func RequestID(ctx context.Context) string { s, _ := ctx.Value(requestKey{}).(string); return s }

// Service is the caller that a service's own work runs as: the admin role on the named service's project.
func Service(name string) *Caller {
	return &Caller{UserID: name, UserName: name, ProjectID: ownProject, ProjectName: "service", Roles: []string{"admin", "service"}}
}
