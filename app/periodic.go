package app

import (
	"slices"
	"strings"

	"hypernova/neutron/agents"
	"hypernova/nova/compute"
	"hypernova/nova/conductor"
	"hypernova/oslo/fault"
	"hypernova/oslo/service"
)

// Periodic tasks that belong to no manager.
const (
	purgeTask = "purge_revocations"
	clockTask = "sync_clock"
	endTask   = "purge_deleted"
	sizeTask  = "measure_tables"
)

// periodicTasks names those of every role, whichever this process has: one configuration may serve them all.
func periodicTasks() []string {
	names := []string{compute.WatchTask, purgeTask, clockTask, endTask, sizeTask}
	for _, m := range []service.Manager{compute.New(compute.Config{}, compute.Deps{}).Manager(), new(conductor.Conductor).Manager(""), new(agents.Agents).Manager("")} {
		for _, t := range m.Periodic {
			names = append(names, t.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// checkTasks refuses names that no task has: a task that shall not run must not run because of a letter.
func (c *Config) checkTasks() error {
	if len(c.Default.DisabledTasks) == 0 {
		return nil
	}
	known := periodicTasks()
	for _, n := range c.Default.DisabledTasks {
		if !slices.Contains(known, n) {
			return fault.Invalidf("[DEFAULT] disabled_periodic_tasks: there is no periodic task %q; there are: %s", n, strings.Join(known, ", "))
		}
	}
	return nil
}
