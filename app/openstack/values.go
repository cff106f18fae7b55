package openstack

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"hypernova/nova/scheduler/filters"
	"hypernova/oslo/conf"
)

// list is a value's elements, separated by commas, without brackets around them.
func list(value string) []string {
	var out []string
	for x := range strings.SplitSeq(unbracketed(value), ",") {
		if x = strings.TrimSpace(x); x != "" {
			out = append(out, x)
		}
	}
	return out
}

// unbracketed takes off the brackets that some lists of OpenStack's must have.
func unbracketed(value string) string {
	if v := strings.TrimSpace(value); strings.HasPrefix(v, "[") && strings.HasSuffix(v, "]") {
		return v[1 : len(v)-1]
	}
	return value
}

func firstOf(value string) string {
	if l := list(value); len(l) > 0 {
		return l[0]
	}
	return ""
}

// withoutVersion is an endpoint without a slash and the version of its API at the end.
func withoutVersion(value string) string {
	value = strings.TrimRight(value, "/")
	for _, v := range []string{"/v3", "/v2", "/v2.0", "/v2.1"} {
		value = strings.TrimSuffix(value, v)
	}
	return value
}

func hostPort(host, port string) string { return net.JoinHostPort(strings.Trim(host, "[]"), port) }

func inFolder(dir, file string) string {
	if dir == "" || file == "" || filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(dir, file)
}

// bytes is a size with a unit, such as 10GB, in bytes; 0, which means without a bound there, is -1 here.
func bytes(value string) string {
	v := strings.ToUpper(strings.TrimSpace(value))
	shift := 0
	for i, unit := range []string{"B", "KB", "MB", "GB", "TB"} {
		if n, ok := strings.CutSuffix(v, unit); ok && n != "" && n[len(n)-1] >= '0' && n[len(n)-1] <= '9' {
			v, shift = n, 10*i
			break
		}
	}
	n, err := strconv.ParseInt(v, 10, 64)
	switch {
	case err != nil:
		return value // the option says what is wrong
	case n == 0:
		return "-1"
	}
	return strconv.FormatInt(n<<shift, 10)
}

// lacking are filters of OpenStack's that this cloud does not have, since their subject is not here or placement
// decides it.
func lacking() []string {
	return []string{"AggregateCoreFilter", "AggregateDiskFilter", "AggregateImagePropertiesIsolation",
		"AggregateInstanceExtraSpecsFilter",
		"AggregateIoOpsFilter", "AggregateMultiTenancyIsolation", "AggregateNumInstancesFilter", "AggregateRamFilter",
		"AggregateTypeAffinityFilter", "AllHostsFilter", "AvailabilityZoneFilter", "ComputeCapabilitiesFilter",
		"ComputeFilter", "CoreFilter",
		"DifferentHostFilter", "DiskFilter", "ExactCoreFilter", "ExactDiskFilter", "ExactRamFilter", "ImagePropertiesFilter",
		"IoOpsFilter",
		"IsolatedHostsFilter", "JsonFilter", "MetricsFilter", "NUMATopologyFilter", "NumInstancesFilter",
		"PciPassthroughFilter",
		"RamFilter", "RetryFilter", "SameHostFilter", "ServerGroupAffinityFilter", "ServerGroupAntiAffinityFilter",
		"SimpleCIDRAffinityFilter", "TrustedFilter", "TypeAffinityFilter"}
}

// filtersHere leaves out filters that OpenStack has and this cloud does not.
func filtersHere(_ *Reader, value string, m *conf.Meaning) {
	var here, lacks []string
	known := filters.Known()
	for _, name := range list(value) {
		short := name[strings.LastIndexByte(name, '.')+1:]
		if !slices.Contains(known, short) && slices.Contains(lacking(), short) {
			lacks = append(lacks, short)
			continue
		}
		here = append(here, short)
	}
	if len(lacks) > 0 {
		m.Remark = fmt.Sprintf("this cloud does not have %s, and chooses hosts without", strings.Join(lacks, ", "))
	}
	m.Set = []conf.Set{{Section: "filter_scheduler", Option: "enabled_filters", Value: strings.Join(here, ",")}}
}

// atLeastOne is a number of seconds, where none at all is none to speak of.
func atLeastOne(value string) string {
	if value == "0" {
		return "1"
	}
	return value
}
