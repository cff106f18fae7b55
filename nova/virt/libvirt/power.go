package libvirt

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	wire "github.com/digitalocean/go-libvirt"

	"hypernova/nova"
	"hypernova/nova/virt/libvirt/domain"
	"hypernova/oslo/fault"
)

// Spawn starts a prepared server for the first time. It does nothing if the server has been started; it waits for a
// start that an earlier call began.
func (d *Driver) Spawn(ctx context.Context, s *nova.Spec) error {
	g, err := d.domains.stable(ctx, s.ID)
	if err == nil && g.started() {
		return nil
	}
	return d.bootFrom(ctx, s, g, err)
}

// Start defines the domain anew and starts it. It does nothing if the guest runs; fault.Conflict if it is paused.
func (d *Driver) Start(ctx context.Context, s *nova.Spec) error {
	g, err := d.domains.stable(ctx, s.ID)
	switch {
	case err == nil && g.phase == paused:
		return fault.Conflictf("Server %s is %s.", s.ID, g.why)
	case err == nil && g.started():
		return nil
	}
	return d.bootFrom(ctx, s, g, err)
}

// bootFrom boots a server whose state was just read as g and err. It first destroys a domain whose guest has crashed.
// err may be fault.NotFound: there is no domain yet.
func (d *Driver) bootFrom(ctx context.Context, s *nova.Spec, g guest, err error) error {
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if err == nil && g.alive() {
		if err := d.domains.destroy(ctx, s.ID); err != nil {
			return err
		}
	}
	return d.boot(ctx, s)
}

// Stop presses the power button until the guest is off, and destroys the domain when grace is over. A server that does
// not run is no error.
func (d *Driver) Stop(ctx context.Context, id string, grace time.Duration) error {
	deadline := time.Now().Add(grace)
	g, err := d.domains.state(ctx, id)
	if err == nil && g.phase == passing && grace > 0 {
		g, _, err = d.domains.stableWithin(ctx, id, grace)
	}
	if fault.Is(err, fault.NotFound) {
		if has, err := d.folders.has(id); err != nil || !has {
			return errors.Join(err, unknown(id))
		}
		return nil // prepared, not started
	}
	if err != nil || !g.alive() {
		return err
	}
	if left := time.Until(deadline); g.phase == running && left > 0 {
		off, err := d.domains.shutdown(ctx, id, left)
		if err != nil || off {
			return err
		}
	}
	return d.domains.destroy(ctx, id)
}

// Reboot stops the server and starts it. A soft reboot lets the guest shut down first, for at most grace.
func (d *Driver) Reboot(ctx context.Context, s *nova.Spec, soft bool, grace time.Duration) error {
	if !soft {
		grace = 0
	}
	if err := d.Stop(ctx, s.ID, grace); err != nil {
		return err
	}
	return d.boot(ctx, s)
}

// Pause stops the vCPUs. It does nothing if they are stopped; fault.Conflict if the server does not run.
func (d *Driver) Pause(ctx context.Context, id string) error {
	return d.whileStarted(ctx, id, func(lv *wire.Libvirt, dom wire.Domain, g guest) error {
		if g.phase == paused {
			return nil
		}
		return lv.DomainSuspend(dom)
	})
}

// Unpause resumes the vCPUs. It does nothing if they run; fault.Conflict if the server does not run.
func (d *Driver) Unpause(ctx context.Context, id string) error {
	return d.whileStarted(ctx, id, func(lv *wire.Libvirt, dom wire.Domain, g guest) error {
		if g.phase != paused {
			return nil
		}
		return lv.DomainResume(dom)
	})
}

// whileStarted calls f with the domain of a server whose guest has been started.
func (d *Driver) whileStarted(ctx context.Context, id string, f func(*wire.Libvirt, wire.Domain, guest) error) error {
	g, err := d.domains.stable(ctx, id)
	switch {
	case err != nil:
		return d.notRunning(id, err)
	case !g.started():
		return fault.Conflictf("Server %s does not run: it is %s.", id, g.why)
	}
	return d.domains.do(ctx, id, func(lv *wire.Libvirt, dom wire.Domain) error { return f(lv, dom, g) })
}

// notRunning returns the error of an operation that needs a running guest, where reading its state failed with err.
func (d *Driver) notRunning(id string, err error) error {
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	if has, herr := d.folders.has(id); herr != nil || !has {
		return errors.Join(herr, unknown(id))
	}
	return fault.Conflictf("Server %s does not run.", id)
}

// Destroy removes the domain and then the folder. While the folder exists the server is listed and can be destroyed
// again. If the instances path was changed, only the domain knows the folder: then the folder is removed before the
// domain.
func (d *Driver) Destroy(ctx context.Context, id string) error {
	other, err := d.elsewhere(ctx, id)
	if err != nil {
		return err
	}
	if err := d.domains.destroy(ctx, id); err != nil {
		return err
	}
	if other != "" {
		if err := os.RemoveAll(other); err != nil {
			return err
		}
	}
	err = d.domains.do(ctx, id, func(lv *wire.Libvirt, dom wire.Domain) error {
		return lv.DomainUndefineFlags(dom, wire.DomainUndefineManagedSave|wire.DomainUndefineSnapshotsMetadata|
			wire.DomainUndefineCheckpointsMetadata|wire.DomainUndefineNvram)
	})
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	return d.folders.remove(id)
}

// boot defines the domain from the spec and starts it from the server's own disks, which ends a rescue; fault.NotFound
// if the server is not prepared.
func (d *Driver) boot(ctx context.Context, s *nova.Spec) error {
	disks, err := d.folders.disks(s.ID)
	if err != nil {
		return err
	}
	if err := d.bootDisks(ctx, s, disks); err != nil {
		return err
	}
	if rescued, err := exists(filepath.Join(d.folders.path(s.ID), rescuedFile)); err != nil || !rescued {
		return err
	}
	return d.forgetRescue(s.ID)
}

// bootDisks defines the domain from the spec and these disks and starts it.
func (d *Driver) bootDisks(ctx context.Context, s *nova.Spec, disks []domain.Disk) error {
	port, err := d.serials.take(ctx)
	if err != nil {
		return err
	}
	xml, err := domain.XML(d.hostConfig(), domain.Server{Spec: s, Disks: disks, Console: d.folders.console(s.ID),
		SerialHost: d.c.SerialProxyClient, SerialPort: port})
	if err != nil {
		return err
	}
	err = d.conn.call(ctx, func(lv *wire.Libvirt) error {
		dom, err := lv.DomainDefineXML(xml)
		if err != nil {
			return err
		}
		if err := forgetSaved(lv, dom); err != nil {
			return err
		}
		return lv.DomainCreate(dom)
	})
	if fault.Is(err, fault.Conflict) { // it was started in the meantime, by an operation that timed out or by the operator
		if g, serr := d.domains.stable(ctx, s.ID); serr == nil && g.started() {
			return nil
		}
	}
	return err
}
