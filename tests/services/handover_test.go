package services

import (
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// A second process shares the listener of the first one. The first one ends, and no request fails.
func TestNewProcessTakesOver(t *testing.T) {
	t.Parallel()
	i := newIdentity(t, "")
	old := start(t, i.command(t))
	old.says("all services are ready")
	l := newLoad(t, i.url())
	l.flows(t)
	for range 3 {
		next := start(t, i.command(t))
		next.says("API shares the listener of another process", "all services are ready")
		l.flows(t)
		old.signal(syscall.SIGTERM)
		old.ends(0)
		l.flows(t)
		old = next
	}
	l.failures(t)
	old.signal(syscall.SIGTERM)
	old.ends(0)
	left, err := os.ReadDir(i.dir + "/state/handover")
	if err != nil || len(left) != 0 {
		t.Errorf("left in the handover folder: %v, %v", left, err)
	}
}

// With socket activation a service is restarted without a refused connection: clients wait.
func TestSocketActivation(t *testing.T) {
	t.Parallel()
	i := newIdentity(t, "")
	s, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f, err := s.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	run := func() *process {
		// LISTEN_PID must be the id of the process that gets the socket, so a shell sets it.
		cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, program(t), "keystone", "--config-file", i.conf)
		cmd.ExtraFiles = []*os.File{f}
		cmd.Env = append(os.Environ(), "LISTEN_FDS=1", "LISTEN_FDNAMES=keystone")
		return start(t, cmd)
	}
	p := run()
	p.says("API uses the socket that systemd opened", "all services are ready")
	l := newLoad(t, "http://"+s.Addr().String()+"/v3")
	for range 3 {
		l.flows(t)
		p.signal(syscall.SIGTERM)
		p.ends(0)
		p = run()
		p.says("all services are ready")
	}
	l.flows(t)
	l.failures(t)
}
