// Package sqlite is the dialect of SQLite, with one file per service and a write-ahead log.
//
// The write-ahead log is synced at each commit, so a change that was acknowledged survives a power cut; transactions
// that wait for each other share one commit and with it the cost of the sync. A memory database has the same engine
// over a nameless file that is never synced, so that tests and laptops see the same locking as production.
package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/pressly/goose/v3"
	"zombiezen.com/go/sqlite"

	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/private"
)

// Dialect makes the SQLite dialect.
func Dialect() db.Dialect { return &dialect{} }

type dialect struct {
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
		return openMemory(ctx, d)
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
	return open(ctx, d, path, "FULL", 0)
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

// patternsKept bounds the compiled expressions a process keeps.
const patternsKept = 256

// find matches a regular expression. errPattern.
func (d *dialect) find(pattern, text string) (bool, error) {
	re, ok := d.patterns.Load(pattern)
	if !ok {
		r, err := db.Compile(pattern)
		if err != nil {
			return false, errPattern
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
		return false, errPattern
	}
	return found, nil
}

// errPattern is the error of an expression that cannot be used, or not in time.
var errPattern = errors.New("the regular expression cannot be used")

// Classify reads SQLite's result codes. An error that is not SQLite's counts as the code of errors in general.
func (*dialect) Classify(err error) db.Class {
	switch {
	case err == nil:
		return db.ClassOther
	case errors.Is(err, errLost):
		return db.ClassRetry
	case errors.Is(err, errPattern):
		return db.ClassInvalid
	}
	code := sqlite.ErrCode(err)
	switch code {
	case sqlite.ResultConstraintUnique, sqlite.ResultConstraintPrimaryKey:
		return db.ClassDuplicate
	case sqlite.ResultConstraintForeignKey:
		return db.ClassReference
	}
	switch code.ToPrimary() {
	case sqlite.ResultBusy, sqlite.ResultLocked, sqlite.ResultSchema:
		return db.ClassRetry
	case sqlite.ResultFull, sqlite.ResultIOErr, sqlite.ResultNoMem, sqlite.ResultProtocol:
		return db.ClassUnavailable
	case sqlite.ResultCantOpen, sqlite.ResultNotADB, sqlite.ResultCorrupt, sqlite.ResultReadOnly, sqlite.ResultPerm:
		return db.ClassRefused
	}
	return db.ClassOther
}

// Explain puts the result code in words.
func (*dialect) Explain(err error) (why, cure string) {
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultFull:
		return "the disk is full", "make room on it"
	case sqlite.ResultCantOpen:
		return "the file cannot be opened", "see that its folder is there and that the service's user may write to it"
	case sqlite.ResultNotADB:
		return "the file is not a database", "see what [database] connection names; put back a backup if it was one"
	case sqlite.ResultCorrupt:
		return "the file is damaged", "stop the services and put back a backup"
	case sqlite.ResultReadOnly, sqlite.ResultPerm:
		return "the file may not be written", "give it, the files beside it and its folder to the service's user"
	case sqlite.ResultError:
		return "it is closed", "start the service again"
	}
	return "the disk does not answer as it should", "see the kernel's log"
}
