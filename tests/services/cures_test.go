package services

import (
	"net"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"hypernova/oslo/db/dbtest"
)

// An invalid setting ends the start at once, with the service, the option and the expected form.
func TestInvalidSettingsEndTheStart(t *testing.T) {
	t.Parallel()
	i := newIdentity(t, "")
	for _, c := range []struct {
		role, set string
		says      []string
	}{
		{"nova-scheduler", "DEFAULT.transport_url=nats://u:secret@h:port",
			[]string{"nova-scheduler cannot start", "transport_url"}},
		{"nova-scheduler", "DEFAULT.transport_url=rabbit://u:secret@h:port/",
			[]string{"nova-scheduler cannot start", "transport_url"}},
		{"nova-scheduler", "DEFAULT.transport_url=kafka://u:secret@h:1/", []string{"nova-scheduler cannot start",
			"kafka", "nats", "rabbit"}},
		{"nova-scheduler", "nats.ssl_ca_file=/nowhere", []string{"nova-scheduler cannot start", "[nats] ssl_ca_file"}},
		{"keystone", "database.connection=postgresql://u:secret@h:port/{service}",
			[]string{"keystone cannot start", "[database] connection", "postgresql://user:password@host:port/name"}},
		{"keystone", "database.connection=mongodb://u:secret@h/{service}",
			[]string{"keystone cannot start", "[database] connection", "mongodb"}},
		{"keystone", "DEFAULT.disabled_periodic_tasks=purge", []string{"disabled_periodic_tasks", "purge_revocations"}},
	} {
		args := []string{c.role, "--config-file", i.conf, "--set", c.set}
		if strings.HasPrefix(c.set, "nats.") {
			args = append(args, "--set", "DEFAULT.transport_url=nats://127.0.0.1:1")
		}
		p := start(t, exec.Command(program(t), args...))
		p.ends(1)
		p.says(c.says...)
		if strings.Contains(p.text(), "secret") {
			t.Errorf("%s: the password is shown:\n%s", c.set, p.text())
		}
	}
}

// A service waits for a database that is down or rejects it, with the remedy in the log, and then starts.
func TestServiceWaitsForItsDatabase(t *testing.T) {
	t.Parallel()
	bin := program(t)
	server, err := url.Parse(dbtest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(server.Path, "/") + "_"
	server.Path = "/" + name + "{service}"
	i := newIdentity(t, "")
	connection := strings.ReplaceAll(strings.ReplaceAll(server.String(), "%7B", "{"), "%7D", "}")
	args := []string{"--config-file", i.conf, "--set", "database.connection=" + connection, "--set",
		"database.retry_interval=0.25", "--set", "database.max_retries=-1"}
	p := start(t, exec.Command(bin, append([]string{"keystone"}, args...)...))
	p.says("retrying: database unavailable", "create the database")
	p.saysTimes("retrying: database unavailable", 3)
	sync := start(t, exec.Command(bin, append([]string{"db", "sync"}, args...)...))
	sync.ends(0)
	sync.says("database created", "keystone   up to date", "nova       up to date")
	p.says("all services are ready")
	p.signal(syscall.SIGTERM)
	p.ends(0)
	again := start(t, exec.Command(bin, append([]string{"db", "sync"}, args...)...))
	again.ends(0)
	if strings.Contains(again.text(), "database created") {
		t.Errorf("the databases were made twice:\n%s", again.text())
	}
}

// A service waits for a broker that is down or does not answer, with the remedy in the log.
func TestServiceWaitsForItsBus(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	i := newIdentity(t, "")
	for scheme, path := range map[string]string{"nats": "", "rabbit": "/"} {
		p := start(t, exec.Command(program(t), "nova-scheduler", "--config-file", i.conf, "--set",
			"DEFAULT.state_path="+filepath.Join(t.TempDir(), "s"),
			"--set", "DEFAULT.transport_url="+scheme+"://u:secret@127.0.0.1:1"+path))
		p.says("retrying: message broker not reachable",
			"nothing listens at 127.0.0.1:1: start the message broker, or correct transport_url")
		p.saysTimes("retrying: message broker not reachable", 3)
		p.signal(syscall.SIGTERM)
		<-p.ended
		if strings.Contains(p.text(), "secret") {
			t.Errorf("the password is shown:\n%s", p.text())
		}
		p = start(t, exec.Command(program(t), "nova-scheduler", "--config-file", i.conf, "--set",
			"DEFAULT.state_path="+filepath.Join(t.TempDir(), "s"),
			"--set", "DEFAULT.transport_url="+scheme+"://u:secret@"+silent.Addr().String()+path))
		p.saysTimes("retrying: message broker not reachable", 2)
		p.says("says nothing: see whether it is alive")
		p.signal(syscall.SIGTERM)
		<-p.ended
	}
}
