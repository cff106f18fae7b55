package images_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"hypernova/glance"
	"hypernova/glance/backend/file"
	"hypernova/glance/images"
	"hypernova/glance/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/tasks"
)

// setup is what a test's service is made of.
type setup struct {
	images.Config
	images.Deps
}

// tables are the image service's.
var tables = []dbtest.Migrations{{Name: "glance", FS: store.Migrations()}, {Name: "tasks", FS: tasks.Migrations()}}

// world is two stores and a database, which outlive processes.
type world struct {
	db    *db.DB
	dirs  map[string]string
	files map[string]*file.Backend
}

func newWorld(t *testing.T) *world {
	w := &world{db: dbtest.Memory(t, tables...), dirs: map[string]string{}, files: map[string]*file.Backend{}}
	for _, id := range []string{"a", "b"} {
		w.dirs[id] = t.TempDir()
		b, err := file.New(w.dirs[id])
		if err != nil {
			t.Fatal(err)
		}
		w.files[id] = b
	}
	return w
}

// process is a service on this world; k, where not nil, ends it at one of its calls of a store.
func (w *world) process(t *testing.T, k *killer) *images.Service {
	t.Helper()
	c := images.Deps{DB: w.db}
	for _, id := range []string{"a", "b"} {
		s := images.Store{ID: id, Type: "file", Backend: w.files[id]}
		if k != nil {
			s.Backend = mortal{w.files[id], w.dirs[id], k}
		}
		c.Stores = append(c.Stores, s)
	}
	s, err := images.New(images.Config{}, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// killer counts the moments at which a process could end, and ends it at one.
type killer struct {
	mu   sync.Mutex
	left int
	died chan bool
}

// moment never returns where the process ends here: nothing of it happens any more.
func (k *killer) moment() {
	k.mu.Lock()
	k.left--
	dead := k.left <= 0
	if k.left == 0 {
		close(k.died)
	}
	k.mu.Unlock()
	if dead {
		select {}
	}
}

type mortal struct {
	*file.Backend
	dir string
	k   *killer
}

func (m mortal) Put(ctx context.Context, key string, r io.Reader, size int64) (int64, error) {
	m.k.moment()
	half := filepath.Join(m.dir, ".partial", key)
	if err := os.WriteFile(half, []byte("half"), 0o600); err != nil {
		return 0, err
	}
	m.k.moment()
	if err := os.Remove(half); err != nil {
		return 0, err
	}
	n, err := m.Backend.Put(ctx, key, r, size)
	m.k.moment()
	return n, err
}

func (m mortal) Delete(ctx context.Context, key string) error {
	m.k.moment()
	err := m.Backend.Delete(ctx, key)
	m.k.moment()
	return err
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{2}).Read(b)
	return b
}

// admin may do everything.
func admin(t *testing.T) context.Context {
	return auth.With(t.Context(), &auth.Caller{ProjectID: "p", Roles: []string{"admin", "member", "reader"}})
}

// settled waits until nothing is being imported.
func settled(t *testing.T, s *images.Service, id string) images.Image {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); <-time.After(time.Millisecond) {
		i, err := s.Records.Get(admin(t), id)
		if err != nil {
			t.Fatal(err)
		}
		if i.Properties["os_glance_import_task"] == "" && i.Status != glance.Importing {
			return i
		}
	}
	t.Fatal("the import did not end")
	return images.Image{}
}

// running runs the service until the function that it returns is called.
func running(t *testing.T, s *images.Service) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan bool), make(chan error, 1)
	go func() { ended <- s.Run(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatalf("run: %v", err)
	}
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	}
}

// clean checks that the stores hold exactly what the records name, and that nothing is left to be removed.
func (w *world) clean(t *testing.T, what string) {
	t.Helper()
	// data goes after its record
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); <-time.After(time.Millisecond) {
		if trash, err := store.Trash(t.Context(), w.db); err != nil || len(trash) == 0 {
			break
		}
	}
	named, err := store.Keys(t.Context(), w.db)
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for id, b := range w.files {
		all, err := b.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range all {
			there[i.Key] = true
			if !named[i.Key] || i.Partial {
				t.Errorf("%s: store %s keeps %s, which no image has (partial: %t)", what, id, i.Key, i.Partial)
			}
		}
	}
	for k := range named {
		if !there[k] {
			t.Errorf("%s: %s is nowhere", what, k)
		}
	}
	if trash, err := store.Trash(t.Context(), w.db); len(trash) != 0 || err != nil {
		t.Errorf("%s: trash: %v, %v", what, trash, err)
	}
}

// Whatever is being done, and wherever the process is killed: after a restart the image is whole or as it was before,
// and no data is left that no image has.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	data := random(2<<20 + 7)
	made := func(t *testing.T, s *images.Service) string {
		i, err := s.Records.Create(admin(t), images.Create{Name: "n", DiskFormat: "raw", ContainerFormat: "bare"})
		if err != nil {
			t.Fatal(err)
		}
		return i.ID
	}
	upload := func(t *testing.T, s *images.Service, id string) error {
		return s.Data.Upload(admin(t), id, bytes.NewReader(data), -1, "")
	}
	imported := func(in images.Import) func(*testing.T, *images.Service, string) error {
		return func(t *testing.T, s *images.Service, id string) error { return s.Imports.Begin(admin(t), id, in) }
	}
	staged := func(t *testing.T, s *images.Service, id string) error {
		return s.Data.Stage(admin(t), id, bytes.NewReader(data), -1)
	}
	both := func(t *testing.T, s *images.Service, id string) error {
		if err := upload(t, s, id); err != nil {
			return err
		}
		if err := s.Imports.Begin(admin(t), id, images.Import{Method: images.CopyImage, Stores: []string{"b"},
			Must: true}); err != nil {
			return err
		}
		defer running(t, s)()
		settled(t, s, id)
		return nil
	}
	for _, c := range []struct {
		name        string
		before, act func(*testing.T, *images.Service, string) error
		stores      []string // afterwards, whether killed or not; nil where that depends
	}{
		{"upload", nil, upload, nil},
		{"stage", nil, staged, nil},
		{"import elsewhere", staged, imported(images.Import{Method: images.GlanceDirect, Stores: []string{"b"}, Must: true}),
			[]string{"b"}},
		{"import to all", staged, imported(images.Import{Method: images.GlanceDirect, AllStores: true, Must: true}),
			[]string{"a", "b"}},
		{"import to those that take it", staged, imported(images.Import{Method: images.GlanceDirect,
			Stores: []string{"b", "a"}}), []string{"a", "b"}},
		{"copy", upload, imported(images.Import{Method: images.CopyImage, Stores: []string{"b"}, Must: true}),
			[]string{"a", "b"}},
		{"delete a copy", both, func(t *testing.T, s *images.Service,
			id string) error {
			return s.Copies.Delete(admin(t), id, "a")
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for n := 1; ; n++ {
				w := newWorld(t)
				s := w.process(t, nil)
				id := made(t, s)
				if c.before != nil {
					if err := c.before(t, s, id); err != nil {
						t.Fatal(err)
					}
				}
				k := &killer{left: n, died: make(chan bool)}
				killed := w.acted(t, k, id, c.act)
				what := fmt.Sprintf("moment %d", n)
				w.restarted(t, what, id, data, c.stores)
				if !killed {
					return
				}
			}
		})
	}
}

// acted lets a process act until it is done or killed.
func (w *world) acted(t *testing.T, k *killer, id string, act func(*testing.T, *images.Service,
	string) error) (killed bool) {
	t.Helper()
	s := w.process(t, k)
	done := make(chan error, 1)
	go func() {
		err := act(t, s, id)
		if err == nil {
			go s.Run(t.Context(), func() {}) // ends with the test, or is killed
			settled(t, s, id)
		}
		done <- err
	}()
	select {
	case <-k.died:
		return true
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
		return false
	}
}

// restarted is the next process on this world, which mends what the last one left.
func (w *world) restarted(t *testing.T, what, id string, data []byte, stores []string) {
	t.Helper()
	s := w.process(t, nil)
	stop := running(t, s)
	i := settled(t, s, id)
	stop()
	if stores != nil && (i.Status != glance.Active || fmt.Sprint(sorted(i.Stores)) != fmt.Sprint(stores)) {
		t.Errorf("%s: the image is %s in %v, want it in %v", what, i.Status, i.Stores, stores)
	}
	switch i.Status {
	case glance.Active:
		for _, st := range i.Stores {
			r, err := s.Data.Read(admin(t), id, 0, -1, st)
			if err != nil {
				t.Fatalf("%s: %s: %v", what, st, err)
			}
			got, err := io.ReadAll(r)
			r.Close()
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s: %d other bytes in %s, %v", what, len(got), st, err)
			}
		}
	case glance.Queued, glance.Uploading:
	default:
		t.Errorf("%s: the image is %s", what, i.Status)
	}
	w.clean(t, what)
}
