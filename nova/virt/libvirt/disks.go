package libvirt

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"hypernova/nova"
	"hypernova/nova/virt/libvirt/domain"
	"hypernova/nova/virt/libvirt/iso"
	"hypernova/oslo/clock"
	"hypernova/oslo/command"
	"hypernova/oslo/fault"
	"hypernova/oslo/private"
)

// diskMaker makes the files of a server: its disks, its config drive, and the list of them.
type diskMaker struct {
	run      Runner
	files    func(*nova.Spec) (map[string][]byte, error) // contents of a config drive; nil: none can be made
	uid, gid int                                         // owner of the disks; -1: leave as is
	now      clock.Now
}

// fill makes the folder dir with all files of a server: its disks and the list of them. What dir contained is removed.
func (m *diskMaker) fill(ctx context.Context, dir string, s *nova.Spec, b base) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := private.Passage(dir); err != nil { // for QEMU's user
		return err
	}
	local := s.Disks()
	root := domain.LocalDisk(&local.Root)
	root.Path, root.Format, root.Base, root.BaseFormat = rootFile, "qcow2", b.path, b.format
	root.Boot = root.Device != ""
	disks := []domain.Disk{root}
	size := max(b.size, int64(s.Flavor.Disk)<<30)
	if _, err := m.run.Run(ctx, command.Cmd{Argv: []string{"qemu-img", "create", "-q", "-f", "qcow2",
		"-F", b.format, "-b", b.path,
		"-u", filepath.Join(dir, rootFile), strconv.FormatInt((size+511)&^511, 10)}}); err != nil {
		return err
	}
	more, err := m.extraDisks(ctx, dir, &local)
	if err != nil {
		return err
	}
	disks = append(disks, more...)
	if s.ConfigDrive {
		if err := m.configDrive(filepath.Join(dir, configFile), s); err != nil {
			return err
		}
		disks = append(disks, domain.Disk{Path: configFile, Format: "raw", ReadOnly: true, ConfigRole: true})
	}
	for _, k := range disks {
		if err := m.own(filepath.Join(dir, k.Path)); err != nil {
			return err
		}
	}
	list, err := json.Marshal(disks)
	if err != nil {
		return err
	}
	return private.Write(filepath.Join(dir, disksFile), list)
}

// ephemeral is the name of the file of the n-th ephemeral disk.
func ephemeral(n int) string { return fmt.Sprintf("%s.eph%d", rootFile, n) }

// extraDisks makes the ephemeral disks, each with an empty file system, and the swap disk.
func (m *diskMaker) extraDisks(ctx context.Context, dir string, local *nova.LocalDisks) ([]domain.Disk, error) {
	var out []domain.Disk
	add := func(file string, size int64, d *nova.BlockDevice, argv ...string) error {
		name := filepath.Join(dir, file)
		if err := blank(name, size); err != nil {
			return err
		}
		disk := domain.LocalDisk(d)
		disk.Path, disk.Format = file, "raw"
		out = append(out, disk)
		_, err := m.run.Run(ctx, command.Cmd{Argv: append(argv, name)})
		return err
	}
	for i := range local.Ephemerals {
		d, label := &local.Ephemerals[i], fmt.Sprintf("ephemeral%d", i)
		argv := []string{"mkfs." + cmp.Or(d.Format, "ext4"), "-q", "-F", "-L", label, "-E",
			"lazy_itable_init=1,lazy_journal_init=1"}
		switch d.Format {
		case "ext2":
			argv[len(argv)-1] = "lazy_itable_init=1" // it has no journal
		case "xfs":
			argv = []string{"mkfs.xfs", "-q", "-f", "-L", label}
		}
		if err := add(ephemeral(i), int64(d.Size)<<30, d, argv...); err != nil {
			return nil, err
		}
	}
	if d := local.Swap; d != nil {
		if err := add(swapFile, int64(d.Size)<<20, d, "mkswap", "-q"); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// blank makes a file of so many zero bytes, without allocating them.
func blank(name string, size int64) error {
	f, err := private.File(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

// configDrive makes the image of a server's config drive.
func (m *diskMaker) configDrive(name string, s *nova.Spec) error {
	if m.files == nil {
		return fault.Invalidf("This host cannot make config drives.")
	}
	files, err := m.files(s)
	if err != nil {
		return err
	}
	b, err := iso.Build("config-2", files, m.now())
	if err != nil {
		return err
	}
	return private.Write(name, b)
}

// own closes a disk to other users of the host. It gives the disk to QEMU's user if libvirt does not do so itself.
func (m *diskMaker) own(name string) error {
	if err := os.Chmod(name, 0o600); err != nil {
		return err
	}
	if m.uid < 0 && m.gid < 0 {
		return nil
	}
	return os.Chown(name, m.uid, m.gid)
}
