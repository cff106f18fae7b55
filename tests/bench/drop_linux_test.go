package bench

import (
	"os"
	"syscall"
)

// dropCached removes a synced file from the page cache, so that it is read from the disk.
func dropCached(f *os.File) {
	const dontNeed = 4
	syscall.Syscall6(syscall.SYS_FADVISE64, f.Fd(), 0, 0, dontNeed, 0, 0) // a hint
}
