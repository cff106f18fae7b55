-- +goose Up
-- copies: what more there is of the data in other stores, and what clients said of places of their own; empty for none.
ALTER TABLE images ADD COLUMN copies TEXT NOT NULL DEFAULT '';
-- import_plan: where an import shall put data; empty for none.
ALTER TABLE images ADD COLUMN import_plan TEXT NOT NULL DEFAULT '';
-- The SHA-256 of each piece of an image's data, many in a row.
CREATE TABLE image_pieces (
    image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    segment BIGINT NOT NULL,
    sums TEXT NOT NULL,
    PRIMARY KEY (image_id, segment)
);
-- What a worker keeps on its own disk of images in remote stores, and what it shall fetch: stored is null until it is whole.
CREATE TABLE image_cache (
    worker TEXT NOT NULL,
    image_id TEXT NOT NULL,
    data_key TEXT NOT NULL,
    size BIGINT NOT NULL,
    hits BIGINT NOT NULL,
    queued_at BIGINT NOT NULL,
    stored_at BIGINT,
    accessed_at BIGINT,
    PRIMARY KEY (worker, image_id)
);
CREATE INDEX image_cache_image ON image_cache (image_id);
