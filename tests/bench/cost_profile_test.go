package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// profiles is the folder for profiles of the rows; empty: none are taken.
func profiles() string { return os.Getenv("PROFILE") }

// socket is where the cloud serves its profiles.
func (c *costs) socket() string {
	return filepath.Join(c.dir, "pprof", fmt.Sprintf("%d.sock", c.PID()))
}

// profile begins a CPU profile of the row and returns the function that waits for its end.
func (c *costs) profile() (wait func()) {
	if profiles() == "" {
		return func() {}
	}
	done := make(chan error, 1)
	go func() { done <- c.fetch("/debug/pprof/profile?seconds=2", "cpu") }()
	return func() {
		if err := <-done; err != nil {
			panic(err)
		}
	}
}

// profileHeap writes a profile of the memory that the cloud has in use.
func (c *costs) profileHeap() {
	if profiles() == "" {
		return
	}
	if err := c.fetch("/debug/pprof/heap?gc=1", "heap"); err != nil {
		panic(err)
	}
}

// fetch writes a profile to the folder, in a file that is named after engine, row and kind.
func (c *costs) fetch(path, kind string) error {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", c.socket())
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial}}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, "http://cloud"+path, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	name := strings.NewReplacer(" ", "_", ",", "", "/", "_").Replace(filepath.Base(c.t.Name()) + "-" + c.row)
	return os.WriteFile(filepath.Join(profiles(), name+"."+kind+".pprof"), b, 0o644)
}
