package cli

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hypernova/app"
	"hypernova/nova/virt/libvirt"
	"hypernova/nova/virt/libvirt/kvm"
)

// check is one thing a host must have. run answers what it found, and what to do where that is not enough.
type check struct {
	name string
	must bool // without it nothing works; otherwise something is slower or missing
	run  func(ctx context.Context, c *app.Config) (found, fix string)
}

func doctorCommand(p *program) *cobra.Command {
	var f upFlags
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what this host lacks, and say how to fix it",
		Long: "Look for what this host lacks to run a cloud with real servers, and say how to fix it. The exit status is " +
			"0 if nothing that is needed is missing.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(c.Context(), time.Minute)
			defer cancel()
			return p.runDoctor(ctx, f)
		},
	}
	c.Flags().StringVar(&f.state, "state", "", "the folder that keeps the cloud, or shall keep it (default "+
		""+p.stateDir()+")")
	c.Flags().StringVar(&f.virt, "virt", "libvirt", "the hypervisor that shall be used: libvirt or fake")
	c.Flags().IntVar(&f.portBase, "port-base", -1, "the --port-base that shall be used")
	return c
}

func (p *program) runDoctor(ctx context.Context, f upFlags) error {
	c, err := p.upConfig(f)
	if err != nil {
		return err
	}
	checks := generalChecks()
	if f.virt != "fake" {
		checks = append(checks, hostChecks()...)
	}
	bad := 0
	for _, k := range checks {
		found, fix := k.run(ctx, &c)
		mark := "ok  "
		switch {
		case fix != "" && k.must:
			mark = "FAIL"
			bad++
		case fix != "":
			mark = "note"
		}
		fmt.Fprintf(p.env.Out, "%s  %-18s %s\n", mark, k.name, found)
		for line := range strings.SplitSeq(fix, "\n") {
			if line != "" {
				fmt.Fprintf(p.env.Out, "      %-18s → %s\n", "", line)
			}
		}
	}
	if bad > 0 {
		return exitCode(2)
	}
	return nil
}

func generalChecks() []check {
	return []check{
		{"ports", true, checkPorts},
		{"state folder", true, checkState},
		{"clock", false, checkClock},
	}
}

func checkPorts(ctx context.Context, c *app.Config) (string, string) {
	taken, ours, pid, err := c.Ports(ctx)
	switch {
	case err != nil:
		return err.Error(), "see whether a cloud is just being started on " + c.Default.StatePath
	case len(taken) > 0:
		return "taken: " + strings.Join(taken, ", "), "a cloud may be running already: hypernova status\nfind who has " +
			"them with \"ss -ltnp\", or move all with --port-base"
	case len(ours) > 0:
		return fmt.Sprintf("those of the cloud that runs on %s (process %d): %s", c.Default.StatePath, pid,
			strings.Join(ours, ", ")), ""
	}
	return "free", ""
}

func checkState(_ context.Context, c *app.Config) (string, string) {
	dir := c.Default.StatePath
	probe := dir
	for !exists(probe) && probe != "/" && probe != "." {
		probe = probe[:max(strings.LastIndexByte(probe, '/'), 1)]
	}
	free, err := app.FreeBytes(probe)
	if err != nil {
		return dir + ": " + err.Error(), "choose another folder with --state"
	}
	text := fmt.Sprintf("%s, %.1f GiB free", dir, float64(free)/(1<<30))
	if free < 2<<30 {
		return text, "make room, or choose another folder with --state: images and servers' disks are kept there"
	}
	f, err := os.CreateTemp(probe, ".hypernova-doctor-*")
	if err != nil {
		return dir + " cannot be written", "run as root, or choose another folder with --state"
	}
	f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return dir + ": " + err.Error(), "see why a file made there cannot be removed"
	}
	return text, ""
}

func checkClock(context.Context, *app.Config) (string, string) {
	now := time.Now().UTC()
	if now.Year() < 2025 {
		return now.Format(time.RFC3339), "set the clock: tokens and certificates depend on it (timedatectl set-ntp true)"
	}
	return now.Format(time.RFC3339), ""
}

// packaged is the fix for a program that is missing.
func packaged(program, pkg string) check {
	return check{program, true, func(context.Context, *app.Config) (string, string) {
		path, err := exec.LookPath(program)
		if err != nil {
			return "missing", "apt-get install " + pkg
		}
		return path, ""
	}}
}

func hostChecks() []check {
	if runtime.GOOS != "linux" {
		return []check{{"system", true, func(context.Context, *app.Config) (string, string) {
			return runtime.GOOS, "real servers run on Linux only; use --virt fake here"
		}}}
	}
	emulator := map[string]string{"amd64": "qemu-system-x86_64", "arm64": "qemu-system-aarch64"}[runtime.GOARCH]
	pkg := map[string]string{"amd64": "qemu-system-x86", "arm64": "qemu-system-arm"}[runtime.GOARCH]
	return []check{
		{"root", true, func(context.Context, *app.Config) (string, string) {
			if os.Geteuid() != 0 {
				return "user " + strconv.Itoa(os.Geteuid()), "run with sudo: networks and servers need root"
			}
			return "yes", ""
		}},
		packaged(emulator, pkg),
		packaged("qemu-img", "qemu-utils"),
		{"libvirt", true, checkLibvirt},
		{"console logs", false, checkConsoles},
		{"KVM", false, checkKVM},
		{"tun device", true, func(context.Context, *app.Config) (string, string) {
			if !exists("/dev/net/tun") {
				return "/dev/net/tun is missing", "modprobe tun\nin a container: pass the device (--device /dev/net/tun)"
			}
			return "/dev/net/tun", ""
		}},
		{"network namespaces", true, func(context.Context, *app.Config) (string, string) {
			if !exists("/proc/self/ns/net") {
				return "not in this kernel", "use a kernel with CONFIG_NET_NS"
			}
			return "yes", ""
		}},
		{"nftables", true, checkNFT},
		{"address translation", true, checkTranslation},
		{"external network", false, checkExternal},
	}
}

// checkLibvirt looks for the socket and connects: a socket alone may be left over from a daemon that died.
func checkLibvirt(ctx context.Context, _ *app.Config) (string, string) {
	fix := "apt-get install libvirt-daemon-system"
	if _, err := exec.LookPath("libvirtd"); err == nil {
		fix = "virtlogd -d && libvirtd -d"
		if exists("/run/systemd/system") {
			fix = "systemctl start libvirtd"
		}
	}
	for _, path := range []string{"/run/libvirt/libvirt-sock", "/run/libvirt/virtqemud-sock"} {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
		if err == nil {
			conn.Close()
			return path, ""
		}
	}
	return "does not answer", fix
}

// checkConsoles says who bounds console logs, and what that one may not do.
func checkConsoles(_ context.Context, c *app.Config) (string, string) {
	if libvirt.ConsolesUnbounded("/") {
		return "written by QEMU itself, which does not bound them",
			fmt.Sprintf("nova-compute cuts them at %d MiB (max_console_log_mb) while it runs\n", c.Default.MaxConsole) +
				"to have virtlogd do it: stdio_handler = \"logd\" in /etc/libvirt/qemu.conf, restart libvirtd, reboot servers hard"
	}
	return "bounded by virtlogd; if it is ended the consoles of running servers freeze until a hard reboot", ""
}

func checkNFT(ctx context.Context, _ *app.Config) (string, string) {
	path, err := exec.LookPath("nft")
	if err != nil {
		return "the program nft is missing; it is used to look at rules", "apt-get install nftables"
	}
	if out, err := exec.CommandContext(ctx, path, "list", "tables").CombinedOutput(); err != nil && os.Geteuid() == 0 {
		return strings.TrimSpace(string(out)), "modprobe nf_tables"
	}
	return path, ""
}

// checkTranslation asks the kernel for what the rules of routers need, and changes nothing.
func checkTranslation(ctx context.Context, _ *app.Config) (string, string) {
	path, err := exec.LookPath("nft")
	if err != nil || os.Geteuid() != 0 {
		return "not tried: needs root and the program nft", "" // what is missing is said above
	}
	c := exec.CommandContext(ctx, path, "--check", "-f", "-")
	c.Stdin = strings.NewReader("table inet hypernova_probe {\n\tchain c {\n\t\ttype nat hook postrouting " +
		"priority 100;\n\t\tct status dnat snat ip to 192.0.2.1 fully-random\n\t\tmasquerade\n\t}\n}\n")
	if out, err := c.CombinedOutput(); err != nil {
		return "routers cannot translate addresses: " + strings.TrimSpace(string(out)), "modprobe nft_chain_nat nft_masq"
	}
	return "yes", ""
}

// checkExternal looks whether the addresses of the external network that "hypernova up" makes are free on this machine.
func checkExternal(_ context.Context, c *app.Config) (string, string) {
	one := *c
	if err := one.OneMachine(); err != nil {
		return err.Error(), "correct the option"
	}
	at := one.NetAgent.External
	if !at.IsValid() {
		return "not within this machine", ""
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return err.Error(), "look at ip address"
	}
	for _, a := range addrs {
		have, err := netip.ParsePrefix(a.String())
		if err == nil && have.Overlaps(at) && have != at { // the address itself is that of a cloud which runs
			return fmt.Sprintf("this machine has the address %s, within the external network %s of a new cloud", have,
				at.Masked()), "set [bootstrap] external_cidr to a network that is free, or to nothing for a cloud without one"
		}
	}
	return at.String() + " is this machine's address on it; the agent switches IP forwarding on", ""
}

// checkKVM boots a kernel under KVM for a moment: a device file alone proves nothing.
func checkKVM(ctx context.Context, c *app.Config) (string, string) {
	v, err := kvm.Probe{Kernel: filepath.Join(c.Default.StatePath, "guest-kernel")}.Works(ctx)
	switch {
	case err != nil:
		return err.Error(), "see above"
	case v.Works:
		return v.Reason, ""
	}
	return v.Reason, "servers run all the same, by emulation, which is slower\nto have KVM: enable virtualisation in " +
		"the firmware, or nested virtualisation on the host of this machine, then modprobe kvm_intel or kvm_amd"
}
