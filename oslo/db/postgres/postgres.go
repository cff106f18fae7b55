// Package postgres is the dialect of PostgreSQL.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Dialect makes the PostgreSQL dialect.
func Dialect(options ...Option) db.Dialect {
	d := dialect{silence: 30 * time.Second}
	for _, o := range options {
		o(&d)
	}
	return d
}

// Option adjusts the dialect.
type Option func(*dialect)

// Silence is how long a server may not say a word while it is asked something, before it is taken for lost; default 30
// s. A migration may take longer.
func Silence(d time.Duration) Option { return func(x *dialect) { x.silence = d } }

type dialect struct{ silence time.Duration }

func (dialect) Name() string      { return "postgresql" }
func (dialect) Schemes() []string { return []string{"postgresql", "postgres"} }

func (dialect) Caps() db.Caps {
	return db.Caps{NullsLargest: true, Like: "ILIKE", Regexp: "~", Position: "strpos", MaxParams: 65535, Rivals: true,
		Goose: goose.DialectPostgres,
		Tables: "SELECT c.relname::TEXT AS name, CAST(c.reltuples AS BIGINT) AS n, pg_database_size(current_database()) AS bytes\nFROM pg_class c\n" +
			"JOIN pg_namespace s ON s.oid = c.relnamespace\nWHERE s.nspname = current_schema()\n  AND c.relkind = 'r'\nORDER BY c.relname",
		Damage: []string{"SELECT 'index ' || i.indexrelid::regclass || ' is not valid; REINDEX INDEX ' || i.indexrelid::regclass AS broken\nFROM pg_index i\n" +
			"JOIN pg_class c ON c.oid = i.indexrelid\nJOIN pg_namespace s ON s.oid = c.relnamespace\nWHERE NOT i.indisvalid AND s.nspname = current_schema()"},
		Now: "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::BIGINT"}
}

// connections bounds what one service holds of the server.
const connections = 24

// Open connects once, so that a wrong address or password is told at start.
func (d dialect) Open(ctx context.Context, url string) (db.Engine, error) {
	c, err := config(url)
	if err != nil {
		return nil, err
	}
	patient := c.Copy()
	patient.DialFunc = dial(0)
	c.DialFunc = dial(d.silence)
	s := stdlib.OpenDB(*c)
	s.SetMaxOpenConns(connections)
	s.SetMaxIdleConns(connections)
	if err := s.PingContext(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &engine{s: s, patient: patient}, nil
}

func config(url string) (*pgx.ConnConfig, error) {
	c, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fault.Invalidf(
			"The database URL is not valid; it looks like postgresql://user:password@host:port/name.").Because(err)
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 10 * time.Second
	}
	return c, nil
}

// Rebind numbers the placeholders; what stands in quotes or comments stays.
func (dialect) Rebind(text string) string {
	if !strings.Contains(text, "?") {
		return text
	}
	var b strings.Builder
	n := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\'' || c == '"':
			end := strings.IndexByte(text[i+1:], c)
			if end < 0 {
				end = len(text) - i - 2
			}
			b.WriteString(text[i : i+end+2])
			i += end + 1
		case c == '-' && strings.HasPrefix(text[i:], "--"):
			end := strings.IndexByte(text[i:], '\n')
			if end < 0 {
				end = len(text) - i
			}
			b.WriteString(text[i : i+end])
			i += end - 1
		case c == '?':
			n++
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// Classify reads SQLSTATE.
func (dialect) Classify(err error) db.Class {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pg.Code {
		case "23505":
			return db.ClassDuplicate
		case "23503":
			return db.ClassReference
		case "40001", "40P01", "55P03":
			return db.ClassRetry
		case "2201B":
			return db.ClassInvalid
		}
		switch pg.Code[:2] {
		case "28", "3D":
			return db.ClassRefused
		case "08", "53", "57", "58", "25":
			return db.ClassUnavailable
		}
		return db.ClassOther
	}
	if untrusted(err) {
		return db.ClassRefused
	}
	var network net.Error
	var connect *pgconn.ConnectError
	if errors.As(err, &network) || errors.As(err, &connect) || pgconn.SafeToRetry(err) ||
		errors.Is(err, sql.ErrConnDone) || gone(err) {
		return db.ClassUnavailable
	}
	return db.ClassOther
}

// engine is a pool of connections; the driver prepares and keeps statements by itself.
type engine struct {
	s       *sql.DB
	patient *pgx.ConnConfig // for migrations, which may wait for each other and for large tables
}

// Write is serializable, as on SQLite: a verb that counts and then inserts is right on both.
func (e *engine) Write(ctx context.Context, fn func(db.Conn) error) error {
	return e.within(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable}, fn)
}

// View sees one snapshot.
func (e *engine) View(ctx context.Context, fn func(db.Conn) error) error {
	return e.within(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, fn)
}

func (e *engine) within(ctx context.Context, o *sql.TxOptions, fn func(db.Conn) error) error {
	tx, err := e.s.BeginTx(ctx, o)
	if err != nil {
		return err
	}
	ended := false
	defer func() {
		if !ended {
			_ = tx.Rollback() // fn panicked, or its error is what counts
		}
	}()
	if err := fn(conn{tx}); err != nil {
		return err
	}
	ended = true
	return tx.Commit()
}

// Read runs one statement outside a transaction.
func (e *engine) Read(_ context.Context, fn func(db.Conn) error) error { return fn(conn{e.s}) }

// Lone lets the server commit by itself, at its default isolation.
func (e *engine) Lone(_ context.Context, fn func(db.Conn) error) error { return fn(conn{e.s}) }

// migrationLock is the advisory lock that one migrating process holds; any number that is the same in all will do.
const migrationLock = 0x68797065

// Migrate holds a lock of the server meanwhile, so that processes which start together take turns.
func (e *engine) Migrate(ctx context.Context, fn func(*sql.DB) error) (err error) {
	s := stdlib.OpenDB(*e.patient)
	defer func() { err = errors.Join(err, s.Close()) }()
	c, err := s.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if _, err := c.ExecContext(ctx, "SELECT pg_advisory_lock($1)", migrationLock); err != nil {
		return err
	}
	defer func() {
		_, uerr := c.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", migrationLock)
		if uerr != nil {
			err = errors.Join(err, fmt.Errorf("unlock: %w", uerr))
		}
	}()
	return fn(s)
}

func (e *engine) Close() error { return e.s.Close() }

type runner interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

type conn struct{ r runner }

func (c conn) Query(ctx context.Context, text string, args []any) (db.Rows, error) {
	r, err := c.r.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (c conn) Exec(ctx context.Context, text string, args []any) (int64, error) {
	r, err := c.r.ExecContext(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// Check prepares a statement and forgets it.
func (c conn) Check(ctx context.Context, text string) error {
	s, err := c.r.PrepareContext(ctx, text)
	if err != nil {
		return err
	}
	return s.Close()
}
