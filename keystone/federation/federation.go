// Package federation implements the operations on identity providers, protocols, mappings and service providers, and
// the login of federated users.
//
// Invariant: a user that a provider vouches for is one that this provider, and no other, has made here, or one of
// this cloud's own that an administrator's mapping names.
package federation

import (
	"context"
	"errors"
	"time"

	"hypernova/keystone"
	"hypernova/keystone/store"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// Service is the operations. All are safe for concurrent use.
type Service struct {
	db       *db.DB
	epochs   *store.Epochs
	verifier Verifier
	life     time.Duration
	now      clock.Now
}

// Config is how logins are taken.
type Config struct {
	Verifier Verifier
	// how long memberships by a provider's word last that sets no time of its own; 0: as long as a token
	Life time.Duration
}

// Deps are what the operations use.
type Deps struct {
	DB     *db.DB
	Epochs *store.Epochs
	Now    clock.Now
}

// New returns the operations over the identity database.
func New(c Config, d Deps) *Service {
	return &Service{d.DB, d.Epochs, c.Verifier, c.Life, d.Now}
}

// write runs a change that may take something away from a token.
func (s *Service) write(ctx context.Context, fn func(tx *db.Tx) error) error {
	return s.epochs.Change(ctx, s.db, fn)
}

func taken(err error, kind, id string) error {
	if errors.Is(err, db.ErrDuplicate) {
		return fault.Conflictf("Conflict occurred attempting to store %s - Duplicate entry found with ID %s.", kind,
			id).Because(err)
	}
	return err
}

// IdentityProvider finds an identity provider; fault.NotFound.
func (s *Service) IdentityProvider(ctx context.Context, id string) (keystone.IdentityProvider, error) {
	p, err := store.IdentityProvider(ctx, s.db, id)
	return p, store.Missing(err, "Identity Provider", id)
}

// IdentityProviders are all of them.
func (s *Service) IdentityProviders(ctx context.Context) ([]keystone.IdentityProvider, error) {
	return store.IdentityProviders(ctx, s.db)
}

// CreateIdentityProvider adds a provider. Its users live in its domain; where none is named, one of its own is made.
// fault.NotFound for an unknown domain, fault.Conflict for a taken id or remote id.
func (s *Service) CreateIdentityProvider(ctx context.Context, p keystone.IdentityProvider) (keystone.IdentityProvider,
	error) {
	return p, s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := store.IdentityProvider(ctx, tx, p.ID); err == nil {
			return taken(db.ErrDuplicate, "identity_provider", p.ID)
		}
		if p.DomainID == "" {
			p.DomainID = ids.Hex()
			d := keystone.Project{ID: p.DomainID, Name: p.DomainID, Enabled: true, IsDomain: true,
				Description: "Auto generated federated domain for Identity Provider: " + p.ID}
			if err := store.InsertProject(ctx, tx, d); err != nil {
				return err
			}
		} else if d, err := store.Project(ctx, tx, p.DomainID); err != nil || !d.IsDomain {
			return fault.NotFoundf("Could not find domain: %s.", p.DomainID)
		}
		if err := s.remote(ctx, tx, p); err != nil {
			return err
		}
		return taken(store.InsertIdentityProvider(ctx, tx, p), "identity_provider", p.ID)
	})
}

// remote refuses a remote id that another provider has.
func (s *Service) remote(ctx context.Context, tx *db.Tx, p keystone.IdentityProvider) error {
	all, err := store.IdentityProviders(ctx, tx)
	if err != nil {
		return err
	}
	used := map[string]bool{}
	for _, o := range all {
		for _, r := range o.RemoteIDs {
			used[r] = used[r] || o.ID != p.ID
		}
	}
	for _, r := range p.RemoteIDs {
		if used[r] {
			return fault.Conflictf("Conflict occurred attempting to store identity_provider - Duplicate remote ID: %s.", r)
		}
	}
	return nil
}

// UpdateIdentityProvider changes a provider as it stands when the change is made; change may run more than once.
// fault.Conflict for a remote id that another has.
func (s *Service) UpdateIdentityProvider(ctx context.Context, id string, change func(*keystone.IdentityProvider)) (
	p keystone.IdentityProvider, err error) {
	err = s.write(ctx, func(tx *db.Tx) error {
		if p, err = store.IdentityProvider(ctx, tx, id); err != nil {
			return store.Missing(err, "Identity Provider", id)
		}
		change(&p)
		if err := s.remote(ctx, tx, p); err != nil {
			return err
		}
		return store.UpdateIdentityProvider(ctx, tx, p)
	})
	return p, err
}

// DeleteIdentityProvider removes a provider and its protocols, but not its domain.
func (s *Service) DeleteIdentityProvider(ctx context.Context, id string) error {
	return s.write(ctx, func(tx *db.Tx) error {
		if err := store.ForgetProvider(ctx, tx, id); err != nil {
			return err
		}
		return store.Missing(store.DeleteIdentityProvider(ctx, tx, id), "Identity Provider", id)
	})
}

// Mapping finds a mapping; fault.NotFound.
func (s *Service) Mapping(ctx context.Context, id string) (keystone.Mapping, error) {
	m, err := store.Mapping(ctx, s.db, id)
	return m, store.Missing(err, "mapping", id)
}

// Mappings are all of them.
func (s *Service) Mappings(ctx context.Context) ([]keystone.Mapping, error) {
	return store.Mappings(ctx, s.db)
}

// CreateMapping adds a mapping; fault.Conflict for a taken id.
func (s *Service) CreateMapping(ctx context.Context, m keystone.Mapping) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error { return taken(store.InsertMapping(ctx, tx, m), "mapping", m.ID) })
}

// UpdateMapping changes a mapping as it stands when the change is made; change may run more than once.
func (s *Service) UpdateMapping(ctx context.Context, id string, change func(*keystone.Mapping) error) (
	m keystone.Mapping, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if m, err = store.Mapping(ctx, tx, id); err != nil {
			return store.Missing(err, "mapping", id)
		}
		if err := change(&m); err != nil {
			return err
		}
		return store.UpdateMapping(ctx, tx, m)
	})
	return m, err
}

// DeleteMapping removes a mapping.
func (s *Service) DeleteMapping(ctx context.Context, id string) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error { return store.Missing(store.DeleteMapping(ctx, tx, id), "mapping", id) })
}

// Protocol finds a provider's protocol; fault.NotFound.
func (s *Service) Protocol(ctx context.Context, idp, id string) (keystone.Protocol, error) {
	p, err := store.Protocol(ctx, s.db, idp, id)
	return p, store.Missing(err, "federated protocol", id+" for Identity Provider: "+idp)
}

// Protocols are those of a provider.
func (s *Service) Protocols(ctx context.Context, idp string) ([]keystone.Protocol, error) {
	return store.Protocols(ctx, s.db, idp)
}

// CreateProtocol adds a protocol; fault.NotFound for an unknown provider, fault.Invalid for an unknown mapping,
// fault.Conflict for a taken id.
func (s *Service) CreateProtocol(ctx context.Context, p keystone.Protocol) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := store.IdentityProvider(ctx, tx, p.ProviderID); err != nil {
			return store.Missing(err, "Identity Provider", p.ProviderID)
		}
		if _, err := store.Mapping(ctx, tx, p.MappingID); err != nil {
			return fault.Body(store.Missing(err, "mapping", p.MappingID))
		}
		return taken(store.InsertProtocol(ctx, tx, p), "federation_protocol", p.ID)
	})
}

// UpdateProtocol changes a protocol as it stands when the change is made; change may run more than once.
// fault.Invalid for an unknown mapping.
func (s *Service) UpdateProtocol(ctx context.Context, idp, id string, change func(*keystone.Protocol)) (
	p keystone.Protocol, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if p, err = store.Protocol(ctx, tx, idp, id); err != nil {
			return store.Missing(err, "federated protocol", id+" for Identity Provider: "+idp)
		}
		change(&p)
		if _, err := store.Mapping(ctx, tx, p.MappingID); err != nil {
			return fault.Body(store.Missing(err, "mapping", p.MappingID))
		}
		return store.UpdateProtocol(ctx, tx, p)
	})
	return p, err
}

// DeleteProtocol removes a protocol.
func (s *Service) DeleteProtocol(ctx context.Context, idp, id string) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		return store.Missing(store.DeleteProtocol(ctx, tx, idp, id), "federated protocol", id+" for Identity Provider: "+idp)
	})
}

// ServiceProvider finds a service provider; fault.NotFound.
func (s *Service) ServiceProvider(ctx context.Context, id string) (keystone.ServiceProvider, error) {
	p, err := store.ServiceProvider(ctx, s.db, id)
	return p, store.Missing(err, "Service Provider", id)
}

// ServiceProviders are all of them.
func (s *Service) ServiceProviders(ctx context.Context) ([]keystone.ServiceProvider, error) {
	return store.ServiceProviders(ctx, s.db)
}

// CreateServiceProvider adds a service provider; fault.Conflict for a taken id.
func (s *Service) CreateServiceProvider(ctx context.Context, p keystone.ServiceProvider) error {
	return s.write(ctx, func(tx *db.Tx) error {
		return taken(store.InsertServiceProvider(ctx, tx, p), "service_provider", p.ID)
	})
}

// UpdateServiceProvider changes a service provider as it stands when the change is made; change may run more than once.
func (s *Service) UpdateServiceProvider(ctx context.Context, id string, change func(*keystone.ServiceProvider)) (
	p keystone.ServiceProvider, err error) {
	err = s.write(ctx, func(tx *db.Tx) error {
		if p, err = store.ServiceProvider(ctx, tx, id); err != nil {
			return store.Missing(err, "Service Provider", id)
		}
		change(&p)
		return store.UpdateServiceProvider(ctx, tx, p)
	})
	return p, err
}

// DeleteServiceProvider removes a service provider.
func (s *Service) DeleteServiceProvider(ctx context.Context, id string) error {
	return s.write(ctx, func(tx *db.Tx) error {
		return store.Missing(store.DeleteServiceProvider(ctx, tx, id), "Service Provider", id)
	})
}
