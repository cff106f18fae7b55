package libvirt_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hypernova/nova"
	"hypernova/nova/virt/libvirt"
	"hypernova/nova/virt/libvirt/libvirttest"
	"hypernova/oslo/ids"
)

// TestRealGuest boots the guest image that the project builds and reads its console. It runs if HYPERNOVA_E2E is 1.
// HYPERNOVA_GUEST_IMAGE names an image that is already built.
func TestRealGuest(t *testing.T) {
	if os.Getenv("HYPERNOVA_E2E") == "" {
		t.Skip("set HYPERNOVA_E2E=1 to boot real guests")
	}
	daemon := libvirttest.Start(t)
	image := guestImage(t)
	dir := instances(t)
	d := open(t, libvirt.Config{URI: daemon.URI, InstancesPath: dir, Files: configDrive})
	t.Cleanup(func() { destroyAll(t, d) })
	accel, why := d.Accelerator()
	t.Logf("accelerator %s: %s", accel, why)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()

	s := &nova.Spec{ID: ids.UUID(), Name: "e2e", Hostname: "e2e-host", Project: ids.Hex(),
		User: ids.Hex(), ConfigDrive: true,
		Flavor: nova.Flavor{Name: "m1.nano", VCPUs: 1, RAM: 128, Disk: 1, Ephemeral: 1, Swap: 64}, Image: image.meta,
		PublicKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBvXgnAyKTSZrE0uPxyFmqK4SPyEJdEhGPFd7MOkb1WB e2e",
		Created:   time.Now()}
	took := func(what string, f func() error) {
		t.Helper()
		start := time.Now()
		if err := f(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		t.Logf("%s took %v", what, time.Since(start).Round(time.Millisecond))
	}
	took("prepare with the first fetch of the image", func() error { return d.Prepare(ctx, s, image) })
	took("spawn", func() error { return d.Spawn(ctx, s) })
	took("boot", func() error { return waitConsole(ctx, t, d, s.ID, "e2e-host login:") })
	log := consoleText(ctx, t, d, s.ID)
	t.Logf("console:\n%s", log)
	for _, want := range []string{"instance-id " + s.ID, "name e2e", "hostname e2e-host",
		"metadata from config drive /dev/v", "ssh keys 1",
		"user data says 42", "user-data: ran, exit 7", "disks 1G 1G 64M"} {
		if !strings.Contains(log, want) {
			t.Errorf("the console lacks %q", want)
		}
	}
	base, err := filepath.Glob(filepath.Join(dir, "_base", "*.qcow2"))
	if err != nil || len(base) != 1 {
		t.Fatalf("cached images: %v, %v", base, err)
	}
	if i, err := os.Stat(base[0]); err != nil || i.Mode().Perm() != 0o644 || owner(i) != os.Getuid() {
		t.Errorf("the cached image was touched: %v, %v", i, err)
	}

	took("graceful stop", func() error { return d.Stop(ctx, s.ID, time.Minute) })
	if log := consoleText(ctx, t, d, s.ID); !strings.Contains(log, "power button") ||
		!strings.Contains(log, "reboot: Power down") {
		t.Errorf("the guest did not shut down by itself:\n%s", log)
	}
	took("start", func() error { return d.Start(ctx, s) })
	took("second boot", func() error { return waitConsole(ctx, t, d, s.ID, "ran at an earlier boot") })
	hotplug(ctx, t, daemon, d, s)
	took("soft reboot", func() error { return d.Reboot(ctx, s, true, time.Minute) })
	s.Image.Properties = map[string]string{"hw_qemu_guest_agent": "yes"}
	rebuildAndRescue(ctx, t, d, s, image, took)
	took("destroy", func() error { return d.Destroy(ctx, s.ID) })
	if _, err := os.Stat(filepath.Join(dir, s.ID)); !os.IsNotExist(err) {
		t.Errorf("the server's folder is still there: %v", err)
	}

	again := *s
	again.ID = ids.UUID()
	took("prepare with a cached image", func() error { return d.Prepare(ctx, &again, image) })
}

// rebuildAndRescue gives a running guest a new disk, and then starts it from rescue disks of either form. User data
// runs once on each disk, which tells whether the guest runs from its own disk or from another one.
func rebuildAndRescue(ctx context.Context, t *testing.T, d *libvirt.Driver, s *nova.Spec, image builtImage,
	took func(string, func() error)) {
	const fresh, known = "user-data: ran, exit 7", "user-data: ran at an earlier boot"
	boots := func(what, want, not string, of func() error) {
		t.Helper()
		before := len(consoleText(ctx, t, d, s.ID))
		took(what, of)
		took("boot after that", func() error {
			return waitFor(ctx, func() (bool, string) {
				text := consoleText(ctx, t, d, s.ID)
				text = text[min(before, len(text)):]
				if len(text) == 0 || strings.Contains(text, not) {
					return false, text
				}
				return strings.Contains(text, want), text
			})
		})
	}
	took("preparation of a rebuild", func() error { return d.PrepareRebuild(ctx, s, image, true) })
	took("rebuild", func() error { return d.Rebuild(ctx, s, true) })
	took("boot after that", func() error { return waitConsole(ctx, t, d, s.ID, fresh) })
	took("end of the rebuild", func() error { return d.FinishRebuild(ctx, s.ID) })
	took("password", func() error { return d.SetPassword(ctx, s, "new secret") })
	took("news of it", func() error { return waitConsole(ctx, t, d, s.ID, "agent: password of root set") })
	took("interrupt", func() error { return d.InjectNMI(ctx, s.ID) })
	figures, err := d.Diagnose(ctx, s)
	if err != nil || len(figures.CPUs) != 1 || len(figures.Disks) != 4 || figures.Disks[0].ReadRequests == 0 {
		t.Errorf("diagnostics: %+v, %v", figures, err)
	}

	for _, properties := range []map[string]string{nil, {"hw_rescue_bus": "scsi"}} {
		rescue := image.meta
		rescue.Properties = properties
		s.AdminPass = "rescued"
		took("preparation of a rescue", func() error { return d.PrepareRescue(ctx, s, &rescue, image) })
		boots("rescue", fresh, known, func() error { return d.Rescue(ctx, s, &rescue, time.Minute) })
		text := consoleText(ctx, t, d, s.ID)
		if !strings.Contains(text, "password rescued") {
			t.Errorf("the rescue guest has not got its password:\n%s", text)
		}
		boots("unrescue", known, fresh, func() error { return d.Unrescue(ctx, s, true) })
	}
}

// waitFor waits until done.
func waitFor(ctx context.Context, done func() (bool, string)) error {
	for tick := time.Tick(100 * time.Millisecond); ; {
		ok, text := done()
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; the console says:\n%s", ctx.Err(), text)
		case <-tick:
		}
	}
}

func configDrive(s *nova.Spec) (map[string][]byte, error) {
	meta, err := json.Marshal(map[string]any{"uuid": s.ID, "name": s.Name, "hostname": s.Hostname,
		"public_keys": map[string]string{"k": s.PublicKey}})
	if err != nil {
		return nil, err
	}
	script := "#!/bin/sh\necho user data says $((6*7))\n" +
		"echo password " + s.AdminPass + "\n" +
		"echo disks $(for d in /sys/class/block/vda /sys/class/block/vdb /sys/class/block/vdc; do s=$(($(cat $d/size)/2048)); [ $s -ge 1024 ] && echo $((s/1024))G || echo ${s}M; done)\nexit 7\n"
	return map[string][]byte{"openstack/latest/meta_data.json": meta, "openstack/latest/user_data": []byte(script)}, nil
}

// builtImage is an image store with one image, a file.
type builtImage struct {
	path string
	meta nova.ImageMeta
}

func (b builtImage) Open(context.Context, string) (io.ReadCloser, error) { return os.Open(b.path) }

func guestImage(t *testing.T) builtImage {
	t.Helper()
	b := builtImage{path: os.Getenv("HYPERNOVA_GUEST_IMAGE")}
	if b.path == "" {
		b.path = filepath.Join(t.TempDir(), "guest.qcow2")
		out, err := exec.CommandContext(t.Context(), "../../../scripts/guest-image", b.path).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		t.Logf("%s", out)
	}
	data, err := os.ReadFile(b.path)
	if err != nil {
		t.Fatal(err)
	}
	sum := md5.Sum(data)
	b.meta = nova.ImageMeta{ID: ids.UUID(), Name: "guest", DiskFormat: "qcow2", ContainerFormat: "bare",
		Size: int64(len(data)), Checksum: hex.EncodeToString(sum[:])}
	return b
}

func consoleText(ctx context.Context, t *testing.T, d *libvirt.Driver, id string) string {
	t.Helper()
	b, err := d.ConsoleLog(ctx, id, 64<<10)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), "\r", "")
}

func waitConsole(ctx context.Context, t *testing.T, d *libvirt.Driver, id, text string) error {
	t.Helper()
	for tick := time.Tick(100 * time.Millisecond); ; {
		if strings.Contains(consoleText(ctx, t, d, id), text) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the console never said %q: %w\n%s", text, ctx.Err(),
				consoleText(context.WithoutCancel(ctx), t, d, id))
		case <-tick:
		}
	}
}
