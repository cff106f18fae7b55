package private

import (
	"io/fs"
	"os"
	"syscall"
)

// owner returns the user id of a file's owner. ok is false on a system without one.
func owner(i fs.FileInfo) (uid int, ok bool) {
	st, ok := i.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Uid), true
}

// mine reports whether this process's user owns a file.
func mine(i fs.FileInfo) bool {
	uid, ok := owner(i)
	return ok && uid == os.Geteuid()
}
