-- +goose Up
CREATE TABLE networks (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    audience TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    status TEXT NOT NULL,
    admin_state_up BOOLEAN NOT NULL,
    shared BOOLEAN NOT NULL,
    external BOOLEAN NOT NULL,
    is_default BOOLEAN NOT NULL,
    port_security_enabled BOOLEAN NOT NULL,
    mtu BIGINT NOT NULL,
    network_type TEXT NOT NULL,
    physical_network TEXT NOT NULL,
    segmentation_id BIGINT NOT NULL,
    subnets TEXT NOT NULL,
    availability_zone_hints TEXT NOT NULL,
    revision_number BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX networks_audience ON networks (audience, id);
CREATE INDEX networks_project ON networks (project_id, id);
CREATE INDEX networks_name ON networks (name);

-- One row for each VLAN, VNI or flat network that is taken: the key decides races.
CREATE TABLE segments (
    network_type TEXT NOT NULL,
    physical_network TEXT NOT NULL,
    segmentation_id BIGINT NOT NULL,
    network_id TEXT NOT NULL,
    PRIMARY KEY (network_type, physical_network, segmentation_id)
);
CREATE INDEX segments_network ON segments (network_id);

CREATE TABLE subnets (
    id TEXT PRIMARY KEY,
    network_id TEXT NOT NULL REFERENCES networks (id),
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    ip_version BIGINT NOT NULL,
    cidr TEXT NOT NULL,
    gateway_ip TEXT NOT NULL,
    allocation_pools TEXT NOT NULL,
    enable_dhcp BOOLEAN NOT NULL,
    dns_nameservers TEXT NOT NULL,
    host_routes TEXT NOT NULL,
    ipv6_ra_mode TEXT NOT NULL,
    ipv6_address_mode TEXT NOT NULL,
    revision_number BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX subnets_network ON subnets (network_id, id);
CREATE INDEX subnets_project ON subnets (project_id, id);

CREATE TABLE ports (
    id TEXT PRIMARY KEY,
    network_id TEXT NOT NULL REFERENCES networks (id),
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    mac_address TEXT NOT NULL,
    fixed_ips TEXT NOT NULL,
    admin_state_up BOOLEAN NOT NULL,
    status TEXT NOT NULL,
    device_id TEXT NOT NULL,
    device_owner TEXT NOT NULL,
    port_security_enabled BOOLEAN NOT NULL,
    security_groups TEXT NOT NULL,
    allowed_address_pairs TEXT NOT NULL,
    host TEXT NOT NULL,
    vnic_type TEXT NOT NULL,
    vif_type TEXT NOT NULL,
    vif_details TEXT NOT NULL,
    profile TEXT NOT NULL,
    made BOOLEAN NOT NULL,
    tag TEXT NOT NULL,
    dns_name TEXT NOT NULL,
    position BIGINT NOT NULL,
    revision_number BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (network_id, mac_address)
);
CREATE INDEX ports_project ON ports (project_id, id);
CREATE INDEX ports_network ON ports (network_id, id);
CREATE INDEX ports_network_host ON ports (network_id, host);
CREATE INDEX ports_device ON ports (device_id, id);
CREATE INDEX ports_host ON ports (host, network_id);

-- The addresses of ports, once more, where they must be unique and found; address is in a form that sorts as addresses do.
CREATE TABLE addresses (
    network_id TEXT NOT NULL,
    address TEXT NOT NULL,
    subnet_id TEXT NOT NULL REFERENCES subnets (id),
    port_id TEXT NOT NULL,
    ip TEXT NOT NULL,
    PRIMARY KEY (network_id, address)
);
CREATE INDEX addresses_subnet ON addresses (subnet_id, address);
CREATE INDEX addresses_port ON addresses (port_id);
CREATE INDEX addresses_ip ON addresses (ip);

CREATE TABLE security_groups (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    stateful BOOLEAN NOT NULL,
    is_default BOOLEAN NOT NULL,
    revision_number BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX security_groups_project ON security_groups (project_id, id);

-- The default group of each project: the key makes it one.
CREATE TABLE default_groups (
    project_id TEXT PRIMARY KEY,
    group_id TEXT NOT NULL
);

CREATE TABLE security_group_rules (
    id TEXT PRIMARY KEY,
    security_group_id TEXT NOT NULL REFERENCES security_groups (id),
    project_id TEXT NOT NULL,
    description TEXT NOT NULL,
    direction TEXT NOT NULL,
    ethertype TEXT NOT NULL,
    protocol TEXT,
    port_range_min BIGINT,
    port_range_max BIGINT,
    remote_group_id TEXT,
    remote_ip_prefix TEXT,
    meaning TEXT NOT NULL,
    revision_number BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (security_group_id, meaning)
);
CREATE INDEX security_group_rules_group ON security_group_rules (security_group_id, id);
CREATE INDEX security_group_rules_project ON security_group_rules (project_id, id);
CREATE INDEX security_group_rules_remote ON security_group_rules (remote_group_id);

-- The groups of ports, once more, where they must be found, with the ports' hosts.
CREATE TABLE port_groups (
    group_id TEXT NOT NULL REFERENCES security_groups (id),
    port_id TEXT NOT NULL,
    host TEXT NOT NULL,
    PRIMARY KEY (group_id, port_id)
);
CREATE INDEX port_groups_port ON port_groups (port_id);
CREATE INDEX port_groups_host ON port_groups (group_id, host);

CREATE TABLE quotas (
    project_id TEXT NOT NULL,
    resource TEXT NOT NULL,
    quota BIGINT NOT NULL,
    PRIMARY KEY (project_id, resource)
);

CREATE TABLE agents (
    id TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    binary_name TEXT NOT NULL,
    topic TEXT NOT NULL,
    agent_type TEXT NOT NULL,
    admin_state_up BOOLEAN NOT NULL,
    description TEXT NOT NULL,
    configurations TEXT NOT NULL,
    tunnel_ip TEXT NOT NULL,
    level BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    heartbeat_at BIGINT NOT NULL,
    UNIQUE (host, binary_name)
);

-- What each host must realise has a revision: the sum of its changes here. A change adds a row, so that two of them never wait for each other;
-- rows are summed up when there are many.
CREATE TABLE host_changes (
    id TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    changes BIGINT NOT NULL
);
CREATE INDEX host_changes_host ON host_changes (host, changes);
