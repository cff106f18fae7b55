// Package store is the database access of placement.
//
// Providers are spread over shards. Each change of a provider, of its inventories, traits, aggregates or allocations,
// raises the counter of its shard and stores it with the provider, in the transaction of the change: see Touch. The row
// of the shard stays locked until the commit, so that counters become visible in their order, also with concurrent
// writers, and a reader that has seen a counter has seen every change up to it.
package store

import (
	"embed"
	"io/fs"

	"hypernova/oslo/db"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations returns placement's numbered migrations.
func Migrations() fs.FS {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// Statements is the registry of placement's statements, which tests prepare on every dialect.
var Statements = db.NewSet("placement")

// convert applies f to each row.
func convert[R, V any](rows []R, f func(R) V) []V {
	out := make([]V, len(rows))
	for i, r := range rows {
		out[i] = f(r)
	}
	return out
}
