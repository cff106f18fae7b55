-- +goose Up
-- Lists by name; images of one name are in order of creation.
CREATE INDEX images_named ON images (name, created_at, id);
