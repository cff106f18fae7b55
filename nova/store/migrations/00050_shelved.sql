-- +goose Up
ALTER TABLE servers ADD COLUMN shelved_image TEXT NOT NULL DEFAULT '';
ALTER TABLE servers ADD COLUMN shelved_at BIGINT;
