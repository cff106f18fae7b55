-- +goose Up
CREATE INDEX users_name ON users (name, id);
CREATE INDEX user_groups_name ON user_groups (name, id);
CREATE INDEX projects_name ON projects (name, id);
CREATE INDEX revocations_audit ON revocations (audit_id);
CREATE INDEX revocations_chain ON revocations (audit_chain_id);
CREATE INDEX revocations_user ON revocations (user_id);
CREATE INDEX directory_ids_domain ON directory_ids (domain_id);
