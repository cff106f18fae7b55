package compute

import (
	"context"

	"hypernova/nova/rpcapi"
	"hypernova/nova/virt"
	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
)

// disks gives servers other disks, and guests talks to guests.
type (
	disks  struct{ *Manager }
	guests struct{ *Manager }
)

// rebuild does one step of a rebuild and answers what the hypervisor says then.
func (m disks) rebuild(ctx context.Context, a rpcapi.RebuildArgs) (rpcapi.PowerReply, error) {
	err := m.run(ctx, a.Spec.ID, "rebuild "+a.Step, func(ctx context.Context) error {
		d, err := capability[virt.Rebuilder](m.Driver)
		if err != nil {
			return err
		}
		switch a.Step {
		case rpcapi.StepPrepare:
			return m.fetching(ctx, a.Spec.ID, func() error {
				return d.PrepareRebuild(ctx, &a.Spec, m.Images, a.KeepEphemeral)
			})
		case rpcapi.StepSwitch:
			return d.Rebuild(ctx, &a.Spec, a.Boot)
		case rpcapi.StepUndo:
			return d.UndoRebuild(ctx, &a.Spec, a.Boot)
		case rpcapi.StepFinish:
			return d.FinishRebuild(ctx, a.Spec.ID)
		}
		return fault.Invalidf("A rebuild has no step %q.", a.Step)
	})
	return m.powerOf(ctx, a.Spec.ID, err)
}

// rescue does one step of a rescue and answers what the hypervisor says then.
func (m disks) rescue(ctx context.Context, a rpcapi.RescueArgs) (rpcapi.PowerReply, error) {
	err := m.run(ctx, a.Spec.ID, "rescue "+a.Step, func(ctx context.Context) error {
		d, err := capability[virt.Rescuer](m.Driver)
		if err != nil {
			return err
		}
		switch a.Step {
		case rpcapi.StepPrepare:
			return m.fetching(ctx, a.Spec.ID, func() error {
				return d.PrepareRescue(ctx, &a.Spec, &a.Image, m.Images)
			})
		case rpcapi.StepSwitch:
			return d.Rescue(ctx, &a.Spec, &a.Image, a.Grace)
		case rpcapi.StepUndo:
			return d.Unrescue(ctx, &a.Spec, a.Boot)
		}
		return fault.Invalidf("A rescue has no step %q.", a.Step)
	})
	return m.powerOf(ctx, a.Spec.ID, err)
}

// fetching makes disks for a server that is here, under the same conditions as Prepare.
func (m disks) fetching(ctx context.Context, id string, do func() error) error {
	if err := m.wanted(ctx, id); err != nil {
		return err
	}
	if err := m.roomy(ctx); err != nil {
		return err
	}
	return m.inSlot(ctx, do)
}

// setPassword sets the administrator's password in a guest.
func (m guests) setPassword(ctx context.Context, a rpcapi.PasswordArgs) (messaging.None, error) {
	d, err := capability[virt.PasswordSetter](m.Driver)
	if err != nil {
		return messaging.None{}, err
	}
	return messaging.None{}, m.locks.Do(ctx, a.Spec.ID, func() error { return d.SetPassword(ctx, &a.Spec, a.Password) })
}

// diagnose measures a guest; it does not wait for operations.
func (m guests) diagnose(ctx context.Context, a rpcapi.SpecArgs) (rpcapi.DiagnosticsReply, error) {
	d, err := capability[virt.Diagnoser](m.Driver)
	if err != nil {
		return rpcapi.DiagnosticsReply{}, err
	}
	i, err := m.Driver.Info(ctx, a.Spec.ID)
	if err != nil {
		return rpcapi.DiagnosticsReply{}, err
	}
	figures, err := d.Diagnose(ctx, &a.Spec)
	return rpcapi.DiagnosticsReply{Power: i.Power, Diagnostics: figures}, err
}
