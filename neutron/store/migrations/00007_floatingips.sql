-- +goose Up
-- port_id, router_id and fixed_ip_address are empty for a floating IP that no port has.
CREATE TABLE floatingips (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    status TEXT NOT NULL,
    floating_network_id TEXT NOT NULL REFERENCES networks (id),
    floating_ip_address TEXT NOT NULL,
    floating_port_id TEXT NOT NULL,
    router_id TEXT NOT NULL,
    port_id TEXT NOT NULL,
    fixed_ip_address TEXT NOT NULL,
    revision_number BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX floatingips_project ON floatingips (project_id, id);
CREATE INDEX floatingips_port ON floatingips (port_id, id);
CREATE INDEX floatingips_router ON floatingips (router_id, id);
CREATE INDEX floatingips_network ON floatingips (floating_network_id, id);
CREATE INDEX floatingips_address ON floatingips (floating_ip_address, id);
