package kvm_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hypernova/nova/virt/libvirt/kvm"
	"hypernova/oslo/command"
	"hypernova/oslo/fault"
)

// emulator returns a fixed result in place of QEMU.
type emulator struct {
	out  string
	took time.Duration
	err  error
	runs int
}

func (e *emulator) Run(context.Context, command.Cmd) (command.Result, error) {
	e.runs++
	return command.Result{Output: []byte(e.out), Took: e.took}, e.err
}

func file(t *testing.T, name string) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestKVMWorksOnlyIfAKernelBoots(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		e      emulator
		works  bool
		reason string
	}{
		{"boots", emulator{out: "Linux version 6.1\nKernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"}, true, "booted"},
		{"hangs", emulator{out: "Booting from ROM..", took: 15 * time.Second, err: fault.New(fault.Internal, "did not end")},
			false, "hangs"},
		{"is refused", emulator{err: fault.New(fault.Internal, "qemu: x\nfailed to initialize kvm: Permission denied")},
			false, "Permission denied"},
		{"stops early", emulator{out: "Linux version 6.1\n"}, false, "stopped early"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := kvm.Probe{Emulator: file(t, "qemu"), Kernel: file(t, "vmlinuz"), Device: file(t, "kvm"),
				StateDir: t.TempDir(), Run: &c.e}
			v, err := p.Works(t.Context())
			if err != nil || v.Works != c.works || !strings.Contains(v.Reason, c.reason) || v.Cached {
				t.Errorf("got %+v, %v; want works %v because %q", v, err, c.works, c.reason)
			}
			again, err := p.Works(t.Context())
			if err != nil || again.Works != v.Works || again.Reason != v.Reason || !again.Cached || c.e.runs != 1 {
				t.Errorf("again: %+v, %v after %d runs; want the stored result", again, err, c.e.runs)
			}
			if err := os.WriteFile(p.Kernel, []byte("another kernel"), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Works(t.Context()); err != nil || c.e.runs != 2 {
				t.Errorf("another kernel: %v after %d runs; want a new probe", err, c.e.runs)
			}
		})
	}
}

func TestWithoutADeviceNothingIsBooted(t *testing.T) {
	t.Parallel()
	e := &emulator{}
	v, err := kvm.Probe{Device: filepath.Join(t.TempDir(), "none"), Emulator: file(t, "qemu"), Kernel: file(t, "k"),
		Run: e}.Works(t.Context())
	if err != nil || v.Works || e.runs != 0 || !strings.Contains(v.Reason, "cannot be used") {
		t.Errorf("got %+v, %v after %d runs", v, err, e.runs)
	}
}

func TestResultOfACancelledProbeIsNotStored(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	if _, err := (kvm.Probe{Emulator: file(t, "qemu"), Kernel: file(t, "k"), Device: file(t, "kvm"), StateDir: dir,
		Run: &emulator{}}).Works(ctx); err == nil {
		t.Error("no error")
	}
	if es, _ := os.ReadDir(dir); len(es) != 0 {
		t.Errorf("stored %v", es)
	}
}

// TestThisHost boots a real kernel and logs the result, which depends on the machine.
func TestThisHost(t *testing.T) {
	if os.Getenv("HYPERNOVA_E2E") == "" {
		t.Skip("set HYPERNOVA_E2E=1 to boot a kernel")
	}
	v, err := kvm.Probe{Kernel: os.Getenv("HYPERNOVA_GUEST_KERNEL")}.Works(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("works %v: %s", v.Works, v.Reason)
	if want := os.Getenv("HYPERNOVA_KVM"); want != "" && want != map[bool]string{true: "yes", false: "no"}[v.Works] {
		t.Errorf("works = %v, want %s", v.Works, want)
	}
}
