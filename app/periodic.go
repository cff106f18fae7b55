package app

import (
	"slices"
	"strings"

	"hypernova/oslo/fault"
)

// Periodic tasks that belong to no manager.
const (
	purgeTask = "purge_revocations"
	clockTask = "sync_clock"
	endTask   = "purge_deleted"
	sizeTask  = "measure_tables"
)

// periodicTasks are the names of the tasks of all services, whichever roles this process has: one configuration may
// serve them all.
func periodicTasks() []string {
	names := []string{purgeTask, clockTask, endTask, sizeTask}
	for _, s := range services() {
		if s.periodic == nil {
			continue
		}
		for _, t := range s.periodic() {
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
			return fault.Invalidf("[DEFAULT] disabled_periodic_tasks: there is no periodic task %q; there are: %s", n,
				strings.Join(known, ", "))
		}
	}
	return nil
}
