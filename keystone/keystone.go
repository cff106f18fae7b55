// Package keystone is the vocabulary of identity: who may be somebody, where, and what proves it.
package keystone

import (
	"context"

	"hypernova/oslo/auth"
)

// Default ids that every deployment has.
const (
	DefaultDomainID = "default"
	ServiceProject  = "service"
)

// Project is a container of resources; a domain is a project that acts as one.
type Project struct {
	ID, Name, DomainID, ParentID, Description string
	Enabled, IsDomain                         bool
	Tags                                      []string
	Options                                   map[string]any
	Extra                                     map[string]any
}

// API is what other services ask of identity. In one process it is the token verbs themselves, elsewhere an HTTP client.
type API interface {
	auth.Validator
	// Project answers fault.NotFound for an unknown id. Quota calls use it to refuse limits of a project that is not there.
	Project(ctx context.Context, id string) (Project, error)
}
