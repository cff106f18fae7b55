package app

import (
	"context"
	"slices"
	"strings"

	"hypernova/oslo/fault"
)

// The roles a process may have. Each is what OpenStack's operators know by the same name.
const (
	RoleKeystone  = "keystone"
	RolePlacement = "placement-api"
	RoleGlance    = "glance-api"
	RoleNeutron   = "neutron-server"
	RoleConductor = "nova-conductor"
	RoleScheduler = "nova-scheduler"
	RoleNovaAPI   = "nova-api"
	RoleNetAgent  = "neutron-agent"
	RoleCompute   = "nova-compute"
)

// role is a row of the table of roles: construction order is start order.
type role struct {
	name, help string
	groups     []string
	build      func(context.Context, *Process) error
}

func roles() []role {
	controller, computer, network := []string{"controller", "all"}, []string{"compute", "all"}, []string{"network", "compute", "all"}
	return []role{
		{RoleKeystone, "the identity API", controller, buildKeystone},
		{RolePlacement, "the placement API", controller, buildPlacement},
		{RoleGlance, "the image API", controller, buildGlance},
		{RoleNeutron, "the network API", controller, buildNeutron},
		{RoleScheduler, "chooses hosts for servers", controller, buildScheduler},
		{RoleConductor, "works the long jobs of compute", controller, buildConductor},
		{RoleNovaAPI, "the compute API and the metadata service", controller, buildNovaAPI},
		{RoleNetAgent, "wires the ports of its host, answers DHCP and metadata", network, buildNetAgent},
		{RoleCompute, "runs the servers of its host", computer, buildCompute},
	}
}

// Role is a role's name and what it does, for help texts.
type Role struct{ Name, Help string }

// Roles lists the roles, and below them the groups that stand for several.
func Roles() []Role {
	var out []Role
	for _, r := range roles() {
		out = append(out, Role{r.name, r.help})
	}
	return append(out, Role{"controller", "all of the control plane"}, Role{"compute", "nova-compute and neutron-agent"},
		Role{"network", "neutron-agent"}, Role{"all", "everything"})
}

// Expand turns names of roles and groups into roles in start order. An unknown name is fault.Invalid.
func Expand(names []string) ([]string, error) {
	wanted := map[string]bool{}
	for _, n := range names {
		found := false
		for _, r := range roles() {
			if r.name == n || slices.Contains(r.groups, n) {
				wanted[r.name], found = true, true
			}
		}
		if !found {
			var known []string
			for _, r := range Roles() {
				known = append(known, r.Name)
			}
			return nil, fault.Invalidf("there is no role %q; there are: %s", n, strings.Join(known, ", "))
		}
	}
	var out []string
	for _, r := range roles() {
		if wanted[r.name] {
			out = append(out, r.name)
		}
	}
	return out, nil
}
