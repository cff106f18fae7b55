// Package backendtest is the test suite that every image store must pass.
package backendtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"hypernova/glance/backend"
	"hypernova/oslo/fault"
)

// Run runs the suite; open makes an empty backend.
func Run(t *testing.T, open func(t *testing.T) backend.Backend) {
	for _, c := range []struct {
		name string
		test func(*testing.T, backend.Backend)
	}{
		{"round trip", roundTrip},
		{"ranges", ranges},
		{"absent", absent},
		{"failures leave nothing", failures},
		{"a key is used once", once},
		{"delete is idempotent", deletes},
		{"concurrent", concurrent},
		{"local path", local},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, open(t))
		})
	}
}

func blob(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func put(t *testing.T, b backend.Backend, key string, data []byte) {
	t.Helper()
	if n, err := b.Put(t.Context(), key, bytes.NewReader(data), int64(len(data))); err != nil || n != int64(len(data)) {
		t.Fatalf("put: %d, %v", n, err)
	}
}

func read(t *testing.T, b backend.Backend, key string, offset, length int64) []byte {
	t.Helper()
	r, err := b.Open(t.Context(), key, offset, length)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return data
}

func roundTrip(t *testing.T, b backend.Backend) {
	for key, n := range map[string]int{"empty": 0, "small.1": 3, "large-2": 3<<20 + 17} {
		data := blob(n)
		put(t, b, key, data)
		if got := read(t, b, key, 0, -1); !bytes.Equal(got, data) {
			t.Errorf("%s: read %d other bytes", key, len(got))
		}
		if i, err := b.Stat(t.Context(), key); err != nil || i.Size != int64(n) || i.Partial || i.Modified.IsZero() {
			t.Errorf("%s: stat %+v, %v", key, i, err)
		}
	}
	all, err := b.List(t.Context())
	if err != nil || len(all) != 3 {
		t.Errorf("list: %+v, %v", all, err)
	}
}

func ranges(t *testing.T, b backend.Backend) {
	put(t, b, "k", []byte("0123456789"))
	for _, c := range []struct {
		offset, length int64
		want           string
	}{{0, 3, "012"}, {4, 2, "45"}, {8, -1, "89"}, {8, 100, "89"}, {10, -1, ""}, {0, 0, ""}} {
		if got := read(t, b, "k", c.offset, c.length); string(got) != c.want {
			t.Errorf("%d+%d: got %q, want %q", c.offset, c.length, got, c.want)
		}
	}
}

func absent(t *testing.T, b backend.Backend) {
	if _, err := b.Open(t.Context(), "k", 0, -1); !fault.Is(err, fault.NotFound) {
		t.Errorf("open: %v", err)
	}
	if _, err := b.Stat(t.Context(), "k"); !fault.Is(err, fault.NotFound) {
		t.Errorf("stat: %v", err)
	}
}

func failures(t *testing.T, b backend.Backend) {
	broken := errors.New("the client went away")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
		r    io.Reader
		size int64
		is   func(error) bool
	}{
		{"source breaks", t.Context(), io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)), -1,
			func(err error) bool { return errors.Is(err, broken) }},
		{"too short", t.Context(), strings.NewReader("half"), 8,
			func(err error) bool { return fault.Is(err, fault.Invalid) }},
		{"too long", t.Context(), strings.NewReader("longer than said"), 8,
			func(err error) bool { return fault.Is(err, fault.Invalid) }},
		{"context ends", ended, strings.NewReader("data"), -1,
			func(err error) bool { return errors.Is(err, context.Canceled) }},
	} {
		if _, err := b.Put(c.ctx, "k", c.r, c.size); !c.is(err) {
			t.Errorf("%s: got %v", c.name, err)
		}
		if all, err := b.List(t.Context()); len(all) != 0 || err != nil {
			t.Errorf("%s: left %+v, %v", c.name, all, err)
		}
	}
}

func once(t *testing.T, b backend.Backend) {
	put(t, b, "k", []byte("first"))
	if _, err := b.Put(t.Context(), "k", strings.NewReader("second"), -1); !fault.Is(err, fault.Conflict) {
		t.Errorf("got %v", err)
	}
	if got := read(t, b, "k", 0, -1); string(got) != "first" {
		t.Errorf("read %q", got)
	}
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		_, err := b.Put(t.Context(), "slow", r, -1)
		ended <- err
	}()
	io.WriteString(w, "under way") // returns once it is read
	if _, err := b.Put(t.Context(), "slow", strings.NewReader("second"), -1); !fault.Is(err, fault.Conflict) {
		t.Errorf("beside a running put: %v", err)
	}
	if _, err := b.Stat(t.Context(), "slow"); !fault.Is(err, fault.NotFound) {
		t.Errorf("half data is visible: %v", err)
	}
	w.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if got := read(t, b, "slow", 0, -1); string(got) != "under way" {
		t.Errorf("read %q", got)
	}
}

func deletes(t *testing.T, b backend.Backend) {
	put(t, b, "k", []byte("x"))
	for range 2 {
		if err := b.Delete(t.Context(), "k"); err != nil {
			t.Error(err)
		}
	}
	absent(t, b)
}

func concurrent(t *testing.T, b backend.Backend) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			key, data := string(rune('a'+i)), blob(100_000+i)
			put(t, b, key, data)
			if !bytes.Equal(read(t, b, key, 0, -1), data) {
				t.Errorf("%s: other bytes", key)
			}
		})
	}
	wg.Wait()
}

func local(t *testing.T, b backend.Backend) {
	l, ok := b.(backend.Local)
	if !ok {
		t.Skip("this backend has no files")
	}
	put(t, b, "k", []byte("data"))
	path, err := l.Path(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); string(got) != "data" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := l.Path(t.Context(), "other"); !fault.Is(err, fault.NotFound) {
		t.Errorf("absent: %v", err)
	}
}
