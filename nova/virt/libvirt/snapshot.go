package libvirt

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	wire "github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/oslo/command"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// A snapshot is a full copy of the root disk. Of a running guest QEMU makes it as a push backup: the copy has the disk
// as it was when the backup began, and blocks that the guest overwrites meanwhile are copied first. So there is no
// overlay to merge, and an interrupted copy leaves one file. The disk of a guest that is off is converted.
var _ virt.Snapshotter = (*Driver)(nil)

// snapshotPrefix begins the name of a snapshot's file in its server's folder; partSuffix ends it until it is whole.
const (
	snapshotPrefix = "snapshot."
	partSuffix     = ".part"
)

// copyLimit bounds the time of a copy.
const copyLimit = 2 * time.Hour

// snapshots is the part of the driver that copies disks.
type snapshots struct{ d *Driver }

func (x snapshots) file(id, name string) string {
	return filepath.Join(x.d.folders.path(id), snapshotPrefix+filepath.Base(name))
}

// TakeSnapshot copies the root disk.
func (x snapshots) TakeSnapshot(ctx context.Context, s *nova.Spec, name, format string) error {
	if has, err := x.d.folders.has(s.ID); err != nil || !has {
		return errors.Join(err, unknown(s.ID))
	}
	file := x.file(s.ID, name)
	if whole, err := exists(file); err != nil || whole {
		return err
	}
	g, err := x.d.domains.stable(ctx, s.ID)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	runs := err == nil && (g.started() || g.phase == paused)
	if runs {
		if err := x.abort(ctx, s.ID); err != nil {
			return err
		}
	}
	if err := x.sweep(s.ID); err != nil {
		return err
	}
	part := file + partSuffix
	if runs {
		err = x.backup(ctx, s, part, format)
	} else {
		_, err = x.d.c.Run.Run(ctx, command.Cmd{Timeout: copyLimit, Argv: []string{"qemu-img", "convert", "-q", "-O", format,
			"-f", "qcow2", filepath.Join(x.d.folders.path(s.ID), rootFile), part}})
	}
	if err == nil {
		err = os.Rename(part, file)
	}
	if err != nil {
		return errors.Join(x.d.diskFull(err), os.RemoveAll(part))
	}
	return nil
}

// sweep removes the files of snapshots of a server.
func (x snapshots) sweep(id string) error {
	found, err := os.ReadDir(x.d.folders.path(id))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, f := range found {
		if strings.HasPrefix(f.Name(), snapshotPrefix) {
			err = errors.Join(err, os.Remove(filepath.Join(x.d.folders.path(id), f.Name())))
		}
	}
	return err
}

// backup has QEMU copy the root disk of a running guest into a file, and waits for the end.
func (x snapshots) backup(ctx context.Context, s *nova.Spec, file, format string) error {
	thaw, err := x.quiet(ctx, s)
	if err != nil {
		return err
	}
	err = x.d.domains.do(ctx, s.ID, func(lv *wire.Libvirt, dom wire.Domain) error {
		text, err := backupXML(lv, dom, filepath.Join(x.d.folders.path(s.ID), rootFile), file, format)
		if err != nil {
			return err
		}
		return lv.DomainBackupBegin(dom, text, nil, 0)
	})
	thaw()
	if err != nil {
		return err
	}
	deadline := time.Now().Add(copyLimit)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := x.copied(ctx, s.ID)
		if err != nil || done {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), x.abort(context.WithoutCancel(ctx), s.ID))
		}
		if time.Now().After(deadline) {
			return errors.Join(fault.Unavailablef("The copy of the disk of server %s takes longer than %s.", s.ID, copyLimit),
				x.abort(ctx, s.ID))
		}
	}
}

// backupXML asks for a copy of the disk whose file is root, and of no other.
func backupXML(lv *wire.Libvirt, dom wire.Domain, root, file, format string) (string, error) {
	text, err := lv.DomainGetXMLDesc(dom, 0)
	if err != nil {
		return "", err
	}
	var x libvirtxml.Domain
	if err := x.Unmarshal(text); err != nil {
		return "", err
	}
	b := libvirtxml.DomainBackup{Push: &libvirtxml.DomainBackupPush{Disks: &libvirtxml.DomainBackupPushDisks{}}}
	found := false
	for _, k := range x.Devices.Disks {
		if k.Target == nil {
			continue
		}
		d := libvirtxml.DomainBackupPushDisk{Name: k.Target.Dev, Backup: "no"}
		if k.Source != nil && k.Source.File != nil && k.Source.File.File == root {
			found = true
			d = libvirtxml.DomainBackupPushDisk{Name: k.Target.Dev, Backup: "yes",
				Driver: &libvirtxml.DomainBackupDiskDriver{Type: format},
				Target: &libvirtxml.DomainDiskSource{File: &libvirtxml.DomainDiskSourceFile{File: file}}}
		}
		b.Push.Disks.Disks = append(b.Push.Disks.Disks, d)
	}
	if !found {
		return "", fault.New(fault.Internal, "The guest has no disk %s.", root)
	}
	return b.Marshal()
}

// Types of a job, and its result, as libvirt reports them.
const (
	jobNone      = 0
	jobCompleted = 3
	jobFailed    = 4
	jobCancelled = 5
)

// copied reports whether the copy is whole.
func (x snapshots) copied(ctx context.Context, id string) (bool, error) {
	done := make(chan bool, 1)
	err := x.d.domains.do(ctx, id, func(lv *wire.Libvirt, dom wire.Domain) error {
		kind, _, err := lv.DomainGetJobStats(dom, 0)
		if err != nil {
			return err
		}
		if kind != jobNone {
			done <- false
			return nil
		}
		kind, _, err = lv.DomainGetJobStats(dom, wire.DomainJobStatsCompleted)
		if err == nil && kind != jobCompleted {
			err = fault.New(fault.Internal, "The copy of the disk did not come to its end (%s).",
				map[int32]string{jobFailed: "failed", jobCancelled: "cancelled"}[kind])
		}
		done <- err == nil
		return err
	})
	if err != nil {
		return false, err
	}
	return <-done, nil
}

// abort ends a copy that is under way, and waits for its end.
func (x snapshots) abort(ctx context.Context, id string) error {
	for range 100 {
		ended := make(chan bool, 1)
		err := x.d.domains.do(ctx, id, func(lv *wire.Libvirt, dom wire.Domain) error {
			kind, _, err := lv.DomainGetJobStats(dom, 0)
			if err != nil || kind == jobNone {
				ended <- true
				return err
			}
			ended <- false
			return lv.DomainAbortJob(dom)
		})
		if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Conflict) {
			return nil // the guest is off
		}
		if err != nil {
			return err
		}
		if <-ended {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
	return fault.Unavailablef("The copy of the disk of server %s does not end.", id)
}

// quiet has the guest agent write the guest's caches and stop its writes until thaw is called. Of an image without
// hw_qemu_guest_agent it does nothing. If the agent does not do it, that is an error only for an image with
// os_require_quiesce.
func (x snapshots) quiet(ctx context.Context, s *nova.Spec) (thaw func(), err error) {
	wishes := s.Image.Wishes()
	if wishes["hw_qemu_guest_agent"] != "yes" {
		return func() {}, nil
	}
	err = x.d.domains.do(ctx, s.ID, func(lv *wire.Libvirt, dom wire.Domain) error {
		_, err := lv.DomainFsfreeze(dom, nil, 0)
		return err
	})
	if err != nil {
		if must := wishes["os_require_quiesce"]; must == "yes" || must == "true" {
			return nil, fault.Conflictf("The guest agent of server %s did not stop its file systems.", s.ID).Because(err)
		}
		return func() {}, nil
	}
	return func() {
		err := x.d.domains.do(context.WithoutCancel(ctx), s.ID, func(lv *wire.Libvirt, dom wire.Domain) error {
			_, err := lv.DomainFsthaw(dom, nil, 0)
			return err
		})
		if err != nil {
			log.From(ctx).ErrorContext(ctx, "the guest agent did not resume its file systems", log.Server, s.ID, log.Err,
				err.Error())
		}
	}, nil
}

// OpenSnapshot opens the copy.
func (x snapshots) OpenSnapshot(_ context.Context, id, name string) (io.ReadCloser, int64, error) {
	f, err := os.Open(x.file(id, name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, 0, fault.NotFoundf("Server %s has no snapshot %s.", id, name)
	}
	if err != nil {
		return nil, 0, err
	}
	i, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, i.Size(), nil
}

// DropSnapshot ends and removes the copy.
func (x snapshots) DropSnapshot(ctx context.Context, id, name string) error {
	file := x.file(id, name)
	part, err := exists(file + partSuffix)
	if err != nil {
		return err
	}
	if part {
		if err := x.abort(ctx, id); err != nil {
			return err
		}
	}
	for _, f := range []string{file, file + partSuffix} {
		if rerr := os.Remove(f); rerr != nil && !errors.Is(rerr, os.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
	}
	return err
}
