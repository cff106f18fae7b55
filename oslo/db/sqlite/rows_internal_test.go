package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hypernova/oslo/db"
)

func testConn(t *testing.T) *conn {
	t.Helper()
	c, err := new(dialect).connect(t.Context(), filepath.Join(t.TempDir(), "db"), "OFF", true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

type named string

func scan[T any](t *testing.T, c *conn, text string) (v T, err error) {
	t.Helper()
	r, err := c.Query(t.Context(), "SELECT "+text, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if !r.Next() {
		t.Fatalf("%s: no row: %v", text, r.Err())
	}
	return v, r.Scan(&v)
}

func TestScanConvertsWhereNothingIsLost(t *testing.T) {
	t.Parallel()
	c := testConn(t)
	expect(t, c, "'a'", "a")
	expect(t, c, "'a'", named("a"))
	expect(t, c, "7", "7")
	expect(t, c, "7", 7)
	expect(t, c, "7", int64(7))
	expect(t, c, "'7'", 7)
	expect(t, c, "7.0", 7)
	expect(t, c, "7", uint16(7))
	expect(t, c, "0.5", 0.5)
	expect(t, c, "2", 2.0)
	expect(t, c, "1", true)
	expect(t, c, "0", false)
	expect(t, c, "'true'", true)
	expect(t, c, "9000000000000001", db.Time{Time: time.UnixMicro(9000000000000001).UTC()})
	expect(t, c, "NULL", db.Time{})
	expect(t, c, "7", any(int64(7)))
	expect(t, c, "NULL", any(nil))
	for text, got := range map[string]func(string) error{
		"NULL":    func(s string) error { _, err := scan[string](t, c, s); return err },
		"'x'":     func(s string) error { _, err := scan[int](t, c, s); return err },
		"0.25":    func(s string) error { _, err := scan[int64](t, c, s); return err },
		"2":       func(s string) error { _, err := scan[bool](t, c, s); return err },
		"70000":   func(s string) error { _, err := scan[uint16](t, c, s); return err },
		"'today'": func(s string) error { _, err := scan[db.Time](t, c, s); return err },
	} {
		if err := got(text); err == nil || !strings.Contains(err.Error(), "column index 0") {
			t.Errorf("%s: got %v", text, err)
		}
	}
	p, err := scan[*string](t, c, "'a'")
	if err != nil || p == nil || *p != "a" {
		t.Errorf("a pointer: got %v, %v", p, err)
	}
	if p, err := scan[*string](t, c, "NULL"); err != nil || p != nil {
		t.Errorf("NULL into a pointer: got %v, %v", p, err)
	}
	if n, err := scan[*int](t, c, "3"); err != nil || n == nil || *n != 3 {
		t.Errorf("a pointer to a number: got %v, %v", n, err)
	}
	if b, err := scan[[]byte](t, c, "x'0102'"); err != nil || string(b) != "\x01\x02" {
		t.Errorf("bytes: got %v, %v", b, err)
	}
}

func expect[T comparable](t *testing.T, c *conn, text string, want T) {
	t.Helper()
	if got, err := scan[T](t, c, text); err != nil || got != want {
		t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
	}
}

// The end of a context interrupts a statement that would run for long, and the connection works afterwards.
func TestTheEndOfAContextInterruptsAStatement(t *testing.T) {
	t.Parallel()
	c := testConn(t)
	endless := "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT COUNT(*) FROM n"
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := c.Query(ctx, endless, nil)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(20*time.Millisecond, cancel)
		if r.Next() || !errors.Is(r.Err(), context.Canceled) {
			t.Errorf("got %v, want the context's error", r.Err())
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if _, err := c.Query(ctx, endless, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("with a context that has ended: got %v", err)
		}
		expect(t, c, "1", 1)
	}
}

// A statement may run while rows of the same text are being read.
func TestAStatementRunsTwiceAtOnce(t *testing.T) {
	t.Parallel()
	c := testConn(t)
	const text = "SELECT 1 UNION ALL SELECT 2"
	outer, err := c.Query(t.Context(), text, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for outer.Next() {
		inner, err := c.Query(t.Context(), text, nil)
		if err != nil {
			t.Fatal(err)
		}
		for inner.Next() {
			n++
		}
		if err := inner.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := outer.Close(); err != nil || n != 4 {
		t.Errorf("read %d inner rows, %v; want 4", n, err)
	}
}

func TestStatementsOfAConnectionAreBounded(t *testing.T) {
	t.Parallel()
	c := testConn(t)
	for i := range stmtsKept + 50 {
		if err := c.do(t.Context(), "SELECT "+strings.Repeat("1+", i)+"1"); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.stmts) != stmtsKept {
		t.Errorf("%d statements are kept, want %d", len(c.stmts), stmtsKept)
	}
}

// A database is closed while a reader and a transaction are in use: they end well, and the next ones are refused.
func TestCloseLeavesThoseInsideTheirConnections(t *testing.T) {
	t.Parallel()
	e, err := open(t.Context(), new(dialect), filepath.Join(t.TempDir(), "db"), "OFF", 0)
	if err != nil {
		t.Fatal(err)
	}
	nothing := func(db.Conn) error { return nil }
	err = e.Write(t.Context(), func(w db.Conn) error {
		return e.Read(t.Context(), func(r db.Conn) error {
			if err := e.Close(); err != nil {
				t.Error(err)
			}
			_, err := w.Exec(t.Context(), "CREATE TABLE t (n BIGINT)", nil)
			return errors.Join(err, r.Check(t.Context(), "SELECT 1"))
		})
	})
	if err != nil {
		t.Errorf("inside: %v", err)
	}
	if err := e.Write(t.Context(), nothing); !errors.Is(err, errClosed) {
		t.Errorf("a transaction afterwards: got %v", err)
	}
	if err := e.Read(t.Context(), nothing); !errors.Is(err, errClosed) {
		t.Errorf("a read afterwards: got %v", err)
	}
}

// Each use of a statement has its own arguments, also where some are those of the use before.
func TestArgumentsAreThoseOfTheUse(t *testing.T) {
	t.Parallel()
	c := testConn(t)
	long := strings.Repeat("x", 2*keptText)
	for i, args := range [][]any{
		{nil, nil, nil}, {"a", int64(1), true}, {"a", int64(1), true}, {"a", int64(2), false}, {nil, 2.0, "2"},
		{"", int64(0), false}, {long, []byte("b"), nil}, {long, []byte("b"), nil}, {nil, nil, nil}, {long, "", 0.5},
		{"a", int64(1), true},
	} {
		r, err := c.Query(t.Context(), "SELECT ?, ?, ?", args)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]any, len(args))
		if !r.Next() {
			t.Fatal(r.Err())
		}
		if err := r.Scan(&got[0], &got[1], &got[2]); err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		for j, want := range args {
			if b, ok := want.(bool); ok { // has no type of its own in SQLite
				want = map[bool]any{true: int64(1), false: int64(0)}[b]
			}
			if fmt.Sprintf("%T %v", got[j], got[j]) != fmt.Sprintf("%T %v", want, want) {
				t.Errorf("use %d: argument %d is %v, want %v", i, j, got[j], want)
			}
		}
	}
}
