// Package services tests processes from outside: signals, readiness, restarts without downtime, and hosts without a
// network.
package services

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds each wait. It suits a loaded machine.
const patience = time.Minute

// process is a running program and its output.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	ended chan struct{} // closed once cmd.Wait returned

	mu    sync.Mutex // guards the fields below
	out   bytes.Buffer
	fresh chan struct{} // replaced and closed by each write
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.Write(b)
	close(p.fresh)
	p.fresh = make(chan struct{})
	return len(b), nil
}

// binary builds the program once for all tests of the package.
var binary = sync.OnceValues(func() (string, error) {
	if b := os.Getenv("HYPERNOVA_BINARY"); b != "" {
		return b, nil
	}
	dir, err := os.MkdirTemp("", "hypernova-services")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "hypernova")
	out, err := exec.Command("go", "build", "-o", bin, "hypernova").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return bin, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if os.Getenv("HYPERNOVA_BINARY") == "" {
		if bin, err := binary(); err == nil {
			os.RemoveAll(filepath.Dir(bin))
		}
	}
	os.Exit(code)
}

func program(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts real processes")
	}
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// start starts a command. It is killed when the test ends.
func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, ended: make(chan struct{}), fresh: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p, p
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // ProcessState has the exit status
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-p.ended
		if t.Failed() {
			t.Logf("process %d:\n%.20000s", cmd.Process.Pid, p.text())
		}
	})
	return p
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// says waits until the output contains all of the texts.
func (p *process) says(texts ...string) {
	p.t.Helper()
	for _, x := range texts {
		p.saysTimes(x, 1)
	}
}

// saysTimes waits until the output contains a text n times.
func (p *process) saysTimes(text string, n int) {
	p.t.Helper()
	limit := time.After(patience)
	for {
		p.mu.Lock()
		out, fresh := p.out.String(), p.fresh
		p.mu.Unlock()
		if strings.Count(out, text) >= n {
			return
		}
		select {
		case <-fresh:
		case <-p.ended:
			if out == p.text() {
				p.t.Fatalf("the process ended without having said %q", text)
			}
		case <-limit:
			p.t.Fatalf("the process does not say %q", text)
		}
	}
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// ends waits for the end of the process and compares the exit status.
func (p *process) ends(status int) {
	p.t.Helper()
	select {
	case <-p.ended:
		if got := p.cmd.ProcessState.ExitCode(); got != status {
			p.t.Errorf("exit status %d, want %d", got, status)
		}
	case <-time.After(patience):
		p.t.Fatal("the process does not end")
	}
}

// identity is a process with the identity API only.
type identity struct {
	dir, conf string
	port      int
}

func newIdentity(t *testing.T, options string) *identity {
	t.Helper()
	i := &identity{dir: t.TempDir(), port: freePort(t)}
	i.conf = filepath.Join(i.dir, "hypernova.conf")
	i.write(t, options)
	return i
}

func (i *identity) write(t *testing.T, options string) {
	t.Helper()
	text := fmt.Sprintf("[listen]\nport_base = %d\n[identity]\n[DEFAULT]\nstate_path = %s/state\n%s\n", i.port,
		i.dir, options)
	if err := os.WriteFile(i.conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (i *identity) url() string { return fmt.Sprintf("http://127.0.0.1:%d/v3", i.port) }

func (i *identity) command(t *testing.T) *exec.Cmd {
	return exec.Command(program(t), "keystone", "--config-file", i.conf)
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// load sends requests until it is stopped and counts the results.
type load struct {
	stop   context.CancelFunc
	wg     sync.WaitGroup
	mu     sync.Mutex // guards the fields below
	served int
	failed []string
	more   chan struct{} // one element for each hundred answered requests
}

// newLoad starts clients: some keep their connections, some open one for each request; some read, some write.
func newLoad(t *testing.T, url string) *load {
	ctx, stop := context.WithCancel(t.Context())
	l := &load{stop: stop, more: make(chan struct{}, 1)}
	for n := range 8 {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: n%2 == 0}}
		l.wg.Go(func() {
			for ctx.Err() == nil {
				l.one(ctx, client, url, n)
			}
			client.CloseIdleConnections()
		})
	}
	t.Cleanup(func() { stop(); l.wg.Wait() })
	return l
}

func (l *load) one(ctx context.Context, client *http.Client, url string, n int) {
	method, want, body := http.MethodGet, 200, ""
	if n >= 6 {
		url, method, want = url+"/auth/tokens", http.MethodPost, 401
		body = `{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"nobody","domain":{"id":"default"},"password":"x"}}}}}`
	}
	// The end of the test does not cancel running requests, which would count as failed.
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), method, url, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil:
		l.failed = append(l.failed, err.Error())
	case resp.StatusCode != want:
		l.failed = append(l.failed, method+" "+resp.Status)
	default:
		l.served++
		if l.served%100 == 0 {
			select {
			case l.more <- struct{}{}:
			default:
			}
		}
	}
	if resp != nil {
		_ = resp.Body.Close() // the body is not read
	}
}

// flows waits until some hundred more requests are answered.
func (l *load) flows(t *testing.T) {
	t.Helper()
	for range 4 {
		select {
		case <-l.more:
		case <-time.After(patience):
			t.Fatal("requests are not served")
		}
	}
}

// failures ends the load and reports failed requests.
func (l *load) failures(t *testing.T) {
	t.Helper()
	l.stop()
	l.wg.Wait()
	if len(l.failed) > 0 {
		t.Errorf("%d of %d requests failed; the first ones: %s", len(l.failed), len(l.failed)+l.served,
			strings.Join(l.failed[:min(5, len(l.failed))], "; "))
	}
	t.Logf("%d requests", l.served)
}
