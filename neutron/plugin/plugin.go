// Package plugin is neutron's core plugin: it puts together the operations on all resources over one database.
package plugin

import (
	"log/slog"

	"hypernova/neutron"
	"hypernova/neutron/binding"
	"hypernova/neutron/change"
	"hypernova/neutron/compute"
	"hypernova/neutron/dhcp"
	"hypernova/neutron/floatingips"
	"hypernova/neutron/hoststate"
	"hypernova/neutron/ml2"
	"hypernova/neutron/networks"
	"hypernova/neutron/ports"
	"hypernova/neutron/quota"
	"hypernova/neutron/routers"
	"hypernova/neutron/secgroups"
	"hypernova/neutron/subnets"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/messaging"
)

// Config is the part of the configuration that the operations read.
type Config struct {
	ML2    ml2.Config
	Quotas quota.Config
}

// Deps are what the operations use.
type Deps struct {
	DB         *db.DB           // migrated
	Bus        *messaging.Bus   // nil: agents get no hints and see changes at their next poll
	Now        clock.Now        // nil: the real clock
	Log        *slog.Logger     // nil: no log
	Notifier   neutron.Notifier // nil: nova is not notified and finds changes when it reads
	Types      []ml2.Type
	Mechanisms []ml2.Mechanism // in the order in which they are asked to bind a port
	Rights     ports.Rights    // nil: requests in a user's name are refused
}

// Plugin holds the operations by resource. A resource that others use is made here; one that stands alone is made
// where its API is bound, from Change, Quotas and the resources that it uses. It reacts to their changes by their
// hooks.
type Plugin struct {
	Change   *change.Writer
	States   *hoststate.States
	Quotas   *quota.Quotas
	Networks *networks.Networks
	Subnets  *subnets.Subnets
	Ports    *ports.Ports
	Groups   *secgroups.Groups
	DHCP     *dhcp.DHCP
	Routers  *routers.Routers
	Floating *floatingips.FloatingIPs
	Compute  *compute.API
}

// New makes the plugin.
func New(c Config, d Deps) *Plugin {
	if d.Now == nil {
		d.Now = clock.Real
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	p := &Plugin{States: hoststate.New(d.DB, d.Bus, d.Log), Quotas: quota.New(d.DB, c.Quotas)}
	p.Change = change.New(change.Deps{DB: d.DB, States: p.States, Notifier: d.Notifier, Now: d.Now, Log: d.Log})
	binder := binding.New(binding.Deps{Mechanisms: d.Mechanisms, Down: c.ML2.AgentDownTime, Now: d.Now, Log: d.Log})
	p.Groups = secgroups.New(p.Change, p.Quotas)
	p.DHCP = dhcp.New(p.Change, binder, c.ML2.BaseMAC)
	p.Networks = networks.New(networks.Deps{Change: p.Change, Quotas: p.Quotas, Types: d.Types, Tenant: c.ML2.TenantTypes})
	p.Ports = ports.New(ports.Deps{Change: p.Change, Quotas: p.Quotas, Groups: p.Groups, Binder: binder, DHCP: p.DHCP,
		Rights: d.Rights, BaseMAC: c.ML2.BaseMAC})
	p.Subnets = subnets.New(p.Change, p.Quotas, p.Ports)
	p.Compute = compute.New(p.Ports)
	p.Routers = routers.New(routers.Deps{Change: p.Change, Quotas: p.Quotas, Ports: p.Ports, Down: c.ML2.AgentDownTime})
	p.Ports.Changed.Add(p.DHCP.PortChanged)
	p.Ports.Changed.Add(p.Routers.PortChanged)
	p.Floating = floatingips.New(p.Change, p.Quotas, p.Ports)
	p.Ports.Changed.Add(p.Floating.PortChanged)
	p.Ports.Changed.Add(floatingips.Forwardings{FloatingIPs: p.Floating}.PortChanged)
	p.Ports.Changing.Add(p.Floating.PortChanging)
	p.Ports.Deleting.Add(p.Floating.PortDeleting)
	p.Networks.Deleting.Add(p.Floating.NetworkDeleting)
	p.Ports.Changing.Add(p.Routers.PortChanging)
	p.Ports.Deleting.Add(p.Routers.PortDeleting)
	p.Networks.Changed.Add(p.Routers.NetworkChanged)
	p.Subnets.Changed.Add(p.DHCP.SubnetChanged)
	p.Subnets.Changed.Add(p.Routers.SubnetChanged)
	return p
}
