package client_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"hypernova/glance/client"
	"hypernova/oslo/httpc"
)

// serving gives what it is told to as the data of an image that has other data.
func serving(t *testing.T, want []byte, give func(w http.ResponseWriter)) *client.Client {
	t.Helper()
	sum := sha256.Sum256(want)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/file") {
			give(w)
			return
		}
		fmt.Fprintf(w, `{"id":"i","status":"active","visibility":"public","os_hash_algo":"sha256","os_hash_value":%q,"size":%d}`, hex.EncodeToString(sum[:]), len(want))
	}))
	t.Cleanup(s.Close)
	return client.New(httpc.New(httpc.Config{Base: s.URL}))
}

func TestDataIsCheckedBesideItsReading(t *testing.T) {
	t.Parallel()
	data := make([]byte, 20<<20+7) // more than is in memory at once
	rand.NewChaCha8([32]byte{3}).Read(data)
	other := bytes.Clone(data)
	other[len(other)/2] ^= 1
	for _, c := range []struct {
		name string
		give func(http.ResponseWriter)
		good bool
	}{
		{"whole", func(w http.ResponseWriter) { _, _ = w.Write(data) }, true},
		{"damaged", func(w http.ResponseWriter) { _, _ = w.Write(other) }, false},
		{"too short", func(w http.ResponseWriter) { _, _ = w.Write(data[:len(data)-1]) }, false},
		{"nothing", func(http.ResponseWriter) {}, false},
		{"broken off", func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", strconv.Itoa(len(data)+1))
			_, _ = w.Write(data)
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := serving(t, data, c.give)
			for how, read := range map[string]func(io.Reader) ([]byte, error){
				"copied": func(r io.Reader) ([]byte, error) { return io.ReadAll(struct{ io.Reader }{r}) },
				"given": func(r io.Reader) ([]byte, error) {
					var b bytes.Buffer
					_, err := io.Copy(struct{ io.Writer }{&b}, r)
					return b.Bytes(), err
				},
			} {
				_, r, err := g.Open(project(t, "p"), "i")
				if err != nil {
					t.Fatal(err)
				}
				got, err := read(r)
				if (err == nil) != c.good || c.good && !bytes.Equal(got, data) {
					t.Errorf("%s: %d bytes, %v", how, len(got), err)
				}
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// Who closes before the end waits neither for the network nor for the hash of what is left.
func TestDataThatIsNotReadToItsEnd(t *testing.T) {
	t.Parallel()
	g := serving(t, nil, func(w http.ResponseWriter) {
		_, _ = w.Write(make([]byte, 3<<20))
		w.(http.Flusher).Flush()
		<-t.Context().Done() // more never comes
	})
	_, r, err := g.Open(project(t, "p"), "i")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Read(make([]byte, 1<<21)); err != nil && err == io.EOF {
		t.Error("closed data ends as if it were whole")
	}
}
