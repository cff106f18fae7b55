package app

import (
	"context"
	"net/url"
	"strconv"

	"hypernova/oslo/db"
	"hypernova/oslo/db/sqlite"
	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
	"hypernova/oslo/messaging/inproc"
	"hypernova/oslo/messaging/nats"
)

// schemes are the message buses compiled in.
func schemes() []messaging.Scheme { return []messaging.Scheme{inproc.Scheme, nats.Scheme} }

// dialects are the SQL engines compiled in.
func dialects() []db.Dialect { return []db.Dialect{sqlite.Dialect()} }

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
func (c *Config) fakeDriver() bool { return driverName(c.Default.ComputeDriver) == "fake" }

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
