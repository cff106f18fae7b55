package layout

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Part is one running process.
type Part struct {
	cmd *exec.Cmd
	log *log
	end chan struct{}
}

// Ended is closed when the process has ended.
func (p *Part) Ended() <-chan struct{} { return p.end }

// Log is the end of what it printed.
func (p *Part) Log() string { return p.log.String() }

// Kill ends the process as a crash does, and waits for it.
func (p *Part) Kill() error {
	err := p.cmd.Process.Kill()
	<-p.end
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Stop tells the process to end, and waits for it.
func (p *Part) Stop() error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	<-p.end
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("it ended with %d:\n%s", code, p.log)
	}
	return nil
}

// Signal sends a signal.
func (p *Part) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// Part is a process that was started.
func (c *Cloud) Part(name string) (*Part, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.parts[name]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("%s does not run", name)
}

// ErrEndedEarly is the error of a process that ended before it was ready.
var ErrEndedEarly = errors.New("ended while it started")

// startAll starts processes at once and waits until all are ready.
func (c *Cloud) startAll(specs []spec, env []string) error {
	if len(specs) == 0 {
		return errors.New("there is no such part of the cloud")
	}
	parts := make([]*Part, len(specs))
	for i, s := range specs {
		args := append(c.Args(s.roles...), slices.Concat([]string{"--set=DEFAULT.host=" + s.host}, s.flags)...)
		argv := slices.Concat(c.prefix[s.group], []string{c.program(s.name)}, args)
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Env = append(os.Environ(), env...)
		p, err := c.run(s.name, cmd, "msg=ready")
		if err != nil {
			return err
		}
		parts[i] = p
	}
	limit := time.After(Within)
	for i, p := range parts {
		select {
		case <-p.log.ready:
		case <-p.end:
			return fmt.Errorf("%s: %w:\n%s", specs[i].name, ErrEndedEarly, p.log)
		case <-limit:
			return fmt.Errorf("%s is not ready:\n%s", specs[i].name, p.log)
		}
	}
	return nil
}

// run starts a process whose output goes to a file and is watched for the word that says that it is ready.
func (c *Cloud) run(name string, cmd *exec.Cmd, ready string) (*Part, error) {
	file, err := os.OpenFile(filepath.Join(c.logs, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	p := &Part{cmd: cmd, log: &log{want: []byte(ready), ready: make(chan struct{}), file: file}, end: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.log, p.log
	endsWithUs(cmd)
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	go func() { // ends with the process
		defer close(p.end)
		_ = cmd.Wait()   // how it ended is in ProcessState
		_ = file.Close() // a log that is cut short is no failure of what is tested
	}()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parts[name] = p
	return p, nil
}

// log keeps the end of a process's output and notices when it is ready.
type log struct {
	mu    sync.Mutex
	want  []byte
	ready chan struct{}
	seen  bool
	buf   []byte
	file  *os.File
}

const keep = 32 << 10

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = append(l.buf, b...)
	if !l.seen && bytes.Contains(l.buf, l.want) {
		l.seen = true
		close(l.ready)
	}
	if over := len(l.buf) - keep; over > 0 {
		l.buf = l.buf[over:]
	}
	return l.file.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.buf)
}
