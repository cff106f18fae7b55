// Package rabbittest starts a RabbitMQ server for tests, on loopback. It needs an installed RabbitMQ package and no
// privileges.
package rabbittest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"hypernova/oslo/ids"
)

// Credentials that every server accepts.
const (
	User     = "nova"
	Password = "s3 cret/@"
)

// vhosts is the number of virtual hosts of a server besides "/", so that tests do not affect each other.
const vhosts = 40

// bootWait is the longest start on a loaded machine.
const bootWait = 2 * time.Minute

// places are the paths of the server in Debian's and RabbitMQ's own packages.
func places() []string {
	return []string{"/usr/lib/rabbitmq/bin/rabbitmq-server", "/opt/rabbitmq/sbin/rabbitmq-server",
		"/usr/local/sbin/rabbitmq-server"}
}

// Missing returns the reason that no server can start here, empty if one can.
func Missing() string {
	for _, p := range places() {
		if _, err := os.Stat(p); err == nil {
			return ""
		}
	}
	return "RabbitMQ is not installed: scripts/deps test installs it"
}

// Server is a running broker.
type Server struct {
	Address string // host:port
	TLS     string // host:port with TLS, if the server has a certificate
	CAFile  string // file of its certificate authority

	dir  string
	env  []string
	cmd  *exec.Cmd
	end  chan struct{} // closed when cmd has ended
	next atomic.Int32
	epmd int
}

// Certificates are the paths of TLS files.
type Certificates struct{ CA, Cert, Key string }

// New prepares a server whose files are all below dir. Run starts it.
func New(ctx context.Context, dir string, c *Certificates) (*Server, error) {
	var ports [4]int
	for i := range ports {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // closed after all ports are chosen, so that they differ
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	s := &Server{dir: dir, Address: "127.0.0.1:" + strconv.Itoa(ports[0]), epmd: ports[3]}
	conf := []string{"listeners.tcp.1 = " + s.Address, "load_definitions = " + s.path("definitions.json"),
		"log.console = false",
		"loopback_users = none", "heartbeat = 60", "vm_memory_high_watermark.relative = 0.9",
		"disk_free_limit.absolute = 1MB"}
	if c != nil {
		s.TLS, s.CAFile = "127.0.0.1:"+strconv.Itoa(ports[2]), c.CA
		conf = append(conf, "listeners.ssl.1 = "+s.TLS, "ssl_options.cacertfile = "+c.CA, "ssl_options.certfile = "+c.Cert,
			"ssl_options.keyfile = "+c.Key, "ssl_options.verify = verify_peer", "ssl_options.fail_if_no_peer_cert = false")
	}
	definitions, err := json.Marshal(content())
	if err != nil {
		return nil, err
	}
	for name, text := range map[string]string{"rabbitmq.conf": strings.Join(conf, "\n") + "\n",
		"definitions.json": string(definitions), "enabled_plugins": "[].\n"} {
		if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	s.env = append(os.Environ(), "HOME="+dir, "RABBITMQ_NODENAME=hypernova-"+ids.Hex()[:8]+"@localhost",
		"RABBITMQ_CONF_ENV_FILE=/dev/null",
		"RABBITMQ_CONFIG_FILE="+s.path("rabbitmq"), "RABBITMQ_MNESIA_BASE="+s.path("mnesia"),
		"RABBITMQ_LOG_BASE="+s.path("log"),
		"RABBITMQ_ENABLED_PLUGINS_FILE="+s.path("enabled_plugins"), "RABBITMQ_GENERATED_CONFIG_DIR="+s.path("gen"),
		"RABBITMQ_PID_FILE="+s.path("pid"),
		"RABBITMQ_DIST_PORT="+strconv.Itoa(ports[1]), "ERL_EPMD_PORT="+strconv.Itoa(s.epmd), "ERL_EPMD_ADDRESS=127.0.0.1",
		// Threads without work do not spin: the processors are for what is tested.
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=+sbwt none +sbwtdcpu none +sbwtdio none")
	return s, nil
}

// content is the initial users and virtual hosts.
func content() any {
	type obj = map[string]any
	hosts, grants := []obj{}, []obj{}
	for _, name := range append(names(), "/") {
		hosts = append(hosts, obj{"name": name})
		grants = append(grants, obj{"user": User, "vhost": name, "configure": ".*", "write": ".*", "read": ".*"})
	}
	hosts = append(hosts, obj{"name": "forbidden"})
	return obj{"users": []obj{{"name": User, "password": Password, "tags": "administrator"}},
		"vhosts": hosts, "permissions": grants}
}

func names() []string {
	all := make([]string, vhosts)
	for i := range all {
		all[i] = fmt.Sprintf("v%d", i)
	}
	return all
}

// Run starts the server, also after Kill. It blocks until the server accepts connections.
func (s *Server) Run(ctx context.Context) error {
	var binary string
	for _, p := range places() {
		if _, err := os.Stat(p); err == nil {
			binary = p
			break
		}
	}
	if binary == "" {
		return errors.New(Missing())
	}
	out, err := os.OpenFile(s.path("out"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	s.cmd = exec.Command(binary)
	s.cmd.Env, s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = s.env, s.dir, out, out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the server is a shell script with child processes
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.end = make(chan struct{})
	go func() { // ends with the server
		_ = s.cmd.Wait() // killed on purpose
		close(s.end)
	}()
	limit := time.After(bootWait)
	for {
		if s.answers(ctx) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.end:
			return fmt.Errorf("the message broker ended while it started: %s", s.said())
		case <-limit:
			s.Kill()
			return fmt.Errorf("the message broker did not start: %s", s.said())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// answers reports whether the broker greets, which it does only once everything is up.
func (s *Server) answers(ctx context.Context) bool {
	c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", s.Address)
	if err != nil {
		return false
	}
	defer c.Close()
	if c.SetDeadline(time.Now().Add(time.Second)) != nil {
		return false
	}
	if _, err := c.Write([]byte("AMQP\x00\x00\x09\x01")); err != nil {
		return false
	}
	n, err := c.Read(make([]byte, 1))
	return n == 1 && err == nil
}

func (s *Server) said() string {
	b, err := os.ReadFile(s.path("out"))
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-2000):])
}

// Kill ends the server like a crash.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) // it may have ended already
	<-s.end
	s.cmd = nil
}

// Close ends the server and its Erlang port mapper (epmd).
func (s *Server) Close() {
	s.Kill()
	for range 40 { // epmd refuses until it has noticed that the broker is gone
		out, _ := exec.Command("epmd", "-port", strconv.Itoa(s.epmd), "-kill").CombinedOutput() // only the output matters
		if strings.Contains(string(out), "Killed") || strings.Contains(string(out), "annot connect") {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// URL returns a virtual host of the server that no other test uses.
func (s *Server) URL() string { return s.At(s.Address, s.Vhost()) }

// Vhost returns the name of the next virtual host; after 40 they repeat.
func (s *Server) Vhost() string { return fmt.Sprintf("v%d", int(s.next.Add(1)-1)%vhosts) }

// At returns the URL of a virtual host at an address.
func (s *Server) At(address, vhost string) string {
	return "rabbit://" + url.UserPassword(User, Password).String() + "@" + address + "/" + url.PathEscape(vhost)
}

func (s *Server) path(name string) string { return filepath.Join(s.dir, name) }
