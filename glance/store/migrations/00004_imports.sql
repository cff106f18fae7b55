-- +goose Up
-- Imports are tasks of the queue. What a process of an earlier release wrote here is still read.
-- contract: unused since 00004: images.import_uri; of images.import_plan all but staged_in and fence.
SELECT 1;
