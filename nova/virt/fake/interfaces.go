package fake

import (
	"context"
	"slices"

	"hypernova/nova"
	"hypernova/oslo/fault"
)

// AttachInterface adds the NIC to the record.
func (x guests) AttachInterface(ctx context.Context, s *nova.Spec, n *nova.NIC) error {
	return x.d.do(ctx, "attach-interface", s.ID, s.Name, func(plan) error {
		return x.d.altered(s.ID, func(r *record) error {
			if !slices.Contains(r.NICs, n.ID) {
				r.NICs = append(slices.Clone(r.NICs), n.ID)
			}
			return nil
		})
	})
}

// DetachInterface removes the NIC from the record; the pretended guest always obeys.
func (x guests) DetachInterface(ctx context.Context, s *nova.Spec, n *nova.NIC) error {
	err := x.d.do(ctx, "detach-interface", s.ID, s.Name, func(plan) error {
		return x.d.altered(s.ID, func(r *record) error {
			r.NICs = slices.DeleteFunc(slices.Clone(r.NICs), func(id string) bool { return id == n.ID })
			return nil
		})
	})
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// NICs lists the ids of the NICs that the pretended hypervisor has given to a server.
func (x guests) NICs(id string) []string {
	x.d.mu.Lock()
	defer x.d.mu.Unlock()
	r, err := x.d.find(id)
	if err != nil {
		return nil
	}
	return slices.Clone(r.NICs)
}

// nicsOf lists the ids of NICs.
func nicsOf(ports []nova.NIC) []string {
	var out []string
	for _, n := range ports {
		out = append(out, n.ID)
	}
	return out
}
