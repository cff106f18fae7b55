-- +goose Up
ALTER TABLE console_tokens ADD COLUMN tls_port BIGINT NOT NULL DEFAULT 0;
