package tasks

import (
	"context"
	"embed"
	"io/fs"

	"hypernova/oslo/auth"
	"hypernova/oslo/db"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations is the queue's schema, for db.Migrate under the name "tasks".
func Migrations() fs.FS {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		panic(err) // the folder is embedded
	}
	return sub
}

// Migrate creates or updates the queue's table.
func Migrate(ctx context.Context, d *db.DB) error { return d.Migrate(ctx, "tasks", Migrations()) }

// The states of a row.
const (
	queued  = "queued"
	running = "running"
	dead    = "dead"
)

type row struct {
	ID       ID                    `db:"id"`
	Kind     string                `db:"kind"`
	Key      string                `db:"task_key"`
	Seq      int64                 `db:"seq"`
	Priority int                   `db:"priority"`
	State    string                `db:"state"`
	Dying    bool                  `db:"dying"` // only onDead of the handler is still to be called
	Due      db.Time               `db:"due"`   // queued: not before; running: the end of the lease
	Attempt  int                   `db:"attempt"`
	Fence    int64                 `db:"fence"`
	Owner    string                `db:"owner"`
	Request  string                `db:"request"`
	Caller   db.JSON[*auth.Caller] `db:"caller"`
	Args     string                `db:"args"`
	Journal  string                `db:"journal"`
	Reason   string                `db:"reason"` // a reason as JSON, or empty
	Created  db.Time               `db:"created"`
	Deadline db.Time               `db:"deadline"`
}

// heldRow is the result of a renewal.
type heldRow struct {
	ID    ID    `db:"id"`
	Fence int64 `db:"fence"`
	Dying bool  `db:"dying"`
}

var (
	stmts = db.NewSet("tasks")

	insertRow = db.NewInsert[row](stmts, "tasks")

	// Served by tasks_key. Dead tasks block no other task.
	othersOfKey = db.NewQuery[int64](stmts, `
SELECT COUNT(*)
FROM tasks
WHERE task_key = ?
  AND state <> 'dead'`)

	// Due tasks that no other task of their key blocks, in order. Served by tasks_next; the subqueries by tasks_key.
	due = db.NewQuery[row](stmts, `
SELECT *
FROM tasks t
WHERE t.state = 'queued'
  AND t.due <= ?
  AND CAST(? AS TEXT) LIKE '%,' || t.kind || ',%'
  AND (t.task_key = '' OR NOT EXISTS (
    SELECT 1
    FROM tasks o
    WHERE o.task_key = t.task_key
      AND o.id <> t.id
      AND (o.state = 'running' OR o.state = 'queued' AND o.seq < t.seq)))
ORDER BY t.priority DESC, t.seq
LIMIT ?`)

	// Claims due tasks that no other task of their key blocks, in one statement; the order is that of due. SKIP LOCKED
	// gives concurrent claims different rows. tasks_running rejects a second task of a key. COALESCE keeps PostgreSQL from
	// estimating that nearly no row is of these kinds; it would then sort all rows for each claim instead of reading the
	// first ones from tasks_next.
	claimDue = db.NewQuery[row](stmts, `
UPDATE tasks
SET state = 'running', owner = ?, due = ?, attempt = attempt + 1, fence = fence + 1
WHERE id IN (
  WITH next AS MATERIALIZED (
    SELECT t.id
    FROM tasks t
    WHERE t.state = (SELECT 'queued')
      AND t.due <= ?
      AND COALESCE(CAST(? AS TEXT) LIKE '%,' || t.kind || ',%', FALSE)
      AND (t.task_key = '' OR NOT EXISTS (
        SELECT 1
        FROM tasks o
        WHERE o.task_key = t.task_key
          AND o.id <> t.id
          AND (o.state = 'running' OR o.state = 'queued' AND o.seq < t.seq)))
    ORDER BY t.priority DESC, t.seq
    LIMIT ?
    FOR UPDATE SKIP LOCKED)
  SELECT id
  FROM next)
RETURNING *`)

	// Tasks whose lease has run out. Served by tasks_next: few rows are running.
	expired = db.NewQuery[row](stmts, `
SELECT *
FROM tasks
WHERE state = 'running'
  AND due <= ?
  AND CAST(? AS TEXT) LIKE '%,' || kind || ',%'
ORDER BY priority DESC, seq
LIMIT ?`)

	// Guarded by fence and state: it claims exactly the row that was read. The reader's clock decided that it was due.
	claim = db.NewExec(stmts, `
UPDATE tasks
SET state = 'running', owner = ?, due = ?, attempt = attempt + 1, fence = fence + 1
WHERE id = ?
  AND fence = ?
  AND state = ?`)

	// Returns only the rows that the owner still holds.
	renew = db.NewQuery[heldRow](stmts, `
UPDATE tasks
SET due = ?
WHERE id = ?
  AND fence = ?
  AND state = 'running'
RETURNING id, fence, dying`)

	save = db.NewExec(stmts, `
UPDATE tasks
SET journal = ?, due = ?
WHERE id = ?
  AND fence = ?
  AND state = 'running'`)

	journalOf = db.NewQuery[string](stmts, `
SELECT journal
FROM tasks
WHERE id = ?
  AND fence = ?`)

	remove = db.NewExec(stmts, `
DELETE FROM tasks
WHERE id = ?
  AND fence = ?
  AND state = 'running'`)

	// Deletes up to endsAtOnce rows; the last argument holds the id and fence of each.
	removeHeld = db.NewQuery[ID](stmts, `
DELETE FROM tasks
WHERE id IN (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  AND state = 'running'
  AND CAST(? AS TEXT) LIKE '%,' || id || ':' || fence || ',%'
RETURNING id`)

	// attempt is set, so that a shutdown does not count as an attempt.
	release = db.NewExec(stmts, `
UPDATE tasks
SET state = 'queued', owner = '', due = ?, attempt = ?, reason = ?
WHERE id = ?
  AND fence = ?
  AND state = 'running'`)

	doom = db.NewExec(stmts, `
UPDATE tasks
SET dying = TRUE, reason = ?
WHERE id = ?
  AND fence = ?
  AND state = 'running'`)

	bury = db.NewExec(stmts, `
UPDATE tasks
SET state = 'dead', owner = '', due = ?
WHERE id = ?
  AND fence = ?
  AND state = 'running'`)

	takeBack = db.NewExec(stmts, `
UPDATE tasks
SET due = 0
WHERE state = 'running'
  AND owner = ?`)

	waiting = db.NewQuery[int64](stmts, `
SELECT COUNT(*)
FROM tasks
WHERE state <> 'dead'`)

	byID = db.NewQuery[row](stmts, `
SELECT *
FROM tasks
WHERE id = ?`)

	cancelTask = db.NewExec(stmts, `
UPDATE tasks
SET dying = TRUE, reason = ?, due = CASE WHEN state = 'queued' THEN ? ELSE due END
WHERE id = ?
  AND state <> 'dead'
  AND NOT dying`)

	revive = db.NewExec(stmts, `
UPDATE tasks
SET state = 'queued', dying = FALSE, attempt = 0, due = ?, deadline = ?, fence = fence + 1, reason = ''
WHERE id = ?
  AND state = 'dead'`)

	// Served by tasks_next.
	prune = db.NewExec(stmts, `
DELETE FROM tasks
WHERE state = 'dead'
  AND due < ?`)

	analyze = db.NewExec(stmts, "ANALYZE tasks")

	listRows = db.NewList[row](stmts, "SELECT * FROM tasks", map[string]string{
		"id": "id", "kind": "kind NOT NULL", "key": "task_key NOT NULL", "state": "state NOT NULL",
		"seq": "seq NOT NULL"}, "id")
)
