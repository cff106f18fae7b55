package app

import (
	"context"
	"log/slog"
	"net/url"
	"path/filepath"
	"strconv"

	"hypernova/glance/backend"
	"hypernova/glance/backend/mem"
	"hypernova/glance/images"
	"hypernova/neutron/ml2"
	"hypernova/neutron/ml2/mech/bridge"
	fakemech "hypernova/neutron/ml2/mech/fake"
	"hypernova/nova/virt"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/db/postgres"
	"hypernova/oslo/db/sqlite"
	"hypernova/oslo/drivers"
	"hypernova/oslo/fault"
	"hypernova/oslo/messaging/nats"
)

// dialects are the SQL engines compiled in.
func dialects() []db.Dialect { return []db.Dialect{sqlite.Dialect(), postgres.Dialect()} }

// hypervisorConfig is what a hypervisor driver may know.
type hypervisorConfig struct {
	*Config
	version string
	log     *slog.Logger
	now     clock.Now
}

// hypervisors are the drivers compiled in, by the name of compute_driver.
func hypervisors() drivers.Registry[hypervisorConfig, virt.Driver] {
	return drivers.Registry[hypervisorConfig, virt.Driver]{
		"fake":    newFake,
		"libvirt": newLibvirt,
	}
}

// imageBackends are the places for image data compiled in, by the types in enabled_backends. That of type http is the
// verbs' own.
func imageBackends() drivers.Registry[*images.StoreOptions, backend.Backend] {
	return drivers.Registry[*images.StoreOptions, backend.Backend]{
		"file": newFileStore,
		"s3":   newS3Store,
		"http": func(*images.StoreOptions) (backend.Backend, error) { return nil, nil },
		"mem":  func(*images.StoreOptions) (backend.Backend, error) { return new(mem.Backend), nil },
	}
}

// mechanisms are the network mechanisms compiled in, by the names of mechanism_drivers.
func mechanisms() drivers.Registry[*Config, ml2.Mechanism] {
	return drivers.Registry[*Config, ml2.Mechanism]{
		"bridge": func(*Config) (ml2.Mechanism, error) { return bridge.Mechanism{}, nil },
		"fake":   func(*Config) (ml2.Mechanism, error) { return &fakemech.Mechanism{}, nil },
	}
}

// embedBus serves the bus of transport_url from this process, with the credentials that stand there.
func (p *Process) embedBus(ctx context.Context) error {
	u, err := url.Parse(p.c.Default.TransportURL)
	if err != nil || u.Scheme != "nats" {
		return fault.Invalidf("[DEFAULT] embed_bus needs a transport_url of the form nats://host:port")
	}
	o := nats.ServeOptions{Host: p.c.Listen.Host, Port: p.c.Listen.portOf(busNATS)}
	if n, err := strconv.Atoi(u.Port()); err == nil {
		o.Port = n
	}
	if u.User != nil {
		o.User = u.User.Username()
		o.Password, _ = u.User.Password()
	}
	_, stop, err := nats.Serve(ctx, o)
	if err != nil {
		return err
	}
	p.closers = append(p.closers, func(context.Context) error { stop(); return nil })
	return nil
}

// fakeDriver reports a hypervisor that runs nothing.
// HypervisorPasses reports that the hypervisor's own user has to pass through the state folder to the disks of servers.
func (c *Config) HypervisorPasses() bool {
	below, err := filepath.Rel(c.Default.StatePath, c.Default.InstancesPath)
	return err == nil && filepath.IsLocal(below) && driverName(c.Default.Driver) == "libvirt"
}

func (c *Config) fakeDriver() bool { return driverName(c.Default.Driver) == "fake" }

// driverName understands OpenStack's names of hypervisor drivers.
func driverName(name string) string {
	switch name {
	case "fake.FakeDriver":
		return "fake"
	case "libvirt.LibvirtDriver":
		return "libvirt"
	}
	return name
}
