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

	RoleNoVNCProxy  = "nova-novncproxy"
	RoleSPICEProxy  = "nova-spicehtml5proxy"
	RoleSerialProxy = "nova-serialproxy"
)

// role is a role of a service.
type role struct {
	name, help string
	unit       string   // what its systemd unit calls it
	groups     []string // names that stand for it and others
	build      func(context.Context, *Process) error
}

// roles are those of all services in start order, which is the order of construction: the control plane, then what
// works on hosts.
func roles() []role {
	var plane, hosts []role
	for _, s := range services() {
		for _, r := range s.roles {
			if slices.Contains(r.groups, "controller") {
				plane = append(plane, r)
			} else {
				hosts = append(hosts, r)
			}
		}
	}
	return append(plane, hosts...)
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
