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

// EndpointGroups is the operations on endpoint groups and the endpoint groups of projects (OS-EP-FILTER).
type EndpointGroups struct{ base }

// in reports whether an endpoint has every value of the group's filters.
func in(g keystone.EndpointGroup, e keystone.Endpoint) bool {
	have := map[string]string{"service_id": e.ServiceID, "region_id": e.RegionID, "interface": e.Interface}
	for name, want := range g.Filters {
		if have[name] != want {
			return false
		}
	}
	return true
}

// Get returns an endpoint group; fault.NotFound.
func (g *EndpointGroups) Get(ctx context.Context, id string) (keystone.EndpointGroup, error) {
	v, err := store.EndpointGroup(ctx, g.db, id)
	return v, store.Missing(err, "Endpoint Group", id)
}

// List returns all endpoint groups.
func (g *EndpointGroups) List(ctx context.Context) ([]keystone.EndpointGroup, error) {
	return store.EndpointGroups(ctx, g.db)
}

// Put inserts an endpoint group, if its id is empty, or replaces it.
func (g *EndpointGroups) Put(ctx context.Context, v keystone.EndpointGroup) (keystone.EndpointGroup, error) {
	put := store.UpdateEndpointGroup
	if v.ID == "" {
		v.ID, put = ids.Hex(), store.InsertEndpointGroup
	}
	return v, g.write(ctx, func(tx *db.Tx) error { return put(ctx, tx, v) })
}

// Delete removes an endpoint group, also from its projects; fault.NotFound.
func (g *EndpointGroups) Delete(ctx context.Context, id string) error {
	return g.write(ctx, func(tx *db.Tx) error {
		return store.Missing(store.DeleteEndpointGroup(ctx, tx, id), "Endpoint Group", id)
	})
}

// Endpoints returns the endpoints of a group.
func (g *EndpointGroups) Endpoints(ctx context.Context, v keystone.EndpointGroup) ([]keystone.Endpoint, error) {
	all, err := store.Endpoints(ctx, g.db)
	return slices.DeleteFunc(all, func(e keystone.Endpoint) bool { return !in(v, e) }), err
}

// OfProject returns the endpoint groups of a project.
func (g *EndpointGroups) OfProject(ctx context.Context, project string) ([]keystone.EndpointGroup, error) {
	mine, err := store.GroupsInProject(ctx, g.db, project)
	if err != nil || len(mine) == 0 {
		return nil, err
	}
	all, err := store.EndpointGroups(ctx, g.db)
	return slices.DeleteFunc(all, func(v keystone.EndpointGroup) bool { return !slices.Contains(mine, v.ID) }), err
}

// Projects returns the ids of the projects of an endpoint group.
func (g *EndpointGroups) Projects(ctx context.Context, group string) ([]string, error) {
	return store.ProjectsOfGroup(ctx, g.db, group)
}

// AddToProject associates an endpoint group with a project. It is idempotent.
func (g *EndpointGroups) AddToProject(ctx context.Context, group, project string) error {
	return g.write(ctx, func(tx *db.Tx) error { return store.AddGroupToProject(ctx, tx, group, project) })
}

// RemoveFromProject removes the association of an endpoint group with a project; fault.NotFound if there is none.
func (g *EndpointGroups) RemoveFromProject(ctx context.Context, group, project string) error {
	return g.write(ctx, func(tx *db.Tx) error {
		was, err := store.RemoveGroupFromProject(ctx, tx, group, project)
		if err == nil && !was {
			err = fault.NotFoundf("Endpoint Group %s is not in project %s.", group, project)
		}
		return err
	})
}
