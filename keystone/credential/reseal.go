package credential

import (
	"context"
	"fmt"

	"hypernova/keystone/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// page is how many credentials are looked at together.
const page = 200

// Stale counts the credentials that older keys have sealed: those keys must not go yet.
func (s *Service) Stale(ctx context.Context) (n int, err error) {
	err = s.each(ctx, func(c store.SealedCredential) error {
		if !s.keys.Primary(c.Blob) {
			n++
		}
		return nil
	})
	return n, err
}

// Lost are the ids of the credentials that no key of the repository opens.
func (s *Service) Lost(ctx context.Context) (ids []string, err error) {
	err = s.each(ctx, func(c store.SealedCredential) error {
		if _, err := s.open(c); err != nil {
			ids = append(ids, c.ID)
		}
		return nil
	})
	return ids, err
}

// Any tells whether there is a credential at all.
func Any(ctx context.Context, d *db.DB) (bool, error) {
	cs, err := store.Credentials(ctx, d, db.ListArgs{Limit: 1})
	return len(cs) > 0, err
}

// Reseal writes every credential that older keys have sealed with the one that seals now, and tells how many. It is
// safe to run again, and beside a running service. One that no key opens stays as it is and is named in the error;
// the others are written all the same.
func (s *Service) Reseal(ctx context.Context) (n int, err error) {
	var lost []string
	err = s.each(ctx, func(c store.SealedCredential) error {
		if s.keys.Primary(c.Blob) {
			return nil
		}
		did, err := s.reseal(ctx, c.ID)
		switch {
		case fault.Is(err, fault.NotFound): // deleted meanwhile
		case fault.Is(err, fault.Internal) && fault.Of(err) != nil:
			lost = append(lost, c.ID)
		case err != nil:
			return err
		case did:
			n++
		}
		return nil
	})
	if err == nil && lost != nil {
		err = fault.Conflictf("credentials that no key of the repository opens: %v; bring back the key that sealed them, or delete them", lost)
	}
	return n, err
}

// reseal reads and writes in one transaction, so that nobody's change is undone.
func (s *Service) reseal(ctx context.Context, id string) (did bool, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		did = false
		sealed, err := store.Credential(ctx, tx, id)
		if err != nil || s.keys.Primary(sealed.Blob) {
			return err
		}
		c, err := s.open(sealed)
		if err != nil {
			return err
		}
		if sealed, err = s.seal(c); err != nil {
			return fmt.Errorf("seal credential %s: %w", id, err)
		}
		did = true
		return store.UpdateCredential(ctx, tx, sealed)
	})
	return did, err
}

func (s *Service) each(ctx context.Context, f func(store.SealedCredential) error) error {
	for after := ""; ; {
		// Not by a marker: the last one may be deleted meanwhile.
		cs, err := store.Credentials(ctx, s.db,
			db.ListArgs{Limit: page, Where: []db.Cond{{Column: "id", Op: db.Gt, Values: []any{after}}}})
		if err != nil {
			return err
		}
		for _, c := range cs {
			if err := f(c); err != nil {
				return err
			}
			after = c.ID
		}
		if len(cs) < page {
			return nil
		}
	}
}
