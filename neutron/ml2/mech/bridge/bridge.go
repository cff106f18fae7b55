// Package bridge is the mechanism driver of the agent in this program: a Linux bridge per network, VXLAN between hosts.
package bridge

import (
	"context"
	"slices"

	"hypernova/neutron"
	"hypernova/neutron/ml2"
)

// AgentType is the type of the agent that realises these bindings.
const AgentType = "Linux bridge agent"

// Mechanism binds ports to taps on bridges; the zero value is ready.
type Mechanism struct{}

// Name is the driver's name in the configuration.
func (Mechanism) Name() string { return "bridge" }

// Bind accepts ports with vnic_type normal, on hosts whose agent is alive, of every type of network.
func (Mechanism) Bind(_ context.Context, a ml2.BindArgs) (ml2.Binding, bool, string) {
	if a.Port.VNICType != "normal" && a.Port.VNICType != "" {
		return ml2.Binding{}, false, "a bridge carries ports with vnic_type normal only"
	}
	alive := slices.ContainsFunc(a.Agents, func(g ml2.Agent) bool { return g.Type == AgentType && g.Alive })
	if !alive {
		return ml2.Binding{}, false, "host " + a.Host + " has no " + AgentType + " that is alive"
	}
	switch a.Segment.Type {
	case neutron.TypeLocal, neutron.TypeFlat, neutron.TypeVLAN, neutron.TypeVXLAN:
		return ml2.Binding{VIFType: "tap", Details: map[string]string{"port_filter": "true", "connectivity": "l2"}}, true, ""
	}
	return ml2.Binding{}, false, "a bridge cannot carry networks of type " + a.Segment.Type
}
