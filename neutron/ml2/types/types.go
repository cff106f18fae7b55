// Package types contains the type drivers: local, flat, vlan and vxlan.
package types

import (
	"slices"
	"strconv"
	"strings"

	"hypernova/neutron"
	"hypernova/neutron/ml2"
	"hypernova/oslo/fault"
)

// New makes the types that the configuration names; a bad range or an unknown type is fault.Invalid.
func New(c ml2.Config) ([]ml2.Type, error) {
	var out []ml2.Type
	for _, name := range c.TypeDrivers {
		switch name {
		case neutron.TypeLocal:
			out = append(out, local{mtu: c.GlobalMTU})
		case neutron.TypeFlat:
			out = append(out, flat{networks: c.FlatNetworks, mtu: c.GlobalMTU})
		case neutron.TypeVLAN:
			ranges, physical, err := vlanRanges(c.VLANRanges)
			if err != nil {
				return nil, err
			}
			out = append(out, vlan{ranges: ranges, physical: physical, mtu: c.GlobalMTU})
		case neutron.TypeVXLAN:
			ranges, err := vniRanges(c.VNIRanges)
			if err != nil {
				return nil, err
			}
			path := c.GlobalMTU
			if c.PathMTU > 0 && c.PathMTU < path {
				path = c.PathMTU
			}
			out = append(out, vxlan{ranges: ranges, mtu: path - vxlanOverhead})
		default:
			return nil, fault.Invalidf("no network type is called %q; there are: local, flat, vlan, vxlan", name)
		}
	}
	for _, name := range c.TenantTypes {
		if !slices.ContainsFunc(out, func(t ml2.Type) bool { return t.Name() == name }) {
			return nil, fault.Invalidf("tenant_network_types names %q, which type_drivers does not", name)
		}
	}
	return out, nil
}

// vxlanOverhead is the outer Ethernet, IPv4, UDP and VXLAN headers.
const vxlanOverhead = 50

type local struct{ mtu int }

func (local) Name() string        { return neutron.TypeLocal }
func (local) Ranges() []ml2.Range { return nil }
func (local) Unsegmented() bool   { return true }
func (l local) MTU() int          { return l.mtu }
func (local) Check(s ml2.Segment) error {
	if s.Physical != "" {
		return neutron.BadInput("provider:physical_network specified for local network")
	}
	if s.ID != 0 {
		return neutron.BadInput("provider:segmentation_id specified for local network")
	}
	return nil
}

type flat struct {
	networks []string
	mtu      int
}

func (flat) Name() string        { return neutron.TypeFlat }
func (flat) Ranges() []ml2.Range { return nil }
func (flat) Unsegmented() bool   { return false }
func (f flat) MTU() int          { return f.mtu }
func (f flat) Check(s ml2.Segment) error {
	if s.Physical == "" {
		return neutron.BadInput("physical_network required for flat provider network")
	}
	if s.ID != 0 {
		return neutron.BadInput("provider:segmentation_id specified for flat network")
	}
	if !slices.Contains(f.networks, "*") && !slices.Contains(f.networks, s.Physical) {
		return neutron.BadInput("physical_network '%s' unknown for flat provider network", s.Physical)
	}
	return nil
}

type vlan struct {
	ranges   []ml2.Range
	physical []string
	mtu      int
}

func (vlan) Name() string          { return neutron.TypeVLAN }
func (v vlan) Ranges() []ml2.Range { return v.ranges }
func (vlan) Unsegmented() bool     { return false }
func (v vlan) MTU() int            { return v.mtu }
func (v vlan) Check(s ml2.Segment) error {
	if s.Physical == "" {
		if s.ID != 0 {
			return neutron.BadInput("segmentation_id specified without physical_network for VLAN network")
		}
		return nil
	}
	if !slices.Contains(v.physical, s.Physical) {
		return neutron.BadInput("physical_network '%s' unknown for VLAN provider network", s.Physical)
	}
	if s.ID != 0 && (s.ID < 1 || s.ID > 4094) {
		return neutron.BadInput("segmentation_id out of range (1 through 4094)")
	}
	return nil
}

type vxlan struct {
	ranges []ml2.Range
	mtu    int
}

func (vxlan) Name() string          { return neutron.TypeVXLAN }
func (v vxlan) Ranges() []ml2.Range { return v.ranges }
func (vxlan) Unsegmented() bool     { return false }
func (v vxlan) MTU() int            { return v.mtu }
func (v vxlan) Check(s ml2.Segment) error {
	if s.Physical != "" {
		return neutron.BadInput("provider:physical_network specified for vxlan network")
	}
	if s.ID != 0 && (s.ID < 1 || s.ID > 1<<24-1) {
		return neutron.BadInput("segmentation_id out of range (1 through 16777215)")
	}
	return nil
}

// vlanRanges reads "physnet" and "physnet:first:last".
func vlanRanges(texts []string) (ranges []ml2.Range, physical []string, err error) {
	for _, t := range texts {
		if t == "" {
			continue
		}
		name, rest, ok := strings.Cut(t, ":")
		if !slices.Contains(physical, name) {
			physical = append(physical, name)
		}
		if !ok {
			continue
		}
		r, err := parse(rest, 1, 4094)
		if err != nil {
			return nil, nil, fault.Invalidf("network_vlan_ranges: %q is not physical_network:first:last with VLANs 1 to 4094", t)
		}
		r.Physical = name
		ranges = append(ranges, r)
	}
	return ranges, physical, nil
}

func vniRanges(texts []string) ([]ml2.Range, error) {
	var out []ml2.Range
	for _, t := range texts {
		r, err := parse(t, 1, 1<<24-1)
		if err != nil {
			return nil, fault.Invalidf("vni_ranges: %q is not first:last within 1 to 16777215", t)
		}
		out = append(out, r)
	}
	return out, nil
}

func parse(t string, least, most int64) (ml2.Range, error) {
	a, b, _ := strings.Cut(t, ":")
	first, err1 := strconv.ParseInt(a, 10, 64)
	last, err2 := strconv.ParseInt(b, 10, 64)
	if err1 != nil || err2 != nil || first < least || last > most || last < first {
		return ml2.Range{}, strconv.ErrRange
	}
	return ml2.Range{First: first, Last: last}, nil
}
