package app

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"hypernova/app/rest"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// BootstrapIdentity does in the identity database what Process.Bootstrap does, in a process that serves nothing.
func BootstrapIdentity(ctx context.Context, c Config, w Passwords) error {
	for _, need := range []struct{ option, value string }{{"[bootstrap] admin_password", w.Admin},
		{"[bootstrap] demo_password", w.Demo},
		{"[keystone_authtoken] password", w.Service}} {
		if need.value == "" {
			return fault.Invalidf("%s must be set", need.option)
		}
	}
	p := newProcess(&c, Options{Log: log.From(ctx), Sync: true})
	err := p.Bootstrap(ctx, w)
	return errors.Join(err, p.Close(ctx))
}

// FirstContent creates flavors, network and image in a cloud that runs elsewhere.
func (c *Config) FirstContent(ctx context.Context, w Passwords) error {
	admin, err := rest.Login(ctx, http.DefaultClient, c.IdentityURL(), rest.Credentials{User: "admin", Password: w.Admin,
		Project: "admin"})
	if err != nil {
		return err
	}
	return c.SeedCloud(ctx, admin)
}

// IdentityURL is the URL of the identity API that the configuration names, without a version.
func (c *Config) IdentityURL() string {
	if c.Authtoken.AuthURL != "" {
		return strings.TrimSuffix(strings.TrimRight(c.Authtoken.AuthURL, "/"), "/v3")
	}
	return c.endpoint(apiKeystone, nil)
}

// SyncDatabases creates or updates every service's tables, and tells of each.
func SyncDatabases(ctx context.Context, c Config, done func(service string)) error {
	p := newProcess(&c, Options{Log: log.From(ctx), Sync: true})
	defer p.Close(ctx) // what was written was committed
	for _, s := range services() {
		if err := c.create(ctx, s.name); err != nil {
			return err
		}
		if err := s.sync(ctx, p); err != nil {
			return err
		}
		done(s.name)
	}
	return nil
}
