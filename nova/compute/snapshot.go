package compute

import (
	"context"
	"time"

	"hypernova/glance"
	"hypernova/nova/rpcapi"
	"hypernova/nova/virt"
	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
)

// snapshot does one step of a snapshot. Operations on the server wait while its disk is copied, not while the copy is
// uploaded.
func (m disks) snapshot(ctx context.Context, a rpcapi.SnapshotArgs) (messaging.None, error) {
	d, err := capability[virt.Snapshotter](m.Driver)
	if err != nil {
		return messaging.None{}, err
	}
	switch a.Step {
	case rpcapi.StepTake:
		return messaging.None{}, m.run(ctx, a.Spec.ID, "snapshot", func(ctx context.Context) error {
			if err := m.roomy(ctx); err != nil {
				return err
			}
			return d.TakeSnapshot(ctx, &a.Spec, a.Image, a.Format)
		})
	case rpcapi.StepUpload:
		return messaging.None{}, m.upload(ctx, d, &a)
	case rpcapi.StepDrop:
		return messaging.None{}, m.run(ctx, a.Spec.ID, "snapshot drop", func(ctx context.Context) error {
			return d.DropSnapshot(ctx, a.Spec.ID, a.Image)
		})
	}
	return messaging.None{}, fault.Invalidf("A snapshot has no step %q.", a.Step)
}

// upload sends the copy to the image service in the name of the user in ctx. An image that is active has been sent by
// an earlier call. One that is being written is waited for: an earlier call still sends it, or has just ended.
func (m disks) upload(ctx context.Context, d virt.Snapshotter, a *rpcapi.SnapshotArgs) error {
	for {
		i, err := m.Store.Image(ctx, a.Image)
		if err != nil {
			return err
		}
		if i.Status == glance.Active {
			return nil
		}
		if i.Status != glance.Saving {
			break
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Second):
		}
	}
	data, size, err := d.OpenSnapshot(ctx, a.Spec.ID, a.Image)
	if err != nil {
		return err
	}
	defer data.Close()
	return m.Store.Upload(ctx, a.Image, data, size)
}
