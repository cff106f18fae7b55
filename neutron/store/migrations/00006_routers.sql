-- +goose Up
-- The gateway is kept once more, as its port has it, so that a list of routers is one statement.
CREATE TABLE routers (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    admin_state_up BOOLEAN NOT NULL,
    availability_zone_hints TEXT NOT NULL,
    enable_snat BOOLEAN NOT NULL,
    routes TEXT NOT NULL,
    gateway_port_id TEXT NOT NULL, -- empty: no gateway
    gateway_network_id TEXT NOT NULL,
    gateway_ips TEXT NOT NULL,
    host TEXT NOT NULL, -- empty: none carries it
    held BOOLEAN NOT NULL, -- an operator took it from its host: its next change gives it one again
    revision_number BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX routers_project ON routers (project_id, id);
CREATE INDEX routers_host ON routers (host, id);

-- The ports that routers have, of which only this table decides: users write device_id and device_owner of ports.
CREATE TABLE router_ports (
    port_id TEXT PRIMARY KEY,
    router_id TEXT NOT NULL REFERENCES routers (id),
    network_id TEXT NOT NULL,
    gateway BOOLEAN NOT NULL
);
CREATE INDEX router_ports_router ON router_ports (router_id, port_id);
CREATE INDEX router_ports_network ON router_ports (network_id, router_id);
