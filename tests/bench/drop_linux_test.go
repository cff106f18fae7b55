package bench

import (
	"os"
	"syscall"
)

// dropCached takes a file that was synced out of memory, so that it is read from the disk.
func dropCached(f *os.File) {
	const dontNeed = 4
	syscall.Syscall6(syscall.SYS_FADVISE64, f.Fd(), 0, 0, dontNeed, 0, 0) // a hint
}
