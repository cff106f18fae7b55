-- +goose Up
CREATE TABLE quotas (
    project_id TEXT   NOT NULL,
    user_id    TEXT   NOT NULL,
    resource   TEXT   NOT NULL,
    value      BIGINT NOT NULL,
    PRIMARY KEY (project_id, user_id, resource)
);

CREATE TABLE quota_classes (
    class    TEXT   NOT NULL,
    resource TEXT   NOT NULL,
    value    BIGINT NOT NULL,
    PRIMARY KEY (class, resource)
);
