-- +goose Up
ALTER TABLE servers ADD COLUMN password TEXT NOT NULL DEFAULT '';
