// Package fake is a mechanism driver that binds every port at once and needs no agent, for the fake hypervisor driver
// and tests. It refuses the hosts that are configured.
package fake

import (
	"context"
	"slices"

	"hypernova/neutron/ml2"
)

// Mechanism is the fake; its zero value carries everything.
type Mechanism struct {
	Refuse []string // hosts that cannot carry a port
}

// Name is the driver's name in the configuration.
func (*Mechanism) Name() string { return "fake" }

// Bind answers at once.
func (m *Mechanism) Bind(_ context.Context, a ml2.BindArgs) (ml2.Binding, bool, string) {
	if slices.Contains(m.Refuse, a.Host) {
		return ml2.Binding{}, false, "the fake was told to refuse host " + a.Host
	}
	return ml2.Binding{VIFType: "fake", Wired: true}, true, ""
}
