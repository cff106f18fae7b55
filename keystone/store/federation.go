package store

import (
	"context"
	"encoding/json"

	"hypernova/keystone"
	"hypernova/oslo/db"
)

type providerRow struct {
	ID          string  `db:"id"`
	DomainID    string  `db:"domain_id,once"`
	Enabled     bool    `db:"enabled"`
	Description *string `db:"description"`
	RemoteIDs   words   `db:"remote_ids"`
	TTL         *int64  `db:"authorization_ttl"`
}

type mappingRow struct {
	ID     string `db:"id"`
	Schema string `db:"schema_version"`
	Rules  string `db:"rules"`
}

type protocolRow struct {
	ID        string `db:"id"`
	Provider  string `db:"idp_id"`
	Mapping   string `db:"mapping_id"`
	Attribute string `db:"remote_id_attribute"`
}

type serviceProviderRow struct {
	ID          string  `db:"id"`
	Enabled     bool    `db:"enabled"`
	Description *string `db:"description"`
	AuthURL     string  `db:"auth_url"`
	URL         string  `db:"sp_url"`
	RelayState  string  `db:"relay_state_prefix"`
}

// A cloud has few identity and service providers. Their tables are read whole.
var (
	identityProviders = db.NewTable[providerRow](Statements, "identity_providers", "id")
	providerAll       = identityProviders.Query("ORDER BY id")
	providerUpdate    = identityProviders.Update("")
	providerDelete    = identityProviders.Delete("")

	mappings      = db.NewTable[mappingRow](Statements, "mappings", "id")
	mappingAll    = mappings.Query("ORDER BY id")
	mappingUpdate = mappings.Update("")
	mappingDelete = mappings.Delete("")

	protocols      = db.NewTable[protocolRow](Statements, "federation_protocols", "idp_id", "id")
	protocolsOf    = protocols.Query("idp_id = ? ORDER BY id")
	protocolUpdate = protocols.Update("")
	protocolDelete = protocols.Delete("")

	serviceProviders      = db.NewTable[serviceProviderRow](Statements, "service_providers", "id")
	serviceProviderAll    = serviceProviders.Query("ORDER BY id")
	serviceProviderUpdate = serviceProviders.Update("")
	serviceProviderDelete = serviceProviders.Delete("")
)

func provider(r providerRow) keystone.IdentityProvider {
	return keystone.IdentityProvider{
		ID:          r.ID,
		DomainID:    r.DomainID,
		Enabled:     r.Enabled,
		Description: r.Description,
		RemoteIDs:   r.RemoteIDs.V,
		TTL:         r.TTL,
	}
}

func providerRowOf(p keystone.IdentityProvider) providerRow {
	return providerRow{ID: p.ID, DomainID: p.DomainID, Enabled: p.Enabled, Description: p.Description,
		RemoteIDs: words{V: p.RemoteIDs}, TTL: p.TTL}
}

func mapping(r mappingRow) keystone.Mapping {
	return keystone.Mapping{ID: r.ID, Schema: r.Schema, Rules: json.RawMessage(r.Rules)}
}

func protocol(r protocolRow) keystone.Protocol {
	return keystone.Protocol{ID: r.ID, ProviderID: r.Provider, MappingID: r.Mapping, RemoteIDAttribute: r.Attribute}
}

func serviceProvider(r serviceProviderRow) keystone.ServiceProvider {
	return keystone.ServiceProvider(r)
}

// IdentityProvider returns an identity provider; fault.NotFound.
func IdentityProvider(ctx context.Context, q db.Querier, id string) (keystone.IdentityProvider, error) {
	r, err := identityProviders.Get(ctx, q, id)
	return provider(r), err
}

// IdentityProviders returns all identity providers.
func IdentityProviders(ctx context.Context, q db.Querier) ([]keystone.IdentityProvider, error) {
	rs, err := providerAll.All(ctx, q)
	return convert(rs, provider), err
}

// InsertIdentityProvider inserts a identity provider; fault.Conflict for a taken id.
func InsertIdentityProvider(ctx context.Context, tx *db.Tx, p keystone.IdentityProvider) error {
	return identityProviders.Insert(ctx, tx, providerRowOf(p))
}

// UpdateIdentityProvider writes every attribute of an identity provider but its domain.
func UpdateIdentityProvider(ctx context.Context, tx *db.Tx, p keystone.IdentityProvider) error {
	_, err := providerUpdate.Do(ctx, tx, providerRowOf(p))
	return err
}

// DeleteIdentityProvider deletes an identity provider and its protocols.
func DeleteIdentityProvider(ctx context.Context, tx *db.Tx, id string) error {
	return gone(providerDelete.Do(ctx, tx, id))
}

// Mapping returns a mapping; fault.NotFound.
func Mapping(ctx context.Context, q db.Querier, id string) (keystone.Mapping, error) {
	r, err := mappings.Get(ctx, q, id)
	return mapping(r), err
}

// Mappings returns all mappings.
func Mappings(ctx context.Context, q db.Querier) ([]keystone.Mapping, error) {
	rs, err := mappingAll.All(ctx, q)
	return convert(rs, mapping), err
}

// InsertMapping inserts a mapping; fault.Conflict for a taken id.
func InsertMapping(ctx context.Context, tx *db.Tx, m keystone.Mapping) error {
	return mappings.Insert(ctx, tx, mappingRow{m.ID, m.Schema, string(m.Rules)})
}

// UpdateMapping writes every attribute of a mapping.
func UpdateMapping(ctx context.Context, tx *db.Tx, m keystone.Mapping) error {
	_, err := mappingUpdate.Do(ctx, tx, mappingRow{m.ID, m.Schema, string(m.Rules)})
	return err
}

// DeleteMapping deletes a mapping.
func DeleteMapping(ctx context.Context, tx *db.Tx, id string) error {
	return gone(mappingDelete.Do(ctx, tx, id))
}

// Protocol returns a provider's protocol; fault.NotFound.
func Protocol(ctx context.Context, q db.Querier, idp, id string) (keystone.Protocol, error) {
	r, err := protocols.Get(ctx, q, idp, id)
	return protocol(r), err
}

// Protocols returns those of a provider.
func Protocols(ctx context.Context, q db.Querier, idp string) ([]keystone.Protocol, error) {
	rs, err := protocolsOf.All(ctx, q, idp)
	return convert(rs, protocol), err
}

// InsertProtocol inserts a protocol; fault.Conflict for a taken id.
func InsertProtocol(ctx context.Context, tx *db.Tx, p keystone.Protocol) error {
	return protocols.Insert(ctx, tx, protocolRow{p.ID, p.ProviderID, p.MappingID, p.RemoteIDAttribute})
}

// UpdateProtocol writes every attribute of a protocol.
func UpdateProtocol(ctx context.Context, tx *db.Tx, p keystone.Protocol) error {
	_, err := protocolUpdate.Do(ctx, tx, protocolRow{p.ID, p.ProviderID, p.MappingID, p.RemoteIDAttribute})
	return err
}

// DeleteProtocol deletes a protocol.
func DeleteProtocol(ctx context.Context, tx *db.Tx, idp, id string) error {
	return gone(protocolDelete.Do(ctx, tx, idp, id))
}

// ServiceProvider returns a service provider; fault.NotFound.
func ServiceProvider(ctx context.Context, q db.Querier, id string) (keystone.ServiceProvider, error) {
	r, err := serviceProviders.Get(ctx, q, id)
	return serviceProvider(r), err
}

// ServiceProviders returns all service providers.
func ServiceProviders(ctx context.Context, q db.Querier) ([]keystone.ServiceProvider, error) {
	rs, err := serviceProviderAll.All(ctx, q)
	return convert(rs, serviceProvider), err
}

// InsertServiceProvider inserts a service provider; fault.Conflict for a taken id.
func InsertServiceProvider(ctx context.Context, tx *db.Tx, p keystone.ServiceProvider) error {
	return serviceProviders.Insert(ctx, tx, serviceProviderRow(p))
}

// UpdateServiceProvider writes every attribute of a service provider.
func UpdateServiceProvider(ctx context.Context, tx *db.Tx, p keystone.ServiceProvider) error {
	_, err := serviceProviderUpdate.Do(ctx, tx, serviceProviderRow(p))
	return err
}

// DeleteServiceProvider deletes a service provider.
func DeleteServiceProvider(ctx context.Context, tx *db.Tx, id string) error {
	return gone(serviceProviderDelete.Do(ctx, tx, id))
}
