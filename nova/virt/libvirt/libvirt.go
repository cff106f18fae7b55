// Package libvirt runs servers as QEMU domains of a libvirt daemon on this host.
//
// Each server has a folder below the instances path, named by its id. It has the root disk (an overlay over a shared
// cached image), further disks, the config drive, the console log, and a list of the disks. The folder is filled under
// a temporary name and renamed, so it is complete or absent. A folder without a domain is a server that is prepared and
// not yet spawned. The domain is defined anew at each start. Only domains of servers with a folder belong to this
// driver.
//
// The parts of the driver: conn is the connection to the daemon, domains the operations on libvirt's domains, folders
// the servers' folders, diskMaker the making of disks, imageCache the cached images.
package libvirt

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/nova/virt/libvirt/domain"
	"hypernova/nova/virt/libvirt/kvm"
	"hypernova/oslo/clock"
	"hypernova/oslo/command"
	"hypernova/oslo/conf"
	"hypernova/oslo/fault"
	"hypernova/oslo/private"
)

// Config is the configuration of the driver. Only InstancesPath is required.
type Config struct {
	VirtType       string        `conf:"virt_type" default:"auto" enum:"auto|kvm|qemu" help:"kvm uses hardware virtualisation, qemu does without, auto boots a probe guest to find out what works."`
	URI            string        `conf:"connection_uri" default:"qemu:///system" help:"The libvirt daemon."`
	CPUMode        string        `conf:"cpu_mode" default:"auto" enum:"auto|none|host-model|host-passthrough|maximum|custom" help:"The processor that guests see."`
	CPUModel       string        `conf:"cpu_models" help:"The model for cpu_mode custom."`
	Machine        string        `conf:"hw_machine_type" default:"q35" help:"The machine that guests see."`
	SnapshotFormat string        `conf:"snapshot_image_format" default:"auto" enum:"auto|raw|qcow2" help:"The disk format of snapshots; auto is raw where the server's image is raw, else qcow2. The compute API reads it."`
	RescueImage    string        `conf:"rescue_image_id" help:"The image of rescues that name none; empty for the server's own. The compute API reads it."`
	DetachAttempts int           `conf:"device_detach_attempts" default:"8" min:"1" help:"How often a guest is asked to give a device back."`
	DetachTimeout  time.Duration `conf:"device_detach_timeout" default:"20" min:"1" help:"How long one such attempt may take, in seconds."`
	PCIePorts      int           `conf:"num_pcie_ports" default:"0" min:"0" max:"28" help:"The number of PCIe ports of a guest, which bounds the devices that can be added while it runs; 0 is libvirt's choice."`
	ProbeKernel    string        `conf:"probe_kernel" default:"$state_path/guest-kernel" help:"A kernel to try KVM with; where it is not there, the host's own."`

	InstancesPath string
	CacheDir      string // cached images; default InstancesPath/_base
	QEMULogDir    string // where libvirt keeps QEMU's logs; default /var/log/libvirt/qemu
	StateDir      string // folder of the probe's result about KVM; default InstancesPath
	Hostname      string // default: the machine's
	HostIP        string // default 127.0.0.1
	Emulator      string // default: libvirt's choice
	VNCListen     string // default 127.0.0.1
	NoVNC         bool   // guests have no VNC server
	// VNCProxyClient and SerialProxyClient are the addresses at which proxies reach this host's consoles; default
	// 127.0.0.1.
	VNCProxyClient, SerialProxyClient string
	SPICE                             *domain.SPICE // screens by SPICE; nil: guests have none
	SPICEProxyClient                  string        // the address at which proxies reach them; default 127.0.0.1
	// SerialPorts are the ports of serial consoles, as first:last; empty: guests have a log only. They listen on
	// SerialProxyClient.
	SerialPorts string
	User, Group string           // owner of the disks if libvirt does not set it (dynamic_ownership=0)
	Root        string           // folder that contains proc and etc; default /
	Owner       uint32           // this cloud's owner mark in domain definitions; 0: none
	Version     string           // of this program
	CallTimeout time.Duration    // timeout of one call to libvirt; default 2 min
	Cache       virt.CachePolicy // applied before each download of an image, except MinAge

	// Files returns the contents of a server's config drive, by path. Without it there are no config drives.
	Files func(*nova.Spec) (map[string][]byte, error)
	Run   Runner // default command.Runner{Log: Log}
	Log   *slog.Logger
	Now   clock.Now
}

// Runner runs programs such as qemu-img. It blocks until the program ends.
type Runner interface {
	Run(ctx context.Context, c command.Cmd) (command.Result, error)
}

// Driver is the libvirt driver of nova-compute; New makes it, and Init must succeed before other methods are called.
// Methods may be called concurrently for different servers. See virt.Driver for the contract of each method.
type Driver struct {
	rebuilder
	leftovers
	snapshots
	rescuer
	guests
	remoteConsoles

	c       Config
	conn    *conn
	domains *domains
	folders folders
	disks   *diskMaker
	images  *imageCache
	serials serialPorts

	mu    sync.Mutex
	host  domain.Host
	accel string // the reason for the choice of accelerator
}

// New checks the configuration. It reads and changes nothing on the host; Init does.
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
		return nil, fault.Invalidf("cpu_mode %q is not known; it may be auto, none, host-model, host-passthrough, maximum "+
			"or custom", c.CPUMode)
	}
	d := &Driver{c: c, folders: folders(c.InstancesPath)}
	d.serials.address = cmp.Or(c.SerialProxyClient, "127.0.0.1") // as the domain has it
	if err := d.serials.setRange(c.SerialPorts); err != nil {
		return nil, err
	}
	d.remoteConsoles = remoteConsoles{d}
	d.rebuilder, d.rescuer, d.guests, d.snapshots = rebuilder{d}, rescuer{d}, guests{d}, snapshots{d}
	d.leftovers = leftovers{d}
	d.disks = &diskMaker{run: c.Run, files: c.Files, uid: -1, gid: -1, now: c.Now}
	if d.conn, err = newConn(c.URI, c.CallTimeout); err != nil {
		return nil, err
	}
	d.domains = &domains{d.conn}
	if c.User != "" {
		u, err := user.Lookup(c.User)
		if err != nil {
			return nil, fault.Invalidf("there is no user %q on this host", c.User).Because(err)
		}
		if d.disks.uid, err = strconv.Atoi(u.Uid); err != nil {
			return nil, err
		}
	}
	if c.Group != "" {
		g, err := user.LookupGroup(c.Group)
		if err != nil {
			return nil, fault.Invalidf("there is no group %q on this host", c.Group).Because(err)
		}
		if d.disks.gid, err = strconv.Atoi(g.Gid); err != nil {
			return nil, err
		}
	}
	d.images = newImageCache(c, d.folders.basesInUse)
	d.host = domain.Host{Accel: "qemu", Emulator: c.Emulator, CPUMode: c.CPUMode, CPUModel: c.CPUModel, Machine: c.Machine,
		Listen: c.VNCListen, NoVNC: c.NoVNC, SPICE: c.SPICE, Version: c.Version, Owner: c.Owner, PCIePorts: c.PCIePorts}
	return d, nil
}

// defaults sets the options that are empty.
func defaults(c *Config) {
	declared := conf.Defaults[Config]()
	for _, d := range []struct {
		to    *string
		value string
	}{
		{&c.URI, declared.URI}, {&c.CacheDir, filepath.Join(c.InstancesPath, "_base")}, {&c.StateDir, c.InstancesPath},
		{&c.QEMULogDir, "/var/log/libvirt/qemu"}, {&c.Root, "/"},
		{&c.HostIP, "127.0.0.1"}, {&c.VirtType, declared.VirtType}, {&c.CPUMode, declared.CPUMode},
		{&c.Machine, declared.Machine},
		{&c.VNCListen, "127.0.0.1"}, {&c.VNCProxyClient, "127.0.0.1"}, {&c.SerialProxyClient, "127.0.0.1"},
		{&c.SPICEProxyClient, "127.0.0.1"},
	} {
		if *d.to == "" {
			*d.to = d.value
		}
	}
	if c.Hostname == "" {
		c.Hostname, _ = os.Hostname()
	}
	if c.DetachAttempts == 0 {
		c.DetachAttempts = declared.DetachAttempts
	}
	if c.DetachTimeout == 0 {
		c.DetachTimeout = declared.DetachTimeout
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

// Init makes the folders, removes unfinished files that a crash left in them, connects to libvirt, and probes which
// accelerator works. It may be called again after it failed. The probe may take minutes at the first start of a host.
func (d *Driver) Init(ctx context.Context) error {
	for _, dir := range d.passages() {
		if err := private.Passage(dir); err != nil {
			return fault.Unavailablef("The folder %s cannot be made: %v", dir, errors.Unwrap(err)).Because(err)
		}
	}
	for _, dir := range []string{d.c.InstancesPath, d.c.CacheDir} {
		if closed, err := private.Reaches(dir); err == nil && closed != "" {
			d.c.Log.LogAttrs(ctx, slog.LevelWarn,
				"QEMU's user cannot reach the disks of servers unless it is in the folder's group",
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
		d.c.Log.LogAttrs(ctx, slog.LevelWarn, "permissions of the KVM device are wrong", slog.String("reason", m))
	}
	cache := "none"
	if !directIO(d.c.InstancesPath) {
		cache = "writeback"
	}
	d.mu.Lock()
	d.host.Accel, d.accel, d.host.Cache = accel, why, cache
	d.mu.Unlock()
	d.c.Log.LogAttrs(ctx, slog.LevelInfo, "hypervisor ready", slog.String("accelerator", accel),
		slog.String("reason", why),
		slog.String("uri", d.c.URI))
	return nil
}

// passages returns the folders on the path to a server's disks. QEMU's user must be able to pass through them (o+x),
// not to list them. The state folder is one of them if the instances path is below it.
func (d *Driver) passages() []string {
	dirs := []string{d.c.InstancesPath, d.c.CacheDir}
	if below, err := filepath.Rel(d.c.StateDir, d.c.InstancesPath); err == nil && filepath.IsLocal(below) && below != "." {
		dirs = append([]string{d.c.StateDir}, dirs...)
	}
	return dirs
}

// Accelerator returns "kvm" or "qemu" (emulation) and the reason. Call it after Init.
func (d *Driver) Accelerator() (name, why string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.host.Accel, d.accel
}

// accelerator returns the configured accelerator, or the one that the probe found to work, with the reason.
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

// hostConfig returns the properties of this host that a domain's definition depends on.
func (d *Driver) hostConfig() domain.Host {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.host
}

// diskFull returns fault.Unavailable with a clear text if err means that the disk is full, else err.
func (d *Driver) diskFull(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fault.Unavailablef("The disk of host %s is full.", d.c.Hostname).Because(err)
	}
	return err
}

func unknown(id string) error { return fault.NotFoundf("Instance %s could not be found.", id) }
