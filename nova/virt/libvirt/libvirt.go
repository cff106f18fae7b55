// Package libvirt runs servers as QEMU domains of a libvirt daemon on this host.
//
// Each server has a folder under the instances path, named by its id: the root disk (an overlay over a shared cached image), further disks, the
// config drive, the console log, and a list of the disks. The folder appears whole or not at all (it is made beside and renamed), so a folder
// without a domain is a server that was prepared and not yet spawned. The domain is defined anew at each start; the folder says what is ours.
package libvirt

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/nova/virt/libvirt/command"
	"hypernova/nova/virt/libvirt/domain"
	"hypernova/nova/virt/libvirt/kvm"
	"hypernova/oslo/clock"
	"hypernova/oslo/fault"
	"hypernova/oslo/private"
)

// Config says where and how. Only InstancesPath must be given.
type Config struct {
	URI           string // default qemu:///system; qemu+unix:///system?socket=/path names another daemon
	InstancesPath string
	CacheDir      string // cached images; default InstancesPath/_base
	QEMULogDir    string // where libvirt keeps QEMU's logs; default /var/log/libvirt/qemu
	StateDir      string // what was found out about the host; default InstancesPath
	Hostname      string // default: the machine's
	HostIP        string // default 127.0.0.1
	VirtType      string // auto (default): kvm where a kernel boots under it, else qemu; kvm; qemu
	CPUMode       string // auto (default), none, host-model, host-passthrough, maximum, custom
	CPUModel      string
	Machine       string           // default q35
	Emulator      string           // default: libvirt's choice
	VNCListen     string           // default 127.0.0.1
	ProbeKernel   string           // a guest kernel to try KVM with; default: the host's
	User, Group   string           // owner of the disks where libvirt does not change it itself (dynamic_ownership=0)
	Root          string           // below which /proc and /etc are looked for; default /
	Owner         uint32           // the mark of this cloud on what it makes; 0: none
	Version       string           // of this program
	CallTimeout   time.Duration    // how long libvirt may take for one answer; default 2 min
	Cache         virt.CachePolicy // holds before each fetch of an image, but for MinAge

	// Files makes the contents of a config drive, by path.
	Files func(*nova.Spec) (map[string][]byte, error)
	Run   Runner // default command.Runner{Log: Log}
	Log   *slog.Logger
	Now   clock.Now
}

// Runner runs qemu-img and its like.
type Runner interface {
	Run(ctx context.Context, c command.Cmd) (command.Result, error)
}

// Driver is the libvirt hypervisor. All methods may be called concurrently for different servers.
type Driver struct {
	c        Config
	conn     *conn
	images   *imageCache
	uid, gid int // -1: leave as is

	mu    sync.Mutex
	host  domain.Host
	accel string // why the accelerator is what it is
}

// New checks the configuration. It touches nothing and connects to nothing until Init.
func New(c Config) (*Driver, error) {
	if c.InstancesPath == "" {
		return nil, fault.Invalidf("the libvirt driver needs a folder for its servers (instances_path)")
	}
	abs, err := filepath.Abs(c.InstancesPath)
	if err != nil {
		return nil, err
	}
	c.InstancesPath = abs
	defaults(&c)
	switch c.VirtType {
	case "auto", "kvm", "qemu":
	default:
		return nil, fault.Invalidf("virt_type %q is not known; it may be auto, kvm or qemu", c.VirtType)
	}
	switch c.CPUMode {
	case "auto", "none", "host-model", "host-passthrough", "maximum":
	case "custom":
		if c.CPUModel == "" {
			return nil, fault.Invalidf("cpu_mode custom needs a cpu_model")
		}
	default:
		return nil, fault.Invalidf("cpu_mode %q is not known; it may be auto, none, host-model, host-passthrough, maximum or custom", c.CPUMode)
	}
	d := &Driver{c: c, uid: -1, gid: -1}
	if d.conn, err = newConn(c.URI, c.CallTimeout); err != nil {
		return nil, err
	}
	if c.User != "" {
		u, err := user.Lookup(c.User)
		if err != nil {
			return nil, fault.Invalidf("there is no user %q on this host", c.User).Because(err)
		}
		if d.uid, err = strconv.Atoi(u.Uid); err != nil {
			return nil, err
		}
	}
	if c.Group != "" {
		g, err := user.LookupGroup(c.Group)
		if err != nil {
			return nil, fault.Invalidf("there is no group %q on this host", c.Group).Because(err)
		}
		if d.gid, err = strconv.Atoi(g.Gid); err != nil {
			return nil, err
		}
	}
	d.images = newImageCache(c, d.basesInUse)
	d.host = domain.Host{Accel: "qemu", Emulator: c.Emulator, CPUMode: c.CPUMode, CPUModel: c.CPUModel, Machine: c.Machine, Listen: c.VNCListen, Version: c.Version, Owner: c.Owner}
	return d, nil
}

func defaults(c *Config) {
	for _, d := range []struct {
		to    *string
		value string
	}{
		{&c.URI, "qemu:///system"}, {&c.CacheDir, filepath.Join(c.InstancesPath, "_base")}, {&c.StateDir, c.InstancesPath},
		{&c.QEMULogDir, "/var/log/libvirt/qemu"}, {&c.Root, "/"},
		{&c.HostIP, "127.0.0.1"}, {&c.VirtType, "auto"}, {&c.CPUMode, "auto"}, {&c.Machine, "q35"}, {&c.VNCListen, "127.0.0.1"},
	} {
		if *d.to == "" {
			*d.to = d.value
		}
	}
	if c.Hostname == "" {
		c.Hostname, _ = os.Hostname()
	}
	if c.CallTimeout == 0 {
		c.CallTimeout = 2 * time.Minute
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Run == nil {
		c.Run = command.Runner{Log: c.Log}
	}
	if c.Now == nil {
		c.Now = clock.Real
	}
}

// Init makes the folders, removes what a crash left half-made in them, connects, and finds out which accelerator works. It may be called
// again when it failed.
func (d *Driver) Init(ctx context.Context) error {
	for _, dir := range d.passages() {
		if err := private.Passage(dir); err != nil {
			return fault.Unavailablef("The folder %s cannot be made: %v", dir, errors.Unwrap(err)).Because(err)
		}
	}
	for _, dir := range []string{d.c.InstancesPath, d.c.CacheDir} {
		if closed, err := private.Reaches(dir); err == nil && closed != "" {
			d.c.Log.LogAttrs(ctx, slog.LevelWarn, "QEMU's user cannot reach the disks of servers unless it is in the folder's group",
				slog.String("folder", closed), slog.String("cure", "chmod o+x "+closed+", or set [DEFAULT] instances_path"))
		}
		if err := sweep(dir); err != nil {
			return err
		}
	}
	if _, err := exec.LookPath("qemu-img"); err != nil {
		return fault.Unavailablef("qemu-img is not installed on this host (Debian: qemu-utils).").Because(err)
	}
	if err := d.conn.ping(ctx); err != nil {
		return err
	}
	accel, why, err := d.accelerator(ctx)
	if err != nil {
		return err
	}
	if m := (kvm.Probe{}).Misplaced(); m != "" {
		d.c.Log.LogAttrs(ctx, slog.LevelWarn, "host needs a hand", slog.String("because", m))
	}
	cache := "none"
	if !directIO(d.c.InstancesPath) {
		cache = "writeback"
	}
	d.mu.Lock()
	d.host.Accel, d.accel, d.host.Cache = accel, why, cache
	d.mu.Unlock()
	d.c.Log.LogAttrs(ctx, slog.LevelInfo, "hypervisor ready", slog.String("accelerator", accel), slog.String("because", why), slog.String("uri", d.c.URI))
	return nil
}

// passages are the folders that QEMU's user passes through to a server's disks: nobody lists them, and what is in them is closed by itself.
// The state folder is one where the disks are below it.
func (d *Driver) passages() []string {
	dirs := []string{d.c.InstancesPath, d.c.CacheDir}
	if below, err := filepath.Rel(d.c.StateDir, d.c.InstancesPath); err == nil && filepath.IsLocal(below) && below != "." {
		dirs = append([]string{d.c.StateDir}, dirs...)
	}
	return dirs
}

// Accelerator is "kvm" or "qemu" (emulation) and why; after Init.
func (d *Driver) Accelerator() (name, why string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.host.Accel, d.accel
}

func (d *Driver) accelerator(ctx context.Context) (string, string, error) {
	if d.c.VirtType != "auto" {
		return d.c.VirtType, "configured", nil
	}
	v, err := kvm.Probe{Emulator: d.c.Emulator, Kernel: d.c.ProbeKernel, StateDir: d.c.StateDir, Run: d.c.Run}.Works(ctx)
	if err != nil {
		return "", "", err
	}
	if v.Works {
		return "kvm", v.Reason, nil
	}
	return "qemu", v.Reason, nil
}

func (d *Driver) hostConfig() domain.Host {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.host
}

// Names with a dot in front are under way or on their way out; nobody else looks at them.
const (
	madeSuffix = ".new"
	goneSuffix = ".gone"
)

// sweep removes what was under way when the process ended.
func sweep(dir string) error {
	es, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range es {
		if n := e.Name(); strings.HasPrefix(n, ".") && (strings.HasSuffix(n, madeSuffix) || strings.HasSuffix(n, goneSuffix)) {
			if err := os.RemoveAll(filepath.Join(dir, n)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Driver) folder(id string) string { return filepath.Join(d.c.InstancesPath, filepath.Base(id)) }

func (d *Driver) hasFolder(id string) (bool, error) {
	_, err := os.Stat(d.folder(id))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// diskFull makes a full disk a fault that says so.
func (d *Driver) diskFull(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fault.Unavailablef("The disk of host %s is full.", d.c.Hostname).Because(err)
	}
	return err
}

func unknown(id string) error { return fault.NotFoundf("Instance %s could not be found.", id) }
