-- +goose Up
ALTER TABLE servers ADD COLUMN block_devices TEXT NOT NULL DEFAULT '[]';
