package libvirt

import (
	"os"
	"syscall"
)

// punch frees the disk space of the first n bytes of a file. The file keeps its size, so a program that appends to it
// continues.
func punch(f *os.File, n int64) error {
	const keepSize, punchHole = 1, 2 // of fallocate(2)
	return syscall.Fallocate(int(f.Fd()), keepSize|punchHole, 0, n)
}
