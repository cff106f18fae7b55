package token

import (
	"context"

	"hypernova/keystone"
	"hypernova/keystone/store"
	"hypernova/oslo/fault"
)

// Request is what a client presents, and what it wants a token for.
type Request struct {
	Password *PasswordProof
	Token    string      // a token to be traded for another
	Scope    *ScopeClaim // nil: the user's default project if that works, else unscoped
	Unscoped bool
}

// PasswordProof names a user by id, or by name and domain, and gives the password.
type PasswordProof struct {
	UserID, UserName     string
	DomainID, DomainName string
	Password             string
}

// ScopeClaim names what the token is wanted for.
type ScopeClaim struct {
	ProjectID, ProjectName string
	DomainID, DomainName   string // of the project where a project is named, else the domain itself
	System                 bool
}

// Authenticate checks the proofs and issues a token. fault.Unauthorized, always with the same words, when any of it does not hold.
func (s *Service) Authenticate(ctx context.Context, r Request) (string, *Token, error) {
	c, err := s.prove(ctx, r)
	if err != nil {
		return "", nil, err
	}
	switch {
	case r.Scope != nil:
		if c.Scope, err = s.scope(ctx, *r.Scope); err != nil {
			return "", nil, err
		}
	case !r.Unscoped:
		c.Scope = s.byDefault(ctx, c)
	}
	text, claims, err := s.issue(c)
	if err != nil {
		return "", nil, err
	}
	t, err := s.resolve(ctx, claims)
	if err != nil {
		return "", nil, err
	}
	return text, t, nil
}

// prove turns the proofs into claims without a scope.
func (s *Service) prove(ctx context.Context, r Request) (Claims, error) {
	var c Claims
	if r.Token != "" {
		old, err := s.Inspect(ctx, r.Token, false)
		if err != nil {
			return c, refused("token: %v", err)
		}
		if old.Scope != (Scope{}) && !s.config.AllowRescope {
			return c, fault.Forbiddenf("rescope a scoped token")
		}
		// A token got with a token dies with it, and stays in its chain.
		c = Claims{User: old.User, Methods: old.Methods, Expires: old.Expires, AuditIDs: old.AuditIDs[len(old.AuditIDs)-1:]}
		if !has(c.Methods, "token") {
			c.Methods = append([]string{"token"}, c.Methods...)
		}
	}
	if r.Password != nil {
		id, err := s.checkPassword(ctx, *r.Password)
		if err != nil {
			return c, err
		}
		if r.Token != "" && id != c.User {
			return c, refused("password and token prove different users")
		}
		c.User = id
		if c.Expires.IsZero() {
			c.Expires = s.now().Add(s.config.Lifetime)
		}
		if !has(c.Methods, "password") {
			c.Methods = append(c.Methods, "password")
		}
	}
	if c.User == "" {
		return c, refused("no proof was given")
	}
	return c, nil
}

// checkPassword answers the user's id. It takes as long for an unknown user as for a wrong password.
func (s *Service) checkPassword(ctx context.Context, p PasswordProof) (string, error) {
	u, sec, err := s.find(ctx, p)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return "", err
	}
	if err != nil {
		sec = store.Secret{}
	}
	now := s.now()
	locked := s.config.LockoutAttempts > 0 && sec.FailedCount >= int64(s.config.LockoutAttempts) &&
		(s.config.LockoutFor == 0 || now.Before(sec.FailedAt.Add(s.config.LockoutFor)))
	ok := s.passwords.Verify(u.ID, sec.Hash, p.Password)
	switch {
	case err != nil:
		return "", refused("no such user")
	case locked && u.Options["ignore_lockout_failure_attempts"] != true:
		return "", refused("user %s is locked after %d wrong passwords", u.ID, sec.FailedCount)
	case !ok:
		if s.config.LockoutAttempts > 0 {
			if err := store.CountFailure(ctx, s.db, u.ID, now); err != nil {
				return "", err
			}
		}
		return "", refused("wrong password of user %s", u.ID)
	case !u.PasswordExpires.IsZero() && now.After(u.PasswordExpires):
		return "", fault.New(fault.Unauthorized, "The password is expired and needs to be changed for user: %s.", u.ID)
	case !u.Enabled:
		return "", refused("user %s is disabled", u.ID)
	}
	if sec.FailedCount > 0 {
		return u.ID, store.ForgetFailures(ctx, s.db, u.ID)
	}
	return u.ID, nil
}

func (s *Service) find(ctx context.Context, p PasswordProof) (keystone.User, store.Secret, error) {
	if p.UserID != "" {
		return store.User(ctx, s.db, p.UserID)
	}
	domain := p.DomainID
	if domain == "" {
		d, err := store.ProjectNamed(ctx, s.db, "", p.DomainName)
		if err != nil {
			return keystone.User{}, store.Secret{}, err
		}
		domain = d.ID
	}
	return store.UserNamed(ctx, s.db, domain, p.UserName)
}

// scope finds what is named; whether the user has a role there is seen when the token is resolved.
func (s *Service) scope(ctx context.Context, c ScopeClaim) (Scope, error) {
	if c.System {
		return Scope{System: true}, nil
	}
	if c.ProjectID != "" {
		return Scope{Project: c.ProjectID}, nil
	}
	domain := c.DomainID
	if domain == "" {
		d, err := store.ProjectNamed(ctx, s.db, "", c.DomainName)
		if err != nil {
			return Scope{}, gone(err, "domain", c.DomainName)
		}
		domain = d.ID
	}
	if c.ProjectName == "" {
		return Scope{Domain: domain}, nil
	}
	p, err := store.ProjectNamed(ctx, s.db, domain, c.ProjectName)
	return Scope{Project: p.ID}, gone(err, "project", c.ProjectName)
}

// byDefault is the user's default project where a token for it would hold.
func (s *Service) byDefault(ctx context.Context, c Claims) Scope {
	u, _, err := store.User(ctx, s.db, c.User)
	if err != nil || u.DefaultProjectID == "" {
		return Scope{}
	}
	c.Scope = Scope{Project: u.DefaultProjectID}
	if _, err := s.resolve(ctx, c); err != nil {
		return Scope{}
	}
	return c.Scope
}
