package scenarios

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"hypernova/cloudtest/scenario"
)

// startWithin bounds how long a process may take to be ready.
const startWithin = 60 * time.Second

// processes is a cloud whose controller and hosts are processes of their own, joined by a bus that the controller serves.
type processes struct {
	t      *testing.T
	binary string
	dir    string
	one    bool     // everything is in the controller
	sets   []string // what the story sets, as flags
	base   int      // first port
	users  scenario.Users
	vars   map[string]string

	mu    sync.Mutex // guards what follows
	parts map[string]*part
}

// part is one process.
type part struct {
	cmd *exec.Cmd
	log *log
	end chan struct{}
}

// startOne starts a cloud that is one process, called controller, which has everything in it.
func startOne(t *testing.T, binary string) *processes {
	t.Helper()
	p := newProcesses(t, binary, true)
	p.populate(0)
	return p
}

// startProcesses starts a cloud and gives it its first content with the program's own commands.
func startProcesses(t *testing.T, binary string, o scenario.Options) *processes {
	t.Helper()
	p := newProcesses(t, binary, false)
	for _, set := range o.Sets {
		p.sets = append(p.sets, "--set="+set)
	}
	p.populate(o.Computes)
	return p
}

// newProcesses writes the configuration of a cloud.
func newProcesses(t *testing.T, binary string, one bool) *processes {
	t.Helper()
	p := &processes{t: t, binary: binary, one: one, dir: t.TempDir(), base: freePorts(t), parts: map[string]*part{}}
	p.users.Identity = func() string { return p.url(0) }
	bus := "inproc:"
	if !one {
		bus = fmt.Sprintf("nats://bus:secret@127.0.0.1:%d", p.base+6)
	}
	config := fmt.Sprintf(`
[DEFAULT]
state_path = %s/$host
transport_url = %s
my_ip = 127.0.0.1
compute_driver = fake
report_interval = 0.5
service_down_time = 3
graceful_shutdown_timeout = 5
[listen]
port_base = %d
[ml2]
mechanism_drivers = fake
[identity]
password_hash_rounds = 4
[keystone_authtoken]
password = secret
[bootstrap]
admin_password = secret
demo_password = secret
`, p.dir, bus, p.base)
	if err := os.WriteFile(filepath.Join(p.dir, "hypernova.conf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	return p
}

// populate starts the parts and gives the cloud its first content.
func (p *processes) populate(computes int) {
	p.t.Helper()
	p.must(p.command("bootstrap", "--set=DEFAULT.host=controller"))
	p.must(p.start("controller", nil))
	for i := range computes {
		p.must(p.start(fmt.Sprintf("h%d", i+1), nil))
	}
	p.must(p.command("bootstrap", "--content", "--set=DEFAULT.host=controller"))
	admin, err := p.users.Login(p.t.Context(), "admin")
	p.must(err)
	p.must(scenario.AddOther(p.t.Context(), admin))
	p.vars, err = scenario.Landmarks(p.t.Context(), admin)
	p.must(err)
}

func (p *processes) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *processes) url(offset int) string { return "http://127.0.0.1:" + strconv.Itoa(p.base+offset) }

// freePorts finds the first of a row of ports that nobody has. Tests of other processes may take one meanwhile; the row is wide apart.
func freePorts(t *testing.T) int {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		base := l.Addr().(*net.TCPAddr).Port
		ls := []net.Listener{l}
		for i := 1; i < 7 && err == nil; i++ {
			if l, err = net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(base+i)); err == nil {
				ls = append(ls, l)
			}
		}
		for _, l := range ls {
			l.Close()
		}
		if err == nil && base < 65000 {
			return base
		}
	}
	t.Fatal("no seven free ports in a row")
	return 0
}

func (p *processes) args(args ...string) []string {
	return slices.Concat([]string{"--config-file", filepath.Join(p.dir, "hypernova.conf")}, p.sets, args)
}

// command runs one of the program's commands to its end.
func (p *processes) command(args ...string) error {
	out, err := exec.CommandContext(p.t.Context(), p.binary, p.args(args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("hypernova %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// start starts "controller" or a host and waits until it is ready. env are options in the environment.
func (p *processes) start(name string, env []string) error {
	role := "compute"
	switch {
	case p.one:
		role = "all"
	case name == "controller":
		role = "controller"
		env = append(env, "HYPERNOVA_DEFAULT__EMBED_BUS=true")
	}
	n := &part{cmd: exec.Command(p.binary, p.args(role, "--set=DEFAULT.host="+name)...), log: &log{want: []byte("msg=ready"), ready: make(chan struct{})}, end: make(chan struct{})}
	n.cmd.Env = append(os.Environ(), env...)
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	if err := n.cmd.Start(); err != nil {
		return err
	}
	go func() { // ends with the process
		defer close(n.end)
		_ = n.cmd.Wait() // how it ended is in ProcessState
	}()
	p.mu.Lock()
	p.parts[name] = n
	p.mu.Unlock()
	select {
	case <-n.log.ready:
		return nil
	case <-n.end:
		return fmt.Errorf("%s ended while it started:\n%s", name, n.log)
	case <-time.After(startWithin):
		return fmt.Errorf("%s is not ready:\n%s", name, n.log)
	}
}

func (p *processes) part(name string) (*part, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := p.parts[name]; n != nil {
		return n, nil
	}
	return nil, fmt.Errorf("%s does not run", name)
}

// Kill ends a process as a crash does.
func (p *processes) Kill(name string) error {
	n, err := p.part(name)
	if err != nil {
		return err
	}
	err = n.cmd.Process.Kill()
	<-n.end
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Restart starts it again.
func (p *processes) Restart(name string) error { return p.start(name, nil) }

// Fail starts the host anew with a hypervisor that does these things wrong.
func (p *processes) Fail(host, faults string) error {
	if err := p.Kill(host); err != nil {
		return err
	}
	return p.start(host, []string{"HYPERNOVA_FAKE__FAULTS=" + faults})
}

// Tick cannot be: separate processes live by the machine's clock.
func (p *processes) Tick(time.Duration) error {
	return errors.New("separate processes have no clock that can be moved")
}

// Do sends a request.
func (p *processes) Do(ctx context.Context, as string, r scenario.Request) (scenario.Answer, error) {
	return p.users.Request(ctx, as, r)
}

// Vars are the ids that stories begin with.
func (p *processes) Vars() map[string]string {
	out := map[string]string{}
	for k, v := range p.vars {
		out[k] = v
	}
	return out
}

// Leaks looks for guests in the folders of the pretended hypervisors.
func (p *processes) Leaks(ctx context.Context) ([]string, error) {
	admin, err := p.users.Login(ctx, "admin")
	if err != nil {
		return nil, err
	}
	return scenario.Leaks(ctx, admin, func(context.Context) (map[string][]string, error) {
		files, err := filepath.Glob(filepath.Join(p.dir, "*", "fake", "*.json"))
		out := map[string][]string{}
		for _, f := range files {
			host := filepath.Base(filepath.Dir(filepath.Dir(f)))
			out[host] = append(out[host], strings.TrimSuffix(filepath.Base(f), ".json"))
		}
		return out, err
	})
}

func (p *processes) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, n := range p.parts {
		if err := n.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			p.t.Errorf("%s: %v", name, err)
		}
		<-n.end
		if p.t.Failed() {
			p.t.Logf("the end of %s's log:\n%s", name, n.log)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// log keeps the end of a process's output and notices when it is ready.
type log struct {
	mu    sync.Mutex
	want  []byte
	ready chan struct{}
	seen  bool
	buf   []byte
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = append(l.buf, b...)
	if !l.seen && bytes.Contains(l.buf, l.want) {
		l.seen = true
		close(l.ready)
	}
	if over := len(l.buf) - 64<<10; over > 0 {
		l.buf = l.buf[over:]
	}
	return len(b), nil
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.buf)
}
