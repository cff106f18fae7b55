package db_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
)

var tables = dbtest.Migrations{Name: "toys", FS: fstest.MapFS{"0001_toys.sql": {Data: []byte(`-- +goose Up
CREATE TABLE toys (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  size BIGINT,
  soft BOOLEAN NOT NULL,
  price DOUBLE PRECISION,
  made BIGINT,
  notes TEXT
);
CREATE INDEX toys_size ON toys (size, id);
CREATE TABLE parts (
  toy TEXT NOT NULL REFERENCES toys (id),
  name TEXT NOT NULL
);
`)}}}

type toy struct {
	ID    string            `db:"id"`
	Name  string            `db:"name"`
	Size  *int64            `db:"size"`
	Soft  bool              `db:"soft"`
	Price *float64          `db:"price"`
	Made  db.Time           `db:"made"`
	Notes db.JSON[[]string] `db:"notes"`
}

var (
	stmts   = db.NewSet("toys")
	insert  = db.NewInsert[toy](stmts, "toys")
	byID    = db.NewQuery[toy](stmts, "SELECT * FROM toys WHERE id = ?")
	count   = db.NewQuery[int64](stmts, "SELECT COUNT(*) FROM toys")
	grow    = db.NewExec(stmts, "UPDATE toys SET size = COALESCE(size, 0) + ? WHERE id = ?")
	addPart = db.NewExec(stmts, "INSERT INTO parts (toy, name) VALUES (?, ?)")
	listing = db.NewList[toy](stmts, "SELECT * FROM toys", map[string]string{
		"id": "id", "name": "name NOT NULL", "size": "size", "soft": "soft NOT NULL", "price": "price", "made": "made"}, "id")
	addBack = db.NewQuery[string](stmts, "INSERT INTO toys (id, name, soft) VALUES (?, ?, TRUE) RETURNING name")
)

func TestEveryStatementPreparesOnEveryDialect(t *testing.T) {
	t.Parallel()
	dbtest.Prepare(t, stmts, tables)
}

func TestRowsComeBackAsWritten(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		size, price := int64(7), 1.5
		want := toy{"a", "bear", &size, true, &price, db.Time{}, db.JSON[[]string]{V: []string{"x", "y"}}}
		if err := insert.Do(t.Context(), d, want); err != nil {
			t.Fatal(err)
		}
		got, err := byID.One(t.Context(), d, "a")
		if err != nil || *got.Size != 7 || *got.Price != 1.5 || !got.Soft || !got.Made.IsZero() || len(got.Notes.V) != 2 {
			t.Errorf("got %+v, %v", got, err)
		}
		if _, err := byID.One(t.Context(), d, "b"); !fault.Is(err, fault.NotFound) {
			t.Errorf("absent row: got %v", err)
		}
		if err := insert.Do(t.Context(), d, want); !errors.Is(err, db.ErrDuplicate) || !fault.Is(err, fault.Conflict) {
			t.Errorf("duplicate: got %v", err)
		}
		if _, err := addPart.Do(t.Context(), d, "nowhere", "ear"); !errors.Is(err, db.ErrReference) {
			t.Errorf("reference: got %v", err)
		}
		if name, err := addBack.One(t.Context(), d, "z", "dog"); err != nil || name != "dog" {
			t.Errorf("returning: got %q, %v", name, err)
		}
	}, tables)
}

func TestTxIsAllOrNothing(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		boom := errors.New("boom")
		ran := false
		err := d.Tx(t.Context(), func(tx *db.Tx) error {
			tx.AfterCommit(func() { ran = true })
			if err := insert.Do(t.Context(), tx, toy{ID: "a", Name: "a"}); err != nil {
				return err
			}
			n, err := count.One(t.Context(), d) // outside: sees nothing yet, and must not wait for us
			if err != nil || n != 0 {
				t.Errorf("outside: got %d, %v", n, err)
			}
			if n, err := count.One(t.Context(), tx); err != nil || n != 1 {
				t.Errorf("inside: got %d, %v", n, err)
			}
			return boom
		})
		if !errors.Is(err, boom) || ran {
			t.Errorf("got %v, hook ran: %v", err, ran)
		}
		err = d.Tx(t.Context(), func(tx *db.Tx) error {
			tx.AfterCommit(func() { ran = true })
			return insert.DoAll(t.Context(), tx, many(500))
		})
		if err != nil || !ran {
			t.Errorf("got %v, hook ran: %v", err, ran)
		}
		if n, err := count.One(t.Context(), d); err != nil || n != 500 {
			t.Errorf("got %d, %v", n, err)
		}
		err = d.Tx(t.Context(), func(tx *db.Tx) error {
			_ = insert.Do(t.Context(), tx, toy{ID: "toy1", Name: "again"}) // swallowed, yet it dooms the transaction
			return nil
		})
		if !errors.Is(err, db.ErrDuplicate) {
			t.Errorf("swallowed error: got %v", err)
		}
	}, tables)
}

func many(n int) []toy {
	var all []toy
	for i := range n {
		all = append(all, toy{ID: fmt.Sprint("toy", i), Name: fmt.Sprint("n", i)})
	}
	return all
}

func TestTxInsideTxIsAnError(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		err := d.Tx(t.Context(), func(*db.Tx) error {
			_, err := grow.Do(t.Context(), d, 1, "a")
			return err
		})
		if err == nil {
			t.Error("a write inside a transaction was not refused")
		}
		if err := insert.Do(t.Context(), d, toy{ID: "a", Name: "a"}); err != nil {
			t.Errorf("after it: %v", err)
		}
	}, tables)
}

// An engine with one writer asks this of a transaction that has waited for long.
func TestNestedTellsATransactionInsideATransaction(t *testing.T) {
	t.Parallel()
	outer, inner := dbtest.Open(t, "sqlite://", tables), dbtest.Open(t, "sqlite://", tables)
	alone := func(*db.Tx) error { return db.Nested() }
	if err := outer.Tx(t.Context(), alone); err != nil {
		t.Errorf("one transaction: %v", err)
	}
	err := outer.Tx(t.Context(), func(*db.Tx) error { return inner.Tx(t.Context(), alone) })
	if err == nil || !strings.Contains(err.Error(), "inside a transaction") {
		t.Errorf("one inside another: %v", err)
	}
}

func TestManyWritersAndReaders(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		if err := insert.Do(t.Context(), d, toy{ID: "a", Name: "a"}); err != nil {
			t.Fatal(err)
		}
		hammer(t, d, 8, 25)
		got, err := byID.One(t.Context(), d, "a")
		if err != nil || *got.Size != 8*25 {
			t.Errorf("got %+v, %v", got, err)
		}
	}, tables)
}

// hammer adds 1 to toy "a" from many goroutines, between failures, panics and ended contexts that must change nothing.
func hammer(t *testing.T, d *db.DB, workers, rounds int) {
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range rounds {
				err := d.Tx(t.Context(), func(tx *db.Tx) error {
					got, err := byID.One(t.Context(), tx, "a")
					if err != nil {
						return err
					}
					before := int64(0)
					if got.Size != nil {
						before = *got.Size
					}
					if _, err := grow.Do(t.Context(), tx, 1, "a"); err != nil {
						return err
					}
					got, err = byID.One(t.Context(), tx, "a")
					if err == nil && *got.Size != before+1 {
						t.Errorf("not isolated: %d after %d", *got.Size, before)
					}
					return err
				})
				if err != nil {
					t.Errorf("writer: %v", err)
				}
				switch (w + i) % 4 {
				case 0:
					failing(t, d)
				case 1:
					panicking(t, d)
				case 2:
					cancelled(t, d)
				}
				if _, err := count.One(t.Context(), d); err != nil {
					t.Errorf("reader: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

func failing(t *testing.T, d *db.DB) {
	stop := errors.New("stop")
	err := d.Tx(t.Context(), func(tx *db.Tx) error {
		_, err := grow.Do(t.Context(), tx, 1000, "a")
		return errors.Join(err, stop)
	})
	if !errors.Is(err, stop) {
		t.Errorf("failing: got %v", err)
	}
}

func panicking(t *testing.T, d *db.DB) {
	defer func() {
		if recover() == nil {
			t.Error("the panic was lost")
		}
	}()
	_ = d.Tx(t.Context(), func(tx *db.Tx) error {
		_, _ = grow.Do(t.Context(), tx, 1000, "a")
		panic("ouch")
	})
}

func cancelled(t *testing.T, d *db.DB) {
	ctx, cancel := context.WithCancel(t.Context())
	err := d.Tx(ctx, func(tx *db.Tx) error {
		_, _ = grow.Do(ctx, tx, 1000, "a")
		cancel()
		_, err := grow.Do(ctx, tx, 1000, "a")
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

// A struct that embeds a transaction runs statements as the transaction does.
func TestAStructThatEmbedsATxIsAQuerier(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		type unit struct{ *db.Tx }
		err := d.Tx(t.Context(), func(tx *db.Tx) error {
			u := unit{tx}
			if err := insert.DoAll(t.Context(), u, []toy{{ID: "a", Name: "a"}, {ID: "b", Name: "b"}}); err != nil {
				return err
			}
			all, err := listing.Page(t.Context(), u, db.ListArgs{Marker: "a"})
			if err == nil && (len(all) != 1 || all[0].ID != "b") {
				t.Errorf("got %+v", all)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}, tables)
}

func TestDocumentsScanTheSameWithAndWithoutTheDecoder(t *testing.T) {
	t.Parallel()
	scansAs[[]string](t, "[]", "{}", "null", `["a"]`)
	scansAs[map[string]int](t, "[]", "{}", "null", `{"a":1}`)
	scansAs[struct{ A int }](t, "[]", "{}", "null", `{"A":1}`)
	scansAs[json.RawMessage](t, "[]", "{}", "null", "1")
	scansAs[*[]string](t, "[]", "{}", "null")
	scansAs[[2]int](t, "[]", "{}", "null")
	scansAs[any](t, "[]", "{}", "null")
}

// scansAs compares what JSON reads from a text with what the decoder does.
func scansAs[T any](t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		var want T
		wantErr := json.Unmarshal([]byte(text), &want)
		var got db.JSON[T]
		if err := got.Scan(text); (err == nil) != (wantErr == nil) || !reflect.DeepEqual(got.V, want) {
			t.Errorf("%s as %T: %#v, %v; want %#v, %v", text, want, got.V, err, want, wantErr)
		}
	}
}
