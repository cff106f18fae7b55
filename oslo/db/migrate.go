package db

import (
	"context"
	"database/sql"
	"io/fs"

	"github.com/pressly/goose/v3"

	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// The rule of migrations: expand first, contract later. An upgrade runs the old binary beside the new one, on one schema, which the
// new one has migrated. So a migration only adds: tables, indexes, columns that may be left out of an INSERT (they may be null or
// have a default). What the old binary writes, the new one must be able to read: a column that nobody filled holds its default.
//
// What no binary reads or writes any more is removed by a later migration, at the earliest one release after the last binary that used
// it. Such a statement says so in a comment before it: "-- contract: unused since level 7". A column is renamed by adding
// the new one, writing both for a release, and contracting. dbtest.Additive holds the files against this rule.
//
// A binary that is older than the schema runs on it, and leaves it alone. One that is newer migrates it first, or, where the
// process may not, says that the schema is too old for it.

// Schema is what a database has of a room's migrations, and what this binary has.
type Schema struct {
	Have, Want int64 // the newest version of each
	Missing    int   // how many of this binary's migrations the database has not seen
}

// Migrate applies the numbered *.sql files (goose format, forward only, portable) of fsys that the database has not seen. name keys the
// version table, so that several rooms (nova, tasks) can keep their migrations in one database. Versions that the database has and fsys
// does not are a newer binary's, and no trouble. Because files only add, one with a lower number may come later. Several
// processes may do it at once.
func (d *DB) Migrate(ctx context.Context, name string, fsys fs.FS) error {
	var before, after Schema
	var err error
	// Where the engine has no lock for migrations, the slower of two processes finds the tables made: it looks again.
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
		return d.settle(ctx, err)
	}
	switch l := log.From(ctx); {
	case before.Have > before.Want:
		l.Info("the schema is a newer binary's; this one runs on it", "schema", name, "version", before.Have, "known", before.Want)
	case before.Have == 0:
		l.Debug("schema made", "schema", name, "version", after.Have)
	case before.Missing > 0:
		l.Info("schema migrated", "schema", name, "from", before.Have, "to", after.Have)
	}
	return nil
}

// Schema compares a room's migrations with the database, and changes nothing but to make the table of versions.
func (d *DB) Schema(ctx context.Context, name string, fsys fs.FS) (Schema, error) {
	var v Schema
	err := d.goose(ctx, name, fsys, func(p *goose.Provider) (err error) {
		v, err = state(ctx, p)
		return err
	})
	return v, d.settle(ctx, err)
}

// CheckSchema is for a process that may not migrate: fault.Invalid with the cure where the schema is too old for this binary.
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
