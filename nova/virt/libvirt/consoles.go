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

// A console is logged by libvirt's virtlogd, which bounds the log's size, or, with stdio_handler = "file" in qemu.conf,
// by QEMU itself, which does not. virtlogd reads a pipe from each QEMU. If virtlogd dies, the consoles of running
// guests are not logged any more until the guests are started anew.

// BoundConsoles cuts each console log that takes more than max bytes of disk to its last max/2 bytes and returns how
// many it cut. A cut log begins with a hole. On a file system without holes the log becomes empty.
func (d *Driver) BoundConsoles(ctx context.Context, max int64) (int, error) {
	all, err := d.folders.servers()
	if err != nil {
		return 0, err
	}
	var errs []error
	cut := 0
	for _, id := range all {
		if ctx.Err() != nil {
			return cut, ctx.Err()
		}
		did, err := boundLog(d.folders.console(id), max)
		if did {
			cut++
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return cut, errors.Join(errs...)
}

// boundLog cuts one log. It reports whether it did; a symbolic link is left alone.
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
		err = f.Truncate(0) // QEMU opened it to append, so it continues at the beginning
	}
	return err == nil, errors.Join(err, f.Close())
}

// handlerIsFile matches the setting of libvirt by which QEMU writes console logs itself.
var handlerIsFile = regexp.MustCompile(`(?m)^[ \t]*stdio_handler[ \t]*=[ \t]*"file"`)

// ConsolesUnbounded reports whether libvirt is configured so that QEMU writes console logs itself, without a bound on
// their size. root is the root of the file system with libvirt's configuration.
func ConsolesUnbounded(root string) bool {
	text, err := os.ReadFile(filepath.Join(root, "etc/libvirt/qemu.conf"))
	return err == nil && handlerIsFile.Match(text)
}

// frozenConsoles returns the running guests that were started before the current virtlogd, or that run without one.
// Their consoles are not logged.
func frozenConsoles(root string) ([]string, error) {
	if ConsolesUnbounded(root) {
		return nil, nil
	}
	began := map[string]uint64{} // by server, the start time of its QEMU
	var daemon uint64            // the start time of the oldest virtlogd
	names, err := filepath.Glob(filepath.Join(root, "proc/[0-9]*/comm"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		comm, err := os.ReadFile(name)
		if err != nil {
			continue // ended in the meantime
		}
		dir := filepath.Dir(name)
		switch prog := strings.TrimSpace(string(comm)); {
		case prog == "virtlogd":
			if start, ok := startOf(dir); ok && (daemon == 0 || start < daemon) {
				daemon = start
			}
		case strings.HasPrefix(prog, "qemu"):
			if id := guestOf(dir); id != "" {
				if start, ok := startOf(dir); ok {
					began[id] = start
				}
			}
		}
	}
	var frozen []string
	for id, start := range began {
		if daemon == 0 || start < daemon {
			frozen = append(frozen, id)
		}
	}
	return frozen, nil
}

// startOf returns the start time of a process in clock ticks since the host booted (field 22 of proc_pid_stat(5)).
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
	ticks, err := strconv.ParseUint(fields[start], 10, 64)
	return ticks, err == nil
}

// guestOf returns the server of a QEMU process, from its command line, or an empty string.
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
