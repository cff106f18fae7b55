package bench

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hypernova/tests/running"
)

// booting is a cloud with real servers, and the files to start the same guest without it.
type booting struct {
	*running.Cloud
	t      *testing.T
	api    *running.API
	dir    string
	body   string
	accel  string // accelerator of the cloud's servers: kvm or qemu
	base   string // the image
	config string // a config drive of one of them
	memory string // MiB
}

// TestBootFigures compares the time from the request to the guest's report that it is ready with the boot time of the
// same guest in a QEMU that is started directly, with existing disks.
func TestBootFigures(t *testing.T) {
	image := os.Getenv("HYPERNOVA_GUEST_IMAGE")
	if testing.Short() || image == "" || os.Geteuid() != 0 {
		t.Skip("needs root, libvirt and a guest image in $HYPERNOVA_GUEST_IMAGE")
	}
	for _, p := range []string{"virsh", "qemu-img", "qemu-system-x86_64"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed", p)
		}
	}
	// Not t.TempDir: the hypervisor's user must be able to reach the disks.
	dir, err := os.MkdirTemp("/var/tmp", "hypernova-bench-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	b := &booting{t: t, dir: dir, base: filepath.Join(dir, "guest.qcow2"), config: filepath.Join(dir, "config.iso"),
		memory: "128"}
	b.run("cp", image, b.base)
	t.Cleanup(func() { running.Destroy(t, dir) })
	b.Cloud = running.Up(t, dir, "--virt", "libvirt")
	b.api = b.API(t)
	b.body = fmt.Sprintf(`{"server":{"name":"boot","config_drive":true,"flavorRef":%q,"imageRef":%q,"networks":[{"uuid":%q}]}}`,
		b.api.Find(t, "compute", "/flavors", "flavors", "m1.nano"), b.api.Find(t, "image", "/v2/images", "images", "guest"),
		b.api.Find(t, "network", "/v2.0/networks", "networks", "demo"))
	first, _ := b.server(true) // the first one downloads the image, and libvirt probes QEMU
	const runs = 5
	var with, active, without []time.Duration
	for range runs {
		whole, act := b.server(false)
		with, active = append(with, whole), append(active, act)
		without = append(without, b.byHand())
	}
	say := func(figure, format string, args ...any) {
		fmt.Printf("figure: %-44s %s\n", figure, fmt.Sprintf(format, args...))
	}
	say("first server of a host, request to guest ready", "%.2f s (%s)", first.Seconds(), b.accel)
	say("server, request to guest ready", "%s (%s)", seconds(with), b.accel)
	say("server, request to ACTIVE", "%s (%s)", seconds(active), b.accel)
	say("the same guest, QEMU by hand to guest ready", "%s (%s)", seconds(without), b.accel)
	say("boot overhead over QEMU by hand", "%.2f s", (with[runs/2] - without[runs/2]).Seconds())
	b.guestFigures(say)
}

// seconds returns the median, minimum and maximum as text. It sorts its argument.
func seconds(ds []time.Duration) string {
	slices.Sort(ds)
	return fmt.Sprintf("median %.2f s, %.2f to %.2f", ds[len(ds)/2].Seconds(), ds[0].Seconds(), ds[len(ds)-1].Seconds())
}

func (b *booting) run(name string, args ...string) string {
	b.t.Helper()
	out, err := exec.CommandContext(b.t.Context(), name, args...).CombinedOutput()
	if err != nil {
		b.t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return string(out)
}

// ready waits until the guest's console reports that it is ready. It calls other meanwhile.
func (b *booting) ready(console string, other func()) {
	b.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.After(5 * time.Minute)
	for {
		if text, err := os.ReadFile(console); err == nil && strings.Contains(string(text), "guest: ready after") {
			return
		}
		other()
		select {
		case <-tick.C:
		case <-end:
			b.t.Fatalf("the guest of %s is not ready after five minutes", console)
		}
	}
}

// server creates a server, waits for its guest and deletes it. keep stores what byHand needs to start the same guest.
func (b *booting) server(keep bool) (whole, active time.Duration) {
	b.t.Helper()
	type doc struct {
		Server struct{ ID, Status string }
	}
	began := time.Now()
	var s doc
	b.api.Do(b.t, "POST", "compute", "/servers", b.body, http.StatusAccepted, &s)
	id := s.Server.ID
	folder := filepath.Join(b.dir, "instances", id)
	b.ready(filepath.Join(folder, "console.log"), func() {
		if active > 0 {
			return
		}
		b.api.Do(b.t, "GET", "compute", "/servers/"+id, "", http.StatusOK, &s)
		switch s.Server.Status {
		case "ACTIVE":
			active = time.Since(began)
		case "ERROR":
			b.t.Fatal("the build failed")
		}
	})
	whole = time.Since(began)
	if keep {
		b.accel = "qemu"
		if strings.Contains(b.run("virsh", "-c", "qemu:///system", "dumpxml", id), "type='kvm'") {
			b.accel = "kvm"
		}
		b.run("cp", filepath.Join(folder, "disk.config"), b.config)
	}
	b.api.Do(b.t, "DELETE", "compute", "/servers/"+id, "", http.StatusNoContent, nil)
	for {
		if status, _ := b.api.Try(b.t, "GET", "compute", "/servers/"+id, "", nil); status == http.StatusNotFound {
			return whole, active
		}
	}
}

// byHand starts the guest directly. QEMU's user network answers its DHCP requests.
func (b *booting) byHand() time.Duration {
	b.t.Helper()
	disk, console := filepath.Join(b.dir, "hand.qcow2"), filepath.Join(b.dir, "hand.log")
	b.run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", b.base, disk, "1G")
	os.Remove(console)
	machine := []string{"-machine", "q35,accel=tcg", "-cpu", "max"}
	if b.accel == "kvm" {
		machine = []string{"-machine", "q35,accel=kvm", "-cpu", "host"}
	}
	cmd := exec.CommandContext(b.t.Context(), "qemu-system-x86_64", append(machine, "-nodefaults", "-no-user-config", "-m",
		b.memory, "-display", "none",
		"-drive", "if=none,id=d,format=qcow2,cache=none,discard=unmap,file="+disk, "-device",
		"virtio-blk-pci,drive=d,bootindex=1",
		"-drive", "if=none,id=c,format=raw,readonly=on,file="+b.config, "-device", "virtio-blk-pci,drive=c",
		"-netdev", "user,id=n", "-device", "virtio-net-pci,netdev=n", "-device", "virtio-rng-pci", "-vga", "std",
		"-serial", "file:"+console)...)
	var words strings.Builder
	cmd.Stdout, cmd.Stderr = io.Discard, &words
	began := time.Now()
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // an error, because it was killed
	}()
	b.ready(console, func() {})
	if words.Len() > 0 {
		b.t.Log(words.String())
	}
	return time.Since(began)
}
