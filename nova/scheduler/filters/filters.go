// Package filters contains the built-in scheduler filters, under nova's names. A filter passes a host or drops it with
// a reason for the user. A filter that cannot interpret a request rejects the request.
package filters

import (
	"maps"
	"slices"
	"strings"

	"hypernova/nova"
	"hypernova/nova/scheduler/snapshot"
	"hypernova/oslo/choose"
	"hypernova/oslo/fault"
)

// Filter is a filter of the scheduler.
type Filter = choose.Filter[*snapshot.Request, *snapshot.Host]

// Config has the options of the filters, which are part of the section [filter_scheduler].
type Config struct {
	Enabled             []string `conf:"enabled_filters" default:"AvailabilityZoneFilter,ComputeFilter,ComputeCapabilitiesFilter,ImagePropertiesFilter,SameHostFilter,DifferentHostFilter,ServerGroupAntiAffinityFilter,ServerGroupAffinityFilter" help:"Filters that drop hosts, in order."`
	MaxInstancesPerHost int      `conf:"max_instances_per_host" default:"50" min:"1" help:"NumInstancesFilter: most servers of a host."`
	MaxIOOpsPerHost     int      `conf:"max_io_ops_per_host" default:"8" min:"1" help:"IoOpsFilter: most servers of a host being built or rebooted."`
}

// OfRebuild returns the filters of a request that asks whether a server may stay where it is with another image: those
// that look at images, as with nova, and at the traits that an image requires.
func OfRebuild(all []Filter) []Filter {
	var out []Filter
	for _, f := range all {
		switch f.Name {
		case "RequestedHost", "ImagePropertiesFilter", "AggregateImagePropertiesIsolation":
			out = append(out, f)
		}
	}
	return append(out, Filter{Name: "Traits", Make: traits})
}

// check tests a host for one request. A nil check passes every host.
type check = func(*snapshot.Host) choose.Verdict

// table has every filter that enabled_filters may name.
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
		"ServerGroupAffinityFilter":         group(nova.Affinity),
		"ServerGroupAntiAffinityFilter":     group(nova.AntiAffinity),
		"NumInstancesFilter":                numInstances(c.MaxInstancesPerHost),
		"IoOpsFilter":                       ioOps(c.MaxIOOpsPerHost),
	}
}

// unconditional returns the filters that are always enabled.
func unconditional() []Filter {
	return []Filter{{Name: "RequestedHost", Make: requested}, {Name: "TriedHosts", Make: tried}}
}

// Known returns the names that enabled_filters may have.
func Known() []string { return slices.Sorted(maps.Keys(table(Config{}))) }

// Taken returns the names of all built-in filters. Expressions cannot use them.
func Taken() []string {
	names := append(Known(), "Resources", "Traits")
	for _, f := range unconditional() {
		names = append(names, f.Name)
	}
	return names
}

// New makes the filters of a scheduler: the unconditional ones, the enabled ones in their order, then resources. forced
// is the list for requests in which an administrator names the host: only unconditional filters and resources. It
// returns fault.Invalid for an unknown name.
func New(c Config) (all, forced []Filter, err error) {
	always := unconditional()
	resources := Filter{Name: "Resources", Make: resources}
	all, forced = slices.Clone(always), append(slices.Clone(always), resources)
	known := table(c)
	for _, name := range c.Enabled {
		f, ok := known[name]
		if !ok {
			return nil, nil, fault.Invalidf("enabled_filters: no filter is called %q; there are: %s", name,
				strings.Join(Known(), ", "))
		}
		all = append(all, Filter{Name: name, Make: f})
	}
	return append(all, resources), forced, nil
}
