-- +goose Up
CREATE TABLE keypairs (
    user_id     TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    number      BIGINT NOT NULL,
    kind        TEXT   NOT NULL,
    fingerprint TEXT   NOT NULL,
    public_key  TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (user_id, name)
);
