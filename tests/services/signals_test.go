package services

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// systemd is a notification socket (sd_notify).
type systemd struct {
	path string
	c    *net.UnixConn
	t    *testing.T
}

func newSystemd(t *testing.T) *systemd {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &systemd{path, c, t}
}

// hears waits for a notification that contains a text.
func (s *systemd) hears(text string) {
	s.t.Helper()
	if err := s.c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	b := make([]byte, 4096)
	var heard []string
	for {
		n, err := s.c.Read(b)
		if err != nil {
			s.t.Fatalf("no notification %q; there were %q", text, heard)
		}
		heard = append(heard, string(b[:n]))
		if strings.Contains(string(b[:n]), text) {
			return
		}
	}
}

// TestSignals tests one process from its start to its end, with notifications and signals.
func TestSignals(t *testing.T) {
	t.Parallel()
	i := newIdentity(t, "")
	m := newSystemd(t)
	cmd := i.command(t)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+m.path, "WATCHDOG_USEC=200000",
		"HYPERNOVA_BOOTSTRAP__ADMIN_PASSWORD=very-secret")
	p := start(t, cmd)
	m.hears("STATUS=starting keystone")
	m.hears("READY=1")
	m.hears("WATCHDOG=1")
	m.hears("WATCHDOG=1")
	p.says(`step="configuration check"`, `step="periodic tasks"`, "API listens", "all services are ready")

	// SIGHUP applies reloadable options and names the others.
	i.write(t, "debug = true\nreport_interval = 7\ndisabled_periodic_tasks = sync_clock")
	p.signal(syscall.SIGHUP)
	m.hears("RELOADING=1")
	m.hears("READY=1")
	p.says("log level debug; not before a restart: DEFAULT.report_interval, DEFAULT.disabled_periodic_tasks")
	i.write(t, "debgu = true")
	p.signal(syscall.SIGHUP)
	p.says("reload failed, keeping the old settings", `debgu`)
	i.write(t, "disabled_periodic_tasks = x")
	p.signal(syscall.SIGHUP)
	p.says(`there is no periodic task \"x\"; there are: ask_silent_agents,`)

	// SIGUSR2 writes the state report without secrets.
	p.signal(syscall.SIGUSR2)
	p.says("state report of process", "keystone at 127.0.0.1", "requests in flight: 0", "periodic", "configuration:",
		"[database]", "goroutines:", "goroutine profile")
	if strings.Contains(p.text(), "very-secret") {
		t.Error("the report shows a secret")
	}

	p.signal(syscall.SIGTERM)
	m.hears("STOPPING=1")
	p.says("service takes no new work", `step=drained`, "service stopped")
	p.ends(0)
}

func TestFiltersAreReloaded(t *testing.T) {
	t.Parallel()
	i := newIdentity(t, "")
	p := start(t, exec.Command(program(t), "nova-scheduler", "--config-file", i.conf))
	p.says("all services are ready")
	// The log must have the steps of the start.
	rest := p.text()
	for _, step := range []string{`step="configuration check"`, `step="service record"`, `step="RPC server"`,
		`step="service group"`, "service is ready", "all services are ready"} {
		_, after, ok := strings.Cut(rest[strings.Index(rest, "service=nova-scheduler "):], step)
		if !ok {
			t.Fatalf("%q is not there, or not in its place:\n%s", step, p.text())
		}
		rest = "service=nova-scheduler " + after
	}
	i.write(t, "[filter_scheduler]\nenabled_filters = ComputeFilter")
	p.signal(syscall.SIGHUP)
	p.says("reloaded", "configuration: filters and weighers of the scheduler")
	i.write(t, "[filter_scheduler]\nenabled_filters = ComputeFitler")
	p.signal(syscall.SIGHUP)
	p.says("reload failed", "ComputeFitler")
	p.signal(syscall.SIGTERM)
	p.says("service takes no new work", "step=drained", `step="left the service group"`)
	p.ends(0)
}

// half sends a part of a request and returns the connection and the missing rest.
func half(t *testing.T, i *identity) (c net.Conn, rest string) {
	t.Helper()
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", i.port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	body := `{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"nobody","domain":{"id":"default"},"password":"x"}}}}}`
	_, err = fmt.Fprintf(c, "POST /v3/auth/tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:10])
	if err != nil {
		t.Fatal(err)
	}
	return c, body[10:]
}

// inFlight waits until a state report of the process has a running request.
func (p *process) inFlight() {
	p.t.Helper()
	for n := 1; !strings.Contains(p.text(), "requests in flight: 1"); n++ {
		if n > 1000 {
			p.t.Fatal("the request is not in flight")
		}
		p.signal(syscall.SIGUSR2)
		p.saysTimes("goroutine profile", n)
	}
}

func TestRequestsInFlightAreFinished(t *testing.T) {
	t.Parallel()
	i := newIdentity(t, "")
	p := start(t, i.command(t))
	p.says("all services are ready")
	c, rest := half(t, i)
	p.inFlight()
	p.signal(syscall.SIGTERM)
	p.says("service takes no new work")
	if _, err := io.WriteString(c, rest); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 401") {
		t.Errorf("the request in flight got %.300q, %v", answer, err)
	}
	p.ends(0)
}

// An incomplete request does not prevent a clean end of the process after the grace period.
func TestIncompleteRequestIsEnded(t *testing.T) {
	t.Parallel()
	i := newIdentity(t, "graceful_shutdown_timeout = 1")
	p := start(t, i.command(t))
	p.says("all services are ready")
	half(t, i)
	p.inFlight()
	p.signal(syscall.SIGTERM)
	p.says("ending transfers: service stops")
	p.ends(0)
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	i := newIdentity(t, "")
	p := start(t, i.command(t))
	p.says("all services are ready")
	half(t, i)
	p.inFlight()
	p.signal(syscall.SIGTERM)
	p.says("service takes no new work")
	p.signal(syscall.SIGTERM)
	p.ends(128 + int(syscall.SIGTERM))
	p.says("exiting at once: second signal")
}

func TestFailedStartNamesServiceAndRemedy(t *testing.T) {
	t.Parallel()
	i := newIdentity(t, "")
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", i.port))
	if err != nil {
		t.Skip(err) // another process has taken the port
	}
	defer l.Close()
	p := start(t, i.command(t))
	p.ends(1)
	p.says("keystone cannot start", "the port is taken", "--port-base")
	p = start(t, exec.Command(program(t), "nova-scheduler", "--config-file", i.conf, "--set",
		"filter_scheduler.enabled_filters=ComputeFitler"))
	p.ends(1)
	p.says("nova-scheduler cannot start", "ComputeFitler")
}
