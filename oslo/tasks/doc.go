// Package tasks is the durable task queue: a task is written in the transaction of the rows it belongs to, and runs at
// least once.
//
// A task is a row. A worker claims it with a lease and a fencing token, the fence. It renews the lease while it runs.
// Each claim raises the fence, and every write of a worker to its task compares the fence. A worker whose lease was
// taken over therefore changes nothing. Tasks with the same key run one at a time; a unique index enforces that.
//
// A task costs two or three writes: enqueue in the caller's transaction, claim, delete. On a database with one writer
// (SQLite) the enqueue and the claim are one write if a worker of this process is free. On a database with concurrent
// writers (PostgreSQL) a claim inside the caller's transaction would cause serialization conflicts between callers.
// There the queue claims in separate statements, many tasks in each, that conflict with nobody. Claims and deletions
// are guarded by the row they write (db.Lone). Deletions that become due while one is being written are combined into
// the next statement. A step that saves its progress (Task.Journal) costs one write, which also renews the lease.
//
// Tasks whose handlers take a few milliseconds are claimed ahead of a free worker. Such a task holds a lease while it
// waits. It does not start if it lost the lease, and it returns to the queue if no worker becomes free within Poll,
// because another process may have one. So a task of high priority may wait for a few short tasks, never for a long
// one.
//
// Invariants: at most one row of a key is running; the fence of a row only grows; a row is deleted only by a worker
// with its current fence.
package tasks
