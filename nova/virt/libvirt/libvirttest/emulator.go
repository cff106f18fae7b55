package libvirttest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Emulator is a wrapper of QEMU that can delay the start of chosen guests. libvirt shows such a guest as starting up.
type Emulator struct {
	Path string // of the wrapper, for the driver's configuration
	dir  string
}

// emulator is the wrapper. If a pipe exists that is named as one of its arguments (the guest's id), it reads a line
// from it before it starts QEMU. It starts no other process: that would keep the sockets open by which libvirt sees
// that QEMU has ended.
const emulator = `#!/bin/sh
for word in "$@"; do
	case $word in '' | *[!0-9a-f-]*) continue ;; esac
	[ -p "%[1]s/$word" ] || continue
	read -r answer <"%[1]s/$word"
	[ "$answer" = go ] || exit 1
done
exec qemu-system-x86_64 "$@"
`

// NewEmulator makes a wrapper and removes it when the test ends.
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

// Hold delays the next start of a guest until end is called: with true the guest starts, with false the start fails.
// Later starts are not delayed.
func (e *Emulator) Hold(t *testing.T, id string) (end func(ok bool)) {
	t.Helper()
	name := filepath.Join(e.dir, id)
	must(t, os.RemoveAll(name))
	must(t, syscall.Mkfifo(name, 0o600))
	must(t, os.Chmod(name, 0o644))
	f, err := os.OpenFile(name, os.O_RDWR, 0) // read and write, so that opening does not block
	must(t, err)
	t.Cleanup(func() { must(t, f.Close()) })
	return func(ok bool) {
		t.Helper()
		answers := strings.Repeat("go\n", 1000)
		if !ok {
			answers = "stop\n" + answers
		}
		_, err := f.WriteString(answers)
		must(t, err)
	}
}
