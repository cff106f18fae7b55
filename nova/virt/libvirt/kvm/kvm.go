// Package kvm finds out whether hardware virtualisation really works on this host. A device file proves nothing: there are machines where
// guests start under it and then hang. So a real kernel is booted for a moment, and its answer is remembered until the next boot of the host.
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

	"hypernova/nova/virt/libvirt/command"
	"hypernova/oslo/private"
)

// Probe says with what to try. The zero value finds all it needs by itself.
type Probe struct {
	Emulator string        // default: qemu-system-x86_64 in the usual places
	Kernel   string        // a kernel to boot, best the one of the guests; default: the host's own
	StateDir string        // where the answer is kept; empty: nowhere
	Device   string        // default /dev/kvm
	Timeout  time.Duration // default 15 s; a kernel that can boot does so in one or two
	Run      Runner        // default: command.Runner{}
}

// Runner runs the emulator.
type Runner interface {
	Run(ctx context.Context, c command.Cmd) (command.Result, error)
}

// Verdict is the answer and why.
type Verdict struct {
	Works  bool   `json:"works"`
	Reason string `json:"reason"`
	Cached bool   `json:"-"`
}

// kernelSaid is what a kernel without a root file system ends with; before it come the CPUs, the timer and the interrupt controller.
const kernelSaid = "Unable to mount root fs"

// Works answers. It blocks while the probe guest runs. Doubt means no: emulation is slow but right. The error is ctx's only.
func (p Probe) Works(ctx context.Context) (Verdict, error) {
	p = p.defaults()
	f, err := os.OpenFile(p.Device, os.O_RDWR, 0)
	if err != nil {
		return Verdict{Reason: fmt.Sprintf("%s cannot be used: %v", p.Device, errors.Unwrap(err))}, nil
	}
	if err := f.Close(); err != nil {
		return Verdict{Reason: err.Error()}, nil
	}
	if p.Emulator == "" {
		return Verdict{Reason: "no QEMU for x86-64 is installed"}, nil
	}
	if p.Kernel == "" {
		return Verdict{Reason: p.Device + " is there, but no kernel was found to try it with"}, nil
	}
	key := p.key()
	if v, ok := p.load(key); ok {
		return v, nil
	}
	v, err := p.boot(ctx)
	if err != nil {
		return Verdict{}, err
	}
	p.save(key, v)
	return v, nil
}

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
		p.Emulator = firstFile("/usr/bin/qemu-system-x86_64", "/usr/bin/kvm", "/usr/libexec/qemu-kvm", "/usr/local/bin/qemu-system-x86_64")
	}
	if p.Kernel == "" || !isFile(p.Kernel) {
		p.Kernel = firstFile("/boot/vmlinuz-"+release(), "/vmlinuz", "/boot/vmlinuz")
	}
	return p
}

// boot starts a kernel without disks. It must get as far as looking for its root file system.
func (p Probe) boot(ctx context.Context) (Verdict, error) {
	start := time.Now()
	res, err := p.Run.Run(ctx, command.Cmd{Timeout: p.Timeout, Argv: []string{p.Emulator, "-nodefaults", "-no-user-config", "-machine", "q35,accel=kvm",
		"-cpu", "host", "-smp", "2", "-m", "256", "-display", "none", "-serial", "stdio", "-no-reboot", "-kernel", p.Kernel,
		"-append", "console=ttyS0 panic=-1 root=/dev/none"}})
	if ctx.Err() != nil {
		return Verdict{}, ctx.Err()
	}
	out := string(res.Output)
	switch {
	case strings.Contains(out, kernelSaid):
		return Verdict{Works: true, Reason: fmt.Sprintf("a kernel booted under it in %v", time.Since(start).Round(10*time.Millisecond))}, nil
	case res.Took >= p.Timeout:
		return Verdict{Reason: fmt.Sprintf("a guest kernel hangs under %s (gave up after %v)", p.Device, p.Timeout)}, nil
	case err != nil:
		return Verdict{Reason: fmt.Sprintf("QEMU does not run with %s: %s", p.Device, lastLine(err.Error()))}, nil
	}
	return Verdict{Reason: "the guest kernel stopped early under " + p.Device}, nil
}

// Misplaced says what is wrong with the device's permissions, and the fix; empty when nothing is. Where only root may open it, libvirt, which runs
// QEMU as another user, examines QEMU anew before each start: half a minute instead of half a second, also for emulated servers.
func (p Probe) Misplaced() string {
	p = p.defaults()
	i, err := os.Stat(p.Device)
	if err != nil || i.Mode().Perm()&0o066 != 0 {
		return ""
	}
	return fmt.Sprintf("only root may open %[1]s, which makes libvirt very slow: chgrp kvm %[1]s && chmod 660 %[1]s", p.Device)
}

// key changes when the answer could: another boot of the host, another QEMU, another kernel to try with.
func (p Probe) key() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		boot = []byte("?")
	}
	return strings.TrimSpace(string(boot)) + " " + release() + " " + stamp(p.Emulator) + " " + stamp(p.Kernel)
}

func (p Probe) file() string { return filepath.Join(p.StateDir, "kvm.json") }

type memory struct {
	Key string `json:"key"`
	Verdict
}

func (p Probe) load(key string) (Verdict, bool) {
	if p.StateDir == "" {
		return Verdict{}, false
	}
	var m memory
	b, err := os.ReadFile(p.file())
	if err != nil || json.Unmarshal(b, &m) != nil || m.Key != key {
		return Verdict{}, false
	}
	m.Cached = true
	return m.Verdict, true
}

// save is best effort: without it the next start only takes longer.
func (p Probe) save(key string, v Verdict) {
	if p.StateDir == "" || private.Missing(p.StateDir) != nil {
		return
	}
	b, err := json.MarshalIndent(memory{key, v}, "", "  ")
	if err != nil || private.Write(p.file()+".new", append(b, '\n')) != nil {
		return
	}
	_ = os.Rename(p.file()+".new", p.file())
}

func release() string {
	b, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return runtime.GOOS
	}
	return strings.TrimSpace(string(b))
}

func stamp(name string) string {
	i, err := os.Stat(name)
	if err != nil {
		return name
	}
	return fmt.Sprintf("%s:%d:%d", name, i.Size(), i.ModTime().Unix())
}

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
