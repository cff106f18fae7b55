package token

import (
	"context"
	"slices"

	"hypernova/keystone"
	"hypernova/keystone/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// AppCredentialProof is an application credential, by id or by name and user, with its secret.
type AppCredentialProof struct {
	ID, Name             string
	UserID, UserName     string
	DomainID, DomainName string
	Secret               string
}

// checkAppCredential returns the user of an application credential and adds its project to the claims. It takes as
// long for an unknown credential as for a wrong secret.
func (s *Service) checkAppCredential(ctx context.Context, at int64, p AppCredentialProof, c *Claims) (string, error) {
	a, hash, err := s.findAppCredential(ctx, at, p)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return "", err
	}
	ok := s.passwords.Verify(a.ID, hash, p.Secret)
	switch {
	case err != nil:
		return "", refused("no such application credential")
	case !ok:
		return "", refused("wrong secret of application credential %s", a.ID)
	}
	c.AppCredential, c.Scope = a.ID, Scope{Project: a.ProjectID}
	if c.Expires.IsZero() || !a.Expires.IsZero() && a.Expires.Before(c.Expires) {
		c.Expires = a.Expires
	}
	return a.UserID, nil
}

func (s *Service) findAppCredential(ctx context.Context, at int64, p AppCredentialProof) (
	keystone.AppCredential, string, error) {
	if p.ID != "" {
		return store.AppCredential(ctx, s.db, p.ID)
	}
	u, _, err := s.find(
		ctx,
		at,
		PasswordProof{UserID: p.UserID, UserName: p.UserName, DomainID: p.DomainID, DomainName: p.DomainName},
	)
	if err != nil {
		return keystone.AppCredential{}, "", err
	}
	return store.AppCredentialNamed(ctx, s.db, u.ID, p.Name)
}

// byTrust adds a trust to the claims of its trustee.
func (s *Service) byTrust(ctx context.Context, c *Claims, id string) error {
	t, err := store.Trust(ctx, s.db, id)
	if err != nil {
		return gone(err, "trust", id)
	}
	if t.TrusteeID != c.User {
		return fault.Forbiddenf("You are not authorized to perform the requested action: user is not a trustee.")
	}
	c.Trust, c.Scope, c.Federation = t.ID, Scope{Project: t.ProjectID}, nil
	if !t.Expires.IsZero() && t.Expires.Before(c.Expires) {
		c.Expires = t.Expires
	}
	return nil
}

// Delegated describes the token for a proof other than those of Authenticate, such as a request signed with an EC2
// key.
type Delegated struct{ User, Project, Trust, AppCredential, Method string }

// Grant issues a token for a proof that the caller has checked, such as a request signed with an EC2 key.
func (s *Service) Grant(ctx context.Context, d Delegated) (string, *Token, error) {
	c := Claims{
		User:          d.User,
		Methods:       []string{d.Method},
		Scope:         Scope{Project: d.Project},
		Trust:         d.Trust,
		AppCredential: d.AppCredential,
		Expires:       s.now().Add(s.config.Lifetime),
	}
	if d.Trust != "" {
		t, err := store.Trust(ctx, s.db, d.Trust)
		if err != nil {
			return "", nil, gone(err, "trust", d.Trust)
		}
		if err := s.byTrust(ctx, &c, t.ID); err != nil && d.User == t.TrusteeID {
			return "", nil, err
		}
		// A key made under impersonation belongs to the trustor, but it is the trustee who acts.
		c.User, c.Trust, c.Scope = t.TrusteeID, t.ID, Scope{Project: t.ProjectID}
	}
	if d.AppCredential != "" {
		a, _, err := store.AppCredential(ctx, s.db, d.AppCredential)
		if err != nil {
			return "", nil, gone(err, "application credential", d.AppCredential)
		}
		if !a.Expires.IsZero() && a.Expires.Before(c.Expires) {
			c.Expires = a.Expires
		}
	}
	at, err := s.epochs.Read(ctx)
	if err != nil {
		return "", nil, err
	}
	text, t, err := s.issued(ctx, at, c)
	if err == nil && t.Scope.Project != d.Project {
		return "", nil, refused("the key is for another project than what it was delegated by")
	}
	return text, t, err
}

// delegation looks up the trust or application credential of a token and returns an error if it is no longer valid.
func (s *Service) delegation(ctx context.Context, t *Token) error {
	var err error
	switch {
	case t.Claims.AppCredential != "":
		if t.AppCredential, _, err = store.AppCredential(ctx, s.db, t.Claims.AppCredential); err != nil {
			return gone(err, "application credential", t.Claims.AppCredential)
		}
		if a := t.AppCredential; a.UserID != t.User || a.ProjectID != t.Scope.Project ||
			!a.Expires.IsZero() && !s.now().Before(a.Expires) {
			return refused("application credential %s does not hold", a.ID)
		}
	case t.Claims.Trust != "":
		if t.Trust, err = s.standing(ctx, t.Claims.Trust); err != nil {
			return err
		}
		if t.Trust.TrusteeID != t.User || t.Trust.ProjectID != t.Scope.Project {
			return refused("trust %s is not for this", t.Trust.ID)
		}
	}
	return nil
}

// standing looks up a trust and returns an error unless all users of its chain are enabled.
func (s *Service) standing(ctx context.Context, id string) (keystone.Trust, error) {
	t, err := store.Trust(ctx, s.db, id)
	if err != nil {
		return t, gone(err, "trust", id)
	}
	if !t.Expires.IsZero() && !s.now().Before(t.Expires) {
		return t, refused("trust %s is over", id)
	}
	for _, user := range []string{t.TrustorID, t.TrusteeID} {
		u, err := s.active(ctx, user)
		if err != nil {
			return t, err
		}
		if _, err := s.enabled(ctx, u.DomainID); err != nil {
			return t, err
		}
	}
	if t.ParentID != "" {
		_, err = s.standing(ctx, t.ParentID)
	}
	return t, err
}

// projectRoles returns the roles of a project token: the user's, or those that were delegated and that the user still
// has.
func (s *Service) projectRoles(ctx context.Context, t *Token) ([]keystone.Role, error) {
	switch {
	case t.AppCredential.ID != "":
		held, err := s.roles.Effective(ctx, t.User, keystone.OnProject, t.Scope.Project)
		return only(held, t.AppCredential.RoleIDs), err
	case t.Trust.ID != "":
		root := t.Trust
		for root.ParentID != "" {
			var err error
			if root, err = store.Trust(ctx, s.db, root.ParentID); err != nil {
				return nil, gone(err, "trust", t.Trust.ParentID)
			}
		}
		held, err := s.roles.Effective(ctx, root.TrustorID, keystone.OnProject, t.Scope.Project)
		if err != nil {
			return nil, err
		}
		if len(only(held, t.Trust.RoleIDs)) < len(t.Trust.RoleIDs) {
			return nil, refused("user %s has lost a role that trust %s gives", root.TrustorID, t.Trust.ID)
		}
		wide, err := s.roles.Expand(ctx, t.Trust.RoleIDs)
		return only(held, wide), err
	}
	return s.roles.Effective(ctx, t.User, keystone.OnProject, t.Scope.Project, t.Groups()...)
}

func only(held []keystone.Role, ids []string) []keystone.Role {
	return slices.DeleteFunc(held, func(r keystone.Role) bool { return !slices.Contains(ids, r.ID) })
}

// Ruled reports whether access rules limit the requests for which the token is valid.
func (t *Token) Ruled() bool { return t.AppCredential.Ruled }

// Delegated reports whether a trust or an application credential delegated the token.
func (t *Token) Delegated() bool { return t.DelegatedBy() != "" }

// DelegatedBy returns the id of the trust or application credential that delegated the token, or "".
func (t *Token) DelegatedBy() string {
	if t.Trust.ID != "" {
		return t.Trust.ID
	}
	return t.AppCredential.ID
}

// allows returns an error if the token has access rules and none of them covers the request, or the request is
// unknown.
func (t *Token) allows(ctx context.Context) error {
	u, known := keystone.UseOf(ctx)
	if known && slices.ContainsFunc(t.AppCredential.AccessRules, func(r keystone.AccessRule) bool { return r.Allows(u) }) {
		return nil
	}
	return refused(
		"no access rule of application credential %s covers %s %s of %s",
		t.AppCredential.ID,
		u.Method,
		u.Path,
		u.Service,
	)
}

// RevokeAll revokes all tokens of a user.
func (s *Service) RevokeAll(ctx context.Context, user string) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		now := s.now()
		err := store.Revoke(ctx, tx, store.Revocation{ID: ids.Ordered(now), UserID: user, IssuedBefore: now,
			ExpiresAt: now.Add(s.config.Lifetime)})
		if err != nil {
			return err
		}
		return s.epochs.Move(ctx, tx)
	})
}

// Revocations returns the revocations in force.
func (s *Service) Revocations(ctx context.Context) ([]store.Revocation, error) {
	return store.Revocations(ctx, s.db)
}
