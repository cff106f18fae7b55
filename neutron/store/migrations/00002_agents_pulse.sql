-- +goose Up
-- pulse is where an agent's process answers beside the bus, note what was found there while its heartbeats did not arrive.
ALTER TABLE agents ADD COLUMN pulse TEXT NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN note TEXT NOT NULL DEFAULT '';
