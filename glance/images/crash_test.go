package images_test

import (
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
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

	web     images.WebConfig
	regions images.Regions
}

func newWorld(t *testing.T) *world { return worldOn(t, dbtest.Memory(t, tables...)) }

func worldOn(t *testing.T, d *db.DB) *world {
	w := &world{db: d, dirs: map[string]string{}, files: map[string]*file.Backend{}}
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

// process is a service on this world; k, where not nil, ends it at one of its moments.
func (w *world) process(t *testing.T, k *killer) *images.Service {
	t.Helper()
	d := images.Deps{DB: w.db, Regions: w.regions}
	for _, id := range []string{"a", "b"} {
		s := images.Store{ID: id, Type: "file", Backend: w.files[id]}
		if k != nil {
			s.Backend = mortal{w.files[id], w.dirs[id], k}
		}
		d.Stores = append(d.Stores, s)
	}
	if k != nil {
		d.Crash = func(string) { k.moment() }
	}
	d.Stores = append(d.Stores, images.Store{ID: "web", Type: images.TypeHTTP})
	s, err := images.New(images.Config{Web: w.web}, d)
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

// idle waits until the queue is empty.
func (w *world) idle(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); <-time.After(time.Millisecond) {
		switch n, err := queued.One(t.Context(), w.db); {
		case t.Context().Err() != nil:
			return
		case err != nil:
			t.Error(err)
			return
		case n == 0:
			return
		}
	}
	t.Error("the queue is not empty")
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
		if !there[k] && !strings.Contains(k, "://") {
			t.Errorf("%s: %s is nowhere", what, k)
		}
	}
	if trash, err := store.Trash(t.Context(), w.db); len(trash) != 0 || err != nil {
		t.Errorf("%s: trash: %v, %v", what, trash, err)
	}
	if jobs, err := queued.One(t.Context(), w.db); jobs != 0 || err != nil {
		t.Errorf("%s: %d tasks are left in the queue, %v", what, jobs, err)
	}
}

var queued = db.NewQuery[int64](db.NewSet("test"), "SELECT COUNT(*) FROM tasks")
