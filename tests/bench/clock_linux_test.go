package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// spent returns the CPU time of a process, with all its threads, to the nanosecond.
func spent(t testing.TB, pid int) time.Duration {
	t.Helper()
	const wholeProcess = 2 // CPUCLOCK_SCHED of the process, as clock_getcpuclockid(3) builds it
	var at syscall.Timespec
	clock := int32(^pid<<3 | wholeProcess)
	_, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&at)), 0)
	if errno != 0 {
		t.Fatalf("CPU time of process %d: %v", pid, errno)
	}
	return time.Duration(at.Nano())
}

// children returns the processes that a process has started and that still run.
func children(t testing.TB, pid int) []int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		t.Fatal(err)
	}
	var out []int
	for _, f := range strings.Fields(string(text)) {
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, n)
	}
	return out
}
