// Package store is the database access of networking. A row carries all that reading it shows, addresses, groups and
// tags included, so that a list is one statement; what must be unique or found by its value is kept once more in
// tables of its own, which are written with the row.
package store

import (
	"context"
	"embed"
	"io/fs"
	"maps"
	"net/netip"
	"time"

	"hypernova/neutron"
	"hypernova/oslo/db"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Stmts are the statements of this room, for the test that prepares them all.
var Stmts = db.NewSet("neutron")

// Migrations are the files that make the schema.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	return sub
}

// Migrate brings the database to this build's schema.
func Migrate(ctx context.Context, d *db.DB) error { return d.Migrate(ctx, "neutron", Migrations()) }

// metaRow is what every resource's row carries.
type metaRow struct {
	Project     string            `db:"project_id" list:"project_id"`
	Description string            `db:"description" list:"description"`
	Tags        db.JSON[[]string] `db:"tags" list:"tags"`
	Revision    int64             `db:"revision_number" list:"revision_number"`
	Created     db.Time           `db:"created_at,once,set" list:"created_at"`
	Updated     db.Time           `db:"updated_at,set" list:"updated_at"`
}

// touched is the row's metadata after a change. The row was read in the transaction that writes it.
func (r metaRow) touched(now time.Time) metaRow {
	r.Revision, r.Updated = r.Revision+1, db.At(now)
	return r
}

func (r metaRow) resource() neutron.Meta {
	return neutron.Meta{Project: r.Project, Description: r.Description, Tags: r.Tags.V, Revision: r.Revision,
		Created: r.Created.Time, Updated: r.Updated.Time}
}

func metaRowOf(m neutron.Meta) metaRow {
	return metaRow{Project: m.Project, Description: m.Description, Tags: list(m.Tags), Revision: m.Revision,
		Created: db.At(m.Created), Updated: db.At(m.Updated)}
}

// listColumns are the columns of a list: those of a table with a list name, and more.
func listColumns(columns, more map[string]string) map[string]string {
	maps.Copy(columns, more)
	return columns
}

// list is a JSON list that is never null.
func list[T any](s []T) db.JSON[[]T] {
	if s == nil {
		s = []T{}
	}
	return db.JSON[[]T]{V: s}
}

func addr(s string) netip.Addr { a, _ := netip.ParseAddr(s); return a }

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func opt(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func val(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}
