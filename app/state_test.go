package app_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/app"
	"hypernova/oslo/fault"
)

func open(t *testing.T, dir string) *app.State {
	t.Helper()
	s, err := app.OpenState(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestASecondCloudOnTheSameFolderIsRefused(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	s := open(t, dir)
	if _, err := app.OpenState(dir, false); !fault.Is(err, fault.Conflict) ||
		!strings.Contains(err.Error(), "a cloud already runs on "+dir) {
		t.Errorf("got %v, want a Conflict that names the folder", err)
	}
	if pid, err := app.Running(dir); err != nil || pid != os.Getpid() {
		t.Errorf("got process %d, %v, want this one, %d", pid, err, os.Getpid())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if pid, err := app.Running(dir); err != nil || pid != 0 {
		t.Errorf("got process %d, %v after the end, want none", pid, err)
	}
	if err := open(t, dir).Close(); err != nil {
		t.Error(err)
	}
}

func TestPasswordsAreMadeOnceAndKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	defer s.Close()
	first, made, err := s.Passwords(app.Passwords{Admin: "given"})
	if err != nil || !made || first.Admin != "given" || len(first.Demo) < 20 || first.Demo == first.Service {
		t.Fatalf("got %+v, %v, %v, want the given one and two random ones, made now", first, made, err)
	}
	again, made, err := s.Passwords(app.Passwords{})
	if err != nil || made {
		t.Fatalf("got made %v, %v, want the kept ones", made, err)
	}
	if diff := cmp.Diff(again, first); diff != "" {
		t.Errorf("got, want:\n%s", diff)
	}
	if _, _, err := s.Passwords(app.Passwords{Admin: "another"}); !fault.Is(err, fault.Conflict) {
		t.Errorf("got %v for another password later, want a Conflict", err)
	}
	if info, err := os.Stat(filepath.Join(dir, "passwords.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want mode 0600", info.Mode(), err)
	}
}

func TestClientFilesSurviveAnyPassword(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	defer s.Close()
	p, _, err := s.Passwords(app.Passwords{Admin: `it's $HOME "x" \`, Demo: "d"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.WriteClients("http://127.0.0.1:5000", "RegionOne", p); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ args, want string }{{"", p.Admin + "|admin|http://127.0.0.1:5000/v3"},
		{"demo", "d|demo|http://127.0.0.1:5000/v3"}} {
		script := `set -eu; . "$0" ` + tt.args + `; printf '%s|%s|%s' "$OS_PASSWORD" "$OS_USERNAME" "$OS_AUTH_URL"`
		got, err := exec.CommandContext(t.Context(), "bash", "-c", script, filepath.Join(dir, "openrc")).Output()
		if err != nil || string(got) != tt.want {
			t.Errorf("openrc %s: got %s, %v, want %s", tt.args, got, err, tt.want)
		}
	}
	url, known, err := app.Known(dir)
	if err != nil || url != "http://127.0.0.1:5000" || known != p {
		t.Errorf("got %s, %+v, %v, want what was written", url, known, err)
	}
}

// A database that is lost alone ends the start with its cure.
func TestALostDatabaseIsNotMadeAnew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	c := app.Defaults()
	c.Database.Connection = "sqlite:///" + dir + "/{service}.db"
	if err := s.Lost(&c); err != nil {
		t.Errorf("before the first start: %v", err)
	}
	if err := s.MarkSeeded(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"keystone", "placement", "glance", "neutron"} {
		if err := os.WriteFile(filepath.Join(dir, name+".db"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err := s.Lost(&c)
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), filepath.Join(dir, "nova.db")+" is gone") ||
		!strings.Contains(err.Error(), "backup") {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "nova.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Lost(&c); err != nil {
		t.Errorf("with all of them: %v", err)
	}
	c.Database.Connection = "postgresql://u@h/{service}"
	if err := s.Lost(&c); err != nil {
		t.Errorf("on a server: %v", err)
	}
}

// Root does not write into a folder that another user filled: a link in it would lead the write elsewhere.
func TestAStateFolderOfAnotherUserIsRefused(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can make files of another user")
	}
	dir, victim := t.TempDir(), filepath.Join(t.TempDir(), "victim")
	link := filepath.Join(dir, "hypernova.pid")
	if err := errors.Join(os.WriteFile(victim, []byte("kept"), 0o644), os.Symlink(victim, link),
		os.Lchown(link, 65534, 65534), os.Chown(dir, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	_, err := app.OpenState(dir, false)
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "chown -hR 0 "+dir) {
		t.Errorf("got %v, want the cure", err)
	}
	if text, err := os.ReadFile(victim); err != nil || string(text) != "kept" {
		t.Errorf("the file behind the link is %q, %v", text, err)
	}
}
