package layout

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"hypernova/app"
	"hypernova/app/audit"
	"hypernova/cloudtest/scenario"
	"hypernova/oslo/db/dbtest"
)

// Within bounds how long a process may take to be ready. It is wide: machines that run tests are busy.
const Within = 2 * time.Minute

// Cloud is a cloud of processes. Its methods may be called by several goroutines.
type Cloud struct {
	t       testing.TB
	shape   Shape
	binary  string
	dir     string
	logs    string
	address string // of the APIs
	base    int    // first port
	sets    []string
	specs   []spec
	users   scenario.Users
	vars    map[string]string
	prefix  map[string][]string // what a host's processes are started by
	pg      *dbtest.Server

	rabbitURL string

	mu    sync.Mutex // guards what follows
	parts map[string]*Part

	binaries map[string]string // of those that were upgraded
}

// Start starts a cloud and gives it its first content with the program's own commands. It ends with the test.
func Start(t testing.TB, binary string, shape Shape, o scenario.Options) *Cloud {
	t.Helper()
	c := &Cloud{t: t, shape: shape, binary: binary, dir: t.TempDir(), logs: t.ArtifactDir(),
		specs: shape.specs(o.Computes), parts: map[string]*Part{}, prefix: map[string][]string{},
		binaries: map[string]string{}}
	for _, set := range o.Sets {
		c.sets = append(c.sets, "--set="+set)
	}
	c.users.Identity = func() string { return c.url(0) }
	c.address, c.base = ownAddress(t)
	if shape.namespaces {
		c.address = c.namespaces()
	}
	if shape.postgres {
		c.startDatabase()
	}
	t.Cleanup(c.stop) // before the database is stopped
	if shape.broker {
		c.must(c.startBroker())
	}
	c.configure()
	c.populate()
	return c
}

// configure writes what all processes of the cloud have in common.
func (c *Cloud) configure() {
	connection := "sqlite:///$state_path/{service}.db"
	if c.shape.postgres {
		connection = c.pg.URL("hypernova_{service}")
	}
	config := fmt.Sprintf(`
[DEFAULT]
state_path = %s/$host
transport_url = %s
my_ip = %s
compute_driver = fake
report_interval = 0.5
service_down_time = 3
graceful_shutdown_timeout = 5
[conductor]
task_lease = 5
[database]
connection = %s
sync_on_start = %v
[listen]
bind_host = %s
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
`, c.dir, c.busURL(), c.address, connection, !c.shape.postgres, c.address, c.base)
	c.must(os.WriteFile(c.config(), []byte(config), 0o600))
}

func (c *Cloud) config() string { return filepath.Join(c.dir, "hypernova.conf") }

func (c *Cloud) busURL() string {
	switch c.shape.bus {
	case "inproc":
		return "inproc:"
	case "nats":
		return fmt.Sprintf("nats://bus:secret@%s:%d", c.address, c.base+busPort())
	}
	if c.rabbitURL == "" {
		c.rabbitURL = c.shape.rabbit.URL()
	}
	return c.rabbitURL
}

// populate starts the processes and gives the cloud its first content.
func (c *Cloud) populate() {
	c.t.Helper()
	ctx := c.t.Context()
	if c.shape.postgres {
		c.must(c.command("db", "sync", "--set=DEFAULT.host=controller"))
	}
	c.must(c.command("bootstrap", "--set=DEFAULT.host=controller"))
	if c.shape.together {
		c.must(c.startAll(c.specs, nil))
	} else {
		for _, s := range c.specs {
			c.must(c.startAll([]spec{s}, nil))
		}
	}
	c.must(c.command("bootstrap", "--content", "--set=DEFAULT.host=controller"))
	admin, err := c.users.Login(ctx, "admin")
	c.must(err)
	c.must(scenario.AddOther(ctx, admin))
	c.vars, err = scenario.Landmarks(ctx, admin)
	c.must(err)
}

func (c *Cloud) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *Cloud) url(offset int) string {
	return "http://" + net.JoinHostPort(c.address, strconv.Itoa(c.base+offset))
}

// busPort is the place of the bus among the ports of a cloud.
func busPort() int { return app.PortOffsets()["bus"] }

// portCount is how many ports a cloud listens on.
func portCount() int { return 1 + slices.Max(slices.Collect(maps.Values(app.PortOffsets()))) }

// ownAddress finds an address of this machine, and ports there, that nobody else uses: any of 127.0.0.0/8 where the
// system has them all. The ports are below those that the system gives to outgoing connections, so that a process
// that is started again finds its port free.
func ownAddress(t testing.TB) (string, int) {
	t.Helper()
	for range 100 {
		address, base := "127.0.0.1", 10000+rand.IntN(14000/portCount())*portCount()
		if runtime.GOOS == "linux" {
			address = fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
		}
		if free(address, base) {
			return address, base
		}
	}
	t.Fatal("no address with free ports")
	return "", 0
}

func free(address string, base int) bool {
	for i := range portCount() {
		l, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(base+i)))
		if err != nil {
			return false
		}
		defer l.Close()
	}
	return true
}

// Args are what each command of the program is given for this cloud, and then args.
func (c *Cloud) Args(args ...string) []string {
	return slices.Concat([]string{"--config-file", c.config()}, c.sets, args)
}

// Command runs one of the program's commands to its end and answers what it printed.
func (c *Cloud) Command(args ...string) (string, error) {
	out, err := exec.CommandContext(c.t.Context(), c.binary, c.Args(args...)...).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("hypernova %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

func (c *Cloud) command(args ...string) error {
	_, err := c.Command(args...)
	return err
}

// Do sends a request.
func (c *Cloud) Do(ctx context.Context, as string, r scenario.Request) (scenario.Answer, error) {
	return c.users.Request(ctx, as, r)
}

// Vars are the ids that stories begin with.
func (c *Cloud) Vars() map[string]string { return maps.Clone(c.vars) }

// Tick cannot be: separate processes live by the machine's clock.
func (c *Cloud) Tick(time.Duration) error {
	return errors.New("separate processes have no clock that can be moved")
}

// Kill ends processes as a crash does: one, or all of a host, or all of the controller.
func (c *Cloud) Kill(name string) error {
	var errs []error
	for _, s := range named(c.specs, name) {
		p, err := c.Part(s.name)
		if err == nil {
			err = p.Kill()
		}
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		return fmt.Errorf("there is no %s", name)
	}
	return errors.Join(errs...)
}

// Restart starts them again.
func (c *Cloud) Restart(name string) error { return c.Begin(name) }

// Begin starts what was killed, with options in the environment.
func (c *Cloud) Begin(name string, env ...string) error {
	return c.startAll(named(c.specs, name), env)
}

// Fail starts the host anew with a hypervisor that does these things wrong.
func (c *Cloud) Fail(host, faults string) error {
	if err := c.Kill(host); err != nil {
		return err
	}
	return c.Begin(host, "HYPERNOVA_FAKE__FAULTS="+faults)
}

// Processes are the names of the cloud's own processes.
func (c *Cloud) Processes() []string {
	var out []string
	for _, s := range c.specs {
		out = append(out, s.name)
	}
	return out
}

// Leaks looks for guests in the folders of the pretended hypervisors.
func (c *Cloud) Leaks(ctx context.Context) ([]string, error) {
	admin, err := c.users.Login(ctx, "admin")
	if err != nil {
		return nil, err
	}
	return scenario.Leaks(ctx, admin, func(context.Context) (map[string][]string, error) {
		files, err := filepath.Glob(filepath.Join(c.dir, "*", "fake", "*.json"))
		out := map[string][]string{}
		for _, f := range files {
			host := filepath.Base(filepath.Dir(filepath.Dir(f)))
			out[host] = append(out[host], strings.TrimSuffix(filepath.Base(f), ".json"))
		}
		return out, err
	})
}

// stop ends all processes; a test that failed shows the ends of their logs.
func (c *Cloud) stop() {
	c.mu.Lock()
	parts := maps.Clone(c.parts)
	c.mu.Unlock()
	for name, p := range parts {
		if err := p.Kill(); err != nil {
			c.t.Errorf("%s: %v", name, err)
		}
		if c.t.Failed() {
			c.t.Logf("the end of %s's log:\n%s", name, p.log)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// Audit runs the program's own check of the cloud, once for each host, and answers what is wrong. patience is how
// late work may be.
func (c *Cloud) Audit(ctx context.Context, patience time.Duration) ([]string, error) {
	hosts := []string{}
	for _, s := range c.specs {
		if !slices.Contains(hosts, s.host) {
			hosts = append(hosts, s.host)
		}
	}
	var out []string
	for _, h := range hosts {
		cmd := exec.CommandContext(ctx, c.binary, c.Args("check", "--format=json", "--patience="+patience.String(),
			"--set=DEFAULT.host="+h)...)
		var text, complaint bytes.Buffer
		cmd.Stdout, cmd.Stderr = &text, &complaint
		err := cmd.Run() // it fails where something is wrong
		var found []audit.Finding
		if json.Unmarshal(text.Bytes(), &found) != nil {
			return nil, fmt.Errorf("hypernova check: %w\n%s%s", err, &text, &complaint)
		}
		for _, f := range found {
			if line := f.Rule + ": " + f.String(); !f.Note && !slices.Contains(out, line) {
				out = append(out, line)
			}
		}
	}
	return out, nil
}
