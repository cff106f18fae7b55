package file

import (
	"os"
	"syscall"
)

// syncFileRangeWrite begins to write dirty pages and does not wait for them.
const syncFileRangeWrite = 2

// beginWriting is a hint: whether all is on the disk, only the sync at the end says.
func beginWriting(f *os.File, offset, length int64) {
	_ = syscall.SyncFileRange(int(f.Fd()), offset, length, syncFileRangeWrite)
}
