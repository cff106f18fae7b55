package app

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	keystonestore "hypernova/keystone/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
	"hypernova/oslo/service"
)

// sweep deletes what ended before an instant from all tables, and counts by table.
func (k *tables) sweep(ctx context.Context, d *db.DB, a db.SweepArgs) (map[string]int, error) {
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
	// Tell is called for each table from which rows were deleted.
	Tell func(service, table string, rows int)
}

// Purge deletes what has ended from the databases of all services that the configuration names, while they may run,
// and answers how many rows that were. What was deleted before an error stays deleted and has been told.
func Purge(ctx context.Context, c Config, a PurgeArgs) (total int, err error) {
	c.Database.Sync = false
	p := newProcess(&c, Options{Log: log.From(ctx)})
	defer func() { err = errors.Join(err, p.Close(ctx)) }()
	for _, k := range services() {
		if err := c.mustExist(k.name); err != nil {
			return total, err
		}
	}
	for _, k := range services() {
		d, err := p.databases.ready(ctx, k.name)
		if err != nil {
			return total, err
		}
		s := db.SweepArgs{Before: a.Before, Pause: a.Pause}
		if now := p.databases.clock(ctx, k.name, d)(); s.Before.After(now) {
			s.Before = now
		}
		if a.Most > 0 {
			if s.Most = a.Most - total; s.Most <= 0 {
				return total, nil
			}
		}
		if a.Keep != nil {
			s.Keep = func(gone []db.Gone) error { return a.Keep(k.name, gone) }
		}
		counts, err := k.sweep(ctx, d, s)
		for _, table := range slices.Sorted(maps.Keys(counts)) {
			a.Tell(k.name, table, counts[table])
			total += counts[table]
		}
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// PurgeQuotas deletes the quotas of projects that are gone from compute and networking. Identity is asked after them:
// a project that was made meanwhile is there.
func PurgeQuotas(ctx context.Context, c Config, tell func(service, table string, rows int)) (total int, err error) {
	c.Database.Sync = false
	p := newProcess(&c, Options{Log: log.From(ctx)})
	defer func() { err = errors.Join(err, p.Close(ctx)) }()
	identity, err := p.databases.ready(ctx, "keystone")
	if err != nil {
		return 0, err
	}
	for _, s := range services() {
		if s.quotas == nil {
			continue
		}
		projects, err := s.quotas.projects(ctx, p)
		if err != nil {
			return total, err
		}
		dropped := 0
		for _, project := range projects {
			_, err := keystonestore.Project(ctx, identity, project)
			if err == nil {
				continue
			}
			if !fault.Is(err, fault.NotFound) {
				return total, err
			}
			if err := s.quotas.drop(ctx, p, project); err != nil {
				return total, err
			}
			dropped++
		}
		if total += dropped; dropped > 0 {
			tell(s.name, "quotas", dropped)
		}
	}
	return total, nil
}

// keepTables adds, for each database that this process looks after, the tasks that delete what ended long ago and
// measure the tables.
func (p *Process) keepTables(ctx context.Context) error {
	rows := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "hypernova_table_rows",
		Help: "Rows of a table, sampled every ten minutes; on PostgreSQL as the server estimates them."},
		[]string{"service", "table"})
	bytes := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "hypernova_database_bytes",
		Help: "Size of a service's database, sampled every ten minutes."}, []string{"service"})
	register := sync.OnceFunc(func() { p.metrics.Register(rows); p.metrics.Register(bytes) })
	for _, k := range services() {
		if !p.has(k.keeper) {
			continue
		}
		d, err := p.databases.open(ctx, k.name)
		if err != nil {
			return err
		}
		register()
		upkeep := []service.Periodic{{Name: sizeTask, Spacing: 10 * time.Minute, Fn: func(ctx context.Context) error {
			ts, size, err := d.Tables(ctx)
			for _, t := range ts {
				rows.WithLabelValues(k.name, t.Name).Set(float64(t.Rows))
			}
			if err == nil {
				bytes.WithLabelValues(k.name).Set(float64(size))
			}
			return err
		}}}
		if days := p.c.Database.PurgeAfter; days > 0 {
			now := p.databases.clock(ctx, k.name, d)
			upkeep = append(upkeep, service.Periodic{Name: endTask, Spacing: time.Hour, Fn: func(ctx context.Context) error {
				counts, err := k.sweep(ctx, d, db.SweepArgs{Before: now().AddDate(0, 0, -days), Pause: 50 * time.Millisecond})
				for table, n := range counts {
					log.From(ctx).Info("ended rows deleted", "database", k.name, "table", table, "rows", n, "days", days)
				}
				return err
			}})
		}
		p.upkeep(k.name+"-tables", upkeep...)
	}
	return nil
}
