package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"hypernova/oslo/db"
	"hypernova/oslo/db/sqlite"
	"hypernova/oslo/fault"
)

var (
	set    = db.NewSet("n")
	create = db.NewExec(set, "CREATE TABLE n (id BIGINT PRIMARY KEY, v BIGINT NOT NULL, fill TEXT)")
	put    = db.NewExec(set, "INSERT INTO n (id, v) VALUES (?, 0)")
	fill   = db.NewExec(set, "INSERT INTO n (id, v, fill) VALUES (?, 0, ?)")
	bump   = db.NewExec(set, "UPDATE n SET v = v + 1 WHERE id = ?")
	value  = db.NewQuery[int64](set, "SELECT v FROM n WHERE id = ?")
	count  = db.NewQuery[int64](set, "SELECT COUNT(*) FROM n")
	limit  = db.NewQuery[int64](set, "PRAGMA max_page_count = 40")
)

func open(t testing.TB, url string) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), url, sqlite.Dialect())
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return d
}

func do(t testing.TB, d *db.DB, e *db.Exec, args ...any) {
	t.Helper()
	if _, err := e.Do(t.Context(), d, args...); err != nil {
		t.Fatal(err)
	}
}

// helperEnv names the file on which this test binary is to bump a row, as a second process.
const helperEnv = "SQLITE_TEST_BUMP"

func TestSeveralProcessesShareAFile(t *testing.T) {
	const rounds = 50
	if path := os.Getenv(helperEnv); path != "" {
		d := open(t, "sqlite:///"+path)
		for range rounds {
			do(t, d, bump, 1)
		}
		return
	}
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	d := open(t, "sqlite:///"+path)
	do(t, d, create)
	do(t, d, put, 1)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSeveralProcessesShareAFile$")
			cmd.Env = append(os.Environ(), helperEnv+"="+path)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("process: %v\n%s", err, out)
			}
		})
	}
	for range rounds {
		do(t, d, bump, 1)
	}
	wg.Wait()
	if v, err := value.One(t.Context(), d, 1); err != nil || v != 4*rounds {
		t.Errorf("got %d, %v", v, err)
	}
}

func TestMemoryLeavesNothingOnDisk(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	d := open(t, "sqlite:///:memory:")
	do(t, d, create)
	for i := range 100 {
		do(t, d, fill, i, strings.Repeat("x", 100_000)) // more than a log keeps: it is moved into the file
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left in the folder: %v, %v", left, err)
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if n, err := count.One(t.Context(), d); err != nil || n != 100 {
				t.Errorf("got %d, %v", n, err)
			}
		})
	}
	wg.Wait()
}

func TestUnusableFilesAreUnavailable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	foreign := filepath.Join(dir, "foreign")
	if err := os.WriteFile(foreign, []byte(strings.Repeat("no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{foreign, filepath.Join(dir, "absent", "db"), dir} {
		d, err := db.Open(t.Context(), "sqlite:///"+path, sqlite.Dialect())
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: got %v, %v", path, d, err)
		}
	}
}

func TestFullDiskFailsOneAndHarmsNobody(t *testing.T) {
	t.Parallel()
	d := open(t, "sqlite:///"+filepath.Join(t.TempDir(), "db"))
	do(t, d, create)
	do(t, d, put, 1)
	if _, err := limit.One(t.Context(), d); err != nil { // the engine's own way of a disk that is full
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 10 {
				if i%2 == 0 {
					_, err := fill.Do(t.Context(), d, 100+i, strings.Repeat("x", 1_000_000))
					if !fault.Is(err, fault.Unavailable) || !strings.Contains(fault.Message(err), "full") {
						t.Errorf("full: got %v", err)
					}
					continue
				}
				if _, err := bump.Do(t.Context(), d, 1); err != nil {
					t.Errorf("small write: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if v, err := value.One(t.Context(), d, 1); err != nil || v != 40 {
		t.Errorf("got %d, %v", v, err)
	}
}

func TestMigrationsOfTwoProcessesAtOnce(t *testing.T) {
	t.Parallel()
	url := "sqlite:///" + filepath.Join(t.TempDir(), "db")
	fsys := fstest.MapFS{}
	for i := range 5 {
		fsys[fmt.Sprintf("%04d_t.sql", i+1)] = &fstest.MapFile{Data: fmt.Appendf(nil,
			"-- +goose Up\nCREATE TABLE t%d (id TEXT);\n", i)}
	}
	var wg sync.WaitGroup
	for range 3 {
		d := open(t, url)
		wg.Go(func() {
			if err := d.Migrate(t.Context(), "t", fsys); err != nil {
				t.Errorf("migrate: %v", err)
			}
		})
	}
	wg.Wait()
}

func TestWaitForTheWriterEndsWithTheContext(t *testing.T) {
	t.Parallel()
	d := open(t, "sqlite://")
	do(t, d, create)
	inside, leave := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- d.Tx(t.Context(), func(*db.Tx) error { close(inside); <-leave; return nil })
	}()
	<-inside
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error, 1)
	go func() { waiting <- d.Tx(ctx, func(*db.Tx) error { return nil }) }()
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(leave)
	if err := <-ended; err != nil {
		t.Errorf("the one inside: %v", err)
	}
	do(t, d, put, 1)
}

// The first transaction of a batch is the batch: what it wrote is gone, and the next one stands alone.
func TestAFailedTransactionLeavesNothing(t *testing.T) {
	t.Parallel()
	d := open(t, "sqlite://")
	do(t, d, create)
	wrong := errors.New("wrong")
	for i, fails := range []error{wrong, nil, wrong} {
		err := d.Tx(t.Context(), func(tx *db.Tx) error {
			if _, err := put.Do(t.Context(), tx, i); err != nil {
				return err
			}
			return fails
		})
		if !errors.Is(err, fails) {
			t.Fatalf("got %v, want %v", err, fails)
		}
	}
	if n, err := count.One(t.Context(), d); err != nil || n != 1 {
		t.Errorf("got %d rows, %v", n, err)
	}
}

func benchDB(b *testing.B, kind string) *db.DB {
	url := "sqlite://"
	if kind == "file" {
		url = "sqlite:///" + filepath.Join(b.TempDir(), "db")
	}
	d := open(b, url)
	do(b, d, create)
	do(b, d, put, 1)
	return d
}

func BenchmarkWrite(b *testing.B) {
	for _, kind := range []string{"memory", "file"} {
		for _, writers := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("%s/%d", kind, writers), func(b *testing.B) {
				d := benchDB(b, kind)
				b.ResetTimer()
				var wg sync.WaitGroup
				for w := range writers {
					wg.Go(func() {
						for range (b.N + w) / writers {
							do(b, d, bump, 1)
						}
					})
				}
				wg.Wait()
			})
		}
	}
}

func BenchmarkRead(b *testing.B) {
	d := benchDB(b, "memory")
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := value.One(b.Context(), d, 1); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkOpenMemory(b *testing.B) {
	for b.Loop() {
		d, err := db.Open(b.Context(), "sqlite://", sqlite.Dialect())
		if err != nil {
			b.Fatal(err)
		}
		if err := d.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
