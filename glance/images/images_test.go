package images_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hypernova/glance"
	"hypernova/glance/backend"
	"hypernova/glance/backend/file"
	"hypernova/glance/images"
	"hypernova/glance/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
)

func owner(t testing.TB) context.Context {
	return auth.With(t.Context(), &auth.Caller{ProjectID: "p", Roles: []string{"member", "reader"}})
}

type cloud struct {
	*images.Service
	db    *db.DB
	dir   string
	files *file.Backend
}

func open(t testing.TB, b func(backend.Backend) backend.Backend) cloud {
	t.Helper()
	dir := t.TempDir()
	d := dbtest.Memory(t, tables...)
	c := cloud{db: d, dir: dir}
	c.restart(t, b)
	return c
}

// restart is the same worker in a new process.
func (c *cloud) restart(t testing.TB, b func(backend.Backend) backend.Backend) {
	t.Helper()
	files, err := file.New(c.dir)
	if err != nil {
		t.Fatal(err)
	}
	c.files = files
	var keep backend.Backend = files
	if b != nil {
		keep = b(files)
	}
	if c.Service, err = images.New(images.Config{}, images.Deps{DB: c.db,
		Stores: []images.Store{{ID: "file", Backend: keep}}}); err != nil {
		t.Fatal(err)
	}
}

func (c *cloud) create(t testing.TB, format string) string {
	t.Helper()
	i, err := c.Records.Create(owner(t), images.Create{Name: "n", DiskFormat: format, ContainerFormat: "bare"})
	if err != nil {
		t.Fatal(err)
	}
	return i.ID
}

func (c *cloud) left(t testing.TB) int {
	t.Helper()
	all, err := c.files.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// dying is a backend whose process ends in the middle of a Put, or right after it.
type dying struct {
	*file.Backend
	dir   string
	after bool
	died  chan bool
}

func (d dying) Put(ctx context.Context, key string, r io.Reader, size int64) (int64, error) {
	if d.after {
		if n, err := d.Backend.Put(ctx, key, r, size); err != nil {
			return n, err
		}
	} else if err := os.WriteFile(filepath.Join(d.dir, ".partial", key), []byte("half"), 0o600); err != nil {
		return 0, err
	}
	close(d.died)
	select {} // nothing of this process happens any more
}

func TestCrashDuringUploadLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		died := make(chan bool)
		c := open(t, nil)
		c.restart(t, func(b backend.Backend) backend.Backend { return dying{b.(*file.Backend), c.dir, after, died} })
		id := c.create(t, "raw")
		go c.Data.Upload(owner(t), id, strings.NewReader("data"), 4, "") // never returns
		<-died
		if c.left(t) != 1 {
			t.Fatalf("after=%v: the crash left %d pieces", after, c.left(t))
		}
		c.restart(t, nil)
		if err := c.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if c.left(t) != 0 {
			t.Errorf("after=%v: %d pieces left", after, c.left(t))
		}
		i, err := c.Image(owner(t), id)
		if err != nil || i.Status != glance.Queued || i.Size != -1 {
			t.Errorf("after=%v: %+v, %v", after, i, err)
		}
		if err := c.Data.Upload(owner(t), id, strings.NewReader("data"), 4, ""); err != nil {
			t.Errorf("after=%v: upload again: %v", after, err)
		}
	}
}

// stubborn is a backend that cannot delete.
type stubborn struct{ *file.Backend }

func (stubborn) Delete(context.Context, string) error { return errors.New("read-only file system") }

func TestDataThatCannotBeRemovedIsRemovedLater(t *testing.T) {
	t.Parallel()
	c := open(t, func(b backend.Backend) backend.Backend { return stubborn{b.(*file.Backend)} })
	id := c.create(t, "raw")
	if err := c.Data.Upload(owner(t), id, strings.NewReader("data"), -1, ""); err != nil {
		t.Fatal(err)
	}
	if err := c.Records.Delete(owner(t), id); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Image(owner(t), id); !fault.Is(err, fault.NotFound) {
		t.Errorf("got %v", err)
	}
	c.restart(t, nil)
	if err := c.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.left(t) != 0 {
		t.Errorf("%d pieces left", c.left(t))
	}
	if trash, err := store.Trash(t.Context(), c.db); len(trash) != 0 || err != nil {
		t.Errorf("trash: %v, %v", trash, err)
	}
}

func TestSweepKeepsWhatIsNamedOrNew(t *testing.T) {
	t.Parallel()
	c := open(t, nil)
	id := c.create(t, "raw")
	if err := c.Data.Upload(owner(t), id, strings.NewReader("data"), -1, ""); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * time.Hour)
	for name, at := range map[string]time.Time{"stray-old": old, "stray-new": time.Now(), ".partial/half-old": old} {
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(c.dir, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	path, err := c.Path(owner(t), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	if err := c.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.left(t) != 2 {
		t.Errorf("%d pieces left, want the image's and the new one", c.left(t))
	}
	if b, err := os.ReadFile(path); string(b) != "data" || err != nil {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestImportIsTakenUpAfterARestart(t *testing.T) {
	t.Parallel()
	c := open(t, nil)
	id := c.create(t, "raw")
	if err := c.Data.Stage(owner(t), id, strings.NewReader("staged"), -1); err != nil {
		t.Fatal(err)
	}
	c.restart(t, nil)
	if err := c.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Imports.Begin(owner(t), id, images.Import{Method: images.GlanceDirect}); err != nil {
		t.Fatalf("staged data was lost: %v", err)
	}
	c.restart(t, nil) // nobody ran the import
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx, func() {}) }()
	for end := time.Now().Add(20 * time.Second); ; <-time.After(2 * time.Millisecond) {
		if i, err := c.Image(owner(t), id); err != nil || time.Now().After(end) {
			t.Fatalf("status %s, %v", i.Status, err)
		} else if i.Status == glance.Active {
			break
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	_, r, err := c.Open(owner(t), id)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if b, err := io.ReadAll(r); string(b) != "staged" || err != nil {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestTwoUploadsOneWins(t *testing.T) {
	t.Parallel()
	c := open(t, nil)
	id := c.create(t, "raw")
	results := make(chan error, 4)
	for range 4 {
		go func() { results <- c.Data.Upload(owner(t), id, strings.NewReader("data"), -1, "") }()
	}
	won := 0
	for range 4 {
		switch err := <-results; {
		case err == nil:
			won++
		case !fault.Is(err, fault.Conflict):
			t.Errorf("got %v", err)
		}
	}
	if won != 1 || c.left(t) != 1 {
		t.Errorf("%d won, %d pieces left", won, c.left(t))
	}
}

func BenchmarkUpload(b *testing.B) {
	c := open(b, nil)
	data := make([]byte, 64<<20)
	rand.Read(data)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		id := c.create(b, "raw")
		if err := c.Data.Upload(owner(b), id, bytes.NewReader(data), int64(len(data)), ""); err != nil {
			b.Fatal(err)
		}
		if err := c.Records.Delete(owner(b), id); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDownload(b *testing.B) {
	c := open(b, nil)
	data := make([]byte, 64<<20)
	rand.Read(data)
	id := c.create(b, "raw")
	if err := c.Data.Upload(owner(b), id, bytes.NewReader(data), -1, ""); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	buf := make([]byte, 1<<20)
	for b.Loop() {
		_, r, err := c.Open(owner(b), id)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r}, buf); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}
