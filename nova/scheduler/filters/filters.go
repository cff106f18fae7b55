// Package filters is the rules by which hosts are dropped, one idea a file. A filter may only drop, with a reason a user can read; a request it
// cannot understand it rejects, never skips.
package filters

import (
	"slices"
	"strings"

	"hypernova/nova/scheduler/snapshot"
	"hypernova/oslo/choose"
	"hypernova/oslo/fault"
)

// Filter is one rule.
type Filter = choose.Filter[*snapshot.Request, *snapshot.Host]

// Config is the options of filters.
type Config struct {
	MaxInstancesPerHost int // 0: any number
	MaxIOOpsPerHost     int
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

// Known lists the names.
func Known() []string {
	var names []string
	for n := range table(Config{}) {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// New makes the filters of a scheduler: what the request says of hosts, then the enabled rules in their order, then resources.
// forced is the shorter list for a request that an operator aims at a host.
func New(enabled []string, c Config) (all, forced []Filter, err error) {
	always := []Filter{{Name: "RequestedHost", Make: requested}, {Name: "TriedHosts", Make: tried}}
	resources := Filter{Name: "Resources", Make: resources}
	all, forced = slices.Clone(always), append(slices.Clone(always), resources)
	known := table(c)
	for _, name := range enabled {
		f, ok := known[name]
		if !ok {
			return nil, nil, fault.Invalidf("enabled_filters: no filter is called %q; there are: %s", name, strings.Join(Known(), ", "))
		}
		all = append(all, Filter{Name: name, Make: f})
	}
	return append(all, resources), forced, nil
}
