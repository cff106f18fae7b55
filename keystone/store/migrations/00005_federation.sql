-- +goose Up
CREATE TABLE identity_providers (
    id TEXT PRIMARY KEY,
    domain_id TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    description TEXT,
    remote_ids TEXT NOT NULL,
    authorization_ttl BIGINT
);
CREATE TABLE mappings (
    id TEXT PRIMARY KEY,
    schema_version TEXT NOT NULL,
    rules TEXT NOT NULL
);
CREATE TABLE federation_protocols (
    id TEXT NOT NULL,
    idp_id TEXT NOT NULL REFERENCES identity_providers (id) ON DELETE CASCADE,
    mapping_id TEXT NOT NULL,
    remote_id_attribute TEXT NOT NULL,
    PRIMARY KEY (idp_id, id)
);
CREATE TABLE service_providers (
    id TEXT PRIMARY KEY,
    enabled BOOLEAN NOT NULL,
    description TEXT,
    auth_url TEXT NOT NULL,
    sp_url TEXT NOT NULL,
    relay_state_prefix TEXT NOT NULL
);
