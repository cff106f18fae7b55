-- +goose Up
CREATE TABLE tasks (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  task_key TEXT NOT NULL,
  seq BIGINT NOT NULL,
  priority BIGINT NOT NULL,
  state TEXT NOT NULL,
  dying BOOLEAN NOT NULL,
  due BIGINT NOT NULL,
  attempt BIGINT NOT NULL,
  fence BIGINT NOT NULL,
  owner TEXT NOT NULL,
  request TEXT NOT NULL,
  caller TEXT NOT NULL,
  args TEXT NOT NULL,
  journal TEXT NOT NULL,
  reason TEXT NOT NULL,
  created BIGINT NOT NULL,
  deadline BIGINT
);

-- The queue in the order it is worked off.
CREATE INDEX tasks_next ON tasks (state, priority DESC, seq);

-- The tasks of a key in their order.
CREATE INDEX tasks_key ON tasks (task_key, seq);

-- One task of a key runs at a time, whoever claims.
CREATE UNIQUE INDEX tasks_running ON tasks (task_key) WHERE state = 'running' AND task_key <> '';
