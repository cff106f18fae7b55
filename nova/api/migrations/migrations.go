// Package migrations is the operations of the Compute API on moves of servers between hosts. There are no moves in this
// cloud yet: lists are empty, and an operation on a running move is refused by the server's state.
package migrations

import (
	"context"
	"net/http"
	"slices"
	"time"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/api/wire"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// Resources are the operations with their receivers.
func Resources(s *servers.Servers) []api.Bound {
	return slices.Concat(
		api.Bind(migrationsAPI{}, migrationOps),
		api.Bind(&serverMigrationsAPI{wire.ServerLoader{Servers: s}}, serverMigrationOps),
	)
}

// migrationsAPI lists the moves of all servers.
type migrationsAPI struct{}

var migrationOps = api.Resource[migrationsAPI]{Name: "migration", Plural: "migrations",
	Ops: api.Ops[migrationsAPI]{
		api.List("GET /os-migrations", policies.MigrationsIndex, migrationsAPI.old, api.Span("-2.58"), api.LooseQuery()),
		api.List("GET /os-migrations", policies.MigrationsIndex, migrationsAPI.paged, api.Span("2.59-"), api.StrictQuery()),
	}}

// filters are what a list may be narrowed by.
type filters struct {
	Hidden string `wire:"hidden"`
	Host   string `wire:"host"`
	Source string `wire:"source_compute"`
	Status string `wire:"status"`
	Kind   string `wire:"migration_type"`
}

type oldQuery struct {
	filters
	Server  string `wire:"instance_uuid"`
	Project string `wire:"project_id"`
}

type pagedQuery struct {
	filters
	Server  string `wire:"instance_uuid" is:"uuid"`
	Project string `wire:"project_id" mv:"2.80-"`
	User    string `wire:"user_id" mv:"2.80-"`
	api.Paging
	Since  string `wire:"changes-since"`
	Before string `wire:"changes-before" mv:"2.66-"`
}

// migrationView is a move. There are none: it declares what a list has.
type migrationView struct {
	ID int64 `wire:"id"`
}

// allowed checks the rule of the moves of other projects than the caller's.
func allowed(r *api.Request, project string) error {
	if project != "" && project == r.Caller.ProjectID {
		return nil
	}
	return r.Require(policies.MigrationsIndexAllProjects, nil)
}

func (migrationsAPI) old(_ context.Context, r *api.Request, q *oldQuery) (api.Page[migrationView], error) {
	return api.Page[migrationView]{}, allowed(r, q.Project)
}

func (migrationsAPI) paged(_ context.Context, r *api.Request, q *pagedQuery) (api.Page[migrationView], error) {
	p := api.Page[migrationView]{}
	if err := allowed(r, q.Project); err != nil {
		return p, err
	}
	since, err := instant("changes-since", q.Since)
	if err != nil {
		return p, err
	}
	before, err := instant("changes-before", q.Before)
	if err != nil {
		return p, err
	}
	if !since.IsZero() && !before.IsZero() && before.Before(since) {
		return p, fault.Invalidf("The value of changes-since must be less than or equal to changes-before.")
	}
	if q.Marker != "" {
		return p, fault.Invalidf("Marker %s could not be found.", q.Marker)
	}
	return p, nil
}

// instant reads a time; empty is none.
func instant(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02"} {
		if t, err := time.Parse(form, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fault.Invalidf("Invalid input for query parameters %s. Value: %s. '%s' is not a 'date-time'", name,
		text, text)
}

// serverMigrationsAPI is the running moves of a server.
type serverMigrationsAPI struct{ wire.ServerLoader }

var serverMigrationOps = api.Resource[*serverMigrationsAPI]{Name: "migration", Plural: "migrations",
	Ops: api.Ops[*serverMigrationsAPI]{
		api.ListOf("GET /servers/{server_id}/migrations", policies.ServersMigrationsIndex, (*serverMigrationsAPI).Server,
			(*serverMigrationsAPI).list, api.Span("2.23-")),
		api.On("GET /servers/{server_id}/migrations/{migration_id}", policies.ServersMigrationsShow, http.StatusOK,
			(*serverMigrationsAPI).Server, (*serverMigrationsAPI).show, api.Span("2.23-")),
		api.On("DELETE /servers/{server_id}/migrations/{migration_id}", policies.ServersMigrationsDelete,
			http.StatusAccepted, (*serverMigrationsAPI).Server, (*serverMigrationsAPI).abort, api.Span("2.24-")),
		api.Act("POST /servers/{server_id}/migrations/{migration_id}/action", "force_complete",
			policies.ServersMigrationsForceComplete, http.StatusAccepted, (*serverMigrationsAPI).Server,
			(*serverMigrationsAPI).complete, api.Span("2.22-")),
	}}

func (a *serverMigrationsAPI) list(context.Context, *api.Request, *nova.Server, *api.None) (api.Page[migrationView],
	error) {
	return api.Page[migrationView]{}, nil
}

func (a *serverMigrationsAPI) show(_ context.Context, r *api.Request, v *nova.Server, _ *api.None) (migrationView,
	error) {
	return migrationView{}, fault.NotFoundf("In-progress live migration %s is not found for server %s.",
		r.Param("migration_id"), v.ID)
}

func (a *serverMigrationsAPI) abort(_ context.Context, _ *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
	return api.None{}, notMoving("abort live migration", v, nova.Active)
}

func (a *serverMigrationsAPI) complete(_ context.Context, _ *api.Request, v *nova.Server, _ *api.None) (api.None,
	error) {
	return api.None{}, notMoving("force_complete", v, nova.Active)
}

// notMoving refuses an operation on the running move of a server, of which there is none.
func notMoving(action string, v *nova.Server, from ...nova.VMState) error {
	if v.Locked {
		return fault.Conflictf("Instance %s is locked", v.ID)
	}
	refusal := nova.Refusal{Attr: "task_state", State: string(v.Task)}
	if !slices.Contains(from, v.VM) {
		refusal = nova.Refusal{Attr: "vm_state", State: string(v.VM)}
	}
	return refusal.Fault(action, v.ID)
}
