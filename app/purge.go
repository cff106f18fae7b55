package app

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	glancestore "hypernova/glance/store"
	keystonestore "hypernova/keystone/store"
	neutronstore "hypernova/neutron/store"
	novastore "hypernova/nova/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
	"hypernova/oslo/service"
	"hypernova/oslo/tasks"
	placementstore "hypernova/placement/store"
)

// keeper is a service's database: the rooms that have tables there, how the rows of each end, and the role that looks after it.
type keeper struct {
	service, role string
	rooms         map[string]fs.FS
	ends          []db.End
	lists         []*db.Set
}

func keepers() []keeper {
	return []keeper{
		{"keystone", RoleKeystone, map[string]fs.FS{"keystone": keystonestore.Migrations()}, keystonestore.Ends(), []*db.Set{keystonestore.Statements}},
		{"placement", RolePlacement, map[string]fs.FS{"placement": placementstore.Migrations()}, placementstore.Ends(), []*db.Set{placementstore.Statements}},
		{"glance", RoleGlance, map[string]fs.FS{"glance": glancestore.Migrations()}, glancestore.Ends(), []*db.Set{glancestore.Statements}},
		{"neutron", RoleNeutron, map[string]fs.FS{"neutron": neutronstore.Migrations()}, neutronstore.Ends(), []*db.Set{neutronstore.Stmts}},
		{"nova", RoleConductor, map[string]fs.FS{"nova": novastore.Migrations(), "tasks": tasks.Migrations()},
			slices.Concat(novastore.Ends(), tasks.Ends()), []*db.Set{novastore.Statements(), tasks.Statements()}},
	}
}

// open opens the keeper's database with tables of this release.
func (k *keeper) open(ctx context.Context, p *Process) (*db.DB, error) {
	d, err := p.database(ctx, k.service)
	if err != nil {
		return nil, err
	}
	for room, files := range k.rooms {
		if err := p.migrate(ctx, d, room, files); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// sweep deletes what ended before an instant from all tables, and counts by table.
func (k *keeper) sweep(ctx context.Context, d *db.DB, a db.SweepArgs) (map[string]int, error) {
	counts, total := map[string]int{}, 0
	most := a.Most
	for _, e := range k.ends {
		if e.Sweep == nil {
			continue
		}
		if most > 0 {
			if a.Most = most - total; a.Most <= 0 {
				break
			}
		}
		n, err := d.Sweep(ctx, e.Sweep, a)
		for table, n := range n {
			counts[table] += n
			total += n
		}
		if err != nil {
			return counts, err
		}
	}
	return counts, nil
}

// PurgeArgs are what a purge deletes.
type PurgeArgs struct {
	Before time.Time     // what ended earlier; never later than now
	Most   int           // rows in all; 0: until nothing is left
	Pause  time.Duration // between transactions
	// Keep is given what is about to be deleted, and has it safe when it returns; nil: it is not kept.
	Keep func(service string, gone []db.Gone) error
	// Tell is told of each table from which something was deleted.
	Tell func(service, table string, rows int)
}

// Purge deletes what has ended from the databases of all services that the configuration names, while they may run, and answers how many rows
// that were. What was deleted before an error stays deleted and has been told.
func Purge(ctx context.Context, c Config, a PurgeArgs) (total int, err error) {
	c.Database.Sync = false
	p := newProcess(&c, Options{Log: log.From(ctx)})
	defer func() { err = errors.Join(err, p.Close(ctx)) }()
	for _, k := range keepers() {
		if err := c.mustExist(k.service); err != nil {
			return total, err
		}
	}
	for _, k := range keepers() {
		d, err := k.open(ctx, p)
		if err != nil {
			return total, err
		}
		s := db.SweepArgs{Before: a.Before, Pause: a.Pause}
		if now := p.clockOf(ctx, k.service, d)(); s.Before.After(now) {
			s.Before = now
		}
		if a.Most > 0 {
			if s.Most = a.Most - total; s.Most <= 0 {
				return total, nil
			}
		}
		if a.Keep != nil {
			s.Keep = func(gone []db.Gone) error { return a.Keep(k.service, gone) }
		}
		counts, err := k.sweep(ctx, d, s)
		for _, table := range slices.Sorted(maps.Keys(counts)) {
			a.Tell(k.service, table, counts[table])
			total += counts[table]
		}
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// PurgeQuotas deletes the quotas of projects that are gone from compute and networking. Identity is asked after them: a project that was
// made meanwhile is there.
func PurgeQuotas(ctx context.Context, c Config, tell func(service, table string, rows int)) (total int, err error) {
	c.Database.Sync = false
	p := newProcess(&c, Options{Log: log.From(ctx)})
	defer func() { err = errors.Join(err, p.Close(ctx)) }()
	opened := map[string]*db.DB{}
	for _, k := range keepers() {
		if opened[k.service], err = k.open(ctx, p); err != nil {
			return 0, err
		}
	}
	n, err := p.nova(ctx)
	if err != nil {
		return 0, err
	}
	for _, s := range []struct {
		service string
		list    func() ([]string, error)
		drop    func(project string) error
	}{
		{"neutron", func() ([]string, error) { return neutronstore.QuotaProjects(ctx, opened["neutron"]) },
			func(project string) error {
				_, err := neutronstore.DropLimits(ctx, opened["neutron"], project)
				return err
			}},
		{"nova", func() ([]string, error) { return n.store.QuotaProjects(ctx) },
			func(project string) error { return n.store.DeleteQuotas(ctx, opened["nova"], project, "") }},
	} {
		projects, err := s.list()
		if err != nil {
			return total, err
		}
		dropped := 0
		for _, project := range projects {
			_, err := keystonestore.Project(ctx, opened["keystone"], project)
			if err == nil {
				continue
			}
			if !fault.Is(err, fault.NotFound) {
				return total, err
			}
			if err := s.drop(project); err != nil {
				return total, err
			}
			dropped++
		}
		if total += dropped; dropped > 0 {
			tell(s.service, "quotas", dropped)
		}
	}
	return total, nil
}

// keepTables adds, for each database that this process looks after, the tasks that delete what ended long ago and measure the tables.
func (p *Process) keepTables(ctx context.Context) error {
	rows := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "hypernova_table_rows",
		Help: "Rows of a table, sampled every ten minutes; on PostgreSQL as the server estimates them."}, []string{"service", "table"})
	bytes := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "hypernova_database_bytes",
		Help: "Size of a service's database, sampled every ten minutes."}, []string{"service"})
	register := sync.OnceFunc(func() { p.metrics.Register(rows); p.metrics.Register(bytes) })
	for _, k := range keepers() {
		if !p.has(k.role) {
			continue
		}
		d, err := p.database(ctx, k.service)
		if err != nil {
			return err
		}
		register()
		upkeep := []service.Periodic{{Name: sizeTask, Spacing: 10 * time.Minute, Fn: func(ctx context.Context) error {
			ts, size, err := d.Tables(ctx)
			for _, t := range ts {
				rows.WithLabelValues(k.service, t.Name).Set(float64(t.Rows))
			}
			if err == nil {
				bytes.WithLabelValues(k.service).Set(float64(size))
			}
			return err
		}}}
		if days := p.c.Database.PurgeAfter; days > 0 {
			now := p.clockOf(ctx, k.service, d)
			upkeep = append(upkeep, service.Periodic{Name: endTask, Spacing: time.Hour, Fn: func(ctx context.Context) error {
				counts, err := k.sweep(ctx, d, db.SweepArgs{Before: now().AddDate(0, 0, -days), Pause: 50 * time.Millisecond})
				for table, n := range counts {
					log.From(ctx).Info("ended rows deleted", "database", k.service, "table", table, "rows", n, "days", days)
				}
				return err
			}})
		}
		p.upkeep(k.service+"-tables", upkeep...)
	}
	return nil
}
