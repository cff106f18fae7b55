// Package tasks is the durable queue: work that is written in the same transaction as the rows it is about, and done at least once.
//
// A task is a row. A worker claims it with a lease and a fence: the lease is renewed while the worker lives, the fence is a number that each
// claim raises. All that a worker writes about its task is guarded by the fence, so a worker that was
// thought dead and comes back changes nothing. Tasks of one key run one at a time; the database's own unique index says so.
//
// A task costs two or three writes: enqueued in the caller's transaction, claimed, and deleted. Where the database has one writer, and a worker
// of this process is free, it is enqueued as claimed. Where transactions write beside each other, to look at the others of its key would make
// those who enqueue in the same instant repeat themselves; so the queue claims by itself, many in one statement that is no part of
// anybody's conflicts. Claims and ends are guarded by the row they write (db.Lone). Ends that come while one is written go together in the next statement.
// Steps that save their progress (Task.Journal) cost one write each, which renews the lease on the way.
//
// Tasks that take a few milliseconds are claimed ahead of their turn. What waits so has a lease, is not begun when it is lost, and goes back
// to the queue when its turn does not come within Poll: another process may have a free worker. So a task of high priority may wait for a few
// short ones, and never for a long one.
//
// Invariants: at most one row of a key is running; a row's fence only grows; a row leaves the table only with its fence in hand.
package tasks
