-- +goose Up
CREATE TABLE address_scopes (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    audience TEXT NOT NULL, -- * if all projects may see it, else the project
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    shared BOOLEAN NOT NULL,
    ip_version BIGINT NOT NULL,
    revision_number BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX address_scopes_audience ON address_scopes (audience, id);
CREATE INDEX address_scopes_project ON address_scopes (project_id, id);

CREATE TABLE subnetpools (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    audience TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    shared BOOLEAN NOT NULL,
    is_default BOOLEAN NOT NULL,
    ip_version BIGINT NOT NULL,
    prefixes TEXT NOT NULL,
    default_prefixlen BIGINT NOT NULL,
    min_prefixlen BIGINT NOT NULL,
    max_prefixlen BIGINT NOT NULL,
    default_quota BIGINT,
    address_scope_id TEXT NOT NULL,
    revision_number BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX subnetpools_audience ON subnetpools (audience, id);
CREATE INDEX subnetpools_project ON subnetpools (project_id, id);
CREATE INDEX subnetpools_scope ON subnetpools (address_scope_id);
CREATE INDEX subnetpools_default ON subnetpools (is_default, ip_version);

-- Empty: the subnet is of no pool.
ALTER TABLE subnets ADD COLUMN subnetpool_id TEXT NOT NULL DEFAULT '';
CREATE INDEX subnets_pool ON subnets (subnetpool_id);

-- The address scopes of a network's subnets, by version.
ALTER TABLE networks ADD COLUMN ipv4_address_scope TEXT NOT NULL DEFAULT '';
ALTER TABLE networks ADD COLUMN ipv6_address_scope TEXT NOT NULL DEFAULT '';
