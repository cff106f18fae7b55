// Package store is the database access of placement.
package store

import (
	"embed"
	"hash/fnv"
	"io/fs"

	"hypernova/oslo/db"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations are placement's numbered migrations.
func Migrations() fs.FS {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		panic(err) // the folder is in the binary
	}
	return sub
}

// Statements are all of the room's, for tests that prepare them.
var Statements = db.NewSet("placement")

// Shards is how many counters there are; the migration made them.
const Shards = 64

// ShardOf is the shard of a provider.
func ShardOf(provider string) int64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(provider)) // a hash does not fail
	return int64(h.Sum32() % Shards)
}
