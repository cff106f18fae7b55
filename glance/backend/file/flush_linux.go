package file

import (
	"os"
	"syscall"
)

// syncFileRangeWrite begins to write dirty pages and does not wait for them.
const syncFileRangeWrite = 2

// fadviseWillNeed begins to read pages that are not in memory.
const fadviseWillNeed = 3

// beginReading is a hint.
func beginReading(f *os.File, offset, length int64) {
	_, _, _ = syscall.Syscall6(syscall.SYS_FADVISE64, f.Fd(), uintptr(offset), uintptr(length), fadviseWillNeed, 0, 0)
}

// beginWriting is a hint: whether all is on the disk, only the sync at the end says.
func beginWriting(f *os.File, offset, length int64) {
	_ = syscall.SyncFileRange(int(f.Fd()), offset, length, syncFileRangeWrite)
}
