package s3_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"hypernova/glance/backend"
	"hypernova/glance/backend/backendtest"
	"hypernova/glance/backend/s3"
	"hypernova/oslo/fault"
)

const secret = "secret-of-the-bucket"

// serve is an S3 service in this process; around sees its requests first.
func serve(t *testing.T, around func(http.Handler) http.Handler) s3.Config {
	t.Helper()
	h := gofakes3.New(s3mem.New(), gofakes3.WithoutVersioning()).Server()
	if around != nil {
		h = around(h)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return s3.Config{Host: srv.URL, Region: "us-east-1", AccessKey: "key", SecretKey: secret, Bucket: "images",
		CreateBucket: true, Lookup: "path",
		Part: 5 << 20, Threads: 3, Attempts: 1}
}

func open(t *testing.T, c s3.Config) *s3.Backend {
	t.Helper()
	b, err := s3.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSuite(t *testing.T) {
	t.Parallel()
	backendtest.Run(t, func(t *testing.T) backend.Backend { return open(t, serve(t, nil)) })
}

func random(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(b)
	return b
}

func TestLargeDataGoesInParts(t *testing.T) {
	t.Parallel()
	var parts atomic.Int32
	b := open(t, serve(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut && r.URL.Query().Has("partNumber") {
				parts.Add(1)
			}
			h.ServeHTTP(w, r)
		})
	}))
	data := random(23<<20 + 5)
	for name, size := range map[string]int64{"known": int64(len(data)), "unknown": -1} {
		parts.Store(0)
		if n, err := b.Put(t.Context(), name, bytes.NewReader(data), size); err != nil || n != int64(len(data)) {
			t.Fatalf("%s: %d, %v", name, n, err)
		}
		if parts.Load() != 5 {
			t.Errorf("%s: %d parts, want 5", name, parts.Load())
		}
		r, err := b.Open(t.Context(), name, 5<<20-3, 6<<20)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		r.Close()
		if err != nil || !bytes.Equal(got, data[5<<20-3:11<<20-3]) {
			t.Errorf("%s: a range over a part's border: %d bytes, %v", name, len(got), err)
		}
	}
}

// broken ends after n bytes.
type broken struct {
	n   int
	err error
}

func (b *broken) Read(p []byte) (int, error) {
	if b.n == 0 {
		return 0, b.err
	}
	n := min(len(p), b.n)
	b.n -= n
	return n, nil
}

func TestWhateverFailsNoPartIsLeft(t *testing.T) {
	t.Parallel()
	var refuse atomic.Value // func(*http.Request) bool
	refuse.Store(func(*http.Request) bool { return false })
	b := open(t, serve(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if refuse.Load().(func(*http.Request) bool)(r) {
				http.Error(w, "no", http.StatusForbidden)
				return
			}
			h.ServeHTTP(w, r)
		})
	}))
	gone := errors.New("the client went away")
	part := func(r *http.Request) bool {
		return r.Method == http.MethodPut && r.URL.Query().Get("partNumber") == "2"
	}
	complete := func(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Query().Has("uploadId") }
	for _, c := range []struct {
		name   string
		r      io.Reader
		size   int64
		refuse func(*http.Request) bool
		is     func(error) bool
	}{
		{"client", &broken{12 << 20, gone}, -1, nil, func(err error) bool { return errors.Is(err, gone) }},
		{"too short", &broken{12 << 20, io.EOF}, 13 << 20, nil, func(err error) bool { return fault.Is(err, fault.Invalid) }},
		{"too long", &broken{14 << 20, io.EOF}, 13 << 20, nil, func(err error) bool { return fault.Is(err, fault.Invalid) }},
		{"a part", &broken{30 << 20, io.EOF}, -1, part, func(err error) bool { return err != nil }},
		{"the end", &broken{12 << 20, io.EOF}, -1, complete, func(err error) bool { return err != nil }},
	} {
		refuse.Store(func(r *http.Request) bool { return c.refuse != nil && c.refuse(r) })
		_, err := b.Put(t.Context(), "k", c.r, c.size)
		if !c.is(err) {
			t.Errorf("%s: got %v", c.name, err)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the secret is in the error", c.name)
		}
		refuse.Store(func(*http.Request) bool { return false })
		if all, err := b.List(t.Context()); len(all) != 0 || err != nil {
			t.Errorf("%s: left %+v, %v", c.name, all, err)
		}
	}
}

// A process that ends in the middle leaves parts, which are listed as such and go by their key.
func TestPartsOfACrashAreFoundAndRemoved(t *testing.T) {
	t.Parallel()
	stuck := make(chan bool)
	c := serve(t, nil)
	b := open(t, c)
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan bool)
	go func() {
		defer close(done)
		b.Put(ctx, "k", r, -1)
	}()
	go func() {
		w.Write(random(11 << 20)) // two parts are taken, of the third there is a piece
		close(stuck)
	}()
	<-stuck
	other := open(t, c) // the next process
	all, err := other.List(t.Context())
	if err != nil || len(all) != 1 || !all[0].Partial || all[0].Key != "k" {
		t.Errorf("list: %+v, %v", all, err)
	}
	if _, err := other.Stat(t.Context(), "k"); !fault.Is(err, fault.NotFound) {
		t.Errorf("half data is visible: %v", err)
	}
	if err := other.Delete(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	if all, err := other.List(t.Context()); len(all) != 0 || err != nil {
		t.Errorf("left %+v, %v", all, err)
	}
	cancel()
	w.CloseWithError(io.ErrUnexpectedEOF)
	<-done
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	good := s3.Config{Host: "https://s3.example.com", AccessKey: "k", SecretKey: secret, Bucket: "b"}
	for name, spoil := range map[string]func(*s3.Config){
		"no scheme":      func(c *s3.Config) { c.Host = "s3.example.com" },
		"credentials":    func(c *s3.Config) { c.Host = "https://k:s@s3.example.com" },
		"no bucket":      func(c *s3.Config) { c.Bucket = "" },
		"small parts":    func(c *s3.Config) { c.Part = 1 << 20 },
		"unknown lookup": func(c *s3.Config) { c.Lookup = "maybe" },
		"no CA":          func(c *s3.Config) { c.CACert = "/nonexistent" },
	} {
		c := good
		spoil(&c)
		if _, err := s3.New(c); !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := s3.New(good); err != nil {
		t.Error(err)
	}
}

func TestLocationsNameOwnObjectsOnly(t *testing.T) {
	t.Parallel()
	b, err := s3.New(s3.Config{Host: "https://s3.example.com", AccessKey: "k", SecretKey: secret, Bucket: "b"})
	if err != nil {
		t.Fatal(err)
	}
	if got := b.URL("key.1"); got != "s3+https://s3.example.com/b/key.1" {
		t.Errorf("got %s", got)
	}
	if key, ok := b.Key(b.URL("key.1")); key != "key.1" || !ok {
		t.Errorf("got %s, %t", key, ok)
	}
	for _, u := range []string{"s3+https://s3.example.com/other/key", "s3+https://s3.example.com/b/../other/key",
		"s3+https://k:s@s3.example.com/b/key",
		"file:///etc/passwd", "s3+https://s3.example.com/b/", "https://s3.example.com/b/key"} {
		if key, ok := b.Key(u); ok {
			t.Errorf("%s is taken as %s", u, key)
		}
	}
}
