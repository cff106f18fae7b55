package catalog

import (
	"context"
	"slices"

	"hypernova/keystone"
	"hypernova/keystone/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// Endpoints is the operations on endpoints and on the endpoints of projects (OS-EP-FILTER).
type Endpoints struct {
	base
	groups *EndpointGroups
}

// Get returns an endpoint; fault.NotFound.
func (e *Endpoints) Get(ctx context.Context, id string) (keystone.Endpoint, error) {
	v, err := store.Endpoint(ctx, e.db, id)
	return v, store.Missing(err, "endpoint", id)
}

// List returns all endpoints.
func (e *Endpoints) List(ctx context.Context) ([]keystone.Endpoint, error) {
	return store.Endpoints(ctx, e.db)
}

// ensureReferences is fault.Invalid for an unknown service. It inserts the endpoint's region if that does not exist.
func ensureReferences(ctx context.Context, tx *db.Tx, v keystone.Endpoint) error {
	if _, err := store.Service(ctx, tx, v.ServiceID); err != nil {
		return fault.Body(store.Missing(err, "service", v.ServiceID))
	}
	if v.RegionID == "" {
		return nil
	}
	_, err := store.Region(ctx, tx, v.RegionID)
	if fault.Is(err, fault.NotFound) {
		err = store.InsertRegion(ctx, tx, keystone.Region{ID: v.RegionID})
	}
	return err
}

// Update writes what change returns for the current endpoint; change may run more than once. A region that does not
// exist is created. fault.NotFound, fault.Invalid for an unknown service.
func (e *Endpoints) Update(
	ctx context.Context, id string, change func(keystone.Endpoint) keystone.Endpoint,
) (keystone.Endpoint, error) {
	var v keystone.Endpoint
	err := e.write(ctx, func(tx *db.Tx) error {
		var err error
		if v, err = store.Endpoint(ctx, tx, id); err != nil {
			return store.Missing(err, "endpoint", id)
		}
		v = change(v)
		if err := ensureReferences(ctx, tx, v); err != nil {
			return err
		}
		return store.UpdateEndpoint(ctx, tx, v)
	})
	return v, err
}

// Put inserts an endpoint, if its id is empty, or replaces it. A region that does not exist is created. fault.Invalid
// for an unknown service.
func (e *Endpoints) Put(ctx context.Context, v keystone.Endpoint) (keystone.Endpoint, error) {
	fresh := v.ID == ""
	if fresh {
		v.ID = ids.Hex()
	}
	return v, e.write(ctx, func(tx *db.Tx) error {
		if err := ensureReferences(ctx, tx, v); err != nil {
			return err
		}
		if fresh {
			return store.InsertEndpoint(ctx, tx, v)
		}
		return store.UpdateEndpoint(ctx, tx, v)
	})
}

// Delete removes an endpoint; fault.NotFound.
func (e *Endpoints) Delete(ctx context.Context, id string) error {
	return e.write(ctx, func(tx *db.Tx) error { return store.Missing(store.DeleteEndpoint(ctx, tx, id), "endpoint", id) })
}

// OfProject returns the endpoints that are associated with a project, directly or through an endpoint group.
func (e *Endpoints) OfProject(ctx context.Context, project string) ([]keystone.Endpoint, error) {
	own, err := store.EndpointsInProject(ctx, e.db, project)
	if err != nil {
		return nil, err
	}
	groups, err := e.groups.OfProject(ctx, project)
	if err != nil || len(own)+len(groups) == 0 {
		return nil, err
	}
	all, err := store.Endpoints(ctx, e.db)
	return slices.DeleteFunc(all, func(v keystone.Endpoint) bool {
		return !slices.Contains(own, v.ID) &&
			!slices.ContainsFunc(groups, func(g keystone.EndpointGroup) bool { return in(g, v) })
	}), err
}

// Projects returns the ids of the projects that an endpoint is associated with.
func (e *Endpoints) Projects(ctx context.Context, endpoint string) ([]string, error) {
	return store.ProjectsOfEndpoint(ctx, e.db, endpoint)
}

// AddToProject associates an endpoint with a project. It is idempotent.
func (e *Endpoints) AddToProject(ctx context.Context, endpoint, project string) error {
	return e.write(ctx, func(tx *db.Tx) error { return store.AddEndpointToProject(ctx, tx, endpoint, project) })
}

// RemoveFromProject removes the association of an endpoint with a project; fault.NotFound if there is none.
func (e *Endpoints) RemoveFromProject(ctx context.Context, endpoint, project string) error {
	return e.write(ctx, func(tx *db.Tx) error {
		was, err := store.RemoveEndpointFromProject(ctx, tx, endpoint, project)
		if err == nil && !was {
			err = fault.NotFoundf("Endpoint %s is not in project %s.", endpoint, project)
		}
		return err
	})
}
