-- +goose Up
CREATE TABLE server_groups (
    id           TEXT   NOT NULL PRIMARY KEY,
    number       BIGINT NOT NULL,
    name         TEXT   NOT NULL,
    project_id   TEXT   NOT NULL,
    user_id      TEXT   NOT NULL,
    policy       TEXT   NOT NULL,
    max_per_host BIGINT NOT NULL,
    placements   BIGINT NOT NULL,
    created_at   BIGINT NOT NULL
);
CREATE INDEX server_groups_project ON server_groups (project_id, number);
CREATE INDEX server_groups_number  ON server_groups (number);
CREATE TABLE server_group_members (
    server_id TEXT   NOT NULL PRIMARY KEY,
    group_id  TEXT   NOT NULL,
    number    BIGINT NOT NULL
);
CREATE INDEX server_group_members_group ON server_group_members (group_id, number);
