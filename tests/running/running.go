// Package running starts the program as one process for tests.
package running

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Cloud is a running program.
type Cloud struct {
	Dir  string // openrc and clouds.yaml are here
	Took time.Duration
	// Shell runs the openstack client with a clouds.yaml; nil starts a process for each command.
	Shell func(config string, args []string) (string, error)

	cmd *exec.Cmd
	out *tail
	end chan struct{}

	mu    sync.Mutex
	files map[string]string // clouds.yaml by cloud, of those that As has added
}

// Binary is the program: $HYPERNOVA_BINARY, or one built for this test.
func Binary(t testing.TB) string {
	t.Helper()
	if b := os.Getenv("HYPERNOVA_BINARY"); b != "" {
		return b
	}
	bin := filepath.Join(t.TempDir(), "hypernova")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "hypernova")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}

// Up starts a cloud with "up" and the given flags and waits until it is ready. It is stopped, and must end well, with
// the test.
func Up(t testing.TB, dir string, flags ...string) *Cloud {
	t.Helper()
	c := &Cloud{Dir: dir, out: &tail{}, end: make(chan struct{})}
	args := append([]string{"up", "--state", dir, "--port-base", "0"}, flags...)
	c.cmd = exec.Command(Binary(t), args...)
	c.cmd.Stderr = c.out
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	go func() {
		defer close(c.end)
		var once sync.Once
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			fmt.Fprintln(c.out, lines.Text())
			if strings.HasPrefix(lines.Text(), "Go on with") {
				once.Do(func() { close(ready) })
			}
		}
	}()
	t.Cleanup(func() { c.Stop(t) })
	select {
	case <-ready:
	case <-c.end:
		t.Fatalf("the cloud ended before it was ready:\n%s", c.out)
	case <-time.After(2 * time.Minute):
		t.Fatalf("the cloud is not ready after two minutes:\n%s", c.out)
	}
	c.Took = time.Since(began)
	return c
}

// PID is the process.
func (c *Cloud) PID() int { return c.cmd.Process.Pid }

// Log is the end of what the process printed.
func (c *Cloud) Log() string { return c.out.String() }

// Stop asks the process to end and waits for it; a second call does nothing.
func (c *Cloud) Stop(t testing.TB) {
	t.Helper()
	if c.cmd.ProcessState != nil {
		return
	}
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("stop: %v", err)
	}
	hung := time.AfterFunc(2*time.Minute, func() { // it says where each goroutine is, and ends badly
		if err := c.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	<-c.end
	hung.Stop()
	if err := c.cmd.Wait(); err != nil {
		t.Errorf("the cloud ended badly: %v\n%s", err, c.out)
	}
	if t.Failed() {
		t.Logf("the end of the cloud's log:\n%s", c.out)
	}
}

// Destroy removes what the cloud of a folder has left on this host: guests, devices, rules. It stops the cloud first,
// if need be. flags are options that the cloud was started with and that matter for it, as "--set",
// "section.option=value".
func Destroy(t testing.TB, dir string, flags ...string) {
	t.Helper()
	if out, err := exec.Command(Binary(t), append([]string{"down", "--state", dir, "--destroy"},
		flags...)...).CombinedOutput(); err != nil {
		t.Errorf("destroy: %v\n%s", err, out)
	}
}

// Kill ends the process as a crash does.
func (c *Cloud) Kill(t testing.TB) {
	t.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-c.end
	if err := c.cmd.Wait(); err == nil {
		t.Error("a killed process ended well")
	}
}

// Client runs the openstack client as a cloud of clouds.yaml and returns what it printed. An exit code other than 0
// fails the test.
func (c *Cloud) Client(t testing.TB, cloud string, args ...string) string {
	t.Helper()
	out, err := c.Try(t, cloud, args...)
	if err != nil {
		t.Fatalf("openstack %s: %v", strings.Join(args, " "), err)
	}
	return out
}

// Try is Client for commands that may fail; the error holds what the client printed.
func (c *Cloud) Try(t testing.TB, cloud string, args ...string) (string, error) {
	t.Helper()
	args = append([]string{"--os-cloud", cloud}, args...)
	if c.Shell != nil {
		return c.Shell(c.file(cloud), args)
	}
	cmd := exec.CommandContext(t.Context(), "openstack", args...)
	cmd.Env = append(os.Environ(), "OS_CLIENT_CONFIG_FILE="+c.file(cloud))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%w\n%s%s", err, &stdout, &stderr)
	}
	return stdout.String(), nil
}

// JSON is Client with "-f json", decoded.
func (c *Cloud) JSON(t testing.TB, cloud string, args ...string) any {
	t.Helper()
	out := c.Client(t, cloud, append(args, "-f", "json")...)
	var v any
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("openstack %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return v
}

// Show is JSON of one thing.
func (c *Cloud) Show(t testing.TB, cloud string, args ...string) map[string]any {
	t.Helper()
	m, ok := c.JSON(t, cloud, args...).(map[string]any)
	if !ok {
		t.Fatalf("openstack %s did not show one thing", strings.Join(args, " "))
	}
	return m
}

// List is JSON of a list.
func (c *Cloud) List(t testing.TB, cloud string, args ...string) []map[string]any {
	t.Helper()
	l, ok := c.JSON(t, cloud, args...).([]any)
	if !ok {
		t.Fatalf("openstack %s did not list", strings.Join(args, " "))
	}
	var out []map[string]any
	for _, e := range l {
		m, ok := e.(map[string]any)
		if !ok {
			t.Fatalf("openstack %s listed %v", strings.Join(args, " "), e)
		}
		out = append(out, m)
	}
	return out
}

// As adds a cloud to clouds.yaml: somebody else's credentials.
func (c *Cloud) As(t testing.TB, cloud, user, password, project string) {
	t.Helper()
	path := filepath.Join(c.Dir, cloud+"-clouds.yaml")
	text := fmt.Sprintf("clouds:\n  %s:\n    auth: {auth_url: %q, username: %q, password: %q, project_name: %q, "+
		"user_domain_name: Default, project_domain_name: Default}\n    region_name: RegionOne\n",
		cloud, c.Identity(t), user, password, project)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.files == nil {
		c.files = map[string]string{}
	}
	c.files[cloud] = path
}

// file is the clouds.yaml that knows the cloud.
func (c *Cloud) file(cloud string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.files[cloud]; f != "" {
		return f
	}
	return filepath.Join(c.Dir, "clouds.yaml")
}

// NeedClient skips where the openstack client is not installed.
func NeedClient(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("openstack"); err != nil {
		t.Skip("the openstack client is not installed (Debian: python3-openstackclient; make deps installs it)")
	}
}

// tail keeps the last part of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const keep = 64 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - keep; over > 0 {
		t.buf = t.buf[over:]
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}

// Identity is the identity API's address, Password the administrator's: what clouds.yaml says of its first cloud.
func (c *Cloud) Identity(t testing.TB) string { t.Helper(); return c.said(t, "auth_url") }

// Password is the administrator's password.
func (c *Cloud) Password(t testing.TB) string { t.Helper(); return c.said(t, "password") }

func (c *Cloud) said(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.Dir, "clouds.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`\b` + name + `: ["']?([^"'\s]+)`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("clouds.yaml has no %s", name)
	}
	return string(m[1])
}
