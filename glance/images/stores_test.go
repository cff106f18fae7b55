package images_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"hypernova/glance"
	"hypernova/glance/backend/file"
	"hypernova/glance/images"
	"hypernova/oslo/fault"
)

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }

// full is a store that takes nothing.
type full struct{ *file.Backend }

func (full) Put(context.Context, string, io.Reader, int64) (int64, error) {
	return 0, fault.New(fault.TooLarge, "The image storage is full.")
}

// shop is a service with stores a, b, and c, which is full.
func shop(t *testing.T, change ...func(*setup)) (*images.Service, *world) {
	t.Helper()
	w := newWorld(t)
	c := setup{Deps: images.Deps{DB: w.db, Stores: []images.Store{{ID: "a", Type: "file", Backend: w.files["a"]},
		{ID: "b", Type: "file", Weight: 5, Backend: w.files["b"]},
		{ID: "c", Type: "file", Backend: full{w.files["b"]}}, {ID: "web", Type: images.TypeHTTP}}}}
	for _, f := range change {
		f(&c)
	}
	s, err := images.New(c.Config, c.Deps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(running(t, s))
	return s, w
}

func create(t *testing.T, s *images.Service) string {
	t.Helper()
	i, err := s.Records.Create(admin(t), images.Create{Name: "n", DiskFormat: "raw", ContainerFormat: "bare"})
	if err != nil {
		t.Fatal(err)
	}
	return i.ID
}

func uploaded(t *testing.T, s *images.Service, data []byte, storeID string) string {
	t.Helper()
	id := create(t, s)
	if err := s.Data.Upload(admin(t), id, bytes.NewReader(data), int64(len(data)), storeID); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestImportToSeveralStores(t *testing.T) {
	t.Parallel()
	s, w := shop(t)
	for _, c := range []struct {
		name   string
		in     images.Import
		status string
		stores []string
		failed string
	}{
		{"all named take it", images.Import{Stores: []string{"b", "a"}, Must: true}, glance.Active, []string{"a", "b"}, ""},
		{"one must and does not", images.Import{Stores: []string{"a", "c"}, Must: true}, glance.Queued, nil, "a,c"},
		{"one need not", images.Import{Stores: []string{"c", "b"}}, glance.Active, []string{"b"}, "c"},
		{"none takes it", images.Import{Stores: []string{"c"}}, glance.Queued, nil, "c"},
		{"all stores, as many as do", images.Import{AllStores: true}, glance.Active, []string{"a", "b"}, "c"},
	} {
		id := create(t, s)
		if err := s.Data.Stage(admin(t), id, strings.NewReader("data"), -1); err != nil {
			t.Fatal(err)
		}
		c.in.Method = images.GlanceDirect
		if err := s.Imports.Begin(admin(t), id, c.in); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		i := settled(t, s, id)
		if i.Status != c.status || !slices.Equal(sorted(i.Stores), c.stores) ||
			i.Properties["os_glance_failed_import"] != c.failed || i.Properties["os_glance_importing_to_stores"] != "" {
			t.Errorf("%s: %s in %v, %v", c.name, i.Status, i.Stores, i.Properties)
		}
		w.clean(t, c.name)
	}
	id := create(t, s)
	if err := s.Data.Stage(admin(t), id, strings.NewReader("data"), -1); err != nil {
		t.Fatal(err)
	}
	for name, stores := range map[string][]string{"unknown": {"x"}, "read only": {"web"}} {
		if err := s.Imports.Begin(admin(t), id, images.Import{Method: images.GlanceDirect, Stores: stores}); !fault.Is(err,
			fault.Conflict) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestCopies(t *testing.T) {
	t.Parallel()
	s, w := shop(t)
	data := random(3<<20 + 1)
	id := uploaded(t, s, data, "")
	copyTo := func(in images.Import) error { in.Method = images.CopyImage; return s.Imports.Begin(admin(t), id, in) }
	if err := copyTo(images.Import{Stores: []string{"a"}, Must: true}); !fault.Is(err, fault.Invalid) {
		t.Errorf("to where it is: %v", err)
	}
	if err := copyTo(images.Import{Stores: []string{"b", "c"}, Must: true}); err != nil {
		t.Fatal(err)
	}
	if i := settled(t, s, id); !slices.Equal(i.Stores, []string{"a"}) || i.Properties["os_glance_failed_import"] != "c" {
		t.Errorf("all must: %v, %v", i.Stores, i.Properties)
	}
	w.clean(t, "all must")
	if err := copyTo(images.Import{AllStores: true}); err != nil {
		t.Fatal(err)
	}
	if i := settled(t, s, id); !slices.Equal(i.Stores, []string{"a", "b"}) ||
		i.Properties["os_glance_failed_import"] != "c" {
		t.Errorf("all that take it: %v, %v", i.Stores, i.Properties)
	}
	for _, c := range []struct {
		store string
		kind  fault.Kind
	}{{"x", fault.Conflict}, {"c", fault.NotFound}} {
		if err := s.Copies.Delete(admin(t), id, c.store); !fault.Is(err, c.kind) {
			t.Errorf("delete from %s: %v", c.store, err)
		}
	}
	if err := s.Copies.Delete(admin(t), id, "a"); err != nil {
		t.Fatal(err)
	}
	if err := s.Copies.Delete(admin(t), id, "b"); !fault.Is(err, fault.Forbidden) {
		t.Errorf("the last one: %v", err)
	}
	w.clean(t, "one deleted")
	if got := whole(t, s, id); !bytes.Equal(got, data) {
		t.Errorf("%d other bytes", len(got))
	}
	if err := s.Records.Delete(admin(t), id); err != nil {
		t.Fatal(err)
	}
	w.clean(t, "deleted")
}

func whole(t *testing.T, s *images.Service, id string) []byte {
	t.Helper()
	r, err := s.Data.Read(admin(t), id, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// flip changes one byte of each file of a folder.
func flip(t *testing.T, b *file.Backend, at int64) {
	t.Helper()
	all, err := b.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		path, err := b.Path(t.Context(), i.Key)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		var one [1]byte
		if _, err := f.ReadAt(one[:], at); err != nil {
			t.Fatal(err)
		}
		one[0]++
		if _, err := f.WriteAt(one[:], at); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEveryByteIsChecked(t *testing.T) {
	t.Parallel()
	s, w := shop(t)
	data := random(5<<20 + 100)
	id := uploaded(t, s, data, "")
	for _, span := range [][2]int64{{0, 1}, {1<<20 - 1, 2}, {3 << 20, 1 << 20}, {5 << 20, 100},
		{7, int64(len(data)) - 7}} {
		r, err := s.Data.Read(admin(t), id, span[0], span[1])
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		r.Close()
		if err != nil || !bytes.Equal(got, data[span[0]:span[0]+span[1]]) {
			t.Errorf("%v: %d bytes, %v", span, len(got), err)
		}
	}
	flip(t, w.files["a"], 2<<20+5)
	if r, err := s.Data.Read(admin(t), id, 2<<20, 10); !errors.Is(err, images.ErrDamaged) {
		t.Errorf("a damaged range: %v, %v", r, err)
	}
	if r, err := s.Data.Read(admin(t), id, 3<<20, 10); err != nil {
		t.Errorf("a range beside the damage: %v", err)
	} else {
		r.Close()
	}
	r, err := s.Data.Read(admin(t), id, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	r.Close()
	if !errors.Is(err, images.ErrDamaged) || len(got) != 2<<20 {
		t.Errorf("%d bytes were given before the damage, %v", len(got), err)
	}
}

func TestDamageInOneStoreIsMendedFromAnother(t *testing.T) {
	t.Parallel()
	s, w := shop(t)
	data := random(4<<20 + 9)
	id := uploaded(t, s, data, "")
	if err := s.Imports.Begin(admin(t), id, images.Import{Method: images.CopyImage, Stores: []string{"b"},
		Must: true}); err != nil {
		t.Fatal(err)
	}
	settled(t, s, id)
	flip(t, w.files["b"], 1<<20+1) // the heavier store, which is read first
	flip(t, w.files["a"], 3<<20+1)
	if got := whole(t, s, id); !bytes.Equal(got, data) {
		t.Error("other bytes")
	}
	all, err := w.files["b"].List(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	path, err := w.files["b"].Path(t.Context(), all[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		spoil func() error
	}{{"cut off", func() error { return os.Truncate(path, 2<<20+3) }}, {"missing",
		func() error { return os.Remove(path) }}} {
		if err := c.spoil(); err != nil {
			t.Fatal(err)
		}
		r, err := s.Data.Read(admin(t), id, 0, 3<<20)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data[:3<<20]) {
			t.Errorf("%s: %d bytes, %v", c.name, len(got), err)
		}
		r.Close()
	}
}

func TestUploadToANamedStore(t *testing.T) {
	t.Parallel()
	s, _ := shop(t)
	id := uploaded(t, s, []byte("x"), "b")
	if i, err := s.Records.Get(admin(t), id); err != nil || fmt.Sprint(i.Stores) != "[b]" {
		t.Errorf("got %v, %v", i.Stores, err)
	}
	other := create(t, s)
	if err := s.Data.Upload(admin(t), other, strings.NewReader("x"), -1, "web"); !fault.Is(err, fault.Gone) {
		t.Errorf("read only: %v", err)
	}
	if err := s.Data.Upload(admin(t), other, strings.NewReader("x"), -1, "nowhere"); !fault.Is(err, fault.Invalid) {
		t.Errorf("unknown: %v", err)
	}
	if err := s.Data.Upload(admin(t), other, strings.NewReader("x"), -1, "c"); !fault.Is(err, fault.TooLarge) {
		t.Errorf("full: %v", err)
	}
	if i, err := s.Records.Get(admin(t), other); err != nil || i.Status != glance.Queued {
		t.Errorf("afterwards: %s, %v", i.Status, err)
	}
}
