package libvirttest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Emulator is QEMU behind a program that keeps chosen guests from starting: libvirt shows them as starting up for as long as a test wants.
type Emulator struct {
	Path string // for the driver's configuration
	dir  string
}

// emulator reads a line, before QEMU begins, from a pipe that is called as one of its arguments, the guest's id. It starts no process for
// that: such a one would keep the sockets open by which libvirt sees that QEMU is gone.
const emulator = `#!/bin/sh
for word in "$@"; do
	case $word in '' | *[!0-9a-f-]*) continue ;; esac
	[ -p "%[1]s/$word" ] || continue
	read -r verdict <"%[1]s/$word"
	[ "$verdict" = go ] || exit 1
done
exec qemu-system-x86_64 "$@"
`

// NewEmulator makes one that is there until the test ends.
func NewEmulator(t *testing.T) *Emulator {
	t.Helper()
	dir, err := os.MkdirTemp("", "em")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	must(t, os.Chmod(dir, 0o755))
	e := &Emulator{Path: filepath.Join(dir, "qemu"), dir: dir}
	must(t, os.WriteFile(e.Path, fmt.Appendf(nil, emulator, dir), 0o600))
	must(t, os.Chmod(e.Path, 0o755))
	return e
}

// Hold keeps the next start of a guest under way until end is called: with true it goes on, with false it fails. Starts after that are as usual.
func (e *Emulator) Hold(t *testing.T, id string) (end func(ok bool)) {
	t.Helper()
	name := filepath.Join(e.dir, id)
	must(t, os.RemoveAll(name))
	must(t, syscall.Mkfifo(name, 0o600))
	must(t, os.Chmod(name, 0o644))
	f, err := os.OpenFile(name, os.O_RDWR, 0) // so that what is written waits for the reader
	must(t, err)
	t.Cleanup(func() { must(t, f.Close()) })
	return func(ok bool) {
		t.Helper()
		verdicts := strings.Repeat("go\n", 1000)
		if !ok {
			verdicts = "stop\n" + verdicts
		}
		_, err := f.WriteString(verdicts)
		must(t, err)
	}
}
