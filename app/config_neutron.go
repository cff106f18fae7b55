package app

import (
	"net/netip"
	"time"
)

// NeutronQuotas is [QUOTAS].
type NeutronQuotas struct {
	Network   int64 `conf:"quota_network" default:"100" min:"-1" help:"Networks."`
	Subnet    int64 `conf:"quota_subnet" default:"100" min:"-1" help:"Subnets."`
	Port      int64 `conf:"quota_port" default:"500" min:"-1" help:"Ports."`
	Group     int64 `conf:"quota_security_group" default:"10" min:"-1" help:"Security groups."`
	GroupRule int64 `conf:"quota_security_group_rule" default:"100" min:"-1" help:"Rules of security groups."`
}

// ML2 is [ml2].
type ML2 struct {
	TenantTypes []string `conf:"tenant_network_types" default:"vxlan" help:"The types that a project's network may get, in order of preference."`
	Mechanisms  []string `conf:"mechanism_drivers" default:"bridge" help:"The drivers that realise networks, in order: bridge for real ones, fake for ports that are wired at once."`
}

// VXLAN is [ml2_type_vxlan].
type VXLAN struct {
	Ranges []string `conf:"vni_ranges" default:"1:65535" help:"Identifiers for overlay networks, min:max."`
}

// VLAN is [ml2_type_vlan].
type VLAN struct {
	Ranges []string `conf:"network_vlan_ranges" help:"Physical networks, and the VLANs that projects' networks may get there: name or name:min:max."`
}

// Flat is [ml2_type_flat].
type Flat struct {
	Networks []string `conf:"flat_networks" default:"*" help:"Physical networks that flat networks may be on; * is any."`
}

// NetAgent is [AGENT].
type NetAgent struct {
	Poll     time.Duration     `conf:"polling_interval" default:"5" min:"0.05" max:"3600" help:"How often the agent asks for its host's state without having been told of a change."`
	LocalIP  netip.Addr        `conf:"local_ip" help:"This host's end of overlay tunnels; empty for my_ip."`
	Mappings map[string]string `conf:"physical_interface_mappings" help:"The host's interface of each physical network, name:interface."`
}
