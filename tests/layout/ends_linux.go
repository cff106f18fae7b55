package layout

import (
	"os/exec"
	"syscall"
)

// endsWithUs has the kernel end the process when the test's process is killed.
func endsWithUs(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
