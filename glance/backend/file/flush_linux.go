package file

import (
	"os"
	"syscall"
)

// syncFileRangeWrite starts to write dirty pages and does not wait.
const syncFileRangeWrite = 2

// fadviseWillNeed starts to read pages.
const fadviseWillNeed = 3

// beginReading is a hint to the kernel; errors have no effect.
func beginReading(f *os.File, offset, length int64) {
	_, _, _ = syscall.Syscall6(syscall.SYS_FADVISE64, f.Fd(), uintptr(offset), uintptr(length), fadviseWillNeed, 0, 0)
}

// beginWriting is a hint to the kernel. Only the sync at the end makes the data durable.
func beginWriting(f *os.File, offset, length int64) {
	_ = syscall.SyncFileRange(int(f.Fd()), offset, length, syncFileRangeWrite)
}
