package app_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hypernova/app"
	"hypernova/oslo/fault"
	"hypernova/oslo/service"
)

func TestProfilesAreServedToTheLocalHostOnly(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name string
		sets []string
		want string // in the error; empty: accepted
	}{
		{"off", nil, ""},
		{"a socket", []string{"DEFAULT.pprof_listen=unix"}, ""},
		{"loopback", []string{"DEFAULT.pprof_listen=127.0.0.1:6060"}, ""},
		{"loopback of IPv6", []string{"DEFAULT.pprof_listen=[::1]:6060"}, ""},
		{"another address", []string{"DEFAULT.pprof_listen=192.0.2.1:6060"}, "no loopback address"},
		{"all addresses", []string{"DEFAULT.pprof_listen=:6060"}, "no loopback address"},
		{"a name", []string{"DEFAULT.pprof_listen=localhost:6060"}, "no loopback address"},
		{"no port", []string{"DEFAULT.pprof_listen=127.0.0.1"}, "neither"},
		{"another address, wanted", []string{"DEFAULT.pprof_listen=192.0.2.1:6060",
			"DEFAULT.pprof_any_address=true"}, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			c := app.Defaults()
			err := app.Load(&c, nil, nil, x.sets)
			if x.want == "" && err != nil {
				t.Fatal(err)
			}
			if x.want != "" && (!fault.Is(err, fault.Invalid) || !strings.Contains(fault.Message(err), x.want) ||
				!strings.Contains(fault.Message(err), "pprof_listen")) {
				t.Fatalf("got %v, want %q", err, x.want)
			}
		})
	}
}

func TestProfileSocketIsTheUsersOnly(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "pprof") // short enough for a socket's address
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	c := app.Defaults()
	if err := app.Load(&c, nil, nil, []string{"DEFAULT.state_path=" + dir, "DEFAULT.pprof_listen=unix"}); err != nil {
		t.Fatal(err)
	}
	p, err := app.New(t.Context(), c, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- p.Run(ctx, service.Func("ready", func(ctx context.Context, up func()) error {
			up()
			close(ready)
			<-ctx.Done()
			return nil
		}))
	}()
	<-ready
	found, err := filepath.Glob(filepath.Join(dir, "pprof", "*.sock"))
	if err != nil || len(found) != 1 {
		t.Fatalf("got %v, %v", found, err)
	}
	for path, want := range map[string]os.FileMode{found[0]: 0o600, filepath.Dir(found[0]): 0o700} {
		if i, err := os.Stat(path); err != nil || i.Mode().Perm() != want {
			t.Errorf("%s: got %v, %v, want %v", path, i.Mode().Perm(), err, want)
		}
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", found[0])
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial}}
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://cloud/debug/pprof/goroutine?debug=1")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(b), "goroutine profile: total") {
		t.Errorf("got %s, %v", b, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(found[0]); !os.IsNotExist(err) {
		t.Errorf("got %v, want no socket any more", err)
	}
}
