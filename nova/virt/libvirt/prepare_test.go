package libvirt_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/nova"
	"hypernova/nova/virt/libvirt"
	"hypernova/oslo/command"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// tools runs the real programs and records them. It can let one of them fail.
type tools struct {
	fail func(argv []string) error

	mu  sync.Mutex
	ran [][]string
}

func (r *tools) Run(ctx context.Context, c command.Cmd) (command.Result, error) {
	r.mu.Lock()
	r.ran = append(r.ran, c.Argv)
	r.mu.Unlock()
	if r.fail != nil {
		if err := r.fail(c.Argv); err != nil {
			return command.Result{}, err
		}
	}
	return command.Runner{}.Run(ctx, c)
}

// offline returns a driver without a daemon, which Prepare does not need.
func offline(t *testing.T, change func(*libvirt.Config)) (*libvirt.Driver, string) {
	t.Helper()
	if _, err := exec.LookPath("qemu-img"); err != nil {
		t.Skip("qemu-img is not installed")
	}
	dir := t.TempDir()
	c := libvirt.Config{InstancesPath: dir, URI: "qemu+unix:///system?socket=" + filepath.Join(dir, "none")}
	if change != nil {
		change(&c)
	}
	d, err := libvirt.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Init(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("init without a daemon: got %v, want an Unavailable fault", err)
	}
	return d, dir
}

func server(format string, size int) *nova.Spec {
	return &nova.Spec{ID: ids.UUID(), Name: "s", Hostname: "s", Flavor: nova.Flavor{Name: "f", VCPUs: 1, RAM: 64, Disk: 1},
		Image: nova.ImageMeta{ID: ids.UUID(), DiskFormat: format, ContainerFormat: "bare", Size: int64(size)}}
}

// img returns an image made by qemu-img.
func img(t *testing.T, args ...string) []byte {
	t.Helper()
	name := filepath.Join(t.TempDir(), "img")
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "IMG", name)
	}
	if out, err := exec.CommandContext(t.Context(), "qemu-img", args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// left returns the names of all files below dir.
func left(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			out = append(out, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDangerousAndWrongImagesAreRejected(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, format string
		data         func(t *testing.T) []byte
		kind         fault.Kind
		says         string
	}{
		{"backing file", "qcow2", func(t *testing.T) []byte {
			return img(t, "create", "-q", "-f", "qcow2", "-u", "-b", "/etc/passwd", "-F", "raw", "IMG", "1M")
		}, fault.Invalid, "backing file"},
		{"data file", "qcow2", func(t *testing.T) []byte {
			return img(t, "create", "-q", "-f", "qcow2", "-o", "data_file=IMG.data", "IMG", "1M")
		}, fault.Invalid, "external data file"},
		{"qcow2 called raw", "raw", func(t *testing.T) []byte { return img(t, "create", "-q", "-f", "qcow2", "IMG", "1M") },
			fault.Invalid, "its data is qcow2"},
		{"raw called qcow2", "qcow2", func(*testing.T) []byte { return idle() }, fault.Invalid,
			"is said to be qcow2, but its data is"},
		{"vmdk", "vmdk", func(t *testing.T) []byte { return img(t, "create", "-q", "-f", "vmdk", "IMG", "1M") },
			fault.Invalid, "vmdk"},
		{"too large inside", "qcow2", func(t *testing.T) []byte { return img(t, "create", "-q", "-f", "qcow2", "IMG", "3G") },
			fault.TooLarge, "3072 MiB"},
		{"broken vhdx", "vhdx", func(*testing.T) []byte { return append([]byte("vhdxfile"), make([]byte, 4096)...) },
			fault.Invalid, "header is cut off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d, dir := offline(t, nil)
			data := c.data(t)
			s := server(c.format, len(data))
			err := d.Prepare(t.Context(), s, bytesImages{data})
			if !fault.Is(err, c.kind) || !strings.Contains(fault.Message(err), c.says) {
				t.Errorf("got %v, want a %v fault about %q", err, c.kind, c.says)
			}
			if l := left(t, dir); len(l) != 0 && c.kind != fault.TooLarge { // a good image stays cached
				t.Errorf("left behind: %v", l)
			}
			if _, err := os.Stat(filepath.Join(dir, s.ID)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a folder is there: %v", err)
			}
		})
	}
}

func TestOtherFormatsAreConverted(t *testing.T) {
	t.Parallel()
	for format, qemu := range map[string]string{"vdi": "vdi", "vhdx": "vhdx", "vhd": "vpc"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			run := &tools{}
			d, dir := offline(t, func(c *libvirt.Config) { c.Run = run })
			data := img(t, "create", "-q", "-f", qemu, "IMG", "64M")
			s := server(format, len(data))
			if err := d.Prepare(t.Context(), s, bytesImages{data}); err != nil {
				t.Fatal(err)
			}
			base, _ := filepath.Glob(filepath.Join(dir, "_base", s.Image.ID+"*.qcow2"))
			if len(base) != 1 || len(run.ran) != 2 {
				t.Errorf("cached %v by %v", base, run.ran)
			}
		})
	}
}

func TestPreparedServerHasItsDisks(t *testing.T) {
	t.Parallel()
	run := &tools{}
	d, dir := offline(t, func(c *libvirt.Config) {
		c.Run = run
		c.Files = func(s *nova.Spec) (map[string][]byte, error) {
			return map[string][]byte{"openstack/latest/meta_data.json": []byte(s.ID)}, nil
		}
	})
	s := server("raw", 64<<10)
	s.Flavor.Swap, s.Flavor.Ephemeral, s.ConfigDrive = 16, 1, true
	if err := d.Prepare(t.Context(), s, bytesImages{idle()}); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int64{"disk.eph0": 1 << 30, "disk.swap": 16 << 20, "disk.config": -1, "disk": -1} {
		i, err := os.Stat(filepath.Join(dir, s.ID, name))
		if err != nil || size >= 0 && i.Size() != size || i.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, i, err)
		}
	}
	out, err := exec.CommandContext(t.Context(), "qemu-img", "info", filepath.Join(dir, s.ID, "disk")).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "virtual size: 1 GiB") ||
		!strings.Contains(string(out), "backing file format: raw") {
		t.Errorf("overlay: %s, %v", out, err)
	}
	n := len(run.ran)
	other := *s
	other.ID, other.Flavor.Swap, other.Flavor.Ephemeral, other.ConfigDrive = ids.UUID(), 0, 0, false
	if err := d.Prepare(t.Context(), &other, nil); err != nil { // cached: the images are not even asked
		t.Fatal(err)
	}
	if len(run.ran) != n+1 {
		t.Errorf("a server on a cached image took %v, want one program", run.ran[n:])
	}
}

// TestPreparedServerHasItsBlockDevices prepares a server whose disks are not those of its flavor.
func TestPreparedServerHasItsBlockDevices(t *testing.T) {
	t.Parallel()
	run := &tools{}
	d, dir := offline(t, func(c *libvirt.Config) { c.Run = run })
	s := server("raw", 64<<10)
	s.Flavor.Swap, s.Flavor.Ephemeral = 16, 3
	s.BlockDevices = []nova.BlockDevice{nova.ImageDevice(s.Image.ID), nova.BlankDevice(1, "ext3"),
		nova.BlankDevice(2, ""), nova.BlankDevice(8, "swap")}
	if err := d.Prepare(t.Context(), s, bytesImages{idle()}); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int64{"disk.eph0": 1 << 30, "disk.eph1": 2 << 30, "disk.swap": 8 << 20} {
		if i, err := os.Stat(filepath.Join(dir, s.ID, name)); err != nil || i.Size() != size {
			t.Errorf("%s: %v, %v", name, i, err)
		}
	}
	made := map[string]string{}
	for _, argv := range run.ran {
		if label := slices.Index(argv, "-L"); label > 0 {
			made[argv[label+1]] = argv[0]
		}
	}
	if diff := cmp.Diff(map[string]string{"ephemeral0": "mkfs.ext3", "ephemeral1": "mkfs.ext4"}, made); diff != "" {
		t.Error(diff)
	}
}

func TestAFailedPrepareLeavesNothing(t *testing.T) {
	t.Parallel()
	full := fault.Unavailablef("The disk of this host is full.")
	for _, program := range []string{"qemu-img", "mkfs.ext4", "mkswap"} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			d, dir := offline(t, func(c *libvirt.Config) {
				c.Run = &tools{fail: func(argv []string) error {
					if argv[0] == program {
						return full
					}
					return nil
				}}
			})
			s := server("raw", 64<<10)
			s.Flavor.Swap, s.Flavor.Ephemeral = 16, 1
			if err := d.Prepare(t.Context(), s, bytesImages{idle()}); !errors.Is(err, full) {
				t.Errorf("got %v, want the program's fault", err)
			}
			if l := left(t, dir); len(l) != 2 || !strings.Contains(l[0], "_base") || !strings.HasSuffix(l[1], ".sum") {
				t.Errorf("left behind: %v, want the cached image and its checksum only", l)
			}
		})
	}
}

func TestInitRemovesUnfinishedFiles(t *testing.T) {
	t.Parallel()
	d, dir := offline(t, nil)
	s := server("raw", 64<<10)
	if err := d.Prepare(t.Context(), s, bytesImages{idle()}); err != nil {
		t.Fatal(err)
	}
	before := len(left(t, dir))
	for _, name := range []string{"." + ids.UUID() + ".new/disk", "." + ids.UUID() + ".gone/disk", "_base/.image.new"} {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	_ = d.Init(t.Context()) // there is no daemon, but the sweep comes first
	if l := left(t, dir); len(l) != before {
		t.Errorf("after Init: %v", l)
	}
}

func TestBadConfigurationIsRejected(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]libvirt.Config{
		"no folder": {}, "virt_type": {InstancesPath: "/x", VirtType: "xen"},
		"cpu_mode":  {InstancesPath: "/x", CPUMode: "fast"},
		"cpu_model": {InstancesPath: "/x", CPUMode: "custom"}, "far away": {InstancesPath: "/x", URI: "qemu+tcp://h/system"},
		"another hypervisor": {InstancesPath: "/x", URI: "lxc:///"}, "no such user": {InstancesPath: "/x",
			User: "nobody-by-this-name"},
	} {
		if _, err := libvirt.New(c); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: got %v, want an Invalid fault", name, err)
		}
	}
}
