-- +goose Up
ALTER TABLE credentials ADD COLUMN made_by TEXT NOT NULL DEFAULT '';
