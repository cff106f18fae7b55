// Package filters contains the built-in scheduler filters. A filter may only drop, with a reason a user can read; a
// request it cannot understand it rejects, never skips.
package filters

import (
	"maps"
	"slices"
	"strings"

	"hypernova/nova/scheduler/snapshot"
	"hypernova/oslo/choose"
	"hypernova/oslo/fault"
)

// Filter is one rule.
type Filter = choose.Filter[*snapshot.Request, *snapshot.Host]

// Config is the options of filters, which [filter_scheduler] embeds.
type Config struct {
	Enabled             []string `conf:"enabled_filters" default:"AvailabilityZoneFilter,ComputeFilter,ComputeCapabilitiesFilter,ImagePropertiesFilter,SameHostFilter,DifferentHostFilter" help:"Filters that drop hosts, in order."`
	MaxInstancesPerHost int      `conf:"max_instances_per_host" default:"50" min:"1" help:"NumInstancesFilter: most servers of a host."`
	MaxIOOpsPerHost     int      `conf:"max_io_ops_per_host" default:"8" min:"1" help:"IoOpsFilter: most servers of a host being built or rebooted."`
}

// check is what a filter makes for one request; nil lets all pass.
type check = func(*snapshot.Host) choose.Verdict

// table is every rule an operator may enable, by nova's name.
func table(c Config) map[string]func(*snapshot.Request) (check, error) {
	return map[string]func(*snapshot.Request) (check, error){
		"AllHostsFilter":                    func(*snapshot.Request) (check, error) { return nil, nil },
		"AvailabilityZoneFilter":            zone,
		"ComputeFilter":                     compute,
		"ComputeCapabilitiesFilter":         capabilities,
		"ImagePropertiesFilter":             image,
		"AggregateInstanceExtraSpecsFilter": aggregateSpecs,
		"AggregateImagePropertiesIsolation": aggregateImage,
		"AggregateMultiTenancyIsolation":    aggregateProjects,
		"SameHostFilter":                    sameHost,
		"DifferentHostFilter":               differentHost,
		"NumInstancesFilter":                numInstances(c.MaxInstancesPerHost),
		"IoOpsFilter":                       ioOps(c.MaxIOOpsPerHost),
	}
}

// unconditional rules serve every request, whatever is enabled.
func unconditional() []Filter {
	return []Filter{{Name: "RequestedHost", Make: requested}, {Name: "TriedHosts", Make: tried}}
}

// Known lists the names an operator may enable.
func Known() []string { return slices.Sorted(maps.Keys(table(Config{}))) }

// Taken lists every name that stands in explanations.
func Taken() []string {
	names := append(Known(), "Resources")
	for _, f := range unconditional() {
		names = append(names, f.Name)
	}
	return names
}

// New makes the filters of a scheduler: what the request says of hosts, then the enabled rules in their order, then resources.
// forced is the shorter list for a request that an operator aims at a host.
func New(c Config) (all, forced []Filter, err error) {
	always := unconditional()
	resources := Filter{Name: "Resources", Make: resources}
	all, forced = slices.Clone(always), append(slices.Clone(always), resources)
	known := table(c)
	for _, name := range c.Enabled {
		f, ok := known[name]
		if !ok {
			return nil, nil, fault.Invalidf("enabled_filters: no filter is called %q; there are: %s", name, strings.Join(Known(), ", "))
		}
		all = append(all, Filter{Name: name, Make: f})
	}
	return append(all, resources), forced, nil
}
