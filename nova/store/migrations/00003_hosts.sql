-- +goose Up
CREATE TABLE counters (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);

CREATE TABLE services (
    id              TEXT    NOT NULL PRIMARY KEY,
    number          BIGINT  NOT NULL UNIQUE,
    host            TEXT    NOT NULL,
    program         TEXT    NOT NULL,
    topic           TEXT    NOT NULL,
    level           BIGINT  NOT NULL,
    disabled        BOOLEAN NOT NULL,
    disabled_reason TEXT    NOT NULL,
    forced_down     BOOLEAN NOT NULL,
    seen_at         BIGINT,
    reports         BIGINT  NOT NULL,
    created_at      BIGINT  NOT NULL,
    updated_at      BIGINT  NOT NULL,
    UNIQUE (host, program)
);

CREATE TABLE nodes (
    id             TEXT   NOT NULL PRIMARY KEY,
    number         BIGINT NOT NULL UNIQUE,
    host           TEXT   NOT NULL,
    name           TEXT   NOT NULL,
    host_ip        TEXT   NOT NULL,
    kind           TEXT   NOT NULL,
    version        BIGINT NOT NULL,
    cpu_info       TEXT   NOT NULL,
    vcpus          BIGINT NOT NULL,
    memory_mb      BIGINT NOT NULL,
    disk_gb        BIGINT NOT NULL,
    memory_used_mb BIGINT NOT NULL,
    disk_free_gb   BIGINT NOT NULL,
    running        BIGINT NOT NULL,
    traits         TEXT   NOT NULL,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    UNIQUE (host, name)
);

CREATE TABLE aggregates (
    id         BIGINT NOT NULL PRIMARY KEY,
    uuid       TEXT   NOT NULL UNIQUE,
    name       TEXT   NOT NULL UNIQUE,
    hosts      TEXT   NOT NULL,
    metadata   TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
