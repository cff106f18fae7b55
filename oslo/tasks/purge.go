package tasks

import "hypernova/oslo/db"

// Ends declares how rows of the queue's tables are deleted.
func Ends() []db.End {
	return []db.End{{Table: "tasks", How: "a finished task is deleted, a dead one is kept for 30 days by its queue"}}
}

// Statements returns the registered SQL statements of this package.
func Statements() *db.Set { return stmts }
