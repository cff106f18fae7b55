package ports

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"hypernova/neutron"
	"hypernova/neutron/change"
	"hypernova/neutron/ipam"
	"hypernova/neutron/store"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

// groupsOf sets a port's security groups: the wanted ones if given, else the default group of its project. Faults:
// SecurityGroupNotFound, PortSecurityAndIPRequiredForSecurityGroups.
func (p *Ports) groupsOf(ctx context.Context, tx *change.Tx, of *neutron.Port, want opt.Of[[]string]) error {
	own := strings.HasPrefix(of.DeviceOwner, neutron.OwnerNetworkPrefix)
	if !want.Has() {
		of.SecurityGroups = nil
		if own || !of.PortSecurity {
			return nil
		}
		id, err := p.Groups.Default(ctx, tx, of.Project)
		of.SecurityGroups = []string{id}
		return err
	}
	of.SecurityGroups = nil
	for _, id := range want.Value {
		g, err := store.Group(ctx, tx, id)
		if err != nil {
			return err
		}
		if g.Project != of.Project {
			return neutron.Missing("SecurityGroup", id)
		}
		if !slices.Contains(of.SecurityGroups, id) {
			of.SecurityGroups = append(of.SecurityGroups, id)
		}
	}
	if len(of.SecurityGroups) > 0 && !of.PortSecurity {
		return fault.Invalidf("Port security must be enabled and port must have an IP address in order to" +
			" use security groups.").Coded("PortSecurityAndIPRequiredForSecurityGroups")
	}
	return nil
}

// pairs checks a port's allowed address pairs and gives those without a MAC address the port's. Faults:
// InvalidInput, AddressPairAndPortSecurityRequired, AllowedAddressPairExhausted, DuplicateAddressPairInRequest.
func pairs(p neutron.Port) ([]neutron.AddressPair, error) {
	if len(p.AddressPairs) > 0 && !p.PortSecurity {
		return nil, fault.Conflictf("Port Security must be enabled in order to have allowed address pairs on a port.").
			Coded("AddressPairAndPortSecurityRequired")
	}
	if len(p.AddressPairs) > 10 {
		return nil, fault.Invalidf("The number of allowed address pair exceeds the maximum 10.").
			Coded("AllowedAddressPairExhausted")
	}
	out := make([]neutron.AddressPair, 0, len(p.AddressPairs))
	for _, a := range p.AddressPairs {
		if a.MAC == "" {
			a.MAC = p.MAC
		}
		mac, err := ipam.ParseMAC(a.MAC)
		if err != nil {
			return nil, neutron.BadInput("%s", err)
		}
		a.MAC = mac
		if ip, err := netip.ParseAddr(a.IP); err == nil && ip.Zone() == "" {
			a.IP = ip.String()
		} else if pre, err := netip.ParsePrefix(a.IP); err == nil {
			a.IP = pre.String()
		} else {
			return nil, neutron.BadInput("'%s' is not a valid IP address or CIDR", a.IP)
		}
		if slices.Contains(out, a) {
			return nil, fault.Invalidf("Request contains duplicate address pair: mac_address %s ip_address %s.", a.MAC, a.IP).
				Coded("DuplicateAddressPairInRequest")
		}
		out = append(out, a)
	}
	return out, nil
}
