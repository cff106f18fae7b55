-- +goose Up
ALTER TABLE access_rules ADD COLUMN position BIGINT NOT NULL DEFAULT 0;
ALTER TABLE application_credentials ADD COLUMN position BIGINT NOT NULL DEFAULT 0;
CREATE TABLE used_passcodes (
    user_id TEXT NOT NULL,
    step BIGINT NOT NULL,
    code TEXT NOT NULL,
    PRIMARY KEY (user_id, step, code)
);
CREATE INDEX used_passcodes_step ON used_passcodes (step);
