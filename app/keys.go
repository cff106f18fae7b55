package app

import (
	"context"
	"errors"

	"hypernova/keystone/token"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// credentialKeys is how many keys of credentials there are at most: the staged one, the one that seals, and the one before it.
const credentialKeys = 3

// CredentialKeys are the keys that users' credentials are sealed with, and the credentials, in a process that serves nothing.
type CredentialKeys struct {
	p *Process
	k *identityRoom
}

// OpenCredentialKeys opens the repository, and makes the first keys there if there are none. fault.Invalid without a repository.
func OpenCredentialKeys(ctx context.Context, c Config) (*CredentialKeys, error) {
	if c.Credentials.Repository == "" {
		return nil, fault.Invalidf("[credential] key_repository is not set: the key lives in the process.")
	}
	if err := c.mustExist("keystone"); err != nil {
		return nil, err
	}
	c.Database.Sync = false
	p := newProcess(&c, Options{Log: log.From(ctx)})
	k, err := p.identity(ctx)
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

// Rotate makes the next key seal and drops the oldest one. fault.Conflict while a credential needs an older key than the one that seals now:
// that key might be the one that goes.
func (c *CredentialKeys) Rotate(ctx context.Context) error {
	n, err := c.k.credentials.Stale(ctx)
	if err != nil {
		return err
	}
	if n > 0 {
		return fault.Conflictf("%d credentials are sealed with older keys, one of which would go; run \"hypernova credential migrate\" first", n)
	}
	keys, err := token.OpenKeys(c.p.c.Credentials.Repository, credentialKeys)
	if err == nil {
		err = keys.Rotate()
	}
	return err
}
