package compute

import (
	"context"

	"hypernova/nova/rpcapi"
	"hypernova/nova/virt"
	"hypernova/oslo/messaging"
)

// plugInterface attaches a NIC to a server, or detaches one from it.
func (m guests) plugInterface(ctx context.Context, a rpcapi.InterfaceArgs) (messaging.None, error) {
	d, err := capability[virt.InterfacePlugger](m.Driver)
	if err != nil {
		return messaging.None{}, err
	}
	op := "attach-interface "
	if a.Detach {
		op = "detach-interface "
	}
	return messaging.None{}, m.run(ctx, a.Spec.ID, op+a.NIC.ID, func(ctx context.Context) error {
		if a.Detach {
			return d.DetachInterface(ctx, &a.Spec, &a.NIC)
		}
		if err := m.wanted(ctx, a.Spec.ID); err != nil {
			return err
		}
		return d.AttachInterface(ctx, &a.Spec, &a.NIC)
	})
}
