package wire

import (
	"context"

	"hypernova/keystone"
	"hypernova/nova"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/policy"
)

// ServerLoader is embedded in the receivers of operations on a server.
type ServerLoader struct{ Servers *servers.Servers }

// Server loads the server of the path. For callers who are no administrators, one of another project is
// fault.NotFound.
func (l *ServerLoader) Server(ctx context.Context, r *api.Request) (*nova.Server, error) {
	v, err := l.Servers.Server(ctx, r.Param("server_id"))
	return visible(r, &v, err)
}

// AnyServer is Server for histories: since 2.21 it also loads a deleted server.
func (l *ServerLoader) AnyServer(ctx context.Context, r *api.Request) (*nova.Server, error) {
	if !r.AtLeast(21) {
		return l.Server(ctx, r)
	}
	v, err := l.Servers.AnyServer(ctx, r.Param("server_id"))
	return visible(r, &v, err)
}

func visible(r *api.Request, v *nova.Server, err error) (*nova.Server, error) {
	if err == nil && v.Project != r.Caller.ProjectID && !r.Caller.Admin() {
		return nil, fault.NotFoundf("Instance %s could not be found.", r.Param("server_id"))
	}
	return v, err
}

// ProjectID is a policy target that is only a project's id.
type ProjectID string

// PolicyTarget names the project.
func (p ProjectID) PolicyTarget() policy.Target { return policy.Target{"project_id": string(p)} }

// Projects tells whether a project is there; keystone.API is one.
type Projects interface {
	Project(ctx context.Context, id string) (keystone.Project, error)
}

// ProjectLoader is embedded in the receivers of operations on a project.
type ProjectLoader struct {
	Projects Projects // nil: no project is looked up
}

// Project loads the project that the path names, without asking whether it is there.
func (l *ProjectLoader) Project(_ context.Context, r *api.Request) (ProjectID, error) {
	return ProjectID(r.Param("tenant_id")), nil
}

// CheckProject returns fault.Invalid for a project that is not there.
func (l *ProjectLoader) CheckProject(ctx context.Context, id string) error {
	if l.Projects == nil {
		return nil
	}
	_, err := l.Projects.Project(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return fault.Invalidf("Project ID %s is not a valid project.", id)
	}
	return err
}
