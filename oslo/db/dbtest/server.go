package dbtest

import (
	"os"
	"syscall"
	"testing"
)

// Server is a PostgreSQL server of one test, which may end it as a crash does and start it again. What was committed is
// kept then.
type Server struct {
	s       server
	bin     string
	options []string
}

// Durable are the options of a server that has written to the disk what it says is committed, as operators' have.
// Without them it has only given it to the kernel, which is as good where the machine does not fail.
func Durable() []string { return []string{"-c", "fsync=on", "-c", "full_page_writes=on"} }

// NewServer starts a server; it is stopped with the test. The test is skipped where the programs are not installed.
func NewServer(t testing.TB, options ...string) *Server {
	t.Helper()
	s := &Server{bin: postgresBin(), options: options}
	if s.bin == "" {
		t.Skip("PostgreSQL's programs (initdb, postgres) are not installed")
	}
	if err := s.s.start(s.bin, s.options); err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		if s.s.cmd.ProcessState != nil { // it was crashed, and not started again
			if err := os.RemoveAll(s.s.dir); err != nil {
				t.Errorf("remove PostgreSQL's files: %v", err)
			}
			return
		}
		if err := s.s.stop(); err != nil {
			t.Errorf("stop PostgreSQL: %v", err)
		}
	})
	return s
}

// Create makes a database.
func (s *Server) Create(name string) error { return s.s.admin("CREATE DATABASE " + name) }

// URL is that of a database.
func (s *Server) URL(name string) string { return s.s.url(name) }

// Crash ends the server at once, without a checkpoint, and all its connections.
func (s *Server) Crash() error {
	if err := s.s.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		return err
	}
	_ = s.s.cmd.Wait() // it ends badly
	return nil
}

// Start starts a crashed server again.
func (s *Server) Start() error { return s.s.run(s.bin, s.options) }

// PID is the server's process. Its children are the processes of its connections.
func (s *Server) PID() int { return s.s.cmd.Process.Pid }
