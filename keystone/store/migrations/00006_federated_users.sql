-- +goose Up
CREATE TABLE federated_users (
    idp_id TEXT NOT NULL,
    protocol_id TEXT NOT NULL,
    unique_id TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (idp_id, protocol_id, unique_id)
);
CREATE INDEX federated_users_user ON federated_users (user_id);
CREATE TABLE expiring_members (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    group_id TEXT NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
    idp_id TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, group_id, idp_id)
);
CREATE INDEX expiring_members_group ON expiring_members (group_id);
CREATE TABLE directory_ids (
    public_id TEXT PRIMARY KEY,
    domain_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    local_id TEXT NOT NULL,
    UNIQUE (domain_id, kind, local_id)
);
