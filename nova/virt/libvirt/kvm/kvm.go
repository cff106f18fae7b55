// Package kvm tests whether hardware virtualisation works on this host. The device file is no proof: on some machines
// guests start with KVM and then hang. The test boots a kernel for a moment. Its result is stored until the next boot
// of the host.
package kvm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"hypernova/oslo/command"
	"hypernova/oslo/private"
)

// Probe is the configuration of the test. Its zero value is ready to use.
type Probe struct {
	Emulator string        // default: qemu-system-x86_64 in the usual places
	Kernel   string        // kernel to boot, preferably the guests'; default: the host's
	StateDir string        // folder in which the result is stored; empty: it is not stored
	Device   string        // default /dev/kvm
	Timeout  time.Duration // default 15 s; a working kernel boots in one or two
	Run      Runner        // default: command.Runner{}
}

// Runner runs the emulator and blocks until it ends.
type Runner interface {
	Run(ctx context.Context, c command.Cmd) (command.Result, error)
}

// Result is whether KVM works, and the reason.
type Result struct {
	Works  bool   `json:"works"`
	Reason string `json:"reason"`
	Cached bool   `json:"-"` // it is the stored result of an earlier test
}

// bootedText is the last message of a kernel without a root file system. The kernel prints it after it has initialised
// the CPUs, the timer and the interrupt controller.
const bootedText = "Unable to mount root fs"

// Works returns the result of the test. It blocks until the test guest ends, at most Timeout. If in doubt the result is
// that KVM does not work, because emulation is slow but correct. The only error is that of ctx.
func (p Probe) Works(ctx context.Context) (Result, error) {
	p = p.defaults()
	f, err := os.OpenFile(p.Device, os.O_RDWR, 0)
	if err != nil {
		return Result{Reason: fmt.Sprintf("%s cannot be used: %v", p.Device, errors.Unwrap(err))}, nil
	}
	if err := f.Close(); err != nil {
		return Result{Reason: err.Error()}, nil
	}
	if p.Emulator == "" {
		return Result{Reason: "no QEMU for x86-64 is installed"}, nil
	}
	if p.Kernel == "" {
		return Result{Reason: p.Device + " is there, but no kernel was found to try it with"}, nil
	}
	key := p.key()
	if v, ok := p.load(key); ok {
		return v, nil
	}
	v, err := p.boot(ctx)
	if err != nil {
		return Result{}, err
	}
	p.save(key, v)
	return v, nil
}

// defaults returns p with the empty fields set.
func (p Probe) defaults() Probe {
	if p.Device == "" {
		p.Device = "/dev/kvm"
	}
	if p.Timeout == 0 {
		p.Timeout = 15 * time.Second
	}
	if p.Run == nil {
		p.Run = command.Runner{}
	}
	if p.Emulator == "" {
		p.Emulator = firstFile("/usr/bin/qemu-system-x86_64", "/usr/bin/kvm", "/usr/libexec/qemu-kvm",
			"/usr/local/bin/qemu-system-x86_64")
	}
	if p.Kernel == "" || !isFile(p.Kernel) {
		p.Kernel = firstFile("/boot/vmlinuz-"+release(), "/vmlinuz", "/boot/vmlinuz")
	}
	return p
}

// boot boots a kernel without disks. KVM works if the kernel gets as far as looking for its root file system.
func (p Probe) boot(ctx context.Context) (Result, error) {
	start := time.Now()
	res, err := p.Run.Run(ctx, command.Cmd{Timeout: p.Timeout, Argv: []string{p.Emulator, "-nodefaults", "-no-user-config",
		"-machine", "q35,accel=kvm",
		"-cpu", "host", "-smp", "2", "-m", "256", "-display", "none", "-serial", "stdio", "-no-reboot", "-kernel", p.Kernel,
		"-append", "console=ttyS0 panic=-1 root=/dev/none"}})
	if ctx.Err() != nil {
		return Result{}, ctx.Err()
	}
	out := string(res.Output)
	switch {
	case strings.Contains(out, bootedText):
		return Result{Works: true, Reason: fmt.Sprintf("a kernel booted under it in %v",
			time.Since(start).Round(10*time.Millisecond))}, nil
	case res.Took >= p.Timeout:
		return Result{Reason: fmt.Sprintf("a guest kernel hangs under %s (gave up after %v)", p.Device, p.Timeout)}, nil
	case err != nil:
		return Result{Reason: fmt.Sprintf("QEMU does not run with %s: %s", p.Device, lastLine(err.Error()))}, nil
	}
	return Result{Reason: "the guest kernel stopped early under " + p.Device}, nil
}

// Misplaced returns a message if only root may open the device, else an empty string. libvirt runs QEMU as another
// user. If that user cannot open the device, libvirt probes QEMU's capabilities before each start of a guest, also with
// emulation: a start then takes half a minute instead of half a second.
func (p Probe) Misplaced() string {
	p = p.defaults()
	i, err := os.Stat(p.Device)
	if err != nil || i.Mode().Perm()&0o066 != 0 {
		return ""
	}
	return fmt.Sprintf("only root may open %[1]s, which makes libvirt very slow: chgrp kvm %[1]s && chmod 660 %[1]s",
		p.Device)
}

// key identifies a stored result. It changes with the boot of the host, QEMU and the test kernel.
func (p Probe) key() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		boot = []byte("?")
	}
	return strings.TrimSpace(string(boot)) + " " + release() + " " + stamp(p.Emulator) + " " + stamp(p.Kernel)
}

func (p Probe) file() string { return filepath.Join(p.StateDir, "kvm.json") }

// stored is the content of the file.
type stored struct {
	Key string `json:"key"`
	Result
}

func (p Probe) load(key string) (Result, bool) {
	if p.StateDir == "" {
		return Result{}, false
	}
	var m stored
	b, err := os.ReadFile(p.file())
	if err != nil || json.Unmarshal(b, &m) != nil || m.Key != key {
		return Result{}, false
	}
	m.Cached = true
	return m.Result, true
}

// save stores a result. Errors are ignored: without the file the next start only takes longer.
func (p Probe) save(key string, v Result) {
	if p.StateDir == "" || private.Missing(p.StateDir) != nil {
		return
	}
	b, err := json.MarshalIndent(stored{key, v}, "", "  ")
	if err != nil || private.Write(p.file()+".new", append(b, '\n')) != nil {
		return
	}
	_ = os.Rename(p.file()+".new", p.file())
}

// release returns the version of the running kernel.
func release() string {
	b, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return runtime.GOOS
	}
	return strings.TrimSpace(string(b))
}

// stamp identifies the version of a file.
func stamp(name string) string {
	i, err := os.Stat(name)
	if err != nil {
		return name
	}
	return fmt.Sprintf("%s:%d:%d", name, i.Size(), i.ModTime().Unix())
}

// firstFile returns the first name that is a regular file, or an empty string.
func firstFile(names ...string) string {
	for _, n := range names {
		if isFile(n) {
			return n
		}
	}
	return ""
}

func isFile(name string) bool {
	i, err := os.Stat(name)
	return err == nil && i.Mode().IsRegular()
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
