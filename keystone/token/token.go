// Package token authenticates users and issues and validates Fernet tokens. A token is not stored: it contains its
// claims, encrypted. Roles and names are looked up when it is validated. The result is cached until the epoch changes,
// a number in the database that every change that could invalidate a token raises.
package token

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"slices"
	"time"

	"hypernova/keystone"
	"hypernova/keystone/assignment"
	"hypernova/keystone/identity"
	"hypernova/keystone/ldapidentity"
	"hypernova/keystone/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// Config is section [token] and the dependencies of tokens.
type Config struct {
	Lifetime     time.Duration `conf:"expiration" default:"3600" min:"1" help:"How long a token is good."`
	AllowRescope bool          `conf:"allow_rescope_scoped_token" default:"true" help:"Whether a token for one project may be traded for a token for another."`

	ReceiptFor time.Duration // lifetime of receipts; 0: five minutes
	Seeds      Seeds         // nil: nobody has TOTP
	Directory  *ldapidentity.Service
}

// KeyOptions are section [fernet_tokens].
type KeyOptions struct {
	Repository string `conf:"key_repository" default:"$state_path/fernet-keys" help:"The folder of the keys. Every keystone process needs the same ones. Empty keeps a key in memory, and tokens end with the process."`
	MaxActive  int    `conf:"max_active_keys" default:"3" min:"1" max:"100" help:"How many keys a rotation keeps."`
}

// Seeds are the TOTP secrets of a user, in base32.
type Seeds interface {
	Seeds(ctx context.Context, user string) ([]string, error)
}

// Deps are the dependencies of the service. All are required.
type Deps struct {
	DB        *db.DB
	Epochs    *store.Epochs
	Keys      *Keys
	Passwords *identity.Passwords
	Roles     *assignment.Service
	Now       clock.Now
}

// Service authenticates users and validates tokens. It implements keystone.API in processes that open identity's
// database. Its methods may be called concurrently and block on the database.
type Service struct {
	db        *db.DB
	epochs    *store.Epochs
	keys      *Keys
	passwords *identity.Passwords
	roles     *assignment.Service
	config    Config
	now       clock.Now
	cache     *cache
	known     *known
}

// New makes the service.
func New(c Config, d Deps) *Service {
	s := &Service{db: d.DB, epochs: d.Epochs, keys: d.Keys, passwords: d.Passwords, roles: d.Roles, config: c,
		now:   d.Now,
		cache: newCache()}
	s.known = newKnown(s)
	return s
}

// Token is a validated token with everything that the API shows of it.
type Token struct {
	Claims
	Owner         keystone.User
	OwnerDomain   keystone.Project
	Project       keystone.Project // of a project token
	ProjectDomain keystone.Project
	Domain        keystone.Project // of a domain token
	// The trust or application credential that delegated the token; an empty ID if none did.
	Trust         keystone.Trust
	AppCredential keystone.AppCredential
	Roles         []keystone.Role
	// Epoch was read from the database before the token was resolved, within the request.
	Epoch int64
}

// Caller returns the caller for policy checks.
func (t *Token) Caller() *auth.Caller {
	c := &auth.Caller{UserID: t.Owner.ID, UserName: t.Owner.Name, UserDomainID: t.OwnerDomain.ID,
		UserDomainName: t.OwnerDomain.Name,
		Methods:        t.Methods, AuditID: t.AuditIDs[0], Expires: t.Expires}
	switch {
	case t.Scope.Project != "":
		c.ProjectID, c.ProjectName = t.Project.ID, t.Project.Name
		c.ProjectDomainID, c.ProjectDomainName = t.ProjectDomain.ID, t.ProjectDomain.Name
	case t.Scope.Domain != "":
		c.DomainID, c.DomainName = t.Domain.ID, t.Domain.Name
	case t.Scope.System:
		c.System = "all"
	}
	for _, r := range t.Roles {
		c.Roles = append(c.Roles, r.Name)
	}
	return c
}

// refused returns the error of a failed authentication. Clients get no reason; the log has it.
func refused(why string, args ...any) error {
	return fault.New(fault.Unauthorized, "The request you have made requires "+
		"authentication.").Because(fault.New(fault.Unauthorized, why, args...))
}

// issue returns a token with the claims.
func (s *Service) issue(c Claims) (string, Claims, error) {
	raw := make([]byte, 16)
	rand.Read(raw)
	c.AuditIDs = append([]string{base64.RawURLEncoding.EncodeToString(raw)}, c.AuditIDs...)
	c.Issued = s.now()
	text, err := s.keys.Seal(c.encode())
	return text, c, err
}

// Validate implements auth.Validator. It uses the cache if the epoch has not changed. fault.Unauthorized for an
// invalid token.
func (s *Service) Validate(ctx context.Context, text string) (*auth.Caller, error) {
	now, err := s.epochs.Current(ctx)
	if err != nil {
		return nil, fault.Unavailablef("The identity database does not answer.").Because(err)
	}
	if c := s.cache.get(text, now, s.now()); c != nil {
		return c, nil
	}
	// A token with access rules is valid for some requests only, so its caller is not cached.
	t, err := s.Inspect(ctx, text, false)
	if fault.Is(err, fault.NotFound) {
		return nil, refused("%v", err)
	}
	if err != nil {
		return nil, err
	}
	c := t.Caller()
	if t.Ruled() {
		return c, t.allows(ctx)
	}
	until, err := s.rests(ctx, t)
	if err != nil {
		return nil, err
	}
	s.cache.put(text, now, c, until)
	return c, nil
}

// rests returns the time until which a cached caller stays valid if the epoch does not change. Group memberships of
// federated users expire.
func (s *Service) rests(ctx context.Context, t *Token) (time.Time, error) {
	if len(t.Owner.ID) == keystone.PublicIDLength { // what is said of them elsewhere moves no epoch here
		return s.now().Add(ldapidentity.Fresh), nil
	}
	until := t.Expires
	for _, user := range []string{t.User, t.Trust.TrustorID} {
		at, ok, err := store.NextExpiry(ctx, s.db, user, s.now())
		if err != nil {
			return until, err
		}
		if ok && at.Before(until) {
			until = at
		}
	}
	return until, nil
}

// Inspect returns everything about a token, as the database has it now. With expired it accepts expired tokens.
// fault.NotFound for an invalid one. Callers must not change the result, which others may have too.
func (s *Service) Inspect(ctx context.Context, text string, expired bool) (*Token, error) {
	at, err := s.epochs.Read(ctx)
	if err != nil {
		return nil, err
	}
	return s.known.inspect(ctx, at, text, expired)
}

func (s *Service) revoked(ctx context.Context, t *Token) error {
	trustor := t.Trust.TrustorID
	if trustor == "" {
		trustor = t.User
	}
	rs, err := store.RevocationsFor(ctx, s.db, t.AuditIDs[0], t.AuditIDs[len(t.AuditIDs)-1], t.User, trustor)
	if err != nil {
		return err
	}
	for _, r := range rs {
		if (r.AuditID == "" || r.AuditID == t.AuditIDs[0]) &&
			(r.AuditChainID == "" || r.AuditChainID == t.AuditIDs[len(t.AuditIDs)-1]) &&
			(r.UserID == "" || r.UserID == t.User || r.UserID == t.Trust.TrustorID) && !t.Issued.After(r.IssuedBefore) {
			return fault.NotFoundf("The token has been revoked.")
		}
	}
	return nil
}

// lookUp is resolve without what is known.
func (s *Service) lookUp(ctx context.Context, c Claims) (*Token, error) {
	t := &Token{Claims: c}
	if err := s.delegation(ctx, t); err != nil {
		return nil, err
	}
	owner := c.User
	if t.Trust.Impersonation {
		owner = t.Trust.TrustorID
	}
	var err error
	if t.Owner, err = s.active(ctx, owner); err != nil {
		return nil, err
	}
	if t.OwnerDomain, err = s.enabled(ctx, t.Owner.DomainID); err != nil {
		return nil, err
	}
	if err := s.vouched(ctx, c.Federation); err != nil {
		return nil, err
	}
	switch {
	case c.Scope.Project != "":
		if t.Project, err = s.enabled(ctx, c.Scope.Project); err != nil {
			return nil, err
		}
		t.ProjectDomain = t.Project
		if !t.Project.IsDomain {
			if t.ProjectDomain, err = s.enabled(ctx, t.Project.DomainID); err != nil {
				return nil, err
			}
		}
		t.Roles, err = s.projectRoles(ctx, t)
	case c.Scope.Domain != "":
		if t.Domain, err = s.enabled(ctx, c.Scope.Domain); err != nil {
			return nil, err
		}
		t.Roles, err = s.roles.Effective(ctx, c.User, keystone.OnDomain, c.Scope.Domain, t.Groups()...)
	case c.Scope.System:
		t.Roles, err = s.roles.Effective(ctx, c.User, keystone.OnSystem, keystone.OnSystem, t.Groups()...)
	default:
		return t, nil
	}
	if err == nil && len(t.Roles) == 0 && t.Trust.ID == "" {
		err = refused("user %s has no role on %+v", c.User, c.Scope)
	}
	return t, err
}

// vouched returns an error if the token's identity provider is deleted or disabled.
func (s *Service) vouched(ctx context.Context, f *Federation) error {
	if f == nil {
		return nil
	}
	p, err := store.IdentityProvider(ctx, s.db, f.Provider)
	if err != nil {
		return gone(err, "identity provider", f.Provider)
	}
	if !p.Enabled {
		return refused("identity provider %s is disabled", f.Provider)
	}
	return nil
}

// Groups returns the groups that the token itself gives its user, by a federation mapping.
func (t *Token) Groups() []string {
	if t.Federation == nil {
		return nil
	}
	return t.Federation.Groups
}

// user looks up a user in the database or in the LDAP directory of the user's domain.
func (s *Service) user(ctx context.Context, id string) (keystone.User, store.Secret, error) {
	if u, theirs, err := s.config.Directory.User(ctx, id); theirs || err != nil {
		return u, store.Secret{}, err
	}
	return store.User(ctx, s.db, id)
}

// active looks up a user and returns an error unless the user is enabled and has not been inactive for too long.
func (s *Service) active(ctx context.Context, id string) (keystone.User, error) {
	u, _, err := s.user(ctx, id)
	if err != nil {
		return u, gone(err, "user", id)
	}
	if !u.Enabled || s.passwords.Rules().Dormant(u, s.now()) {
		return u, refused("user %s is disabled", id)
	}
	return u, nil
}

func (s *Service) enabled(ctx context.Context, id string) (keystone.Project, error) {
	p, err := store.Project(ctx, s.db, id)
	if err != nil {
		return p, gone(err, "project or domain", id)
	}
	if !p.Enabled {
		return p, refused("project or domain %s is disabled", id)
	}
	return p, nil
}

// gone turns fault.NotFound into a failed authentication, so that clients cannot find out which names exist.
func gone(err error, kind, id string) error {
	if fault.Is(err, fault.NotFound) {
		return refused("%s %s is not there", kind, id)
	}
	return err
}

// Revoke revokes a token. Tokens that were issued for it stay valid.
func (s *Service) Revoke(ctx context.Context, text string) error {
	t, err := s.Inspect(ctx, text, false)
	if err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		now := s.now()
		had, err := store.RevocationsFor(ctx, tx, t.AuditIDs[0], "", t.User, t.User)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(had, func(r store.Revocation) bool { return r.AuditID == t.AuditIDs[0] }) {
			return fault.NotFoundf("The token has been revoked.")
		}
		err = store.Revoke(ctx, tx, store.Revocation{ID: ids.Ordered(now), AuditID: t.AuditIDs[0],
			IssuedBefore: now,
			ExpiresAt:    t.Expires})
		if err != nil {
			return err
		}
		return s.epochs.Move(ctx, tx)
	})
}

// Purge deletes revocations of expired tokens and expired used passcodes. A periodic task calls it.
func (s *Service) Purge(ctx context.Context) error {
	const kept = 20 // steps: a clock may be set back a little
	if err := store.PurgePasscodes(ctx, s.db, s.now().Unix()/int64(step/time.Second)-kept); err != nil {
		return err
	}
	return store.PurgeRevocations(ctx, s.db, s.now())
}

// Project implements keystone.API.
func (s *Service) Project(ctx context.Context, id string) (keystone.Project, error) {
	p, err := store.Project(ctx, s.db, id)
	if fault.Is(err, fault.NotFound) {
		err = fault.NotFoundf("Could not find project: %s.", id).Because(err)
	}
	return p, err
}

func has(ms []string, m string) bool { return slices.Contains(ms, m) }
