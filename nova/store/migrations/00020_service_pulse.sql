-- +goose Up
-- pulse is where a service's process answers beside the bus, note what was found there while its heartbeats did not arrive.
ALTER TABLE services ADD COLUMN pulse TEXT NOT NULL DEFAULT '';
ALTER TABLE services ADD COLUMN note  TEXT NOT NULL DEFAULT '';
