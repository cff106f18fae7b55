// Package policy: OpenStack's rule language. (SKELETON; owner: founder)
package policy

// Rule is a declared default: the name operators override, its check string, and what it guards.
type Rule struct {
	Name  string // "os_compute_api:servers:create"
	Check string // "rule:project_member_or_admin"
	Doc   string
}

// Target is what is acted upon: project_id, user_id, domain_id and the like, by OpenStack's names ("target.user.domain_id").
type Target map[string]string

// Enforcer decides.
type Enforcer struct{}
