package app

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
	"hypernova/oslo/private"
)

// databases are those of the services that this process has roles or commands of.
type databases struct {
	p      *Process
	have   map[string]*db.DB
	clocks map[string]*db.Clock
}

func newDatabases(p *Process) *databases {
	return &databases{p: p, have: map[string]*db.DB{}, clocks: map[string]*db.Clock{}}
}

// open opens a service's database once. It waits for a server that is away as [database] max_retries says.
func (d *databases) open(ctx context.Context, name string) (*db.DB, error) {
	if have := d.have[name]; have != nil {
		return have, nil
	}
	p := d.p
	if p.o.Database != nil {
		made, err := p.o.Database(ctx, name)
		d.have[name] = made
		return made, err
	}
	made, err := p.c.open(ctx, name, len(p.o.Roles) > 0)
	if err != nil {
		return nil, err
	}
	d.have[name] = made
	p.closers = append(p.closers, func(context.Context) error { return made.Close() })
	return made, nil
}

// ready is open, with tables of this release: they are brought up to date where the process may, and else must be new
// enough.
func (d *databases) ready(ctx context.Context, name string) (*db.DB, error) {
	have, err := d.open(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, m := range serviceOf(name).migrations {
		if d.p.c.Database.Sync || d.p.o.Sync {
			err = have.Migrate(ctx, m.owner, m.files)
		} else {
			err = have.CheckSchema(ctx, m.owner, m.files)
		}
		if err != nil {
			return nil, err
		}
	}
	return have, nil
}

// open opens a service's database. The folder of an embedded one is made where it is missing. A process that serves
// waits also for one that refuses it: the operator who reads the log has the cure.
func (c *Config) open(ctx context.Context, service string, serves bool) (*db.DB, error) {
	address := forService(c.Database.Connection, service)
	if path, ok := strings.CutPrefix(address, "sqlite:///"); ok {
		path, _, _ = strings.Cut(path, "?")
		if dir := filepath.Dir(path); path != ":memory:" {
			if err := private.Missing(dir); err != nil {
				return nil, ofDatabase(service, unwritable(dir, err))
			}
		}
	}
	d, err := db.OpenWaiting(ctx, address, db.Patience{Tries: c.Database.Retries, Pause: c.Database.RetryInterval,
		Refused: serves}, dialects()...)
	return d, ofDatabase(service, err)
}

// create makes a service's database where its server wants that before it is opened, and the role may.
func (c *Config) create(ctx context.Context, service string) error {
	made, err := db.Create(ctx, forService(c.Database.Connection, service), dialects()...)
	if made {
		log.From(ctx).Info("database created", "service", service)
	}
	var away *db.Away
	if errors.As(err, &away) && !away.Refused {
		return nil // opening it waits for the server
	}
	return ofDatabase(service, err)
}

// ofDatabase says whose database an error is about.
func ofDatabase(service string, err error) error {
	if err == nil {
		return nil
	}
	return fault.New(fault.KindOf(err), "[database] connection: the database of %s: %s", service,
		fault.Message(err)).Because(cause(err))
}

// cause is what is behind a fault whose text has been told already.
func cause(err error) error {
	if f := fault.Of(err); f != nil {
		return f.Err
	}
	return err
}

// OpenDatabase opens the database of a URL with the engines compiled in.
func OpenDatabase(ctx context.Context, url string) (*db.DB, error) {
	return db.Open(ctx, url, dialects()...)
}
