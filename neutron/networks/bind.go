package networks

import (
	"context"
	"time"

	"hypernova/neutron"
	"hypernova/neutron/ml2"
	"hypernova/neutron/store"
	"hypernova/oslo/fault"
)

// bind asks the mechanisms, in order, to carry a port on its host, and enters their answer into the port. why is empty when one did;
// otherwise the port is marked as one whose binding failed.
func (s *Service) bind(ctx context.Context, w *work, n neutron.Network, p *neutron.Port) (why string, err error) {
	agents, err := store.AgentsOn(ctx, w.Tx, p.Host)
	if err != nil {
		return "", err
	}
	args := ml2.BindArgs{Port: *p, Host: p.Host, Segment: ml2.Segment{Type: n.Type, Physical: n.Physical, ID: n.Segment}}
	for _, a := range agents {
		args.Agents = append(args.Agents, ml2.Agent{Type: a.Type, Alive: Alive(a, s.now(), s.config.ML2.AgentDownTime)})
	}
	why = "no mechanism is configured"
	for _, m := range s.mechs {
		b, ok, reason := m.Bind(ctx, args)
		if !ok {
			why = reason
			continue
		}
		p.VIFType, p.VIFDetails, p.Status = b.VIFType, b.Details, neutron.StatusDown
		if b.Wired {
			p.Status = neutron.StatusActive
			w.event("network-vif-plugged", *p, "completed")
		}
		return "", nil
	}
	p.VIFType, p.VIFDetails, p.Status = neutron.VIFFailed, nil, neutron.StatusDown
	s.log.WarnContext(ctx, "port not bound", "port", p.ID, "host", p.Host, "reason", why)
	return why, nil
}

// unbind frees a port of its host.
func unbind(p *neutron.Port) {
	p.Host, p.VIFType, p.VIFDetails, p.Status = "", neutron.VIFUnbound, nil, neutron.StatusDown
}

func bindingFailed(p neutron.Port, why string) error {
	return fault.Conflictf("Binding failed for port %s on host %s: %s.", p.ID, p.Host, why).Coded("PortBindingFailed")
}

// Alive reports whether an agent has reported within the time that is allowed.
func Alive(a neutron.Agent, now time.Time, down time.Duration) bool {
	return now.Sub(a.Heartbeat) <= down
}
