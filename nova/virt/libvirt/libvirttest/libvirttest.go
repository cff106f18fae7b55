// Package libvirttest starts libvirt daemons for tests. Each has its own mount and network namespace, so it does not
// see or change the machine's libvirt. It needs root and an installed libvirt; without them the test is skipped with
// the reason.
package libvirttest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	wire "github.com/digitalocean/go-libvirt"
	"github.com/digitalocean/go-libvirt/socket/dialers"
)

// Daemon is a running libvirt daemon.
type Daemon struct {
	URI    string // for the driver's configuration
	Socket string

	dir string
	cmd *exec.Cmd
}

// Start runs a daemon until the test ends, and destroys its domains then. It skips the test if libvirt cannot run here.
func Start(t *testing.T) *Daemon {
	t.Helper()
	if testing.Short() {
		t.Skip("a libvirt daemon is slow: not with -short")
	}
	if os.Getuid() != 0 {
		t.Skip("a private libvirt daemon needs root")
	}
	for _, p := range []string{"libvirtd", "unshare", "ip", "qemu-system-x86_64", "qemu-img"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed", p)
		}
	}
	dir, err := os.MkdirTemp("", "lv") // short: the path of a socket has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	d := &Daemon{dir: dir, Socket: filepath.Join(dir, "libvirt-sock")}
	d.URI = "qemu+unix:///system?socket=" + d.Socket
	t.Cleanup(func() {
		d.clear(t)
		d.Stop(t)
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	must(t, os.Chmod(dir, 0o755))
	must(t, os.Mkdir(filepath.Join(dir, "etc"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "libvirtd.conf"),
		fmt.Appendf(nil, "unix_sock_dir = %q\nauth_unix_rw = \"none\"\nhost_uuid_source = \"machine-id\"\nlog_outputs = \"3:stderr\"\n", dir), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "etc", "qemu.conf"),
		[]byte("stdio_handler = \"file\"\ncgroup_controllers = []\nremember_owner = 0\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "run.sh"), []byte(script), 0o700))
	d.Run(t)
	return d
}

// script mounts folders of the test over libvirt's folders and starts the daemon. The state remains in the test's
// folder, so a restarted daemon finds its domains.
const script = `set -e
d=$1
ip link set lo up
for p in run/libvirt var/lib/libvirt var/log/libvirt var/cache/libvirt; do
	mkdir -p "/$p" "$d/$p"
	mount --bind "$d/$p" "/$p"
done
mkdir -p /etc/libvirt
mount --bind "$d/etc" /etc/libvirt
# If QEMU's user cannot open /dev/kvm, libvirt probes QEMU's capabilities at each start, which takes seconds.
if [ -c /dev/kvm ]; then
	[ -c "$d/kvm" ] || mknod "$d/kvm" c 10 232
	chgrp kvm "$d/kvm" 2>/dev/null || true
	chmod 660 "$d/kvm"
	mount --bind "$d/kvm" /dev/kvm
fi
exec libvirtd --config "$d/libvirtd.conf" --pid-file "$d/pid" --timeout 0
`

// Run starts the daemon again after Stop, and waits until it accepts connections.
func (d *Daemon) Run(t *testing.T) {
	t.Helper()
	d.cmd = exec.Command("unshare", "--net", "--mount", "--propagation", "private", "sh",
		filepath.Join(d.dir, "run.sh"), d.dir)
	log, err := os.Create(filepath.Join(d.dir, "log"))
	must(t, err)
	defer log.Close()
	d.cmd.Stdout, d.cmd.Stderr = log, log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(t, d.cmd.Start())
	tick, late := time.NewTicker(20*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for {
		if c, err := net.Dial("unix", d.Socket); err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-tick.C:
		case <-late:
			b, _ := os.ReadFile(log.Name())
			t.Skipf("libvirtd does not start here: %s", b)
		}
	}
}

// Logs returns the folder of QEMU's logs.
func (d *Daemon) Logs() string { return filepath.Join(d.dir, "var/log/libvirt/qemu") }

// Net returns the path of the network namespace in which the guests' tap devices must be.
func (d *Daemon) Net() string { return fmt.Sprintf("/proc/%d/ns/net", d.cmd.Process.Pid) }

// Stop ends the daemon. Its domains continue to run, as they do when an operator restarts libvirt.
func (d *Daemon) Stop(t *testing.T) {
	t.Helper()
	if d.cmd == nil {
		return
	}
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	_ = d.cmd.Wait() // an error, because a signal ended it
	_ = os.Remove(d.Socket)
	d.cmd = nil
}

// Hang suspends the daemon, so that it does not answer, or resumes it.
func (d *Daemon) Hang(t *testing.T, hang bool) {
	t.Helper()
	sig := syscall.SIGCONT
	if hang {
		sig = syscall.SIGSTOP
	}
	must(t, d.cmd.Process.Signal(sig))
}

// clear destroys all domains.
func (d *Daemon) clear(t *testing.T) {
	if d.cmd == nil {
		d.Run(t)
	}
	_ = d.cmd.Process.Signal(syscall.SIGCONT)
	lv := wire.NewWithDialer(dialers.NewLocal(dialers.WithSocket(d.Socket)))
	if err := lv.Connect(); err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = lv.Disconnect() }()
	doms, _, err := lv.ConnectListAllDomains(1, wire.ConnectListDomainsActive)
	if err != nil {
		t.Error(err)
	}
	for _, dom := range doms {
		_ = lv.DomainDestroy(dom) // it may have ended already
	}
}

// KillGuest kills the QEMU process of a server, as a crash does.
func KillGuest(t *testing.T, id string) {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	must(t, err)
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil || !strings.Contains(string(b), "\x00-uuid\x00"+id+"\x00") {
			continue
		}
		var pid int
		if _, err := fmt.Sscanf(n, "/proc/%d/cmdline", &pid); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
