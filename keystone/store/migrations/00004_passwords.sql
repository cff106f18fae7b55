-- +goose Up
ALTER TABLE users ADD COLUMN password_created_at BIGINT;
ALTER TABLE users ADD COLUMN last_active_at BIGINT;
CREATE TABLE old_passwords (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    password_hash TEXT NOT NULL
);
CREATE INDEX old_passwords_user ON old_passwords (user_id);
