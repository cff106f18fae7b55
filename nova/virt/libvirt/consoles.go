package libvirt

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"hypernova/nova/virt"
	"hypernova/oslo/ids"
)

var (
	_ virt.ConsoleBounder = (*Driver)(nil)
	_ virt.Examiner       = (*Driver)(nil)
)

// Consoles are logged by libvirt's virtlogd, which bounds them, or, where its qemu.conf says stdio_handler = "file", by QEMU itself, which does
// not. What virtlogd writes it holds by a pipe from each QEMU: when it dies, the pipes of running guests are gone for good.

// BoundConsoles looks at the log of each server. A log that is cut begins with a hole; where the file system cannot make one it becomes empty.
func (d *Driver) BoundConsoles(ctx context.Context, max int64) (int, error) {
	es, err := os.ReadDir(d.c.InstancesPath)
	if err != nil {
		return 0, err
	}
	var errs []error
	cut := 0
	for _, e := range es {
		if ctx.Err() != nil {
			return cut, ctx.Err()
		}
		if len(e.Name()) != 36 || !ids.IsUUID(e.Name()) {
			continue
		}
		did, err := boundLog(filepath.Join(d.c.InstancesPath, e.Name(), consoleFile), max)
		if did {
			cut++
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return cut, errors.Join(errs...)
}

func boundLog(name string, max int64) (bool, error) {
	i, err := os.Lstat(name)
	if err != nil || !i.Mode().IsRegular() {
		return false, err
	}
	if st, ok := i.Sys().(*syscall.Stat_t); !ok || st.Blocks*512 <= max {
		return false, nil
	}
	f, err := os.OpenFile(name, os.O_WRONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return false, err
	}
	if punch(f, i.Size()-max/2) != nil {
		err = f.Truncate(0) // QEMU appends, so it goes on at the beginning
	}
	return err == nil, errors.Join(err, f.Close())
}

// handlerIsFile is the setting of libvirt by which QEMU writes console logs itself.
var handlerIsFile = regexp.MustCompile(`(?m)^[ \t]*stdio_handler[ \t]*=[ \t]*"file"`)

// ConsolesUnbounded reports whether libvirt, whose files lie below root, lets QEMU write console logs itself, which bounds them nowhere.
func ConsolesUnbounded(root string) bool {
	text, err := os.ReadFile(filepath.Join(root, "etc/libvirt/qemu.conf"))
	return err == nil && handlerIsFile.Match(text)
}

// frozenConsoles are the running guests that began before the virtlogd that runs now, or run without any: nobody reads what they print.
func frozenConsoles(root string) ([]string, error) {
	if ConsolesUnbounded(root) {
		return nil, nil
	}
	began := map[string]uint64{} // server -> when its QEMU began
	var daemon uint64            // when the oldest virtlogd began
	names, err := filepath.Glob(filepath.Join(root, "proc/[0-9]*/comm"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		comm, err := os.ReadFile(name)
		if err != nil {
			continue // ended meanwhile
		}
		dir := filepath.Dir(name)
		switch prog := strings.TrimSpace(string(comm)); {
		case prog == "virtlogd":
			if at, ok := startOf(dir); ok && (daemon == 0 || at < daemon) {
				daemon = at
			}
		case strings.HasPrefix(prog, "qemu"):
			if id := guestOf(dir); id != "" {
				if at, ok := startOf(dir); ok {
					began[id] = at
				}
			}
		}
	}
	var frozen []string
	for id, at := range began {
		if daemon == 0 || at < daemon {
			frozen = append(frozen, id)
		}
	}
	return frozen, nil
}

// startOf is when a process began, in the kernel's ticks since the host did.
func startOf(dir string) (uint64, bool) {
	text, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return 0, false
	}
	_, rest, _ := strings.Cut(string(text[bytes.LastIndexByte(text, ')')+1:]), " ")
	fields := strings.Fields(rest)
	const start = 22 - 3 // the fields after the name begin with the third
	if len(fields) <= start {
		return 0, false
	}
	at, err := strconv.ParseUint(fields[start], 10, 64)
	return at, err == nil
}

// guestOf is the server that a QEMU process runs, by its command line.
func guestOf(dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil {
		return ""
	}
	words := strings.Split(string(text), "\x00")
	for i := 1; i < len(words); i++ {
		if words[i-1] == "-uuid" && ids.IsUUID(words[i]) {
			return words[i]
		}
	}
	return ""
}
