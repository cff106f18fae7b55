package delegation

import (
	"context"
	"slices"

	"hypernova/keystone"
	"hypernova/keystone/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// Trust finds a trust that still holds; fault.NotFound for one that is unknown, over or used up.
func (s *Service) Trust(ctx context.Context, id string) (keystone.Trust, error) {
	t, err := store.Trust(ctx, s.db, id)
	if err == nil && (t.RemainingUses == 0 || !t.Expires.IsZero() && !s.now().Before(t.Expires)) {
		err = fault.NotFoundf("Could not find trust: %s.", id)
	}
	return t, store.Missing(err, "trust", id)
}

// Trusts lists one page, without those that are over or used up.
func (s *Service) Trusts(ctx context.Context, a db.ListArgs) ([]keystone.Trust, error) {
	ts, err := store.Trusts(ctx, s.db, a)
	return slices.DeleteFunc(ts, func(t keystone.Trust) bool {
		return t.RemainingUses == 0 || !t.Expires.IsZero() && !s.now().Before(t.Expires)
	}), err
}

// TrustWish is a trust as its maker asks for it.
type TrustWish struct {
	keystone.Trust
	Redelegate bool   // may be handed on
	Count      *int64 // how often; nil: as often as possible
	Via        string // the trust by which the maker acts
}

// CreateTrust makes a trust. fault.NotFound for a trustee, project or role that is not there or that the trustor does
// not hold, fault.Invalid for a past expiry, fault.Forbidden where it would give more than the trust it hands on.
func (s *Service) CreateTrust(ctx context.Context, w TrustWish) (keystone.Trust, error) {
	t := w.Trust
	t.ID = ids.Hex()
	if !t.Expires.IsZero() && !t.Expires.After(s.now()) {
		return t, fault.Invalidf("Invalid trust: the expiration time is in the past.")
	}
	switch {
	case !w.Redelegate || w.Count != nil && *w.Count == 0:
		w.Redelegate, t.RedelegationCount = false, 0
		if t.RemainingUses != keystone.Unlimited && t.RemainingUses < 1 {
			return t, fault.Invalidf("remaining_uses must be a positive integer or null.")
		}
	case w.Count != nil && *w.Count > s.config.MaxRedelegation:
		return t, fault.Forbiddenf("Requested redelegation depth of %d is greater than allowed %d", *w.Count,
			s.config.MaxRedelegation)
	case t.RemainingUses != keystone.Unlimited:
		return t, fault.Invalidf("remaining_uses must not be set if redelegation is allowed")
	case w.Count != nil:
		t.RedelegationCount = *w.Count
	default:
		t.RedelegationCount = s.config.MaxRedelegation
	}
	root := t.TrustorID
	if w.Via != "" {
		chain, err := s.Chain(ctx, w.Via)
		if err != nil {
			return t, err
		}
		if err := s.handOn(&t, w, chain); err != nil {
			return t, err
		}
		root = chain[len(chain)-1].TrustorID
	}
	if err := s.holds(ctx, root, t); err != nil {
		return t, err
	}
	return t, s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, _, err := store.User(ctx, tx, t.TrusteeID); err != nil {
			return store.Missing(err, "user", t.TrusteeID)
		}
		return store.InsertTrust(ctx, tx, t)
	})
}

// Chain is a trust and those it was handed on from, nearest first; fault.Forbidden when one of them no longer holds.
func (s *Service) Chain(ctx context.Context, id string) ([]keystone.Trust, error) {
	var out []keystone.Trust
	for id != "" {
		t, err := s.Trust(ctx, id)
		if err != nil {
			if len(out) > 0 && fault.Is(err, fault.NotFound) {
				err = fault.Forbiddenf("A trust that this one was handed on from does not hold any more.").Because(err)
			}
			return nil, err
		}
		out, id = append(out, t), t.ParentID
	}
	return out, nil
}

// handOn makes a trust out of others narrower, never wider.
func (s *Service) handOn(t *keystone.Trust, w TrustWish, chain []keystone.Trust) error {
	parent := chain[0]
	t.ParentID = parent.ID
	left := parent.RedelegationCount - 1
	if w.Redelegate {
		if w.Count != nil && *w.Count != left {
			return fault.Forbiddenf(
				"Modifying \"redelegation_count\" upon redelegation is forbidden. Omitting this parameter is advised.")
		}
		t.RedelegationCount = left
	}
	for _, p := range chain {
		switch {
		case p.RedelegationCount < 1 || p.RedelegationCount > s.config.MaxRedelegation:
			return fault.Forbiddenf("Remaining redelegation depth of %d out of allowed range of [0..%d]", p.RedelegationCount,
				s.config.MaxRedelegation)
		case t.RemainingUses != keystone.Unlimited:
			return fault.Forbiddenf(
				"Field \"remaining_uses\" is set to %d while it must not be set in order to redelegate a trust", t.RemainingUses)
		case !p.Expires.IsZero() && t.Expires.IsZero():
			t.Expires = p.Expires
		case !p.Expires.IsZero() && t.Expires.After(p.Expires):
			return fault.Forbiddenf("Requested expiration time is more than redelegated trust can provide")
		}
		if slices.ContainsFunc(t.RoleIDs, func(r string) bool { return !slices.Contains(p.RoleIDs, r) }) {
			return fault.Forbiddenf("Some of requested roles are not in redelegated trust")
		}
		if t.Impersonation && !p.Impersonation {
			return fault.Forbiddenf(
				"Impersonation is not allowed because redelegated trust does not specify impersonation. Redelegated trust id: %s",
				p.ID)
		}
		if t.ProjectID != p.ProjectID {
			return fault.Forbiddenf("A trust is handed on for the project that it is for.")
		}
	}
	return nil
}

// holds refuses roles that the one who gives them does not have on the project.
func (s *Service) holds(ctx context.Context, user string, t keystone.Trust) error {
	if t.ProjectID == "" {
		if len(t.RoleIDs) > 0 {
			return fault.NotFoundf("Could not find role: %s.", t.RoleIDs[0])
		}
		return nil
	}
	if _, err := store.Project(ctx, s.db, t.ProjectID); err != nil {
		return store.Missing(err, "project", t.ProjectID)
	}
	held, err := s.roles.Effective(ctx, user, keystone.OnProject, t.ProjectID)
	if err != nil {
		return err
	}
	for _, id := range t.RoleIDs {
		if !slices.ContainsFunc(held, func(r keystone.Role) bool { return r.ID == id }) {
			return fault.NotFoundf("Could not find role: %s.", id)
		}
	}
	return nil
}

// DeleteTrust removes a trust and all that hand it on, and ends their tokens.
func (s *Service) DeleteTrust(ctx context.Context, id string) error {
	return s.write(ctx, func(tx *db.Tx) error {
		for queue := []string{id}; len(queue) > 0; queue = queue[1:] {
			under, err := store.TrustsUnder(ctx, tx, queue[0])
			if err != nil {
				return err
			}
			for _, t := range under {
				queue = append(queue, t.ID)
			}
			if err := store.DeleteTrust(ctx, tx, queue[0]); err != nil {
				return store.Missing(err, "trust", queue[0])
			}
		}
		return nil
	})
}
