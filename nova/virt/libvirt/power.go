package libvirt

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	wire "github.com/digitalocean/go-libvirt"

	"hypernova/nova"
	"hypernova/nova/virt/libvirt/domain"
	"hypernova/oslo/fault"
)

const (
	askEvery  = 5 * time.Second // a guest that is still booting does not hear the power button: it is pressed again
	lookEvery = 100 * time.Millisecond
)

// Spawn starts a prepared server for the first time. A start that an earlier call began, and that libvirt has not ended, is waited for.
func (d *Driver) Spawn(ctx context.Context, s *nova.Spec) error {
	m, err := d.settled(ctx, s.ID)
	if err == nil && m.started() {
		return nil
	}
	return d.bootFrom(ctx, s, m, err)
}

// Start powers on by a new definition.
func (d *Driver) Start(ctx context.Context, s *nova.Spec) error {
	m, err := d.settled(ctx, s.ID)
	switch {
	case err == nil && m.phase == frozen:
		return fault.Conflictf("Server %s is %s.", s.ID, m.why)
	case err == nil && m.started():
		return nil
	}
	return d.bootFrom(ctx, s, m, err)
}

// bootFrom boots a server after a look at it, whose error may be that there is no domain yet. What is left of a crashed one is ended first.
func (d *Driver) bootFrom(ctx context.Context, s *nova.Spec, m meaning, err error) error {
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if err == nil && m.alive() {
		if err := d.pull(ctx, s.ID); err != nil {
			return err
		}
	}
	return d.boot(ctx, s)
}

// Stop asks with the power button, again and again, and pulls the plug when grace is over.
func (d *Driver) Stop(ctx context.Context, id string, grace time.Duration) error {
	deadline := time.Now().Add(grace)
	m, err := d.look(ctx, id)
	if err == nil && m.phase == passing && grace > 0 {
		m, _, err = d.settledWithin(ctx, id, grace)
	}
	if fault.Is(err, fault.NotFound) {
		if has, err := d.hasFolder(id); err != nil || !has {
			return errors.Join(err, unknown(id))
		}
		return nil // prepared only: it does not run
	}
	if err != nil || !m.alive() {
		return err
	}
	if left := time.Until(deadline); m.phase == running && left > 0 {
		off, err := d.ask(ctx, id, left)
		if err != nil || off {
			return err
		}
	}
	return d.pull(ctx, id)
}

// Reboot ends with a new start in any case; soft gives the guest the time to finish first.
func (d *Driver) Reboot(ctx context.Context, s *nova.Spec, soft bool, grace time.Duration) error {
	if !soft {
		grace = 0
	}
	if err := d.Stop(ctx, s.ID, grace); err != nil {
		return err
	}
	return d.boot(ctx, s)
}

// Pause freezes the vCPUs.
func (d *Driver) Pause(ctx context.Context, id string) error {
	return d.freeze(ctx, id, func(lv *wire.Libvirt, dom wire.Domain, m meaning) error {
		if m.phase == frozen {
			return nil
		}
		return lv.DomainSuspend(dom)
	})
}

// Unpause thaws them.
func (d *Driver) Unpause(ctx context.Context, id string) error {
	return d.freeze(ctx, id, func(lv *wire.Libvirt, dom wire.Domain, m meaning) error {
		if m.phase != frozen {
			return nil
		}
		return lv.DomainResume(dom)
	})
}

func (d *Driver) freeze(ctx context.Context, id string, f func(*wire.Libvirt, wire.Domain, meaning) error) error {
	m, err := d.settled(ctx, id)
	switch {
	case err != nil:
		return d.notRunning(id, err)
	case !m.started():
		return fault.Conflictf("Server %s does not run: it is %s.", id, m.why)
	}
	return d.on(ctx, id, func(lv *wire.Libvirt, dom wire.Domain) error { return f(lv, dom, m) })
}

// notRunning is the error of an operation that needs a running guest, after a look that found no domain or failed.
func (d *Driver) notRunning(id string, err error) error {
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	if has, herr := d.hasFolder(id); herr != nil || !has {
		return errors.Join(herr, unknown(id))
	}
	return fault.Conflictf("Server %s does not run.", id)
}

// Destroy removes domain and folder. The folder goes last: as long as it is there, the server is listed and can be destroyed again. One that
// lies elsewhere, since the instances path was changed, is known by the domain alone, so it goes before that.
func (d *Driver) Destroy(ctx context.Context, id string) error {
	other, err := d.elsewhere(ctx, id)
	if err != nil {
		return err
	}
	if err := d.pull(ctx, id); err != nil {
		return err
	}
	if other != "" {
		if err := os.RemoveAll(other); err != nil {
			return err
		}
	}
	err = d.on(ctx, id, func(lv *wire.Libvirt, dom wire.Domain) error {
		return lv.DomainUndefineFlags(dom, wire.DomainUndefineManagedSave|wire.DomainUndefineSnapshotsMetadata|
			wire.DomainUndefineCheckpointsMetadata|wire.DomainUndefineNvram)
	})
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	gone := filepath.Join(d.c.InstancesPath, "."+filepath.Base(id)+goneSuffix)
	if err := os.Rename(d.folder(id), gone); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.RemoveAll(gone)
}

// boot defines the domain from the spec and starts it; fault.NotFound without prepared disks.
func (d *Driver) boot(ctx context.Context, s *nova.Spec) error {
	disks, err := d.disks(s.ID)
	if err != nil {
		return err
	}
	xml, err := domain.XML(d.hostConfig(), domain.Server{Spec: s, Disks: disks, Console: filepath.Join(d.folder(s.ID), consoleFile)})
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
	if fault.Is(err, fault.Conflict) { // somebody else was faster: an operation that was given up, or the operator
		if m, serr := d.settled(ctx, s.ID); serr == nil && m.started() {
			return nil
		}
	}
	return err
}

// ask presses the power button until the guest is off or the time is over.
func (d *Driver) ask(ctx context.Context, id string, grace time.Duration) (off bool, err error) {
	deadline := time.NewTimer(grace)
	defer deadline.Stop()
	again := time.NewTicker(askEvery)
	defer again.Stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	press := func() error {
		err := d.on(ctx, id, func(lv *wire.Libvirt, dom wire.Domain) error {
			return lv.DomainShutdownFlags(dom, wire.DomainShutdownAcpiPowerBtn)
		})
		if fault.Is(err, fault.Unavailable) || ctx.Err() != nil {
			return err
		}
		return nil // refused: it is about to be off, or the plug will be pulled
	}
	if err := press(); err != nil {
		return false, err
	}
	for {
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-deadline.C:
			return false, nil
		case <-again.C:
			if err := press(); err != nil {
				return false, err
			}
		case <-look.C:
			m, err := d.look(ctx, id)
			if err != nil || !m.alive() {
				return err == nil, err
			}
		}
	}
}

// pull ends the domain at once; one that does not run or is not there is no error.
func (d *Driver) pull(ctx context.Context, id string) error {
	err := d.on(ctx, id, func(lv *wire.Libvirt, dom wire.Domain) error {
		return lv.DomainDestroyFlags(dom, wire.DomainDestroyDefault)
	})
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if fault.Is(err, fault.Conflict) { // not running, it says: then it is as wished
		if m, serr := d.look(ctx, id); serr == nil && !m.alive() {
			return nil
		}
	}
	return err
}

// disks reads what Prepare wrote.
func (d *Driver) disks(id string) ([]domain.Disk, error) {
	b, err := os.ReadFile(filepath.Join(d.folder(id), disksFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, unknown(id)
	}
	if err != nil {
		return nil, err
	}
	var ds []domain.Disk
	if err := json.Unmarshal(b, &ds); err != nil {
		return nil, fault.New(fault.Internal, "the list of disks of server %s is damaged", id).Because(err)
	}
	for i := range ds {
		ds[i].Path = filepath.Join(d.folder(id), filepath.Base(ds[i].Path))
	}
	return ds, nil
}
