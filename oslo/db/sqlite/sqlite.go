// Package sqlite is the dialect of SQLite, with one file per service and a write-ahead log.
//
// The write-ahead log is synced at each commit, so a change that was acknowledged survives a power cut; transactions
// that wait for each other share one commit and with it the cost of the sync. A memory database has the same engine
// over a nameless file that is never synced, so that tests and laptops see the same locking as production.
package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/pressly/goose/v3"
	sqlite "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/private"
)

// Dialect makes the SQLite dialect.
func Dialect() db.Dialect {
	d := &dialect{driver: &sqlite.Driver{}}
	d.driver.MustRegisterDeterministicScalarFunction("regexp", 2, d.regexp)
	return d
}

type dialect struct {
	driver   *sqlite.Driver
	patterns sync.Map // of expressions met; emptied when it grows
	mu       sync.Mutex
	known    int
}

func (*dialect) Name() string      { return "sqlite" }
func (*dialect) Schemes() []string { return []string{"sqlite"} }

// Rebind leaves out what keeps rival writers off each other's rows: here is one writer.
func (*dialect) Rebind(sql string) string {
	return strings.ReplaceAll(sql, "FOR UPDATE SKIP LOCKED", "")
}

func (*dialect) Caps() db.Caps {
	return db.Caps{Like: "LIKE", Regexp: "REGEXP", Position: "instr", MaxParams: 32766, Goose: goose.DialectSQLite3,
		Tables: "SELECT name, -1 AS n, (SELECT page_count FROM pragma_page_count()) * (SELECT page_size FROM pragma_page_size()) AS bytes\n" +
			"FROM sqlite_master\nWHERE type = 'table'\n  AND name NOT LIKE 'sqlite_%'\nORDER BY name",
		Damage: []string{"SELECT integrity_check FROM pragma_integrity_check() LIMIT 20",
			"SELECT 'row ' || COALESCE(rowid, '') || ' of table ' || \"table\" || " +
				"' refers to a row of ' || parent || ' that is not there' AS broken FROM pragma_foreign_key_check() LIMIT 20"}}
}

// Open opens sqlite:///path (three slashes: relative, four: absolute, as elsewhere in OpenStack) or a memory database.
func (d *dialect) Open(ctx context.Context, raw string) (db.Engine, error) {
	path, _, _ := strings.Cut(strings.TrimPrefix(raw, "sqlite://"), "?")
	path = strings.TrimPrefix(path, "/")
	if path == "" || path == ":memory:" {
		return openMemory(ctx, d.driver)
	}
	if dir := filepath.Dir(path); dir != "." {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return nil, fault.Unavailablef("The database %s cannot be made: its folder is not there.", path).Because(err)
		} else if err != nil {
			return nil, fault.Unavailablef("The database %s cannot be opened: its folder cannot be looked at.",
				path).Because(err)
		}
	}
	if err := secure(path); err != nil {
		return nil, err
	}
	return open(ctx, d.driver, path, "FULL", 0)
}

// secure makes the file where it is missing, and closes it and the files beside it to other users: SQLite gives new
// ones the mode of the database. A file that is there is not opened: closing it again would give up the locks that this
// process has on it.
func secure(path string) error {
	f, err := private.File(path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	switch {
	case errors.Is(err, fs.ErrExist):
		return private.Close(path, path+"-wal", path+"-shm", path+"-journal")
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.Unavailablef("The database %s cannot be made: the disk is full; make room on it.", path).Because(err)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return fault.Unavailablef(
			"The database %s cannot be opened: this process may open no more files; raise its limit (\"ulimit -n\", LimitNOFILE=).", path).Because(err)
	case err != nil:
		return nil // opening it tells what is wrong
	}
	return f.Close()
}

// dsn is the driver's name of a file with the settings each connection needs.
func dsn(path, sync string, write bool) string {
	q := url.Values{}
	q.Set("_busy_timeout", "15000")
	q.Set("_foreign_keys", "1")
	q.Set("_synchronous", sync)
	q.Set("_error_rc", "1")
	q.Set("_dqs", "0")
	q.Add("_pragma", "temp_store(MEMORY)")
	if write {
		q.Set("_journal_mode", "WAL")
		q.Set("_txlock", "immediate")
	} else {
		q.Set("_query_only", "1")
	}
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}
	return u.String()
}

type connector struct {
	d   *sqlite.Driver
	dsn string
}

func (c connector) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.d.Open(c.dsn)
	if err == nil {
		unlocked(conn)
	}
	return conn, err
}

func (c connector) Driver() driver.Driver { return c.d }

// pool is a database/sql pool of at most n connections that are never given up.
func pool(d *sqlite.Driver, dsn string, n int) *sql.DB {
	p := sql.OpenDB(connector{d, dsn})
	p.SetMaxOpenConns(n)
	p.SetMaxIdleConns(n)
	return p
}

// patternsKept bounds the compiled expressions a process keeps.
const patternsKept = 256

// regexp is the function behind "text REGEXP pattern".
func (d *dialect) regexp(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	pattern, ok := args[0].(string)
	text, ok2 := args[1].(string)
	if !ok || !ok2 {
		return nil, nil
	}
	re, ok := d.patterns.Load(pattern)
	if !ok {
		r, err := db.Compile(pattern)
		if err != nil {
			return nil, errors.New(badPattern)
		}
		d.mu.Lock()
		if d.known++; d.known > patternsKept {
			d.patterns.Clear()
			d.known = 1
		}
		d.patterns.Store(pattern, r)
		d.mu.Unlock()
		re = r
	}
	found, err := re.(db.Expression).Find(text)
	if err != nil {
		return nil, errors.New(badPattern)
	}
	return found, nil
}

// badPattern is what is wrong with an expression that cannot be used, or not in time. The engine hands on an error's
// text only.
const badPattern = "the regular expression cannot be used"

// Classify reads SQLite's result codes.
func (*dialect) Classify(err error) db.Class {
	if errors.Is(err, errLost) {
		return db.ClassRetry
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return db.ClassOther
	}
	switch e.Code() {
	case lib.SQLITE_CONSTRAINT_UNIQUE, lib.SQLITE_CONSTRAINT_PRIMARYKEY:
		return db.ClassDuplicate
	case lib.SQLITE_CONSTRAINT_FOREIGNKEY:
		return db.ClassReference
	}
	switch e.Code() & 0xff {
	case lib.SQLITE_ERROR:
		if strings.Contains(e.Error(), badPattern) {
			return db.ClassInvalid
		}
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_SCHEMA:
		return db.ClassRetry
	case lib.SQLITE_FULL, lib.SQLITE_IOERR, lib.SQLITE_NOMEM, lib.SQLITE_PROTOCOL:
		return db.ClassUnavailable
	case lib.SQLITE_CANTOPEN, lib.SQLITE_NOTADB, lib.SQLITE_CORRUPT, lib.SQLITE_READONLY, lib.SQLITE_PERM:
		return db.ClassRefused
	}
	return db.ClassOther
}

// Explain puts the result code in words.
func (*dialect) Explain(err error) (why, cure string) {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return "it is closed", "start the service again"
	}
	switch e.Code() & 0xff {
	case lib.SQLITE_FULL:
		return "the disk is full", "make room on it"
	case lib.SQLITE_CANTOPEN:
		return "the file cannot be opened", "see that its folder is there and that the service's user may write to it"
	case lib.SQLITE_NOTADB:
		return "the file is not a database", "see what [database] connection names; put back a backup if it was one"
	case lib.SQLITE_CORRUPT:
		return "the file is damaged", "stop the services and put back a backup"
	case lib.SQLITE_READONLY, lib.SQLITE_PERM:
		return "the file may not be written", "give it, the files beside it and its folder to the service's user"
	}
	return "the disk does not answer as it should", "see the kernel's log"
}
