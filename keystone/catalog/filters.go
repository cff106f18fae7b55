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

// EntriesFor is the catalog of a project: all of it, unless the project was given endpoints of its own.
func (s *Service) EntriesFor(ctx context.Context, project string) ([]Entry, error) {
	es, err := s.Entries(ctx)
	if err != nil || project == "" {
		return es, err
	}
	own, err := s.ProjectEndpoints(ctx, project)
	if err != nil || len(own) == 0 {
		return es, err
	}
	out := []Entry{}
	for _, e := range es {
		e.Endpoints = slices.DeleteFunc(slices.Clone(e.Endpoints), func(p keystone.Endpoint) bool {
			return !slices.ContainsFunc(own, func(o keystone.Endpoint) bool { return o.ID == p.ID })
		})
		if len(e.Endpoints) > 0 {
			out = append(out, e)
		}
	}
	return out, nil
}

// ProjectEndpoints are the endpoints that a project was given, one by one or by groups.
func (s *Service) ProjectEndpoints(ctx context.Context, project string) ([]keystone.Endpoint, error) {
	own, err := store.EndpointsInProject(ctx, s.db, project)
	if err != nil {
		return nil, err
	}
	groups, err := s.ProjectGroups(ctx, project)
	if err != nil || len(own)+len(groups) == 0 {
		return nil, err
	}
	all, err := store.Endpoints(ctx, s.db)
	return slices.DeleteFunc(all, func(e keystone.Endpoint) bool {
		return !slices.Contains(own, e.ID) && !slices.ContainsFunc(groups, func(g keystone.EndpointGroup) bool { return in(g, e) })
	}), err
}

// in reports whether an endpoint has all that a group's filters name.
func in(g keystone.EndpointGroup, e keystone.Endpoint) bool {
	for name, want := range g.Filters {
		if have := map[string]string{"service_id": e.ServiceID, "region_id": e.RegionID, "interface": e.Interface}[name]; have != want {
			return false
		}
	}
	return true
}

// EndpointGroup finds an endpoint group; fault.NotFound.
func (s *Service) EndpointGroup(ctx context.Context, id string) (keystone.EndpointGroup, error) {
	g, err := store.EndpointGroup(ctx, s.db, id)
	return g, store.Missing(err, "Endpoint Group", id)
}

// EndpointGroups are all of them.
func (s *Service) EndpointGroups(ctx context.Context) ([]keystone.EndpointGroup, error) {
	return store.EndpointGroups(ctx, s.db)
}

// PutEndpointGroup adds an endpoint group (empty id) or writes it anew.
func (s *Service) PutEndpointGroup(ctx context.Context, g keystone.EndpointGroup) (keystone.EndpointGroup, error) {
	put := store.UpdateEndpointGroup
	if g.ID == "" {
		g.ID, put = ids.Hex(), store.InsertEndpointGroup
	}
	return g, s.write(ctx, func(tx *db.Tx) error { return put(ctx, tx, g) })
}

// DeleteEndpointGroup removes an endpoint group from all projects.
func (s *Service) DeleteEndpointGroup(ctx context.Context, id string) error {
	return s.write(ctx, func(tx *db.Tx) error {
		return store.Missing(store.DeleteEndpointGroup(ctx, tx, id), "Endpoint Group", id)
	})
}

// GroupEndpoints are the endpoints in a group.
func (s *Service) GroupEndpoints(ctx context.Context, g keystone.EndpointGroup) ([]keystone.Endpoint, error) {
	all, err := store.Endpoints(ctx, s.db)
	return slices.DeleteFunc(all, func(e keystone.Endpoint) bool { return !in(g, e) }), err
}

// ProjectGroups are the endpoint groups of a project; GroupProjects and EndpointProjects the ids of the projects the other way round.
func (s *Service) ProjectGroups(ctx context.Context, project string) ([]keystone.EndpointGroup, error) {
	mine, err := store.GroupsInProject(ctx, s.db, project)
	if err != nil || len(mine) == 0 {
		return nil, err
	}
	all, err := store.EndpointGroups(ctx, s.db)
	return slices.DeleteFunc(all, func(g keystone.EndpointGroup) bool { return !slices.Contains(mine, g.ID) }), err
}

// GroupProjects are the ids of the projects that an endpoint group is in.
func (s *Service) GroupProjects(ctx context.Context, group string) ([]string, error) {
	return store.ProjectsOfGroup(ctx, s.db, group)
}

// EndpointProjects are the ids of the projects that were given an endpoint.
func (s *Service) EndpointProjects(ctx context.Context, endpoint string) ([]string, error) {
	return store.ProjectsOfEndpoint(ctx, s.db, endpoint)
}

// GiveGroup puts an endpoint group into a project; idempotent.
func (s *Service) GiveGroup(ctx context.Context, group, project string) error {
	return s.write(ctx, func(tx *db.Tx) error { return store.AddGroupToProject(ctx, tx, group, project) })
}

// TakeGroup takes an endpoint group out of a project; fault.NotFound where it is not in it.
func (s *Service) TakeGroup(ctx context.Context, group, project string) error {
	return s.write(ctx, func(tx *db.Tx) error {
		was, err := store.RemoveGroupFromProject(ctx, tx, group, project)
		if err == nil && !was {
			err = fault.NotFoundf("Endpoint Group %s is not in project %s.", group, project)
		}
		return err
	})
}

// GiveEndpoint puts an endpoint into a project; idempotent.
func (s *Service) GiveEndpoint(ctx context.Context, endpoint, project string) error {
	return s.write(ctx, func(tx *db.Tx) error { return store.AddEndpointToProject(ctx, tx, endpoint, project) })
}

// TakeEndpoint takes an endpoint out of a project; fault.NotFound where it was not given.
func (s *Service) TakeEndpoint(ctx context.Context, endpoint, project string) error {
	return s.write(ctx, func(tx *db.Tx) error {
		was, err := store.RemoveEndpointFromProject(ctx, tx, endpoint, project)
		if err == nil && !was {
			err = fault.NotFoundf("Endpoint %s is not in project %s.", endpoint, project)
		}
		return err
	})
}

// Policy finds a policy; fault.NotFound.
func (s *Service) Policy(ctx context.Context, id string) (keystone.Policy, error) {
	p, err := store.Policy(ctx, s.db, id)
	return p, store.Missing(err, "policy", id)
}

// Policies are all of them.
func (s *Service) Policies(ctx context.Context) ([]keystone.Policy, error) {
	return store.Policies(ctx, s.db)
}

// PutPolicy adds a policy (empty id) or writes it anew.
func (s *Service) PutPolicy(ctx context.Context, p keystone.Policy) (keystone.Policy, error) {
	put := store.UpdatePolicy
	if p.ID == "" {
		p.ID, put = ids.Hex(), store.InsertPolicy
	}
	return p, s.db.Tx(ctx, func(tx *db.Tx) error { return put(ctx, tx, p) })
}

// DeletePolicy removes a policy and its associations.
func (s *Service) DeletePolicy(ctx context.Context, id string) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error { return store.Missing(store.DeletePolicy(ctx, tx, id), "policy", id) })
}

// Link makes a policy that of an endpoint, a service, or a service in a region, in the place of the one that was.
func (s *Service) Link(ctx context.Context, l keystone.PolicyLink) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error { return store.PutPolicyLink(ctx, tx, l) })
}

// Linked is nil where exactly this association is there, fault.NotFound otherwise.
func (s *Service) Linked(ctx context.Context, l keystone.PolicyLink) error {
	return linked(ctx, s.db, l)
}

func linked(ctx context.Context, q db.Querier, l keystone.PolicyLink) error {
	all, err := store.PolicyLinks(ctx, q)
	if err == nil && !slices.Contains(all, l) {
		err = fault.NotFoundf("Could not find policy association.")
	}
	return err
}

// Unlink removes an association; fault.NotFound where there is none.
func (s *Service) Unlink(ctx context.Context, l keystone.PolicyLink) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := linked(ctx, tx, l); err != nil {
			return err
		}
		return store.DeletePolicyLink(ctx, tx, l)
	})
}

// PolicyOf is the policy of an endpoint: its own, or that of its service in its region or one above, or that of its service.
// fault.NotFound where there is none.
func (s *Service) PolicyOf(ctx context.Context, e keystone.Endpoint) (keystone.Policy, error) {
	links, err := store.PolicyLinks(ctx, s.db)
	if err != nil {
		return keystone.Policy{}, err
	}
	want := []keystone.PolicyLink{{EndpointID: e.ID}}
	for region := e.RegionID; region != "" && len(want) < maxDepth; {
		want = append(want, keystone.PolicyLink{ServiceID: e.ServiceID, RegionID: region})
		r, err := store.Region(ctx, s.db, region)
		if err != nil {
			break
		}
		region = r.ParentID
	}
	for _, w := range append(want, keystone.PolicyLink{ServiceID: e.ServiceID}) {
		for _, l := range links {
			if l.EndpointID == w.EndpointID && l.ServiceID == w.ServiceID && l.RegionID == w.RegionID {
				return s.Policy(ctx, l.PolicyID)
			}
		}
	}
	return keystone.Policy{}, fault.NotFoundf("No policy is associated with endpoint %s.", e.ID)
}

// maxDepth bounds a walk up the regions, should they go round in a circle.
const maxDepth = 64

// PolicyEndpoints are the endpoints whose policy this is.
func (s *Service) PolicyEndpoints(ctx context.Context, id string) ([]keystone.Endpoint, error) {
	all, err := store.Endpoints(ctx, s.db)
	var out []keystone.Endpoint
	for _, e := range all {
		p, err := s.PolicyOf(ctx, e)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return nil, err
		}
		if err == nil && p.ID == id {
			out = append(out, e)
		}
	}
	return out, err
}
