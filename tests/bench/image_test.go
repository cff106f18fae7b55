package bench

import (
	"cmp"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

const (
	// imageBytes is large enough that the speed of the disk matters.
	imageBytes = 1 << 30
	// imageRounds is the number of measurements of each figure; the median is printed.
	imageRounds = 3
)

// TestImageFigures measures the rates of uploads and downloads with the real program, over HTTP and with all hashes. It
// compares them with the rates of the disk, the processors and a plain connection.
func TestImageFigures(t *testing.T) {
	if testing.Short() || os.Getenv("HYPERNOVA_BENCH") == "" && os.Getenv("HYPERNOVA_BINARY") == "" {
		t.Skip("figures take a quiet machine and a minute: make bench prints them")
	}
	dir := t.TempDir()
	r := newRig(t, dir)
	block := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{1}).Read(block)

	hashes := map[string]time.Duration{}
	for _, h := range []struct {
		name string
		h    hash.Hash
	}{{"MD5", md5.New()}, {"SHA-512", sha512.New()}, {"SHA-256", sha256.New()}} {
		hashes[h.name] = medianTime(func() {
			for range imageBytes / len(block) {
				h.h.Write(block)
			}
		})
		sayRate(t, "one processor hashes "+h.name, hashes[h.name])
	}
	plain := filepath.Join(dir, "plain")
	write := medianTime(func() {
		if err := writeSynced(plain, block); err != nil {
			t.Fatal(err)
		}
	})
	sayRate(t, "the disk writes a file, synced", write)
	cold := medianTime(func() { readFile(t, plain) }, func() { forget(t, dir) })
	sayRate(t, "the disk reads a file that is not in memory", cold)
	sayRate(t, "a file in memory is read", medianTime(func() { readFile(t, plain) }))
	if err := os.Remove(plain); err != nil {
		t.Fatal(err)
	}
	loopback := medianTime(func() { connection(t, block) })
	sayRate(t, "one connection on this machine carries", loopback)

	var id string
	remove := func() {
		if id != "" {
			r.call("DELETE", r.urls["image"]+"/v2/images/"+id, "", 204, nil)
		}
	}
	// MD5 and SHA-512 of an image are each computed by one processor. No upload is faster than the slower one.
	compareRate(t, "upload, hashed and synced", medianTime(func() { id = r.upload(t, block) }, remove),
		bound{"the disk", write}, bound{"the connection", loopback}, bound{"MD5", hashes["MD5"]},
		bound{"SHA-512", hashes["SHA-512"]})
	compareRate(t, "download, checked, not in memory", medianTime(func() { r.download(t, id, "") },
		func() { forget(t, dir) }),
		bound{"the disk", cold}, bound{"the connection", loopback})
	compareRate(t, "download, checked, in memory", medianTime(func() { r.download(t, id, "") }),
		bound{"the connection", loopback})
	sayRate(t, "download of the second half by range, checked",
		medianTime(func() { r.download(t, id, "bytes="+strconv.Itoa(imageBytes/2)+"-") })*2)
	remove()

	const together = 4
	ids := make([]string, together)
	began := time.Now()
	var all sync.WaitGroup
	for n := range ids {
		all.Go(func() { ids[n] = r.upload(t, block) })
	}
	all.Wait()
	took := time.Since(began) / together
	for _, id = range ids {
		remove()
	}
	processors := (hashes["MD5"] + hashes["SHA-512"] + hashes["SHA-256"]) / time.Duration(runtime.GOMAXPROCS(0))
	compareRate(t, "four uploads at once, together", took, bound{"the disk", write},
		bound{"all processors' hashing", processors})
}

// medianTime returns the median duration of f, without the functions that run before it.
func medianTime(f func(), before ...func()) time.Duration {
	var all []time.Duration
	for range imageRounds {
		for _, b := range before {
			b()
		}
		began := time.Now()
		f()
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func megabytes(d time.Duration) float64 { return imageBytes / d.Seconds() / 1e6 }

func sayRate(t *testing.T, what string, d time.Duration) {
	t.Logf("%-48s %7.0f MB/s", what, megabytes(d))
}

// bound is a lower bound of a transfer's duration.
type bound struct {
	name string
	time time.Duration
}

// compareRate reports a rate and its share of the lowest bound.
func compareRate(t *testing.T, what string, d time.Duration, bounds ...bound) {
	slowest := slices.MaxFunc(bounds, func(a, b bound) int { return cmp.Compare(a.time, b.time) })
	t.Logf("%-48s %7.0f MB/s  %3.0f %% of what bounds it, %s", what, megabytes(d), 100*slowest.time.Seconds()/d.Seconds(),
		slowest.name)
}

func writeSynced(path string, block []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for range imageBytes / len(block) {
		if _, err := f.Write(block); err != nil {
			return err
		}
	}
	return f.Sync()
}

func readFile(t *testing.T, path string) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
}

// connection sends as many bytes as an image has over a plain connection.
func connection(t *testing.T, block []byte) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			return // no connection; the test fails at its end
		}
		defer c.Close()
		for range imageBytes / len(block) {
			if _, err := c.Write(block); err != nil {
				return
			}
		}
	}()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{c}, make([]byte, 1<<20)); err != nil ||
		n != imageBytes {
		t.Fatalf("%d bytes, %v", n, err)
	}
}

// forget removes the images' files from the page cache.
func forget(t *testing.T, dir string) {
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if i, err := d.Info(); err != nil || i.Size() != imageBytes {
			return err
		}
		f, err := os.Open(path)
		if err == nil {
			dropCached(f)
			err = f.Close()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// repeated is a reader that returns a block repeatedly.
type repeated struct {
	block []byte
	at    int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.at >= imageBytes {
		return 0, io.EOF
	}
	n := copy(p, r.block[r.at%len(r.block):])
	r.at += n
	return n, nil
}

func (r *rig) upload(t *testing.T, block []byte) string {
	t.Helper()
	var made struct{ ID string }
	r.call("POST", r.urls["image"]+"/v2/images", `{"name":"figures","disk_format":"raw","container_format":"bare"}`, 201,
		&made)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, r.urls["image"]+"/v2/images/"+made.ID+"/file",
		&repeated{block: block})
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = imageBytes
	req.Header.Set("Content-Type", "application/octet-stream")
	req.Header.Set("X-Auth-Token", r.token)
	resp, err := r.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		b, _ := io.ReadAll(resp.Body)
		t.Fatalf("upload: %d %s", resp.StatusCode, b)
	}
	return made.ID
}

func (r *rig) download(t *testing.T, id, span string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.urls["image"]+"/v2/images/"+id+"/file", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Auth-Token", r.token)
	if span != "" {
		req.Header.Set("Range", span)
	}
	resp, err := r.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{resp.Body}, make([]byte, 1<<20))
	if want := resp.ContentLength; err != nil || n != want {
		t.Fatalf("download: %d of %d bytes, %v", n, want, err)
	}
}
