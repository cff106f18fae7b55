package store

import (
	"context"
	"encoding/json"

	"hypernova/keystone"
	"hypernova/oslo/db"
)

type providerRow struct {
	ID          string  `db:"id"`
	DomainID    string  `db:"domain_id"`
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

const (
	providerColumns        = `id, domain_id, enabled, description, remote_ids, authorization_ttl`
	protocolColumns        = `id, idp_id, mapping_id, remote_id_attribute`
	serviceProviderColumns = `id, enabled, description, auth_url, sp_url, relay_state_prefix`
)

// A cloud has a handful of partners: they are read whole.
var (
	providerAll    = db.NewQuery[providerRow](Statements, `SELECT `+providerColumns+` FROM identity_providers ORDER BY id`)
	providerByID   = db.NewQuery[providerRow](Statements, `SELECT `+providerColumns+` FROM identity_providers WHERE id = ?`)
	providerInsert = db.NewInsert[providerRow](Statements, "identity_providers")
	providerUpdate = db.NewExec(Statements, `UPDATE identity_providers
		SET enabled = ?, description = ?, remote_ids = ?, authorization_ttl = ?
		WHERE id = ?`)
	providerDelete = db.NewExec(Statements, `DELETE FROM identity_providers WHERE id = ?`)

	mappingAll    = db.NewQuery[mappingRow](Statements, `SELECT id, schema_version, rules FROM mappings ORDER BY id`)
	mappingByID   = db.NewQuery[mappingRow](Statements, `SELECT id, schema_version, rules FROM mappings WHERE id = ?`)
	mappingInsert = db.NewInsert[mappingRow](Statements, "mappings")
	mappingUpdate = db.NewExec(Statements, `UPDATE mappings SET schema_version = ?, rules = ? WHERE id = ?`)
	mappingDelete = db.NewExec(Statements, `DELETE FROM mappings WHERE id = ?`)

	protocolsOf    = db.NewQuery[protocolRow](Statements, `SELECT `+protocolColumns+` FROM federation_protocols WHERE idp_id = ? ORDER BY id`)
	protocolByID   = db.NewQuery[protocolRow](Statements, `SELECT `+protocolColumns+` FROM federation_protocols WHERE idp_id = ? AND id = ?`)
	protocolInsert = db.NewInsert[protocolRow](Statements, "federation_protocols")
	protocolUpdate = db.NewExec(Statements, `UPDATE federation_protocols SET mapping_id = ?, remote_id_attribute = ? WHERE idp_id = ? AND id = ?`)
	protocolDelete = db.NewExec(Statements, `DELETE FROM federation_protocols WHERE idp_id = ? AND id = ?`)

	serviceProviderAll    = db.NewQuery[serviceProviderRow](Statements, `SELECT `+serviceProviderColumns+` FROM service_providers ORDER BY id`)
	serviceProviderByID   = db.NewQuery[serviceProviderRow](Statements, `SELECT `+serviceProviderColumns+` FROM service_providers WHERE id = ?`)
	serviceProviderInsert = db.NewInsert[serviceProviderRow](Statements, "service_providers")
	serviceProviderUpdate = db.NewExec(Statements, `UPDATE service_providers
		SET enabled = ?, description = ?, auth_url = ?, sp_url = ?, relay_state_prefix = ?
		WHERE id = ?`)
	serviceProviderDelete = db.NewExec(Statements, `DELETE FROM service_providers WHERE id = ?`)
)

func provider(r providerRow) keystone.IdentityProvider {
	return keystone.IdentityProvider{ID: r.ID, DomainID: r.DomainID, Enabled: r.Enabled, Description: r.Description, RemoteIDs: r.RemoteIDs.V, TTL: r.TTL}
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

// IdentityProvider finds an identity provider; fault.NotFound.
func IdentityProvider(ctx context.Context, q db.Querier, id string) (keystone.IdentityProvider, error) {
	r, err := providerByID.One(ctx, q, id)
	return provider(r), err
}

// IdentityProviders are all identity providers.
func IdentityProviders(ctx context.Context, q db.Querier) ([]keystone.IdentityProvider, error) {
	rs, err := providerAll.All(ctx, q)
	return convert(rs, provider), err
}

// InsertIdentityProvider writes a new identity provider; fault.Conflict for a taken id.
func InsertIdentityProvider(ctx context.Context, tx *db.Tx, p keystone.IdentityProvider) error {
	return providerInsert.Do(ctx, tx, providerRow{p.ID, p.DomainID, p.Enabled, p.Description, words{V: p.RemoteIDs}, p.TTL})
}

// UpdateIdentityProvider writes what may change of an identity provider.
func UpdateIdentityProvider(ctx context.Context, tx *db.Tx, p keystone.IdentityProvider) error {
	_, err := providerUpdate.Do(ctx, tx, p.Enabled, p.Description, words{V: p.RemoteIDs}, p.TTL, p.ID)
	return err
}

// DeleteIdentityProvider removes an identity provider and its protocols.
func DeleteIdentityProvider(ctx context.Context, tx *db.Tx, id string) error {
	return gone(providerDelete.Do(ctx, tx, id))
}

// Mapping finds a mapping; fault.NotFound.
func Mapping(ctx context.Context, q db.Querier, id string) (keystone.Mapping, error) {
	r, err := mappingByID.One(ctx, q, id)
	return mapping(r), err
}

// Mappings are all mappings.
func Mappings(ctx context.Context, q db.Querier) ([]keystone.Mapping, error) {
	rs, err := mappingAll.All(ctx, q)
	return convert(rs, mapping), err
}

// InsertMapping writes a new mapping; fault.Conflict for a taken id.
func InsertMapping(ctx context.Context, tx *db.Tx, m keystone.Mapping) error {
	return mappingInsert.Do(ctx, tx, mappingRow{m.ID, m.Schema, string(m.Rules)})
}

// UpdateMapping writes a mapping anew.
func UpdateMapping(ctx context.Context, tx *db.Tx, m keystone.Mapping) error {
	_, err := mappingUpdate.Do(ctx, tx, m.Schema, string(m.Rules), m.ID)
	return err
}

// DeleteMapping removes a mapping.
func DeleteMapping(ctx context.Context, tx *db.Tx, id string) error {
	return gone(mappingDelete.Do(ctx, tx, id))
}

// Protocol finds a provider's protocol; fault.NotFound.
func Protocol(ctx context.Context, q db.Querier, idp, id string) (keystone.Protocol, error) {
	r, err := protocolByID.One(ctx, q, idp, id)
	return protocol(r), err
}

// Protocols are those of a provider.
func Protocols(ctx context.Context, q db.Querier, idp string) ([]keystone.Protocol, error) {
	rs, err := protocolsOf.All(ctx, q, idp)
	return convert(rs, protocol), err
}

// InsertProtocol writes a new protocol; fault.Conflict for a taken id.
func InsertProtocol(ctx context.Context, tx *db.Tx, p keystone.Protocol) error {
	return protocolInsert.Do(ctx, tx, protocolRow{p.ID, p.ProviderID, p.MappingID, p.RemoteIDAttribute})
}

// UpdateProtocol writes a protocol anew.
func UpdateProtocol(ctx context.Context, tx *db.Tx, p keystone.Protocol) error {
	_, err := protocolUpdate.Do(ctx, tx, p.MappingID, p.RemoteIDAttribute, p.ProviderID, p.ID)
	return err
}

// DeleteProtocol removes a protocol.
func DeleteProtocol(ctx context.Context, tx *db.Tx, idp, id string) error {
	return gone(protocolDelete.Do(ctx, tx, idp, id))
}

// ServiceProvider finds a service provider; fault.NotFound.
func ServiceProvider(ctx context.Context, q db.Querier, id string) (keystone.ServiceProvider, error) {
	r, err := serviceProviderByID.One(ctx, q, id)
	return serviceProvider(r), err
}

// ServiceProviders are all service providers.
func ServiceProviders(ctx context.Context, q db.Querier) ([]keystone.ServiceProvider, error) {
	rs, err := serviceProviderAll.All(ctx, q)
	return convert(rs, serviceProvider), err
}

// InsertServiceProvider writes a new service provider; fault.Conflict for a taken id.
func InsertServiceProvider(ctx context.Context, tx *db.Tx, p keystone.ServiceProvider) error {
	return serviceProviderInsert.Do(ctx, tx, serviceProviderRow(p))
}

// UpdateServiceProvider writes a service provider anew.
func UpdateServiceProvider(ctx context.Context, tx *db.Tx, p keystone.ServiceProvider) error {
	_, err := serviceProviderUpdate.Do(ctx, tx, p.Enabled, p.Description, p.AuthURL, p.URL, p.RelayState, p.ID)
	return err
}

// DeleteServiceProvider removes a service provider.
func DeleteServiceProvider(ctx context.Context, tx *db.Tx, id string) error {
	return gone(serviceProviderDelete.Do(ctx, tx, id))
}
