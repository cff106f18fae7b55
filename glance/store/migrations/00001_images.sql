-- +goose Up
CREATE TABLE images (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    status TEXT NOT NULL,
    visibility TEXT NOT NULL,
    disk_format TEXT NOT NULL,
    container_format TEXT NOT NULL,
    checksum TEXT NOT NULL,
    hash_algo TEXT NOT NULL,
    hash_value TEXT NOT NULL,
    size BIGINT NOT NULL,
    virtual_size BIGINT NOT NULL,
    min_disk BIGINT NOT NULL,
    min_ram BIGINT NOT NULL,
    protected BOOLEAN NOT NULL,
    hidden BOOLEAN NOT NULL,
    tags TEXT NOT NULL,
    properties TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    store TEXT NOT NULL,
    data_key TEXT NOT NULL,
    staged_key TEXT NOT NULL,
    worker TEXT NOT NULL,
    import_method TEXT NOT NULL,
    import_uri TEXT NOT NULL
);
CREATE INDEX images_created ON images (created_at, id);
CREATE INDEX images_name ON images (name, id);
CREATE INDEX images_owner ON images (owner);
CREATE INDEX images_worker ON images (worker, status);
CREATE TABLE image_members (
    image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    project_id TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (image_id, project_id)
);
CREATE INDEX image_members_project ON image_members (project_id, status);
CREATE TABLE image_trash (
    store TEXT NOT NULL,
    data_key TEXT NOT NULL,
    PRIMARY KEY (store, data_key)
);
