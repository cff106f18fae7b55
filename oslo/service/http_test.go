package service_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"hypernova/oslo/metric"
	"hypernova/oslo/service"
)

func TestHTTPService(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	started, release := make(chan bool), make(chan bool)
	sick := atomic.Bool{}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			started <- true
			<-release
			io.WriteString(w, "done")
		case "/panic":
			panic("oops")
		case "/timeout":
			<-r.Context().Done()
			io.WriteString(w, r.Context().Err().Error())
		default:
			io.WriteString(w, "api "+r.URL.Path)
		}
	})
	s := service.HTTP("api", l, h, service.HTTPOptions{Timeout: 200 * time.Millisecond,
		Ready: func(context.Context) error {
			if sick.Load() {
				return errors.New("no database")
			}
			return nil
		}})
	ctx, cancel := context.WithCancel(metric.With(quiet(t.Context()), metric.New()))
	ready, ended := make(chan bool), make(chan error, 1)
	go func() { ended <- s.Run(ctx, func() { close(ready) }) }()
	<-ready
	get := func(path string) (int, string) {
		resp, err := http.Get("http://" + l.Addr().String() + path)
		if err != nil {
			return 0, err.Error()
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	for _, c := range []struct {
		path   string
		status int
		text   string
	}{
		{"/v2/images", 200, "api /v2/images"},
		{"/", 200, "api /"},
		{"//double", 200, "api //double"},
		{"/healthz", 200, "ok"},
		{"/readyz", 200, "ready"},
		{"/metrics", 200, "hypernova_panics_total"},
		{"/timeout", 200, "deadline exceeded"},
	} {
		if c.path == "/metrics" {
			if status, _ := get("/panic"); status != 500 {
				t.Errorf("/panic: got %d", status)
			}
		}
		if status, text := get(c.path); status != c.status || !strings.Contains(text, c.text) {
			t.Errorf("%s: got %d %q", c.path, status, text)
		}
	}
	sick.Store(true)
	if status, text := get("/readyz"); status != 503 || !strings.Contains(text, "no database") {
		t.Errorf("/readyz: got %d %q", status, text)
	}
	slow := make(chan string)
	go func() { _, text := get("/slow"); slow <- text }()
	<-started
	cancel()
	select {
	case err := <-ended:
		t.Fatalf("ended with a request in flight: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	release <- true
	if got := <-slow; got != "done" {
		t.Errorf("the request in flight got %q", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Clients keep connections at hand on which they have asked nothing yet.
func TestAnUnusedConnectionIsNoRequest(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := service.HTTP("api", l, http.NotFoundHandler(), service.HTTPOptions{Grace: 50 * time.Millisecond})
	ctx, cancel := context.WithCancel(metric.With(quiet(t.Context()), metric.New()))
	ready, ended := make(chan bool), make(chan error, 1)
	go func() { ended <- s.Run(ctx, func() { close(ready) }) }()
	<-ready
	unused, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer unused.Close()
	resp, err := http.Get("http://" + l.Addr().String()) // by now the connection before it is accepted
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("it ends with %v", err)
	}
	if _, err := unused.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is open still")
	}
}

func TestSignals(t *testing.T) {
	t.Parallel()
	source := make(chan os.Signal)
	report := filepath.Join(t.TempDir(), "report")
	reloaded, exits := make(chan bool, 2), make(chan int, 1)
	ctx, stop := service.Signals(quiet(t.Context()), service.SignalOptions{Source: source, ReportPath: report,
		Exit: func(code int) { exits <- code },
		Reload: []func(context.Context) (string, error){
			func(context.Context) (string, error) { panic("a hook's bug must not end the process") },
			func(context.Context) (string, error) { reloaded <- true; return "policies", nil },
		}})
	defer stop()
	source <- syscall.SIGHUP
	<-reloaded
	source <- syscall.SIGUSR2
	source <- syscall.SIGHUP // taken after the report is written
	<-reloaded
	if b, err := os.ReadFile(report); err != nil || !strings.Contains(string(b), "goroutines:") {
		t.Errorf("report: %.100s, %v", b, err)
	}
	if ctx.Err() != nil {
		t.Fatal("the context ended without a reason")
	}
	source <- syscall.SIGTERM
	<-ctx.Done()
	if !errors.Is(context.Cause(ctx), service.ErrSignal) {
		t.Errorf("cause: %v", context.Cause(ctx))
	}
	source <- syscall.SIGINT
	if code := <-exits; code != 130 {
		t.Errorf("exit code %d", code)
	}
}

// A client whose body never comes does not keep a service that ends, and is no request that was cut off.
func TestABodyThatNeverComesDoesNotKeepTheService(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	reading := make(chan bool)
	s := service.HTTP("api", l, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		reading <- true
		io.ReadAll(r.Body)
	}), service.HTTPOptions{Grace: time.Hour})
	ctx, cancel := context.WithCancel(metric.With(quiet(t.Context()), metric.New()))
	ready, ended := make(chan bool), make(chan error, 1)
	go func() { ended <- s.Run(ctx, func() { close(ready) }) }()
	<-ready
	for range 50 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "POST /v3/auth/tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
		<-reading
	}
	cancel()
	if err := <-ended; err != nil { // long before the grace period is over, or the test is
		t.Errorf("it ends with %v", err)
	}
}
