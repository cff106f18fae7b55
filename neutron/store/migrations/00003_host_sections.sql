-- +goose Up
-- sections has the part of changes that each section of the host's state has, as a JSON object. null is all sections: a
-- release that knows no sections inserts rows without the column.
ALTER TABLE host_changes ADD COLUMN sections TEXT NOT NULL DEFAULT 'null';
