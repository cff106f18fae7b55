package bench

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

const (
	// imageBytes is large enough for the disk to have its say.
	imageBytes = 1 << 30
	// imageRounds is how often each figure is taken; the median is printed.
	imageRounds = 3
)

// TestImageFigures compares the rates at which images are stored and read, by the real program over HTTP and with every byte hashed, with
// what the same disk does with a plain file.
func TestImageFigures(t *testing.T) {
	if testing.Short() || os.Getenv("HYPERNOVA_BENCH") == "" && os.Getenv("HYPERNOVA_BINARY") == "" {
		t.Skip("figures take a quiet machine and a minute: make bench prints them")
	}
	dir := t.TempDir()
	r := newRig(t, dir)
	block := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{1}).Read(block)

	for _, h := range []struct {
		name string
		h    hash.Hash
	}{{"MD5", md5.New()}, {"SHA-512", sha512.New()}, {"SHA-256", sha256.New()}} {
		sayRate(t, "one processor hashes "+h.name, medianTime(func() {
			for range imageBytes / len(block) {
				h.h.Write(block)
			}
		}))
	}
	plain := filepath.Join(dir, "plain")
	write := medianTime(func() {
		if err := writeSynced(plain, block); err != nil {
			t.Fatal(err)
		}
	})
	sayRate(t, "the disk writes a file, synced", write)
	cold := medianTime(func() { readFile(t, plain, true) })
	sayRate(t, "the disk reads a file that is not in memory", cold)
	warm := medianTime(func() { readFile(t, plain, false) })
	sayRate(t, "a file in memory is read", warm)
	if err := os.Remove(plain); err != nil {
		t.Fatal(err)
	}

	var id string
	upload := medianTime(func() {
		if id != "" {
			r.call("DELETE", r.urls["image"]+"/v2/images/"+id, "", 204, nil)
		}
		id = r.upload(t, block)
	})
	compareRate(t, "upload, hashed and synced", upload, "of the disk's writing", write)
	compareRate(t, "download, checked, not in memory", medianTime(func() { forget(t, dir); r.download(t, id, "") }), "of the disk's reading", cold)
	compareRate(t, "download, checked, in memory", medianTime(func() { r.download(t, id, "") }), "of reading a file in memory", warm)
	sayRate(t, "download of the second half by range, checked", medianTime(func() { r.download(t, id, "bytes="+strconv.Itoa(imageBytes/2)+"-") })*2)
}

// medianTime is the median time.
func medianTime(f func()) time.Duration {
	var all []time.Duration
	for range imageRounds {
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

func compareRate(t *testing.T, what string, d time.Duration, of string, by time.Duration) {
	t.Logf("%-48s %7.0f MB/s  %3.0f %% %s", what, megabytes(d), 100*by.Seconds()/d.Seconds(), of)
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

func readFile(t *testing.T, path string, cold bool) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if cold {
		dropCached(f)
	}
	if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
}

// forget takes the images' files out of memory.
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

// repeated gives a block again and again.
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
	r.call("POST", r.urls["image"]+"/v2/images", `{"name":"figures","disk_format":"raw","container_format":"bare"}`, 201, &made)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, r.urls["image"]+"/v2/images/"+made.ID+"/file", &repeated{block: block})
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
