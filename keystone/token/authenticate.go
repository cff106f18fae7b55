package token

import (
	"context"
	"slices"
	"time"

	"hypernova/keystone"
	"hypernova/keystone/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Request is a request for a token: the proofs and the scope.
type Request struct {
	Password      *PasswordProof
	TOTP          *PasswordProof // the passcode stands as Password
	AppCredential *AppCredentialProof
	Vouched       *Vouched    // a login at an identity provider, which the caller has verified
	Token         string      // a token to issue another for
	Receipt       string      // of earlier proofs
	Scope         *ScopeClaim // nil: the user's default project if that works, else unscoped
	Unscoped      bool
}

// PasswordProof is a user, by id or by name and domain, with the password.
type PasswordProof struct {
	UserID, UserName     string
	DomainID, DomainName string
	Password             string
}

// Vouched is a user whom an identity provider has authenticated. Federation is nil for a local user.
type Vouched struct {
	User       string
	Federation *Federation
}

// ScopeClaim is the requested scope.
type ScopeClaim struct {
	ProjectID, ProjectName string
	DomainID, DomainName   string // of the project where a project is named, else the domain itself
	System                 bool
	Trust                  string
}

// Authenticate checks the proofs and issues a token. If a proof is wrong it returns fault.Unauthorized, with the same
// text for every reason. If the proofs are right but the user's multi-factor rules require more, it returns
// *Insufficient.
func (s *Service) Authenticate(ctx context.Context, r Request) (string, *Token, error) {
	at, err := s.epochs.Read(ctx)
	if err != nil {
		return "", nil, err
	}
	c, err := s.prove(ctx, at, r)
	if err != nil {
		return "", nil, err
	}
	if err := s.enough(ctx, at, c); err != nil {
		return "", nil, err
	}
	switch {
	case c.AppCredential != "" || has(c.Methods, MethodEC2):
		// Its project is the only one; a client that trades its token may name it.
		if want := c.Scope; r.Unscoped || r.Scope != nil {
			if r.Unscoped || r.AppCredential != nil {
				return "", nil, refused("application credentials cannot request a scope")
			}
			if c.Scope, err = s.scope(ctx, at, *r.Scope); err != nil {
				return "", nil, err
			}
			if c.Scope != want {
				return "", nil, refused("an application credential, or an EC2 key, is for one project")
			}
		}
	case r.Scope != nil && r.Scope.Trust != "":
		if err := s.byTrust(ctx, &c, r.Scope.Trust); err != nil {
			return "", nil, err
		}
	case r.Scope != nil:
		if c.Scope, err = s.scope(ctx, at, *r.Scope); err != nil {
			return "", nil, err
		}
	case !r.Unscoped:
		c.Scope = s.byDefault(ctx, at, c)
	}
	text, t, err := s.issued(ctx, at, c)
	if err != nil {
		return "", nil, err
	}
	if c.Trust != "" && t.Trust.RemainingUses != keystone.Unlimited {
		err = s.db.Tx(ctx, func(tx *db.Tx) error {
			left, err := store.UseTrust(ctx, tx, c.Trust)
			if err == nil && !left {
				err = refused("trust %s is used up", c.Trust)
			}
			return err
		})
	}
	return text, t, err
}

// issued resolves the claims, as of epoch at or later, and issues a token.
func (s *Service) issued(ctx context.Context, at int64, c Claims) (string, *Token, error) {
	text, claims, err := s.issue(c)
	if err != nil {
		return "", nil, err
	}
	t, err := s.known.resolve(ctx, at, claims)
	if err != nil {
		return "", nil, err
	}
	t.Epoch = at
	return text, t, nil
}

// prove checks the proofs and returns claims without a scope.
func (s *Service) prove(ctx context.Context, at int64, r Request) (Claims, error) {
	var c Claims
	if r.Token != "" {
		var err error
		if c, err = s.trade(ctx, at, r.Token); err != nil {
			return c, err
		}
	}
	for _, p := range []struct {
		method string
		given  bool
		check  func() (string, error)
	}{
		{"password", r.Password != nil, func() (string, error) { return s.checkPassword(ctx, at, *r.Password) }},
		{"totp", r.TOTP != nil, func() (string, error) { return s.checkTOTP(ctx, at, *r.TOTP) }},
		{"application_credential", r.AppCredential != nil, func() (string, error) {
			return s.checkAppCredential(ctx, at, *r.AppCredential, &c)
		}},
		{"mapped", r.Vouched != nil, func() (string, error) {
			c.Federation = r.Vouched.Federation
			return r.Vouched.User, nil
		}},
		{"", r.Receipt != "", func() (string, error) { return s.checkReceipt(r.Receipt, &c) }},
	} {
		if !p.given {
			continue
		}
		id, err := p.check()
		if err != nil {
			return c, err
		}
		if c.User != "" && id != c.User {
			return c, refused("the proofs are of different users")
		}
		c.User = id
		if p.method != "" && !has(c.Methods, p.method) {
			c.Methods = append(c.Methods, p.method)
		}
	}
	if c.User == "" ||
		r.Receipt != "" && r.Password == nil && r.TOTP == nil && r.AppCredential == nil && r.Vouched == nil && r.Token == "" {
		return c, refused("no proof was given")
	}
	if end := s.now().Add(s.config.Lifetime); c.Expires.IsZero() || r.Token == "" && c.Expires.After(end) {
		c.Expires = end
	}
	return c, nil
}

// trade returns claims for a token that is requested with another token. They keep its expiry, audit chain and
// delegation.
func (s *Service) trade(ctx context.Context, at int64, text string) (Claims, error) {
	old, err := s.known.inspect(ctx, at, text, false)
	if err != nil {
		return Claims{}, err // a token that is worthless is not found, here too
	}
	if old.Claims.Trust != "" || old.Scope != (Scope{}) && !s.config.AllowRescope {
		return Claims{}, fault.Forbiddenf("You are not authorized to perform the requested action: rescope a scoped token.")
	}
	if old.Ruled() {
		return Claims{}, fault.Forbiddenf("A token that access rules restrict cannot be traded for another one.")
	}
	c := Claims{User: old.User, Methods: slices.Clone(old.Methods), Expires: old.Expires,
		AuditIDs: old.AuditIDs[len(old.AuditIDs)-1:], AppCredential: old.Claims.AppCredential,
		Federation: old.Federation}
	if c.AppCredential != "" || has(c.Methods, MethodEC2) {
		c.Scope = old.Scope
	}
	if !has(c.Methods, "token") {
		c.Methods = append([]string{"token"}, c.Methods...)
	}
	return c, nil
}

// checkPassword returns the user's id. It takes as long for an unknown user as for a wrong password.
func (s *Service) checkPassword(ctx context.Context, at int64, p PasswordProof) (string, error) {
	u, sec, err := s.find(ctx, at, p)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return "", err
	}
	if theirs, elsewhere := s.elsewhere(ctx, at, u, p, err); theirs {
		return u.ID, elsewhere
	}
	if err != nil {
		sec = store.Secret{}
	}
	now, rules := s.now(), s.passwords.Rules()
	kept := err != nil || rules.Locked(u, sec, now) || !u.Enabled || rules.Dormant(u, now)
	if kept {
		sec.Hash = "" // a right password that is remembered would be refused sooner than a wrong one
	}
	ok := s.passwords.Verify(u.ID, sec.Hash, p.Password)
	switch {
	case kept:
		return "", s.failed(
			ctx,
			"",
			refused("user %q is not there, disabled, or locked after %d wrong passwords", u.ID, sec.FailedCount),
		)
	case !ok:
		return "", s.failed(ctx, u.ID, refused("wrong password of user %s", u.ID))
	case rules.Expired(u, now):
		return "", fault.New(fault.Unauthorized, "The password is expired and needs to be changed for user: %s.", u.ID)
	}
	if sec.FailedCount > 0 {
		if err := store.ForgetFailures(ctx, s.db, u.ID); err != nil {
			return "", err
		}
	}
	// A day is as exact as inactivity is counted; a write for every login would cost more than the password.
	if rules.InactiveAfter > 0 && now.Sub(u.LastActive) > 24*time.Hour {
		return u.ID, store.Seen(ctx, s.db, u.ID, now)
	}
	return u.ID, nil
}

// failed counts a wrong proof of a user, where they are counted, and answers why. The database is asked for nobody
// ("") as well, so that it takes about as long.
func (s *Service) failed(ctx context.Context, user string, why error) error {
	if s.passwords.Rules().LockoutAttempts > 0 {
		if err := store.CountFailure(ctx, s.db, user, s.now()); err != nil {
			return err
		}
	}
	return why
}

// elsewhere checks the password of a user that a domain's directory has, or should have; theirs is false for users of
// the database.
func (s *Service) elsewhere(
	ctx context.Context,
	at int64,
	u keystone.User,
	p PasswordProof,
	unknown error,
) (theirs bool, err error) {
	if unknown != nil && p.UserID == "" {
		domain, err := s.domainOf(ctx, at, p)
		if err != nil {
			return false, nil
		}
		if theirs, err = s.config.Directory.Serves(ctx, domain); !theirs || err != nil {
			return err != nil, err
		}
		if err := s.config.Directory.Refuse(ctx, domain, p.Password); err != nil && !fault.Is(err, fault.Unauthorized) {
			return true, err
		}
		return true, refused("no such user in the directory")
	}
	if theirs, err = s.config.Directory.Has(ctx, u.ID, keystone.OfUser); !theirs || err != nil {
		return err != nil, err
	}
	err = s.config.Directory.Check(ctx, u, p.Password)
	switch {
	case fault.Is(err, fault.Unauthorized), fault.Is(err, fault.NotFound):
		return true, refused("the directory refuses user %s: %v", u.ID, err)
	case err != nil:
		return true, err
	case !u.Enabled:
		return true, refused("user %s is disabled in the directory", u.ID)
	}
	return true, nil
}

func (s *Service) domainOf(ctx context.Context, at int64, p PasswordProof) (string, error) {
	if p.DomainID != "" {
		return p.DomainID, nil
	}
	return s.known.idOf(ctx, at, "", p.DomainName)
}

func (s *Service) find(ctx context.Context, at int64, p PasswordProof) (keystone.User, store.Secret, error) {
	if p.UserID != "" {
		return s.user(ctx, p.UserID)
	}
	domain, err := s.domainOf(ctx, at, p)
	if err != nil {
		return keystone.User{}, store.Secret{}, err
	}
	if u, theirs, err := s.config.Directory.UserNamed(ctx, domain, p.UserName); theirs || err != nil {
		return u, store.Secret{}, err
	}
	return store.UserNamed(ctx, s.db, domain, p.UserName)
}

// scope finds what is named; whether the user has a role there is seen when the token is resolved.
func (s *Service) scope(ctx context.Context, at int64, c ScopeClaim) (Scope, error) {
	if c.System {
		return Scope{System: true}, nil
	}
	if c.ProjectID != "" {
		return Scope{Project: c.ProjectID}, nil
	}
	domain := c.DomainID
	if domain == "" {
		var err error
		if domain, err = s.known.idOf(ctx, at, "", c.DomainName); err != nil {
			return Scope{}, gone(err, "domain", c.DomainName)
		}
	}
	if c.ProjectName == "" {
		return Scope{Domain: domain}, nil
	}
	id, err := s.known.idOf(ctx, at, domain, c.ProjectName)
	return Scope{Project: id}, gone(err, "project", c.ProjectName)
}

// byDefault is the user's default project where a token for it would hold.
func (s *Service) byDefault(ctx context.Context, at int64, c Claims) Scope {
	u, err := s.known.owner(ctx, at, c.User)
	if err != nil || u.DefaultProjectID == "" {
		return Scope{}
	}
	c.Scope = Scope{Project: u.DefaultProjectID}
	if _, err := s.known.resolve(ctx, at, c); err != nil {
		return Scope{}
	}
	return c.Scope
}
