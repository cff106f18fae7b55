package app

import (
	"context"
	"errors"

	"hypernova/app/audit"
	"hypernova/keystone/credential"
	"hypernova/keystone/store"
	"hypernova/keystone/token"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// credentialKeys is how many keys of credentials there are at most: the staged one, the one that seals, and the one
// before it.
const credentialKeys = 3

// keysAreThere refuses to make the first keys of credentials beside credentials that other keys have sealed: those
// keys were lost.
func (k *keystoneParts) keysAreThere(ctx context.Context, d *db.DB) error {
	dir := k.p.c.Credentials.Repository
	none, err := token.Keyless(dir)
	if err != nil || !none {
		return err
	}
	some, err := credential.Any(ctx, d)
	if err != nil || !some {
		return err
	}
	return fault.Invalidf("[credential] key_repository: %s has no keys, but there are credentials that were sealed "+
		"with some. Bring the keys back "+
		"from a backup. If they are lost, the credentials are too: make new keys with \"hypernova credential setup\", "+
		"find them with "+
		"\"hypernova check\" and delete them.", dir)
}

// warnOfNewTokenKeys says that the first keys of tokens are about to be made beside projects that there are already:
// tokens that other keys have sealed prove nothing here.
func (k *keystoneParts) warnOfNewTokenKeys(ctx context.Context, d *db.DB) error {
	dir := k.p.c.FernetTokens.Repository
	none, err := token.Keyless(dir)
	if err != nil || !none {
		return nil // opening the keys tells
	}
	some, err := store.Projects(ctx, d, db.ListArgs{Limit: 1})
	if err == nil && len(some) > 0 {
		k.p.o.Log.Warn("the keys of tokens are not there, new ones are made: every token that was given out before is "+
			"void, and users log in again. Where several "+
			"hosts serve identity, copy the keys of one of them here instead, and start again", "option", "[fernet_tokens] "+
			"key_repository", "folder", dir)
	}
	return err
}

// TokenKeys makes the first token keys where there are none, and with rotate makes the next one sign. fault.Invalid
// without a repository.
func TokenKeys(c Config, rotate bool) error {
	if c.FernetTokens.Repository == "" {
		return fault.Invalidf("[fernet_tokens] key_repository is not set: the keys live in the process.")
	}
	keys, err := token.OpenKeys(c.FernetTokens.Repository, c.FernetTokens.MaxActive)
	if err == nil && rotate {
		err = keys.Rotate()
	}
	return err
}

// CredentialKeys are the keys that users' credentials are sealed with, and the credentials, in a process that serves
// nothing.
type CredentialKeys struct {
	p *Process
	k *identityOperations
}

// lostCredentials are the ids of the credentials that nobody can open any more, where this host has the keys of
// credentials or should have.
func (k *keystoneParts) lostCredentials(ctx context.Context) ([]string, error) {
	p := k.p
	dir := p.c.Credentials.Repository
	if dir == "" || p.c.mustExist("keystone") != nil {
		return nil, nil
	}
	none, err := token.Keyless(dir)
	if err != nil {
		return nil, err
	}
	if none {
		dir = "" // no key at all: none of the credentials is opened by one that is made up here
	}
	keys, err := token.OpenKeys(dir, credentialKeys)
	if err != nil {
		return nil, err
	}
	d, err := p.databases.ready(ctx, "keystone")
	if err != nil {
		return nil, err
	}
	return credential.New(d, keys, p.now).Lost(ctx)
}

// FirstCredentialKeys makes the first keys where there are none, even where there are credentials that lost keys have
// sealed: only somebody who knows that those are lost may call it.
func FirstCredentialKeys(c Config) error {
	if c.Credentials.Repository == "" {
		return nil // OpenCredentialKeys says so
	}
	_, err := token.OpenKeys(c.Credentials.Repository, credentialKeys)
	return err
}

// OpenCredentialKeys opens the repository, and makes the first keys there if there are none. fault.Invalid without a
// repository, and where the keys of the credentials that there are were lost.
func OpenCredentialKeys(ctx context.Context, c Config) (*CredentialKeys, error) {
	if c.Credentials.Repository == "" {
		return nil, fault.Invalidf("[credential] key_repository is not set: the key lives in the process.")
	}
	if err := c.mustExist("keystone"); err != nil {
		return nil, err
	}
	c.Database.Sync = false
	p := newProcess(&c, Options{Log: log.From(ctx)})
	k, err := p.keystone.operations(ctx)
	if err != nil {
		return nil, errors.Join(err, p.Close(ctx))
	}
	return &CredentialKeys{p, k}, nil
}

// Close gives back what it took.
func (c *CredentialKeys) Close(ctx context.Context) error { return c.p.Close(ctx) }

// Migrate seals every credential with the newest key, and tells how many that were.
func (c *CredentialKeys) Migrate(ctx context.Context) (int, error) {
	return c.k.credentials.Reseal(ctx)
}

// Rotate makes the next key seal and drops the oldest one. fault.Conflict while a credential needs an older key than
// the one that seals now: that key might be the one that goes.
func (c *CredentialKeys) Rotate(ctx context.Context) error {
	n, err := c.k.credentials.Stale(ctx)
	if err != nil {
		return err
	}
	if n > 0 {
		return fault.Conflictf("%d credentials are sealed with older keys, one of which would go; run \"hypernova "+
			"credential migrate\" first", n)
	}
	keys, err := token.OpenKeys(c.p.c.Credentials.Repository, credentialKeys)
	if err == nil {
		err = keys.Rotate()
	}
	return err
}

// credentialFacts are the credentials that no key opens.
func credentialFacts(ctx context.Context, k *checker, f *audit.Facts) (err error) {
	f.Lost, err = k.p.keystone.lostCredentials(ctx)
	return err
}
