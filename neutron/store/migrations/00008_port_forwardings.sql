-- +goose Up
CREATE TABLE port_forwardings (
    id TEXT PRIMARY KEY,
    floatingip_id TEXT NOT NULL REFERENCES floatingips (id),
    description TEXT NOT NULL,
    protocol TEXT NOT NULL,
    internal_port_id TEXT NOT NULL,
    internal_ip_address TEXT NOT NULL,
    internal_port_start BIGINT NOT NULL,
    internal_port_end BIGINT NOT NULL,
    external_port_start BIGINT NOT NULL,
    external_port_end BIGINT NOT NULL
);
CREATE INDEX port_forwardings_floatingip ON port_forwardings (floatingip_id, id);
CREATE INDEX port_forwardings_port ON port_forwardings (internal_port_id, id);
