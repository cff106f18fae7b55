package cloudtest

import (
	"context"
	"path/filepath"

	"hypernova/app"
	"hypernova/cloudtest/scenario"
	"hypernova/oslo/messaging"
)

// passwords are those of the users that every cloud has.
func passwords() app.Passwords {
	return app.Passwords{Admin: scenario.Password, Demo: scenario.Password, Service: scenario.Password}
}

// config is a part's configuration: quick where a real cloud is careful.
func (c *Cloud) config(name string) (app.Config, error) {
	sets := []string{
		"DEFAULT.host=" + name, "DEFAULT.my_ip=127.0.0.1", "DEFAULT.state_path=" + filepath.Join(c.dir, name),
		"DEFAULT.compute_driver=fake", "DEFAULT.graceful_shutdown_timeout=5", "DEFAULT.report_interval=1",
		"DEFAULT.service_down_time=5",
		"ml2.mechanism_drivers=fake",
		"identity.password_hash_rounds=4", "keystone_authtoken.password=" + passwords().Service,
	}
	if name != controller {
		sets = append(sets, app.EndpointSettings(c.Endpoint)...)
	}
	var cfg app.Config
	return cfg, app.Load(&cfg, nil, nil, append(sets, c.o.sets...))
}

// connect is a way onto the cloud's bus, and the means to cut it.
func (c *Cloud) connect() ([]messaging.Scheme, func()) {
	t := c.broker.Connect()
	if c.o.through != nil {
		t = c.o.through(t)
	}
	return []messaging.Scheme{{Name: "inproc", Open: func(context.Context, string) (messaging.Transport,
			error) {
			return t, nil
		}}},
		func() { _ = t.Close(context.WithoutCancel(c.t.Context())) } // a connection that is cut cannot complain
}

// Bus is a connection to the cloud's bus for a test that speaks to the services as a host's agent does. The test
// closes it.
func (c *Cloud) Bus() (*messaging.Bus, error) {
	return messaging.New(c.t.Context(), c.broker.Connect())
}
