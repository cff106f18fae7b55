// Package keystone is the vocabulary of identity: types and contracts that its other packages share.
//
// Rooms: store keeps rows; identity (domains, projects, users, groups), assignment (roles and grants), delegation
// (application credentials, trusts), credential (users' other secrets), catalog (regions, services, endpoints, what
// filters them), limit and federation are the operations; token proves identities and checks proofs; api is the wire;
// client asks a keystone elsewhere.
//
// Invariants: a domain is a project with IsDomain and no domain of its own; names are unique in their domain; every
// change that can take something away from a token moves the epoch in the same transaction, so that no process trusts
// a cached token for longer than a second.
package keystone

import (
	"context"
	"encoding/json"
	"time"

	"hypernova/oslo/auth"
	"hypernova/oslo/policy"
)

// Ids and names that every deployment has.
const (
	DefaultDomainID = "default"
	ServiceProject  = "service"
)

// PublicIDLength is the length of the ids of users and groups that live elsewhere: in a directory, or with an
// identity provider. Those of the database are shorter.
const PublicIDLength = 64

// Extra is what clients store beside the attributes keystone knows.
type Extra map[string]json.RawMessage

// Project is a container of resources. A domain is a project with IsDomain, an empty DomainID and no parent.
type Project struct {
	ID, Name, DomainID, ParentID, Description string
	Enabled, IsDomain                         bool
	Tags                                      []string
	Options                                   map[string]any
	Extra                                     Extra
}

// PolicyTarget names a project's facts as keystone's policies do.
func (p Project) PolicyTarget() policy.Target {
	if p.IsDomain {
		return policy.Target{"target.domain.id": p.ID, "domain_id": p.ID}
	}
	return policy.Target{"target.project.id": p.ID, "target.project.domain_id": p.DomainID, "project_id": p.ID}
}

// User is somebody who can prove who they are.
type User struct {
	ID, Name, DomainID, DefaultProjectID, Description string
	Enabled                                           bool
	Options                                           map[string]any
	Extra                                             Extra
	PasswordExpires                                   time.Time     // zero: never
	LastActive                                        time.Time     // zero: not known
	Federated                                         []FederatedID // set where it was asked for
}

// PolicyTarget names a user's facts as keystone's policies do.
func (u User) PolicyTarget() policy.Target {
	return policy.Target{"target.user.id": u.ID, "target.user.domain_id": u.DomainID, "user_id": u.ID}
}

// Group is a set of users that roles are granted to at once.
type Group struct {
	ID, Name, DomainID, Description string
	Extra                           Extra
}

// PolicyTarget names a group's facts as keystone's policies do.
func (g Group) PolicyTarget() policy.Target {
	return policy.Target{"target.group.id": g.ID, "target.group.domain_id": g.DomainID}
}

// Role is a name that policies ask for. DomainID is empty for a global role.
type Role struct {
	ID, Name, DomainID, Description string
	Options                         map[string]any
	Extra                           Extra
}

// PolicyTarget names a role's facts as keystone's policies do.
func (r Role) PolicyTarget() policy.Target {
	return policy.Target{"target.role.id": r.ID, "target.role.name": r.Name, "target.role.domain_id": r.DomainID}
}

// Kinds of actors and targets of a grant.
const (
	OfUser    = "user"
	OfGroup   = "group"
	OnProject = "project"
	OnDomain  = "domain"
	OnSystem  = "system"
)

// Grant gives a role to an actor on a target. Inherited grants on a domain or project hold for the projects below it
// only.
type Grant struct {
	Actor, ActorID, Target, TargetID, RoleID string
	Inherited                                bool
}

// Service is a part of the cloud that has endpoints.
type Service struct {
	ID, Type, Name, Description string
	Enabled                     bool
	Extra                       Extra
}

// Endpoint is where a service is reached. Interface is public, internal or admin.
type Endpoint struct {
	ID, ServiceID, Interface, RegionID, URL, Name, Description string
	Enabled                                                    bool
	Extra                                                      Extra
}

// Region groups endpoints by place.
type Region struct {
	ID, ParentID, Description string
	Extra                     Extra
}

// API is what other services ask of identity. In one process it is the token operations themselves, elsewhere an HTTP
// client.
type API interface {
	auth.Validator
	// Project answers fault.NotFound for an unknown id. Quota calls use it to refuse limits of a project that is not
	// there.
	Project(ctx context.Context, id string) (Project, error)
}
