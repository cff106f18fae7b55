// Package tasks is the durable queue: work that is written in the same transaction as the rows it is about, and done at least once.
//
// A task is a row. A worker claims it with a lease and a fence: the lease is renewed while the worker lives, the fence is a number that each
// claim raises. All that a worker writes about its task is guarded by the fence, so a worker that was
// thought dead and comes back changes nothing. Tasks of one key run one at a time; the database's own unique index says so.
//
// A task costs two or three writes: enqueued in the caller's transaction (already claimed, where a worker of this process is free), claimed,
// and deleted. Steps that save their progress (Task.Journal) cost one each, which renews the lease on the way.
//
// Invariants: at most one row of a key is running; a row's fence only grows; a row leaves the table only with its fence in hand.
package tasks
