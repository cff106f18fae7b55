package ml2

import (
	"time"

	"hypernova/oslo/conf"
)

// Shared are the options of networking that OpenStack has in section [DEFAULT].
type Shared struct {
	BaseMAC   string        `conf:"base_mac" default:"fa:16:3e:00:00:00" help:"The first three (or four) bytes of the addresses that ports are given."`
	DNSDomain string        `conf:"dns_domain" default:"openstacklocal" help:"The domain of guests' names."`
	GlobalMTU int           `conf:"global_physnet_mtu" default:"1500" min:"576" max:"65535" help:"The largest packet of the physical networks; overlay networks get what is left of it."`
	Lease     time.Duration `conf:"dhcp_lease_duration" default:"86400" min:"60" help:"How long a guest keeps its address before it asks again."`
	MaxLimit  int           `conf:"pagination_max_limit" default:"-1" min:"-1" help:"The most items of one answer of the network API; -1 is unlimited."`
	AgentDown time.Duration `conf:"agent_down_time" default:"75" min:"0.1" help:"A network agent not heard of for this long is down."`
}

// Drivers are section [ml2].
type Drivers struct {
	Types       []string `conf:"type_drivers" default:"local,flat,vlan,vxlan" help:"The types of networks that may be made."`
	TenantTypes []string `conf:"tenant_network_types" default:"vxlan" help:"The types that a project's network may get, in order of preference."`
	Mechanisms  []string `conf:"mechanism_drivers" default:"bridge" help:"The drivers that realise networks, in order: bridge for real ones, fake for ports that are wired at once."`
	PathMTU     int      `conf:"path_mtu" default:"0" min:"0" help:"The largest packet of the network between hosts; 0 is global_physnet_mtu."`
}

// VXLAN is section [ml2_type_vxlan].
type VXLAN struct {
	Ranges []string `conf:"vni_ranges" default:"1:16777215" help:"Identifiers for overlay networks, min:max."`
}

// VLAN is section [ml2_type_vlan].
type VLAN struct {
	Ranges []string `conf:"network_vlan_ranges" help:"Physical networks, and the VLANs that projects' networks may get there: name or name:min:max."`
}

// Flat is section [ml2_type_flat].
type Flat struct {
	Networks []string `conf:"flat_networks" default:"*" help:"Physical networks that flat networks may be on; * is any."`
}

// NewConfig gathers what OpenStack spreads over several sections.
func NewConfig(s Shared, d Drivers, x VXLAN, v VLAN, f Flat) Config {
	return Config{TypeDrivers: d.Types, TenantTypes: d.TenantTypes, Mechanisms: d.Mechanisms, FlatNetworks: f.Networks,
		VLANRanges: v.Ranges, VNIRanges: x.Ranges, PathMTU: d.PathMTU, GlobalMTU: s.GlobalMTU, AgentDownTime: s.AgentDown,
		PaginationMaxLimit: s.MaxLimit, BaseMAC: s.BaseMAC}
}

// Defaults is a configuration of the declared defaults.
func Defaults() Config {
	return NewConfig(conf.Defaults[Shared](), conf.Defaults[Drivers](), conf.Defaults[VXLAN](), conf.Defaults[VLAN](),
		conf.Defaults[Flat]())
}
