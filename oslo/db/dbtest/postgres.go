package dbtest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver that makes and drops the databases

	"hypernova/oslo/ids"
)

// server is the one PostgreSQL of a test process. It is started for the first test that wants it, stopped after the
// last, and started again if another comes: initdb costs a second, which not every test should pay.
type server struct {
	mu    sync.Mutex
	users int
	dir   string
	cmd   *exec.Cmd
	err   error
}

// shared is test state, guarded by its lock, and the only way for tests that know nothing of each other to share a
// server.
var shared server

// Postgres is the URL of an empty database on a server of the test's own; the test is skipped where the programs are
// not installed.
func Postgres(t testing.TB) string {
	t.Helper()
	bin := postgresBin()
	if bin == "" {
		t.Skip("PostgreSQL's programs (initdb, postgres) are not installed")
	}
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.users == 0 {
		shared.err = shared.start(bin, forgetful())
	}
	if shared.err != nil {
		t.Fatalf("start PostgreSQL: %v", shared.err)
	}
	shared.users++
	name := "t" + ids.Hex()
	t.Cleanup(func() {
		shared.mu.Lock()
		defer shared.mu.Unlock()
		if err := shared.admin("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Errorf("drop database: %v", err)
		}
		if shared.users--; shared.users == 0 {
			if err := shared.stop(); err != nil {
				t.Errorf("stop PostgreSQL: %v", err)
			}
		}
	})
	if err := shared.admin("CREATE DATABASE " + name); err != nil {
		t.Fatalf("create database: %v", err)
	}
	return shared.url(name)
}

func postgresBin() string {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err == nil && len(found) > 0 {
		return filepath.Dir(slices.Max(found))
	}
	if p, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(p)
	}
	return ""
}

// as makes the command one of user postgres where we are root, because the server refuses to run as root.
func as(name string, args ...string) (*exec.Cmd, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	if os.Geteuid() != 0 {
		return cmd, diesWithUs(cmd, nil)
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	return cmd, diesWithUs(cmd, u)
}

// forgetful are the options of a server whose data need not outlive it.
func forgetful() []string { return []string{"-c", "synchronous_commit=off"} }

// start makes a server's files and starts it.
func (s *server) start(bin string, options []string) (err error) {
	if s.dir, err = os.MkdirTemp("", "pg"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(s.dir))
		}
	}()
	if os.Geteuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			return err
		}
		uid, _ := strconv.Atoi(u.Uid)
		if err := os.Chown(s.dir, uid, -1); err != nil {
			return err
		}
	}
	data := filepath.Join(s.dir, "data")
	init, err := as(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8",
		"--locale=C")
	if err != nil {
		return err
	}
	init.Dir = s.dir
	if out, err := init.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, bytes.TrimSpace(out))
	}
	return s.run(bin, options)
}

// run starts the server on its files and waits until it answers.
func (s *server) run(bin string, options []string) (err error) {
	if s.cmd, err = as(filepath.Join(bin, "postgres"), append([]string{"-D", filepath.Join(s.dir, "data"), "-k", s.dir,
		"-h", "", "-c", "fsync=off",
		"-c", "full_page_writes=off", "-c", "max_connections=400", "-c", "shared_buffers=64MB"}, options...)...); err != nil {
		return err
	}
	s.cmd.Dir = s.dir
	var log bytes.Buffer
	s.cmd.Stderr = &log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := s.admin("SELECT 1")
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("it does not answer: %w: %s", err, log.Bytes()), s.cmd.Process.Kill())
		}
		<-time.After(20 * time.Millisecond)
	}
}

func (s *server) stop() error {
	err := s.cmd.Process.Signal(os.Interrupt) // a fast shutdown
	return errors.Join(err, s.cmd.Wait(), os.RemoveAll(s.dir))
}

func (s *server) url(name string) string {
	q := url.Values{"host": {s.dir}, "user": {"postgres"}}
	return "postgresql:///" + name + "?" + q.Encode()
}

func (s *server) admin(text string) (err error) {
	d, err := sql.Open("pgx", s.url("postgres"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	// The test's own context has ended when its database is dropped.
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err = d.ExecContext(ctx, text)
	return err
}
