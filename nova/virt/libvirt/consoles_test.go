package libvirt_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hypernova/nova/virt/libvirt"
	"hypernova/oslo/ids"
)

func TestConsoleLogsAreBounded(t *testing.T) {
	t.Parallel()
	d, dir := offline(t, nil)
	const most = 256 << 10
	long, short := ids.UUID(), ids.UUID()
	for id, n := range map[string]int{long: 1 << 20, short: 1000} {
		if err := os.Mkdir(filepath.Join(dir, id), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, id, "console.log"), []byte(strings.Repeat("x", n)+"the end"),
			0o600); err != nil {
			t.Fatal(err)
		}
	}
	// QEMU continues to append.
	f, err := os.OpenFile(filepath.Join(dir, long, "console.log"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, want := range []int{1, 0} {
		if n, err := d.BoundConsoles(t.Context(), most); err != nil || n != want {
			t.Errorf("cut %d logs, %v; want %d", n, err, want)
		}
	}
	if _, err := f.WriteString(", and more"); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{long: "the end, and more", short: "xxxthe end"} {
		if b, err := d.ConsoleLog(t.Context(), id, int64(len(want))); err != nil || string(b) != want {
			t.Errorf("the end of the log of %s is %q, %v; want %q", id, b, err, want)
		}
	}
}

// process makes the files of a process in proc below root.
func process(t *testing.T, root string, pid int, name string, start int, argv ...string) {
	t.Helper()
	dir := filepath.Join(root, "proc", fmt.Sprint(pid))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	stat := fmt.Sprintf("%d (%s) S%s %d 0 0\n", pid, name, strings.Repeat(" 0", 18), start)
	for file, text := range map[string]string{"comm": name + "\n", "stat": stat,
		"cmdline": strings.Join(argv, "\x00") + "\x00"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFrozenConsolesAreFound(t *testing.T) {
	t.Parallel()
	old, young := ids.UUID(), ids.UUID()
	for _, c := range []struct {
		name   string
		daemon int // when virtlogd began; 0: it does not run
		conf   string
		want   []string
	}{
		{"virtlogd has run all the while", 50, "", nil},
		{"virtlogd began anew", 150, "#stdio_handler = \"file\"\n", []string{old}},
		{"virtlogd is dead", 0, "", []string{old, young}},
		{"QEMU writes itself", 0, "stdio_handler = \"file\"\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			process(t, root, 10, "qemu (1) x", 100, "qemu-system-x86_64", "-uuid", old)
			process(t, root, 11, "qemu-system-x86", 200, "qemu-system-x86_64", "-uuid", young)
			process(t, root, 12, "bash", 10, "bash", "-uuid", young)
			if c.daemon > 0 {
				process(t, root, 13, "virtlogd", c.daemon, "virtlogd")
			}
			if err := os.MkdirAll(filepath.Join(root, "etc/libvirt"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(root, "etc/libvirt/qemu.conf"), []byte(c.conf), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := libvirt.FrozenConsoles(root)
			slices.Sort(got)
			slices.Sort(c.want)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %v, %v, want %v", got, err, c.want)
			}
		})
	}
}
