-- +goose Up
-- Ports of other projects on the networks of a project, and lists with a filter on the status.
CREATE INDEX ports_network_project ON ports (network_id, project_id, id);
CREATE INDEX ports_status          ON ports (status, id);
