package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"hypernova/oslo/conf"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// reload reads the configuration again, puts in force what can be while the process runs, and says which changes wait
// for its next start.
func (p *Process) reload(context.Context) (string, error) {
	fresh, err := p.o.Reload()
	if err != nil {
		return "", fmt.Errorf("configuration: %w", err)
	}
	var did, waits []string
	var errs []error
	filters := false
	for _, name := range conf.Changed(p.c, &fresh) {
		switch {
		case name == "DEFAULT.debug" && p.o.Level != nil:
			p.c.Default.Debug = fresh.Default.Debug
			errs = append(errs, log.SetLevel(p.o.Level, p.c.level()))
			did = append(did, "log level "+p.c.level())
		case strings.HasPrefix(name, "filter_scheduler."):
			filters = true
		default:
			waits = append(waits, name)
		}
	}
	if filters {
		what, err := p.reloadFilters(&fresh)
		did, errs = append(did, what), append(errs, err)
	}
	if len(waits) > 0 {
		did = append(did, "not before a restart: "+strings.Join(waits, ", "))
	}
	if did == nil {
		did = []string{"no option has changed"}
	}
	return "configuration: " + strings.Join(did, "; "), errors.Join(errs...)
}

func (p *Process) reloadFilters(fresh *Config) (did string, err error) {
	did = "filters and weighers: the scheduler is in another process"
	if n := p.nova.made; n != nil && n.scheduler != nil {
		if err := n.scheduler.Reload(fresh.Filter); err != nil {
			return "filters and weighers stay as they were", fault.Invalidf("[filter_scheduler] %v", err)
		}
		did = "filters and weighers of the scheduler"
	}
	p.c.Filter = fresh.Filter
	return did, nil
}
