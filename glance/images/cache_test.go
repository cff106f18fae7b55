package images_test

import (
	"bytes"
	"io"
	"testing"
	"time"

	"hypernova/glance/backend"
	"hypernova/glance/backend/file"
	"hypernova/glance/images"
	"hypernova/oslo/fault"
)

// distant makes a store one of another host's.
type distant struct{ backend.Backend }

func (distant) URL(key string) string         { return "far://" + key }
func (distant) Key(url string) (string, bool) { return "", false }

// far is a service whose one store is remote, with a cache of size bytes.
func far(t *testing.T, size int64) (*images.Service, *world, *file.Backend) {
	t.Helper()
	near, err := file.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s, w := shop(t, func(c *setup) {
		c.Stores = []images.Store{{ID: "a", Type: "s3", Backend: distant{c.Stores[0].Backend}}}
		c.Cache = &images.Cache{Backend: near, Size: size}
	})
	return s, w, near
}

// cachedAre waits until exactly these images are cached and nothing is queued.
func cachedAre(t *testing.T, s *images.Service, want ...string) []images.CacheEntry {
	t.Helper()
	var whole []images.CacheEntry
	var queued []string
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); <-time.After(time.Millisecond) {
		var err error
		if whole, queued, err = s.Cache.List(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for _, e := range whole {
			got[e.Image] = true
		}
		same := len(queued) == 0 && len(got) == len(want)
		for _, id := range want {
			same = same && got[id]
		}
		if same {
			return whole
		}
	}
	t.Fatalf("cached: %+v, queued: %v, want %v", whole, queued, want)
	return nil
}

func TestRemoteImagesAreCachedWhenRead(t *testing.T) {
	t.Parallel()
	s, w, near := far(t, 10<<20)
	data := random(2<<20 + 5)
	id := uploaded(t, s, data, "")
	if got := whole(t, s, id); !bytes.Equal(got, data) {
		t.Error("other bytes")
	}
	e := cachedAre(t, s, id)[0]
	if e.Size != int64(len(data)) || e.Hits != 0 || e.Modified.IsZero() {
		t.Errorf("got %+v", e)
	}
	if nodes, err := s.Cache.Nodes(admin(t), id); err != nil || len(nodes) != 1 {
		t.Errorf("nodes: %v, %v", nodes, err)
	}
	flip(t, w.files["a"], 1<<20+1) // what is read now comes from the cache
	if got := whole(t, s, id); !bytes.Equal(got, data) {
		t.Error("other bytes")
	}
	if e := cachedAre(t, s, id)[0]; e.Hits != 1 {
		t.Errorf("hits: %d", e.Hits)
	}
	flip(t, near, 5) // elsewhere: each place mends the other
	r, err := s.Data.Read(admin(t), id, 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data[:1<<20]) {
		t.Errorf("a damaged copy: %d bytes, %v", len(got), err)
	}
	r.Close()
	cachedAre(t, s) // and the copy is thrown away
	if left, err := near.List(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	t.Parallel()
	s, _, near := far(t, 250)
	var ids []string
	for n := range 3 {
		ids = append(ids, uploaded(t, s, random(100+n), ""))
	}
	large := uploaded(t, s, random(300), "")
	whole(t, s, ids[0])
	cachedAre(t, s, ids[0])
	whole(t, s, ids[1])
	cachedAre(t, s, ids[0], ids[1])
	whole(t, s, ids[0]) // used last
	whole(t, s, ids[2])
	cachedAre(t, s, ids[0], ids[2])
	if err := s.Cache.Queue(admin(t), large); err != nil {
		t.Fatal(err)
	}
	cachedAre(t, s, ids[0], ids[2])
	if files, bytes, err := s.Cache.Prune(t.Context()); files != 0 || bytes != 0 || err != nil {
		t.Errorf("prune: %d, %d, %v", files, bytes, err)
	}
	if err := s.Records.Delete(admin(t), ids[0]); err != nil {
		t.Fatal(err)
	}
	cachedAre(t, s, ids[2])
	if err := s.Cache.Clear(t.Context(), true, true); err != nil {
		t.Fatal(err)
	}
	cachedAre(t, s)
	if left, err := near.List(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestCacheOnDemand(t *testing.T) {
	t.Parallel()
	s, _, near := far(t, 1<<20)
	id := uploaded(t, s, random(100), "")
	if err := s.Cache.Queue(admin(t), create(t, s)); !fault.Is(err, fault.Invalid) {
		t.Errorf("without data: %v", err)
	}
	if err := s.Cache.Queue(admin(t), "ffffffff-ffff-4fff-8fff-ffffffffffff"); !fault.Is(err, fault.NotFound) {
		t.Errorf("no image: %v", err)
	}
	for range 2 {
		if err := s.Cache.Queue(admin(t), id); err != nil {
			t.Fatal(err)
		}
	}
	cachedAre(t, s, id)
	// What no entry names is of no use.
	if _, err := near.Put(t.Context(), id+".0123456789ab", bytes.NewReader([]byte("x")), 1); err != nil {
		t.Fatal(err)
	}
	if err := s.Cache.Clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, err := near.List(t.Context()); err != nil || len(left) != 1 {
		t.Errorf("after cleaning: %v, %v", left, err)
	}
	if err := s.Cache.Remove(admin(t), id); err != nil {
		t.Fatal(err)
	}
	cachedAre(t, s)
	if err := s.Cache.Remove(admin(t), "ffffffff-ffff-4fff-8fff-ffffffffffff"); !fault.Is(err, fault.NotFound) {
		t.Errorf("no image: %v", err)
	}
}

func TestWithoutACache(t *testing.T) {
	t.Parallel()
	s, _ := shop(t)
	if _, _, err := s.Cache.List(t.Context()); !fault.Is(err, fault.NotFound) {
		t.Errorf("got %v", err)
	}
}
