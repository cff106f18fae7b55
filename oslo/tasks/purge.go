package tasks

import "hypernova/oslo/db"

// Ends says how tasks end.
func Ends() []db.End {
	return []db.End{{Table: "tasks", How: "a task that is done is deleted, one that was given up is kept for 30 days by its queue"}}
}

// Statements are those of this room.
func Statements() *db.Set { return stmts }
