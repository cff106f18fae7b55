-- +goose Up
CREATE TABLE console_tokens (
    hash       TEXT PRIMARY KEY,
    server_id  TEXT NOT NULL,
    type       TEXT NOT NULL,
    host       TEXT NOT NULL,
    port       BIGINT NOT NULL,
    url        TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX console_tokens_server ON console_tokens (server_id);
CREATE INDEX console_tokens_expires ON console_tokens (expires_at);
