// Package store is the database access of the identity service.
package store

import (
	"embed"
	"encoding/json"
	"io/fs"

	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are identity's numbered migrations.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// Statements is the registry that tests prepare on every dialect.
var Statements = db.NewSet("keystone")

// Missing gives "no such row" the words of keystone; another error is what it was.
func Missing(err error, kind, id string) error {
	if fault.Is(err, fault.NotFound) {
		return fault.NotFoundf("Could not find %s: %s.", kind, id).Because(err)
	}
	return err
}

type object = db.JSON[map[string]any]
type extra = db.JSON[map[string]json.RawMessage]
type words = db.JSON[[]string]
