package app

import (
	"context"
	"time"

	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/log"
	"hypernova/oslo/service"
)

// clocks are looked at so often: between looks a machine's clock runs wrong by less than anybody here can notice.
const clockSync = 30 * time.Second

// clock is the clock for instants that several hosts write into a database and compare: heartbeats, leases. It is the
// database server's own, so that a host whose clock is wrong neither seems dead nor lives too long.
func (x *databases) clock(ctx context.Context, name string, d *db.DB) clock.Now {
	p := x.p
	if p.o.Now != nil {
		return p.now // a test moves it
	}
	if c := x.clocks[name]; c != nil {
		return c.Now
	}
	c := d.Clock(p.now)
	x.clocks[name] = c
	sync := func(ctx context.Context) error {
		ahead, err := c.Sync(ctx)
		if err == nil && ahead.Abs() > 2*time.Second {
			log.From(ctx).Warn("this host's clock differs from the database's, which is used instead; run an NTP client",
				"database", name, "ahead", ahead.String())
		}
		return err
	}
	if err := sync(ctx); err != nil {
		log.From(ctx).Warn("the database's clock cannot be read; this host's is used until it can", "database", name,
			log.Err, err.Error())
	}
	if d.Dialect().Caps().Now != "" {
		p.upkeep(name+"-clock", service.Periodic{Name: clockTask, Spacing: clockSync, Fn: sync})
	}
	return c.Now
}
