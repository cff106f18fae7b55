-- +goose Up
CREATE TABLE tickets (
    id         TEXT   NOT NULL PRIMARY KEY,
    result     TEXT   NOT NULL,
    kind       TEXT   NOT NULL,
    message    TEXT   NOT NULL,
    code       TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX tickets_created ON tickets (created_at);
