// Package addressscopes implements the operations on address scopes. Callers check the policy first; see neutron/api.
package addressscopes

import (
	"context"

	"hypernova/neutron"
	"hypernova/neutron/change"
	"hypernova/neutron/quota"
	"hypernova/neutron/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/opt"
)

// Scopes are the operations.
type Scopes struct {
	change *change.Writer
	quotas *quota.Quotas
}

// New makes them.
func New(w *change.Writer, q *quota.Quotas) *Scopes { return &Scopes{w, q} }

// Create makes address scopes, all or none.
func (s *Scopes) Create(ctx context.Context, wanted []neutron.AddressScope) ([]neutron.AddressScope, error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	var out []neutron.AddressScope
	err := s.change.DoIn(ctx, wanted[0].Project, func(tx *change.Tx) error {
		out = nil
		err := quota.TakeFor(ctx, tx, s.quotas, quota.AddressScope, wanted,
			func(w neutron.AddressScope) string { return w.Project })
		if err != nil {
			return err
		}
		for _, made := range wanted {
			made.ID, made.Meta = ids.UUID(), tx.Stamp(made.Meta, 0)
			if err := store.InsertAddressScope(ctx, tx, made); err != nil {
				return err
			}
			out = append(out, made)
		}
		return nil
	})
	return out, err
}

// Show reads an address scope; fault AddressScopeNotFound.
func (s *Scopes) Show(ctx context.Context, id string) (neutron.AddressScope, error) {
	return store.AddressScope(ctx, s.change.DB, id)
}

// List lists address scopes.
func (s *Scopes) List(ctx context.Context, a db.ListArgs) ([]neutron.AddressScope, error) {
	return store.AddressScopes(ctx, s.change.DB, a)
}

// Patch is a change of an address scope. Attributes that are not set stay.
type Patch struct {
	Name       opt.Of[string]
	Shared     opt.Of[bool]
	IfRevision opt.Of[int64]
}

// Update changes an address scope. Faults: AddressScopeNotFound, RevisionNumberConstraintFailed, and
// AddressScopeUpdateError for a shared one that would not be shared any more.
func (s *Scopes) Update(ctx context.Context, id string, p Patch) (neutron.AddressScope, error) {
	var out neutron.AddressScope
	err := s.change.Do(ctx, func(tx *change.Tx) error {
		is, err := store.AddressScope(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := neutron.CheckRevision(p.IfRevision, is.Revision); err != nil {
			return err
		}
		if is.Shared && !p.Shared.Or(true) {
			return fault.Invalidf("Unable to update address scope %s : Shared address scope can't be unshared.", id).
				Coded("AddressScopeUpdateError")
		}
		is.Name, is.Shared = p.Name.Or(is.Name), p.Shared.Or(is.Shared)
		out, err = store.UpdateAddressScope(ctx, tx, is, tx.Now())
		return err
	})
	return out, err
}

// Delete deletes an address scope that no subnet pool refers to. Faults: AddressScopeNotFound, AddressScopeInUse,
// RevisionNumberConstraintFailed.
func (s *Scopes) Delete(ctx context.Context, id string, ifRevision opt.Of[int64]) error {
	return s.change.Do(ctx, func(tx *change.Tx) error {
		is, err := store.AddressScope(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := neutron.CheckRevision(ifRevision, is.Revision); err != nil {
			return err
		}
		pools, err := store.SubnetPoolsOfScope(ctx, tx, id)
		if err != nil {
			return err
		}
		if len(pools) > 0 {
			return fault.Conflictf("Unable to complete operation on address scope %s. There are one or more subnet pools "+
				"in use on the address scope.", id).Coded("AddressScopeInUse")
		}
		return store.DeleteAddressScope(ctx, tx, id)
	})
}
