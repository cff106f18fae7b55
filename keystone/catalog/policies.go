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

// Policies is the operations on stored policies and their associations with endpoints (OS-ENDPOINT-POLICY).
type Policies struct{ base }

// Get returns a policy; fault.NotFound.
func (p *Policies) Get(ctx context.Context, id string) (keystone.Policy, error) {
	v, err := store.Policy(ctx, p.db, id)
	return v, store.Missing(err, "policy", id)
}

// List returns all policies.
func (p *Policies) List(ctx context.Context) ([]keystone.Policy, error) {
	return store.Policies(ctx, p.db)
}

// Put inserts a policy, if its id is empty, or replaces it.
func (p *Policies) Put(ctx context.Context, v keystone.Policy) (keystone.Policy, error) {
	put := store.UpdatePolicy
	if v.ID == "" {
		v.ID, put = ids.Hex(), store.InsertPolicy
	}
	return v, p.db.Tx(ctx, func(tx *db.Tx) error { return put(ctx, tx, v) })
}

// Delete removes a policy with its associations; fault.NotFound.
func (p *Policies) Delete(ctx context.Context, id string) error {
	return p.db.Tx(ctx, func(tx *db.Tx) error { return store.Missing(store.DeletePolicy(ctx, tx, id), "policy", id) })
}

// Associate makes a policy that of an endpoint, a service, or a service in a region. It replaces the previous one.
func (p *Policies) Associate(ctx context.Context, l keystone.PolicyLink) error {
	return p.db.Tx(ctx, func(tx *db.Tx) error { return store.PutPolicyLink(ctx, tx, l) })
}

// CheckAssociation is nil if exactly this association exists, else fault.NotFound.
func (p *Policies) CheckAssociation(ctx context.Context, l keystone.PolicyLink) error {
	return associated(ctx, p.db, l)
}

func associated(ctx context.Context, q db.Querier, l keystone.PolicyLink) error {
	all, err := store.PolicyLinks(ctx, q)
	if err == nil && !slices.Contains(all, l) {
		err = fault.NotFoundf("Could not find policy association.")
	}
	return err
}

// Dissociate removes an association; fault.NotFound if it does not exist.
func (p *Policies) Dissociate(ctx context.Context, l keystone.PolicyLink) error {
	return p.db.Tx(ctx, func(tx *db.Tx) error {
		if err := associated(ctx, tx, l); err != nil {
			return err
		}
		return store.DeletePolicyLink(ctx, tx, l)
	})
}

// OfEndpoint returns the policy of an endpoint: its own, else that of its service in its region or one above, else
// that of its service. fault.NotFound if there is none.
func (p *Policies) OfEndpoint(ctx context.Context, e keystone.Endpoint) (keystone.Policy, error) {
	links, err := store.PolicyLinks(ctx, p.db)
	if err != nil {
		return keystone.Policy{}, err
	}
	want := []keystone.PolicyLink{{EndpointID: e.ID}}
	for region := e.RegionID; region != "" && len(want) < maxDepth; {
		want = append(want, keystone.PolicyLink{ServiceID: e.ServiceID, RegionID: region})
		r, err := store.Region(ctx, p.db, region)
		if err != nil {
			break
		}
		region = r.ParentID
	}
	for _, w := range append(want, keystone.PolicyLink{ServiceID: e.ServiceID}) {
		for _, l := range links {
			if l.EndpointID == w.EndpointID && l.ServiceID == w.ServiceID && l.RegionID == w.RegionID {
				return p.Get(ctx, l.PolicyID)
			}
		}
	}
	return keystone.Policy{}, fault.NotFoundf("No policy is associated with endpoint %s.", e.ID)
}

// maxDepth bounds a walk up the regions, in case they form a cycle.
const maxDepth = 64

// Endpoints returns the endpoints whose policy this is.
func (p *Policies) Endpoints(ctx context.Context, id string) ([]keystone.Endpoint, error) {
	all, err := store.Endpoints(ctx, p.db)
	var out []keystone.Endpoint
	for _, e := range all {
		v, err := p.OfEndpoint(ctx, e)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return nil, err
		}
		if err == nil && v.ID == id {
			out = append(out, e)
		}
	}
	return out, err
}
