-- +goose Up
CREATE TABLE providers (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  parent TEXT REFERENCES providers (id),
  root TEXT NOT NULL,
  generation BIGINT NOT NULL,
  shard BIGINT NOT NULL,
  touched BIGINT NOT NULL,
  created BIGINT NOT NULL,
  updated BIGINT NOT NULL
);
CREATE INDEX providers_parent ON providers (parent);
CREATE INDEX providers_root ON providers (root);
CREATE INDEX providers_touched ON providers (shard, touched);

-- What is used is the sum of the allocations; it is kept here so that a guarded update can refuse what is too much.
CREATE TABLE inventories (
  provider TEXT NOT NULL REFERENCES providers (id),
  class TEXT NOT NULL,
  total BIGINT NOT NULL,
  reserved BIGINT NOT NULL,
  min_unit BIGINT NOT NULL,
  max_unit BIGINT NOT NULL,
  step_size BIGINT NOT NULL,
  ratio DOUBLE PRECISION NOT NULL,
  used BIGINT NOT NULL,
  updated BIGINT NOT NULL,
  PRIMARY KEY (provider, class)
);
CREATE INDEX inventories_class ON inventories (class);

CREATE TABLE provider_traits (
  provider TEXT NOT NULL REFERENCES providers (id),
  trait TEXT NOT NULL,
  PRIMARY KEY (provider, trait)
);
CREATE INDEX provider_traits_trait ON provider_traits (trait);

CREATE TABLE provider_aggregates (
  provider TEXT NOT NULL REFERENCES providers (id),
  aggregate TEXT NOT NULL,
  PRIMARY KEY (provider, aggregate)
);

-- Standard traits and classes are in the program; these are the users' own.
CREATE TABLE custom_traits (
  name TEXT PRIMARY KEY,
  created BIGINT NOT NULL
);
CREATE TABLE custom_classes (
  name TEXT PRIMARY KEY,
  created BIGINT NOT NULL
);

CREATE TABLE consumers (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  user_id TEXT NOT NULL,
  type TEXT NOT NULL,
  generation BIGINT NOT NULL,
  created BIGINT NOT NULL,
  updated BIGINT NOT NULL
);
CREATE INDEX consumers_project ON consumers (project, user_id);

CREATE TABLE allocations (
  consumer TEXT NOT NULL REFERENCES consumers (id),
  provider TEXT NOT NULL REFERENCES providers (id),
  class TEXT NOT NULL,
  used BIGINT NOT NULL,
  PRIMARY KEY (consumer, provider, class)
);
CREATE INDEX allocations_provider ON allocations (provider, consumer);

-- Providers are spread over shards. Whatever changes a provider raises its shard's counter and leaves it in the provider's touched
-- column, so that a reader with a copy in memory fetches only what is newer than the copy. The epoch is raised when one is deleted. One
-- counter for all would make every two writers wait for each other.
CREATE TABLE shards (
  id BIGINT PRIMARY KEY,
  counter BIGINT NOT NULL,
  epoch BIGINT NOT NULL
);
INSERT INTO shards (id, counter, epoch) VALUES
  (0, 0, 0), (1, 0, 0), (2, 0, 0), (3, 0, 0), (4, 0, 0), (5, 0, 0), (6, 0, 0), (7, 0, 0),
  (8, 0, 0), (9, 0, 0), (10, 0, 0), (11, 0, 0), (12, 0, 0), (13, 0, 0), (14, 0, 0), (15, 0, 0),
  (16, 0, 0), (17, 0, 0), (18, 0, 0), (19, 0, 0), (20, 0, 0), (21, 0, 0), (22, 0, 0), (23, 0, 0),
  (24, 0, 0), (25, 0, 0), (26, 0, 0), (27, 0, 0), (28, 0, 0), (29, 0, 0), (30, 0, 0), (31, 0, 0),
  (32, 0, 0), (33, 0, 0), (34, 0, 0), (35, 0, 0), (36, 0, 0), (37, 0, 0), (38, 0, 0), (39, 0, 0),
  (40, 0, 0), (41, 0, 0), (42, 0, 0), (43, 0, 0), (44, 0, 0), (45, 0, 0), (46, 0, 0), (47, 0, 0),
  (48, 0, 0), (49, 0, 0), (50, 0, 0), (51, 0, 0), (52, 0, 0), (53, 0, 0), (54, 0, 0), (55, 0, 0),
  (56, 0, 0), (57, 0, 0), (58, 0, 0), (59, 0, 0), (60, 0, 0), (61, 0, 0), (62, 0, 0), (63, 0, 0);
