// Package store is the database access of the image service.
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

// Migrations returns the image service's numbered migrations.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

var stmts = db.NewSet("glance")

// Statements returns the registry of the image service's statements.
func Statements() *db.Set { return stmts }

// encode returns the JSON of a column's value; "" for an empty object.
func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // the columns' types always marshal
	}
	if string(b) == "{}" {
		return ""
	}
	return string(b)
}

func decode(text string, into any) error {
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), into)
}

// each converts the rows of a query.
func each[R, T any](rows []R, err error, convert func(R) T) ([]T, error) {
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = convert(r)
	}
	return out, err
}

// changed returns fault.Conflict if a guarded write of an image changed no row.
func changed(n int64, err error, id string) error {
	if err == nil && n == 0 {
		return fault.Conflictf("Image %s was changed by another request.", id)
	}
	return err
}
