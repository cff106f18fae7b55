package token

import (
	"context"

	lru "github.com/hashicorp/golang-lru/v2"

	"hypernova/keystone"
	"hypernova/keystone/store"
	"hypernova/oslo/fault"
)

// known keeps what was read from the database, each value with the epoch that was read before it. A value counts only
// for a request that has read the same epoch from the database itself, so that it is never older than the request.
// Whatever changes a value moves the epoch in the same transaction.
type known struct {
	service  *Service
	tokens   *dated[string, *Token] // by the decrypted payload, so that memory holds no tokens
	resolved *dated[bearer, Token]  // without claims
	users    *dated[string, keystone.User]
	names    *dated[named, string] // ids of domains and projects
}

// bearer is what the roles of a token rest on, where neither a delegation nor an identity provider is involved.
type bearer struct {
	user  string
	scope Scope
}

// named is a project by its domain's id and its name; a domain has no domain.
type named struct{ domain, name string }

func newKnown(s *Service) *known {
	return &known{s, newDated[string, *Token](), newDated[bearer, Token](), newDated[string, keystone.User](),
		newDated[named, string]()}
}

// dated is a cache of values that are valid under one epoch. The least recently used leave first.
type dated[K comparable, V any] struct{ entries *lru.Cache[K, under[V]] }

type under[V any] struct {
	epoch int64
	value V
}

// knownMax bounds each cache. A token with roles takes about 1 KiB.
const knownMax = 10_000

func newDated[K comparable, V any]() *dated[K, V] {
	entries, err := lru.New[K, under[V]](knownMax)
	if err != nil {
		panic(err) // the size is a positive constant
	}
	return &dated[K, V]{entries}
}

func (d *dated[K, V]) get(k K, epoch int64) (v V, ok bool) {
	e, ok := d.entries.Get(k)
	if !ok || e.epoch != epoch {
		return v, false
	}
	return e.value, true
}

func (d *dated[K, V]) put(k K, epoch int64, v V) { d.entries.Add(k, under[V]{epoch, v}) }

// plain reports whether what the claims lead to changes only with the epoch. Delegations and memberships that expire,
// users of directories and inactivity change with time or elsewhere.
func (k *known) plain(c Claims) bool {
	return c.Trust == "" && c.AppCredential == "" && c.Federation == nil && len(c.User) < keystone.PublicIDLength &&
		k.service.passwords.Rules().InactiveAfter == 0
}

// resolve looks up everything that the claims name, as of epoch at or later. It returns an error if something of it is
// deleted or disabled, or if the user has no role in the scope. Callers must not change the slices of the result.
func (k *known) resolve(ctx context.Context, at int64, c Claims) (*Token, error) {
	plain, key := k.plain(c), bearer{c.User, c.Scope}
	if plain {
		if t, ok := k.resolved.get(key, at); ok {
			t.Claims = c
			return &t, nil
		}
	}
	t, err := k.service.lookUp(ctx, c)
	if err != nil || !plain {
		return t, err
	}
	if _, expires, err := store.NextExpiry(ctx, k.service.db, c.User, k.service.now()); err != nil || expires {
		return t, err
	}
	kept := *t
	kept.Claims = Claims{}
	k.resolved.put(key, at, kept)
	return t, nil
}

// inspect is Inspect as of epoch at or later.
func (k *known) inspect(ctx context.Context, at int64, text string, expired bool) (*Token, error) {
	payload, err := k.service.keys.Open(text) // each time: a key may have been removed
	if err != nil {
		return nil, fault.NotFoundf("Failed to validate token").Because(err)
	}
	key := string(payload)
	if t, ok := k.tokens.get(key, at); ok && k.service.now().Before(t.Expires) && k.plain(t.Claims) {
		return t, nil
	}
	c, err := decode(payload)
	if err != nil {
		return nil, fault.NotFoundf("Failed to validate token").Because(err)
	}
	if !expired && !k.service.now().Before(c.Expires) {
		return nil, fault.NotFoundf("The token has expired.")
	}
	t, err := k.resolve(ctx, at, c)
	if fault.Is(err, fault.Unauthorized) {
		return nil, fault.NotFoundf("Failed to validate token").Because(err)
	}
	if err != nil {
		return nil, err
	}
	if err := k.service.revoked(ctx, t); err != nil {
		return t, err
	}
	t.Epoch = at
	if _, lasting := k.resolved.get(bearer{c.User, c.Scope}, at); lasting && k.plain(c) {
		k.tokens.put(key, at, t)
	}
	return t, nil
}

// owner returns a user as of epoch at or later. Only what moves the epoch may be looked at, such as options.
func (k *known) owner(ctx context.Context, at int64, id string) (keystone.User, error) {
	if u, ok := k.users.get(id, at); ok {
		return u, nil
	}
	u, _, err := k.service.user(ctx, id)
	if err == nil && len(id) < keystone.PublicIDLength {
		k.users.put(id, at, u)
	}
	return u, err
}

// idOf returns the id of a project by its domain and name, or of a domain. fault.NotFound.
func (k *known) idOf(ctx context.Context, at int64, domain, name string) (string, error) {
	key := named{domain, name}
	if id, ok := k.names.get(key, at); ok {
		return id, nil
	}
	p, err := store.ProjectNamed(ctx, k.service.db, domain, name)
	if err == nil {
		k.names.put(key, at, p.ID)
	}
	return p.ID, err
}
