package private

import (
	"io/fs"
	"os"
	"syscall"
)

// owner is the user who owns a file, where the system says so.
func owner(i fs.FileInfo) (uid int, ok bool) {
	st, ok := i.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Uid), true
}

// mine reports that this process owns a file, so that a refused change of its mode is an error.
func mine(i fs.FileInfo) bool {
	uid, ok := owner(i)
	return ok && uid == os.Geteuid()
}
