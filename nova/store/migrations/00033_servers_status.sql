-- +goose Up
-- Lists with a filter on the status, in the usual order of creation.
CREATE INDEX servers_project_status ON servers (project_id, deleted, vm_state, created_at, id);
CREATE INDEX servers_status         ON servers (deleted, vm_state, created_at, id);
