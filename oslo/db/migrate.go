package db

import (
	"context"
	"database/sql"
	"io/fs"

	"github.com/pressly/goose/v3"

	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// Migrations expand first and contract later. During an upgrade the old binary runs beside the new one on a schema that
// the new one has migrated. So a migration only adds: tables, indexes, and columns that an INSERT may omit (nullable or
// with a default). The new binary must read rows of the old one, in which new columns hold their defaults.
//
// A later migration removes unused objects, at the earliest one release after the last binary that used them. A comment
// before the statement says so: "-- contract: unused since level 7". To rename a column, add the new one, write both
// for a release, then contract. dbtest.Additive checks the files.
//
// A binary older than the schema runs on it unchanged. A newer one migrates the schema first, or fails if its process
// may not migrate.
// process may not, says that the schema is too old for it.

// Schema compares a package's migrations in the database with those of this binary.
type Schema struct {
	Have, Want int64 // newest version in the database and in this binary
	Missing    int   // number of this binary's migrations that are not applied
}

// Migrate applies the numbered *.sql files (goose format, forward only, portable) of fsys that are not applied yet.
// name selects the version table, so that several packages (nova, tasks) can share a database. Versions that only the
// database has belong to a newer binary and are ignored. A file with a lower number may be added later, because files
// only add. Several processes may call it at once.
func (d *DB) Migrate(ctx context.Context, name string, fsys fs.FS) error {
	var before, after Schema
	var err error
	// Without a migration lock in the engine, the slower of two processes fails because the tables exist; it tries again.
	for range 3 {
		err = d.goose(ctx, name, fsys, func(p *goose.Provider) (err error) {
			if before, err = state(ctx, p); err != nil {
				return err
			}
			if _, err = p.Up(ctx); err != nil {
				return err
			}
			after, err = state(ctx, p)
			return err
		})
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return d.observe(ctx, err)
	}
	switch l := log.From(ctx); {
	case before.Have > before.Want:
		l.Info("schema is newer than this binary", "schema", name, "version", before.Have, "known", before.Want)
	case before.Have == 0:
		l.Debug("schema created", "schema", name, "version", after.Have)
	case before.Missing > 0:
		l.Info("schema migrated", "schema", name, "from", before.Have, "to", after.Have)
	}
	return nil
}

// Schema compares a package's migrations with the database. It changes nothing, except to create the version table.
func (d *DB) Schema(ctx context.Context, name string, fsys fs.FS) (Schema, error) {
	var v Schema
	err := d.goose(ctx, name, fsys, func(p *goose.Provider) (err error) {
		v, err = state(ctx, p)
		return err
	})
	return v, d.observe(ctx, err)
}

// CheckSchema is for a process that may not migrate. It returns fault.Invalid, with the remedy, if the schema is too
// old for this binary.
func (d *DB) CheckSchema(ctx context.Context, name string, fsys fs.FS) error {
	v, err := d.Schema(ctx, name, fsys)
	if err != nil {
		return err
	}
	if v.Missing > 0 {
		return fault.Invalidf("The schema %s is at version %d and lacks %d migrations of this binary, up to %d: run \"hypernova db sync\" with this binary first; "+
			"older binaries go on running beside it.", name, v.Have, v.Missing, v.Want)
	}
	return nil
}

func (d *DB) goose(ctx context.Context, name string, fsys fs.FS, fn func(*goose.Provider) error) error {
	return d.engine.Migrate(ctx, func(s *sql.DB) error {
		p, err := goose.NewProvider(d.dialect.Caps().Goose, s, fsys, goose.WithAllowOutofOrder(true),
			goose.WithTableName(name+"_migrations"), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
		if err != nil {
			return err
		}
		return fn(p)
	})
}

func state(ctx context.Context, p *goose.Provider) (v Schema, err error) {
	if v.Have, err = p.GetDBVersion(ctx); err != nil {
		return v, err
	}
	all, err := p.Status(ctx)
	for _, m := range all {
		v.Want = max(v.Want, m.Source.Version)
		if m.State == goose.StatePending {
			v.Missing++
		}
	}
	return v, err
}
