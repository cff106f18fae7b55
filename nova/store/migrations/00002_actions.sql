-- +goose Up
CREATE TABLE actions (
    id          TEXT   NOT NULL PRIMARY KEY,
    server_id   TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    request_id  TEXT   NOT NULL,
    user_id     TEXT   NOT NULL,
    project_id  TEXT   NOT NULL,
    message     TEXT   NOT NULL,
    started_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX actions_server  ON actions (server_id, started_at, id);
CREATE INDEX actions_request ON actions (server_id, request_id);

CREATE TABLE action_events (
    id          TEXT   NOT NULL PRIMARY KEY,
    action_id   TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    host        TEXT   NOT NULL,
    result      TEXT   NOT NULL,
    details     TEXT   NOT NULL,
    traceback   TEXT   NOT NULL,
    started_at  BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX action_events_action ON action_events (action_id, started_at);
