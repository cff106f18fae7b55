-- +goose Up
CREATE TABLE flavors (
    id          TEXT             NOT NULL PRIMARY KEY,
    name        TEXT             NOT NULL UNIQUE,
    vcpus       BIGINT           NOT NULL,
    memory_mb   BIGINT           NOT NULL,
    disk_gb     BIGINT           NOT NULL,
    ephemeral   BIGINT           NOT NULL,
    swap        BIGINT           NOT NULL,
    rxtx_factor DOUBLE PRECISION NOT NULL,
    public      BOOLEAN          NOT NULL,
    disabled    BOOLEAN          NOT NULL,
    description TEXT,
    extra_specs TEXT             NOT NULL,
    projects    TEXT             NOT NULL,
    created_at  BIGINT           NOT NULL,
    updated_at  BIGINT           NOT NULL
);
