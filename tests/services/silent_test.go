package services

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hypernova/app"
	"hypernova/tests/running"
)

// wire is a connection to the bus that can be cut.
type wire struct {
	l  net.Listener
	to string
	wg sync.WaitGroup

	mu   sync.Mutex // guards the fields below
	cut  bool
	open []net.Conn
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{l: l, to: to}
	w.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.wg.Go(func() { w.join(c) })
		}
	})
	t.Cleanup(func() { l.Close(); w.set(true); w.wg.Wait() })
	return w
}

func (w *wire) join(a net.Conn) {
	b, err := net.Dial("tcp", w.to)
	if err != nil {
		a.Close()
		return
	}
	w.mu.Lock()
	if w.cut {
		a.Close()
		b.Close()
	}
	w.open = append(w.open, a, b)
	w.mu.Unlock()
	w.wg.Go(func() { io.Copy(a, b); a.Close() })
	io.Copy(b, a)
	b.Close()
}

// set cuts the connection, or restores it.
func (w *wire) set(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
	for _, c := range w.open {
		c.Close()
	}
	w.open = nil
}

func servicePassword(t *testing.T, dir string) string {
	t.Helper()
	var p app.Passwords
	text, err := os.ReadFile(filepath.Join(dir, "passwords.json"))
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p.Service
}

// A host without the bus, one that hangs and one that is dead are all down. hypernova status distinguishes them.
func TestSilentHostsAreDistinguished(t *testing.T) {
	t.Parallel()
	bin := program(t)
	if runtime.GOOS != "linux" {
		t.Skip("needs loopback addresses besides 127.0.0.1")
	}
	// A random loopback address, so that a range of ports is free.
	ip := fmt.Sprintf("127.%d.%d.%d", 1+rand.N(250), rand.N(250), 1+rand.N(250))
	bus, dir := ip+":20106", t.TempDir()
	both := []string{"--set", "DEFAULT.report_interval=0.5", "--set", "DEFAULT.service_down_time=2", "--set",
		"AGENT.report_interval=0.5", "--set", "DEFAULT.agent_down_time=2", "--set", "DEFAULT.my_ip=" + ip,
		"--set", "listen.bind_host=" + ip, "--set", "listen.port_base=20100"}
	running.Up(t, dir, append(both, "--port-base", "20100", "--virt", "fake", "--set", "DEFAULT.transport_url=nats://"+bus,
		"--set", "DEFAULT.embed_bus=true")...)
	w := newWire(t, bus)
	args := append([]string{"nova-compute", "neutron-agent", "--set", "DEFAULT.host=far", "--set",
		"DEFAULT.state_path=" + filepath.Join(dir, "far"),
		"--set", "DEFAULT.compute_driver=fake", "--set", "DEFAULT.transport_url=nats://" + w.l.Addr().String(),
		"--set", "keystone_authtoken.password=" + servicePassword(t, dir)}, both...)
	far := start(t, exec.Command(bin, args...))
	far.says("all services are ready")

	// The services of compute and networking on that host, which are one process.
	binaries := []string{"nova-compute", "neutron-linuxbridge-agent", "neutron-dhcp-agent", "neutron-metadata-agent"}
	statusOf := func(want string, binaries ...string) {
		t.Helper()
		var out []byte
		for limit := time.Now().Add(patience); time.Now().Before(limit); {
			// its exit status is not 0, because a service is down
			out, _ = exec.Command(bin, "status", "--state", dir).CombinedOutput()
			seen := 0
			for line := range strings.Lines(string(out)) {
				if f := strings.Fields(line); len(f) > 2 && slices.Contains(binaries, f[0]) && f[1] == "far" &&
					strings.Join(f[2:], " ") == want {
					seen++
				}
			}
			if seen == len(binaries) {
				return
			}
		}
		t.Fatalf("the status of %v is never %q:\n%s", binaries, want, out)
	}
	status := func(want string) { t.Helper(); statusOf(want, binaries...) }
	status("up")
	w.set(true)
	status("down: alive, but off the message bus")
	far.says("heartbeat failed")
	w.set(false)
	status("up")
	far.says("heartbeats resumed")
	far.signal(syscall.SIGUSR2)
	far.says("neutron-agent on far", "queue of neutron-agent: 0 wait", "service group: member far", "  l2: every",
		"nova-compute on far", "queue of compute: 0 wait",
		"periodic ", "configuration:", "goroutine profile")
	far.signal(syscall.SIGSTOP)
	status("down: its process is there but does not answer")
	far.signal(syscall.SIGCONT)
	status("up")
	far.signal(syscall.SIGKILL)
	status("down")
	far = start(t, exec.Command(bin, args...))
	far.says("all services are ready")
	status("up")
	far.signal(syscall.SIGTERM)
	far.ends(0)
	statusOf("down", "nova-compute") // it left the group, so at once and not after service_down_time
}
