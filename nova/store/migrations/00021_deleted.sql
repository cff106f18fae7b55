-- +goose Up
-- The order in which deleted servers are purged.
CREATE INDEX servers_deleted ON servers (deleted_at);
