package api

import (
	"context"

	"hypernova/keystone"
	"hypernova/keystone/assignment"
	"hypernova/keystone/catalog"
	"hypernova/keystone/federation"
	"hypernova/keystone/identity"
	"hypernova/keystone/token"
	"hypernova/oslo/api"
)

// directoryLoader loads the project, domain, user or group of a path.
type directoryLoader struct{ Identity *identity.Service }

func (a *directoryLoader) loadProject(ctx context.Context, r *api.Request) (keystone.Project, error) {
	p, err := a.Identity.Projects.Get(ctx, r.Param("project_id"))
	if err == nil && p.IsDomain {
		// A domain is reached as a project, too; its facts for policies are then those of a project.
		p.DomainID = p.ID
	}
	return p, err
}

func (a *directoryLoader) loadDomain(ctx context.Context, r *api.Request) (keystone.Project, error) {
	return a.Identity.Projects.Domain(ctx, r.Param("domain_id"))
}

func (a *directoryLoader) loadUser(ctx context.Context, r *api.Request) (keystone.User, error) {
	return a.Identity.Users.Get(ctx, r.Param("user_id"))
}

func (a *directoryLoader) loadGroup(ctx context.Context, r *api.Request) (keystone.Group, error) {
	return a.Identity.Groups.Get(ctx, r.Param("group_id"))
}

// roleLoader loads the role of a path.
type roleLoader struct{ Roles *assignment.Service }

func (a *roleLoader) loadRole(ctx context.Context, r *api.Request) (keystone.Role, error) {
	return a.Roles.Role(ctx, r.Param("role_id"))
}

// catalogLoader loads the region, service, endpoint or stored policy of a path.
type catalogLoader struct{ Catalog *catalog.Service }

// providerLoader loads the identity provider of a path.
type providerLoader struct{ Federation *federation.Service }

// callerToken is for what depends on the caller's token: what it was delegated by, and what it may hand out.
type callerToken struct{ Tokens *token.Service }

// scopeFinder finds the projects and domains that a user could have a token for.
type scopeFinder struct {
	Identity *identity.Service
	Roles    *assignment.Service
	Tokens   *token.Service
}
