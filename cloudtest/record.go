package cloudtest

import (
	"log/slog"
	"strings"
	"sync"
	"testing"

	"hypernova/oslo/log"
)

// keepLines bounds what a failed test shows of the services' logs.
const keepLines = 400

// record keeps the last log lines of a cloud and shows them when the test has failed.
type record struct {
	t     testing.TB
	mu    sync.Mutex // guards what follows
	lines []string
}

func newRecord(t testing.TB) *record {
	r := &record{t: t}
	// Cleanups run last in first out: this one is registered before all others and so sees the end of the cloud.
	t.Cleanup(func() {
		if t.Failed() {
			r.mu.Lock()
			defer r.mu.Unlock()
			t.Logf("the cloud's last log lines:\n%s", strings.Join(r.lines, ""))
		}
	})
	return r
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, string(p))
	if len(r.lines) > 2*keepLines {
		r.lines = append([]string(nil), r.lines[keepLines:]...)
	}
	return len(p), nil
}

// logger is the log of one part of the cloud.
func (r *record) logger(part string) *slog.Logger {
	l, _, err := log.New(r, log.Config{Level: "debug"})
	if err != nil {
		r.t.Fatal(err) // the level is a constant
	}
	return l.With("part", part)
}
