package db_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

func schema(files ...string) fstest.MapFS {
	m := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		m[files[i]] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + files[i+1])}
	}
	return m
}

var (
	oldSchema = schema("00001_x.sql", "CREATE TABLE pets (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL);")
	newSchema = schema("00001_x.sql", "CREATE TABLE pets (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL);",
		"00003_x.sql", "ALTER TABLE pets ADD COLUMN legs BIGINT NOT NULL DEFAULT 4;\nCREATE INDEX pets_legs ON pets (legs);")

	upgrade = db.NewSet("upgrade")
	oldPut  = db.NewInsert[oldPet](upgrade, "pets")
	oldAll  = db.NewQuery[oldPet](upgrade, "SELECT id, name FROM pets ORDER BY id")
	newPut  = db.NewInsert[newPet](upgrade, "pets")
	newAll  = db.NewQuery[newPet](upgrade, "SELECT id, name, legs FROM pets ORDER BY id")
)

type oldPet struct {
	ID   string `db:"id"`
	Name string `db:"name"`
}

type newPet struct {
	ID   string `db:"id"`
	Name string `db:"name"`
	Legs int64  `db:"legs"`
}

// lines is a log.
type lines struct {
	mu    sync.Mutex
	b     bytes.Buffer
	first func() // called for the next line, if not nil
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first != nil {
		l.first()
		l.first = nil
	}
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestOldAndNewBinaryShareASchema(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		var out lines
		ctx := log.With(t.Context(), slog.New(slog.NewTextHandler(&out, nil)))
		do := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		do(d.Migrate(ctx, "pets", oldSchema))
		do(oldPut.Do(ctx, d, oldPet{"a", "Ada"}))
		if err := d.CheckSchema(ctx, "pets", newSchema); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(),
			"hypernova db sync") {
			t.Errorf("a new binary that may not migrate: %v", err)
		}
		do(d.Migrate(ctx, "pets", newSchema)) // the new binary starts
		do(oldPut.Do(ctx, d, oldPet{"b", "Bo"}))
		do(newPut.Do(ctx, d, newPet{"c", "Cy", 2}))
		do(d.Migrate(ctx, "pets", oldSchema)) // an old one starts again
		do(d.CheckSchema(ctx, "pets", oldSchema))
		do(oldPut.Do(ctx, d, oldPet{"d", "Di"}))
		old, err := oldAll.All(ctx, d)
		do(err)
		all, err := newAll.All(ctx, d)
		do(err)
		if len(old) != 4 || len(all) != 4 || all[0].Legs != 4 || all[2].Legs != 2 || all[3].Legs != 4 {
			t.Errorf("got %+v and %+v", old, all)
		}
		v, err := d.Schema(ctx, "pets", oldSchema)
		if want := (db.Schema{Have: 3, Want: 1}); err != nil || v != want {
			t.Errorf("got %+v, %v", v, err)
		}
		for _, want := range []string{`msg="schema migrated" schema=pets from=1 to=3`,
			`schema is newer than this binary" schema=pets version=3 known=1`} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("no line with %s in\n%s", want, out.String())
			}
		}
		// A file of a parallel branch has a lower number and comes later.
		late := schema("00002_y.sql", "CREATE TABLE toys_of_pets (id TEXT NOT NULL PRIMARY KEY);")
		for name, f := range newSchema {
			late[name] = f
		}
		do(d.Migrate(ctx, "pets", late))
		do(d.CheckSchema(ctx, "pets", late))
	})
}

func TestManyProcessesMigrateAtOnce(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		var wg sync.WaitGroup
		for i := range 6 {
			files := newSchema
			if i%2 == 0 {
				files = oldSchema
			}
			wg.Go(func() {
				if err := d.Migrate(t.Context(), "pets", files); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if v, err := d.Schema(t.Context(), "pets", newSchema); err != nil || v.Missing != 0 || v.Have != 3 {
			t.Errorf("got %+v, %v", v, err)
		}
	})
}

// TestMigrationsOnlyAdd holds every room's migrations against the rule.
func TestMigrationsOnlyAdd(t *testing.T) {
	t.Parallel()
	dirs, err := filepath.Glob("../../*/*/migrations")
	if err != nil || len(dirs) < 5 {
		t.Fatalf("found %v, %v", dirs, err)
	}
	for _, dir := range dirs {
		bad, err := dbtest.Additive(os.DirFS(dir))
		if err != nil {
			t.Error(err)
		}
		for _, b := range bad {
			t.Errorf("%s/%s", dir, b)
		}
	}
}

func TestWhatIsNoAddition(t *testing.T) {
	t.Parallel()
	for statement, want := range map[string]string{
		"CREATE TABLE new (id TEXT);\nCREATE UNIQUE INDEX n ON new (id);\nDROP TABLE IF EXISTS old": "takes away",
		"ALTER TABLE old DROP COLUMN x":                               "takes away",
		"ALTER TABLE old RENAME TO other":                             "takes away",
		"ALTER TABLE old RENAME COLUMN x TO y":                        "takes away",
		"ALTER TABLE old ALTER COLUMN x SET NOT NULL":                 "takes away",
		"ALTER TABLE old ADD COLUMN x TEXT NOT NULL":                  "needs a default",
		"ALTER TABLE old ADD COLUMN x TEXT UNIQUE":                    "a constraint refuses",
		"CREATE UNIQUE INDEX n ON old (x)":                            "a unique index refuses",
		"DELETE FROM old":                                             "takes away",
		"SELECT 1;\n-- +goose Down\nDROP TABLE new":                   "forward only",
		"ALTER TABLE old ADD COLUMN x TEXT NOT NULL DEFAULT ''":       "",
		"ALTER TABLE old ADD COLUMN x BIGINT":                         "",
		"CREATE INDEX n ON old (x)":                                   "",
		"CREATE TABLE new (id TEXT);\nALTER TABLE new ADD CHECK (id)": "",
		"UPDATE old SET x = y WHERE x IS NULL":                        "",
		"-- contract: unused since level 7\nDROP TABLE old":           "",
		"-- DROP TABLE old\nCREATE TABLE new (id TEXT) -- a new one":  "",
	} {
		bad, err := dbtest.Additive(schema("1_x.sql", statement+";\n"))
		got := strings.Join(bad, "\n")
		if err != nil || (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, %v, want %q", statement, got, err, want)
		}
	}
}
