// Package command runs other programs for drivers, with a timeout, a fixed environment, bounded output, and limits on
// memory and CPU time for programs that read uploaded data.
package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"hypernova/oslo/fault"
)

// Cmd is a program with its arguments and limits.
type Cmd struct {
	Argv    []string
	Timeout time.Duration // default 1 minute
	// Untrusted bounds memory to 1 GiB and processor time to CPU, for programs that read what users have uploaded.
	Untrusted bool
	CPU       time.Duration // with Untrusted; default 30 s
	Output    int           // how many bytes of the output's end to keep; default 64 KiB
}

// Result describes a finished program. Output is the end of its standard output and standard error, as they were
// written.
type Result struct {
	Output []byte
	Took   time.Duration
}

// Runner runs programs. Its zero value is ready to use.
type Runner struct {
	Log    *slog.Logger
	Record func(argv []string) // called before each run
}

// Run runs a program and blocks until it ends. If it fails or times out, the error is fault.Internal with its output.
// It is fault.Unavailable if the program is not installed or reports that the disk is full. If ctx ends, Run kills the
// program and its children and returns the error of ctx.
func (r Runner) Run(ctx context.Context, c Cmd) (Result, error) {
	argv := c.Argv
	if c.Untrusted {
		argv = limited(c)
	}
	if r.Record != nil {
		r.Record(argv)
	}
	if c.Timeout == 0 {
		c.Timeout = time.Minute
	}
	if c.Output == 0 {
		c.Output = 64 << 10
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	out := &tail{max: c.Output}
	x := exec.CommandContext(ctx, argv[0], argv[1:]...)
	x.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
		"TMPDIR=" + os.TempDir()}
	x.Stdout, x.Stderr = out, out
	x.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	x.Cancel = func() error { return syscall.Kill(-x.Process.Pid, syscall.SIGKILL) }
	x.WaitDelay = time.Second
	start := time.Now()
	err := x.Run()
	res := Result{Output: out.b, Took: time.Since(start)}
	if r.Log != nil {
		r.Log.LogAttrs(ctx, slog.LevelDebug, "command ran", slog.String("argv", strings.Join(argv, " ")),
			slog.Duration("took", res.Took), slog.Any("error", err))
	}
	return res, explain(ctx, c, res, err)
}

// explain returns the error of Run.
func explain(ctx context.Context, c Cmd, res Result, err error) error {
	name := c.Argv[0]
	text := strings.TrimSpace(string(res.Output))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist):
		return fault.Unavailablef("The program %s is not installed on this host.", name).Because(err)
	case errors.Is(ctx.Err(), context.DeadlineExceeded) && res.Took >= c.Timeout:
		return fault.New(fault.Internal, "%s did not end within %v", name, c.Timeout).Because(errors.New(text))
	case ctx.Err() != nil:
		return ctx.Err()
	case strings.Contains(text, "No space left on device"):
		return fault.Unavailablef("The disk of this host is full.").Because(fmt.Errorf("%s: %s", name, text))
	}
	return fault.New(fault.Internal, "%s: %s", name, text).Because(err)
}

// limited returns the command line with prlimit(1) in front, if the host has it (it is part of util-linux).
func limited(c Cmd) []string {
	p, err := exec.LookPath("prlimit")
	if err != nil {
		return c.Argv
	}
	if c.CPU == 0 {
		c.CPU = 30 * time.Second
	}
	return append([]string{p, "--as=" + strconv.Itoa(1<<30), "--cpu=" + strconv.Itoa(int(c.CPU.Seconds())), "--"},
		c.Argv...)
}

// tail keeps the last max bytes.
type tail struct {
	b   []byte
	max int
}

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if over := len(t.b) - t.max; over > 0 {
		t.b = bytes.Clone(t.b[over:])
	}
	return len(p), nil
}
