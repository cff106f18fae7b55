// Package cloudtest runs a whole cloud inside a test process, with SQLite and the message bus in memory and the fake
// hypervisor driver.
//
//	c := cloudtest.New(t, cloudtest.Computes(3))
//	c.FailSpawn("h2", "no luck")
//	status, doc := c.Do("demo", "POST", "compute", "/servers", body)
//
// Every host is a process of its own as far as the services can tell: they meet on the bus and over HTTP on loopback.
// Kill ends one as a crash would, Restart starts it again on what it left. The cloud ends with the test; failures
// show the services' logs.
//
// Users: "admin" (admin on the project admin), "demo" (member of the project demo), "other" (member of the project
// other), "nobody" (no token).
package cloudtest

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"hypernova/app"
	"hypernova/cloudtest/scenario"
	"hypernova/nova/virt/fake"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/messaging"
	"hypernova/oslo/messaging/inproc"
	"hypernova/oslo/service"
)

// startWithin bounds how long a part of the cloud may take to be ready; a start that takes longer hangs.
const startWithin = 30 * time.Second

// controller is the name of the part that has all roles but those of compute hosts.
const controller = "controller"

// Cloud is a running cloud. Its methods may be called by the test's goroutine and those it starts.
type Cloud struct {
	t      testing.TB
	o      options
	broker *inproc.Broker
	log    *record
	dir    string // a folder for each part below it
	users  scenario.Users

	mu          sync.Mutex // guards what follows
	shift       time.Duration
	nodes       map[string]*node
	addresses   map[string]string // listener by API, so that a restarted controller is found where it was
	databases   map[string]*db.DB
	hypervisors map[string]*fake.Driver
	vars        map[string]string
}

// node is one process of the cloud.
type node struct {
	name  string
	p     *app.Process
	crash context.CancelFunc
	cut   func() // takes it off the bus
	ended chan struct{}
	err   error // after ended
}

type options struct {
	computes int
	sets     []string
	content  bool
	through  func(messaging.Transport) messaging.Transport
	database func() string // the URL of a new, empty database
}

// Option adjusts a cloud.
type Option func(*options)

// Computes is how many compute hosts there are, called h1, h2 …; one unless it is given.
func Computes(n int) Option { return func(o *options) { o.computes = n } }

// Set sets configuration options, section.option=value, for every process.
func Set(sets ...string) Option { return func(o *options) { o.sets = append(o.sets, sets...) } }

// Through puts something between every process and the bus, such as a faulty network.
func Through(wrap func(messaging.Transport) messaging.Transport) Option {
	return func(o *options) { o.through = wrap }
}

// Databases keeps the services' data elsewhere than in memory: url is asked for an empty database for each service,
// such as dbtest.Postgres.
func Databases(url func() string) Option { return func(o *options) { o.database = url } }

// Bare leaves out flavors, network and image.
func Bare() Option { return func(o *options) { o.content = false } }

// New starts a cloud. It ends with the test.
func New(t testing.TB, opts ...Option) *Cloud {
	t.Helper()
	c := &Cloud{t: t, o: options{computes: 1, content: true}, broker: inproc.NewBroker(), log: newRecord(t),
		dir: t.TempDir(), nodes: map[string]*node{},
		addresses: map[string]string{}, databases: map[string]*db.DB{}, hypervisors: map[string]*fake.Driver{}}
	c.users.Identity = func() string { return c.Endpoint("keystone") }
	for _, opt := range opts {
		opt(&c.o)
	}
	t.Cleanup(c.stop)
	c.must(c.start(controller))
	for i := range c.o.computes {
		name := fmt.Sprintf("h%d", i+1)
		cfg, err := c.config(name)
		c.must(err)
		c.hypervisors[name] = fake.New(fake.Config{Hostname: name, Now: c.now, VCPUs: cfg.Fake.VCPUs,
			MemoryMB: cfg.Fake.MemoryMB, DiskGB: cfg.Fake.DiskGB})
		c.must(c.start(name))
	}
	c.must(c.populate(t.Context()))
	return c
}

func (c *Cloud) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatalf("cloudtest: %v", err)
	}
}

// now is the machine's clock, moved by Tick.
func (c *Cloud) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return clock.Real().Add(c.shift)
}

// Tick moves the clock that rows, tokens and heartbeats are stamped with. Timers run on as before.
func (c *Cloud) Tick(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shift += d
}

// Hypervisor is the pretended hypervisor of a host, with its knobs.
func (c *Cloud) Hypervisor(host string) *fake.Driver {
	d := c.hypervisors[host]
	if d == nil {
		c.t.Fatalf("cloudtest: there is no host %s", host)
	}
	return d
}

// FailSpawn makes every spawn on a host fail with a reason; an empty reason ends it.
func (c *Cloud) FailSpawn(host, why string) {
	if why == "" {
		c.Hypervisor(host).SetFaults()
		return
	}
	c.Hypervisor(host).SetFaults(fake.Fault{Op: "spawn", Fail: why})
}

// Fail sets what goes wrong on a host, in the words of fake.ParseFaults.
func (c *Cloud) Fail(host, faults string) error {
	fs, err := fake.ParseFaults(faults)
	if err == nil {
		c.Hypervisor(host).SetFaults(fs...)
	}
	return err
}

// Endpoint is an API's address without its version: "keystone", "nova", "nova-metadata" …
func (c *Cloud) Endpoint(api string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return "http://" + c.addresses[api]
}

// database keeps one memory database per service until the cloud ends; a restart of a service keeps it.
func (c *Cloud) database(ctx context.Context, name string) (*db.DB, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.databases[name]; d != nil {
		return d, nil
	}
	url := "sqlite://"
	if c.o.database != nil {
		url = c.o.database()
	}
	d, err := app.OpenDatabase(ctx, url)
	c.databases[name] = d
	return d, err
}

// listen takes any free port, or the one this API had before.
func (c *Cloud) listen(ctx context.Context, api string) (net.Listener, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	address := c.addresses[api]
	if address == "" {
		address = "127.0.0.1:0"
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err == nil {
		c.addresses[api] = l.Addr().String()
	}
	return l, err
}

// Kill ends a part ("controller" or a host) as a crash would: nothing is drained, nobody is told.
func (c *Cloud) Kill(name string) error {
	c.mu.Lock()
	n := c.nodes[name]
	delete(c.nodes, name)
	c.mu.Unlock()
	if n == nil {
		return fmt.Errorf("%s does not run", name)
	}
	n.cut()
	n.crash()
	<-n.ended // a real crash leaves no goroutine behind
	return nil
}

// Restart starts a killed part again.
func (c *Cloud) Restart(name string) error { return c.start(name) }

// start puts a part together and waits until it is ready.
func (c *Cloud) start(name string) error {
	cfg, err := c.config(name)
	if err != nil {
		return err
	}
	roles := []string{"compute"}
	if name == controller {
		roles = []string{"controller"}
	}
	if roles, err = app.Expand(roles); err != nil {
		return err
	}
	// The context is not the test's: that ends before the cleanups, and the order of ending is part of what is tested.
	ctx, crash := context.WithCancel(context.WithoutCancel(c.t.Context()))
	n := &node{name: name, crash: crash, ended: make(chan struct{})}
	scheme, cut := c.connect()
	n.cut = cut
	o := app.Options{Roles: roles, Version: "test", Log: c.log.logger(name), Now: c.now, Schemes: scheme,
		Database: c.database, Listen: c.listen}
	if d := c.hypervisors[name]; d != nil {
		o.Hypervisor = d
	}
	if n.p, err = app.New(ctx, cfg, o); err != nil {
		crash()
		return err
	}
	if name == controller {
		if err := n.p.Bootstrap(ctx, passwords()); err != nil {
			crash()
			return err
		}
	}
	ready := make(chan struct{})
	go func() { // ends with the node's context
		defer close(n.ended)
		n.err = n.p.Run(ctx, service.Func("ready", func(ctx context.Context, up func()) error {
			up()
			close(ready)
			<-ctx.Done()
			return nil
		}))
	}()
	select {
	case <-ready:
	case <-n.ended:
		crash()
		return fmt.Errorf("%s ended while it started: %w", name, n.err)
	case <-time.After(startWithin):
		crash()
		return fmt.Errorf("%s is not ready after %s", name, startWithin)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes[name] = n
	return nil
}

// stop ends the hosts, then the controller, in order.
func (c *Cloud) stop() {
	c.mu.Lock()
	var order []*node
	for name, n := range c.nodes {
		if name != controller {
			order = append(order, n)
		}
	}
	if n := c.nodes[controller]; n != nil {
		order = append(order, n)
	}
	c.mu.Unlock()
	for _, n := range order {
		n.crash()
		<-n.ended
		if n.err != nil {
			c.t.Errorf("cloudtest: %s did not end well: %v", n.name, n.err)
		}
	}
	for _, d := range c.databases {
		if err := d.Close(); err != nil {
			c.t.Errorf("cloudtest: %v", err)
		}
	}
}
