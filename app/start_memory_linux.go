package app

import (
	"bufio"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
)

// releaseStart gives back the memory that only the start needed: garbage, and the pages of the program's file with code
// and tables that ran once. Such a page is read from the file again when it is needed. Mappings that can be written are
// left alone. It is a hint; errors do not matter.
func releaseStart() {
	debug.FreeOSMemory()
	program, err := os.Executable()
	if err != nil {
		return
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer maps.Close() // opened for reading only
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		// 00400000-01a2b000 r-xp 00000000 fe:00 1234 /usr/bin/hypernova
		f := strings.Fields(lines.Text())
		if len(f) != 6 || f[5] != program || f[1] != "r-xp" && f[1] != "r--p" {
			continue
		}
		from, to, ok := strings.Cut(f[0], "-")
		first, err := strconv.ParseUint(from, 16, 64)
		if err != nil || !ok {
			continue
		}
		end, err := strconv.ParseUint(to, 16, 64)
		if err != nil {
			continue
		}
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, uintptr(first), uintptr(end-first), syscall.MADV_DONTNEED)
	}
}
