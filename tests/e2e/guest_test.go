// Package e2e boots real guests and looks at them from outside: console, SSH, packets, and what is left on the host when they are gone.
package e2e

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"hypernova/tests/running"
)

const patience = 4 * time.Minute // a guest boots in 10 to 20 s under emulation on an idle machine; CI's is not idle

// site is a cloud with real servers, and the person who uses it.
type site struct {
	*running.Cloud
	t       *testing.T
	dir     string
	network string // id of the demo network
	key     string // file with the private key
}

func newSite(t *testing.T) *site {
	t.Helper()
	image := os.Getenv("HYPERNOVA_GUEST_IMAGE")
	if image == "" {
		t.Skip("$HYPERNOVA_GUEST_IMAGE names no guest image (make test builds one)")
	}
	if os.Geteuid() != 0 {
		t.Skip("real servers need root")
	}
	running.NeedClient(t)
	// Not t.TempDir: the hypervisor's user must be able to reach the disks.
	dir, err := os.MkdirTemp("/var/tmp", "hypernova-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	copyFile(t, image, filepath.Join(dir, "guest.qcow2"))
	s := &site{Cloud: running.Up(t, dir, "--virt", "libvirt"), t: t, dir: dir}
	s.network = fmt.Sprint(s.Show(t, "hypernova-demo", "network", "show", "demo")["id"])
	s.key = filepath.Join(dir, "key")
	if err := os.WriteFile(s.key, []byte(s.Client(t, "hypernova-demo", "keypair", "create", "k")), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

func (s *site) demo(args ...string) string {
	s.t.Helper()
	return s.Client(s.t, "hypernova-demo", args...)
}

// until asks again and again, with a pause, until the answer is yes or patience ends.
func (s *site) until(what string, ask func() bool) {
	s.t.Helper()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	end := time.After(patience)
	for !ask() {
		select {
		case <-tick.C:
		case <-end:
			s.t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

// console waits until the server's console has a line that matches n times, and returns all of it.
func (s *site) console(server, pattern string, n int) string {
	s.t.Helper()
	re := regexp.MustCompile(pattern)
	var text string
	s.until(fmt.Sprintf("%q on the console of %s", pattern, server), func() bool {
		text, _ = s.Try(s.t, "hypernova-demo", "console", "log", "show", server)
		return len(re.FindAllString(text, -1)) >= n
	})
	return text
}

func (s *site) status(server, want string) {
	s.t.Helper()
	s.until(server+" to be "+want, func() bool {
		return fmt.Sprint(s.Show(s.t, "hypernova-demo", "server", "show", server)["status"]) == want
	})
}

func (s *site) address(server string) string {
	s.t.Helper()
	addresses, _ := s.Show(s.t, "hypernova-demo", "server", "show", server)["addresses"].(map[string]any)
	list, _ := addresses["demo"].([]any)
	if len(list) == 0 {
		s.t.Fatalf("%s has no address: %v", server, addresses)
	}
	return fmt.Sprint(list[0])
}

// inside runs a command in the network's namespace on this host, from where guests can be reached if their groups let it in.
func (s *site) inside(timeout time.Duration, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), timeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", "qdhcp-" + s.network}, args...)...).CombinedOutput()
	return string(out), err
}

func (s *site) ssh(ip, command string) (string, error) {
	return s.inside(time.Minute, "ssh", "-i", s.key, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
		"-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "root@"+ip, command)
}

// login is ssh that must work within patience.
func (s *site) login(ip, command string) string {
	s.t.Helper()
	var out string
	var err error
	s.until("SSH to "+ip, func() bool { out, err = s.ssh(ip, command); return err == nil })
	return out
}

func (s *site) reachable(ip string) bool {
	_, err := s.inside(10*time.Second, "nc", "-z", "-w", "3", ip, "22")
	return err == nil
}

// remains lists what the cloud has on this host: domains, disks, taps.
func remains(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	out, err := exec.CommandContext(t.Context(), "virsh", "-q", "-c", "qemu:///system", "list", "--all").CombinedOutput()
	if err != nil {
		t.Fatalf("virsh: %v: %s", err, out)
	}
	all = append(all, strings.Fields(string(out))...)
	links, err := filepath.Glob("/sys/class/net/tap*")
	if err != nil {
		t.Fatal(err)
	}
	disks, err := filepath.Glob(filepath.Join(dir, "instances", "*-*-*-*-*"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(append(append(all, links...), disks...), " ")
}

func TestGuests(t *testing.T) {
	s := newSite(t)
	before := remains(t, s.dir)
	script := filepath.Join(s.dir, "user-data")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho user data was here >/root/proof\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	create := []string{"server", "create", "--image", "guest", "--flavor", "m1.nano", "--network", "demo", "--key-name", "k", "--user-data", script, "--wait"}
	s.demo(append(create, "a")...)
	s.demo(append(create, "--config-drive", "true", "b")...)
	a, b := s.address("a"), s.address("b")

	s.boots("a", a, "http://169.254.169.254")
	s.boots("b", b, "config drive")
	s.groups(a, b)
	s.powers(a)
	s.survives(a)

	s.demo("server", "delete", "--wait", "a", "b")
	if after := remains(t, s.dir); after != before {
		t.Errorf("left on the host: %q, before there was %q", after, before)
	}
	if rows := s.List(t, "hypernova-demo", "port", "list", "--device-owner", "compute:nova"); len(rows) != 0 {
		t.Errorf("ports are left: %v", rows)
	}
}

// boots looks at what a guest reports of itself.
func (s *site) boots(name, ip, from string) {
	s.t.Helper()
	text := s.console(name, "guest: ready after", 1)
	id := fmt.Sprint(s.Show(s.t, "hypernova-demo", "server", "show", name)["id"])
	for _, want := range []string{ip, "guest: metadata from " + from, "guest: instance-id " + id, "guest: name " + name, "guest: hostname " + name,
		"guest: ssh keys 1", "guest: user-data: ran, exit 0"} {
		if !strings.Contains(text, want) {
			s.t.Errorf("the console of %s lacks %q:\n%s", name, want, text)
		}
	}
}

// groups proves that the security group refuses and lets in, and that servers of one group reach each other.
func (s *site) groups(a, b string) {
	s.t.Helper()
	if s.reachable(a) {
		s.t.Error("SSH from outside the group is let in by the default group")
	}
	rule := s.Show(s.t, "hypernova-demo", "security", "group", "rule", "create", "--protocol", "tcp", "--dst-port", "22", "default")
	if got := s.login(a, "cat /root/proof; hostname"); !strings.Contains(got, "user data was here") || !strings.Contains(got, "a") {
		s.t.Errorf("got %q", got)
	}
	if got, err := s.ssh(a, "ping -c 2 -W 5 "+b); err != nil {
		s.t.Errorf("a does not reach b: %v: %s", err, got)
	}
	s.demo("security", "group", "rule", "delete", fmt.Sprint(rule["id"]))
	s.until("the rule to be gone", func() bool { return !s.reachable(a) })
	s.demo("security", "group", "rule", "create", "--protocol", "tcp", "--dst-port", "22", "default")
}

// powers stops, starts, reboots and freezes a guest.
func (s *site) powers(ip string) {
	s.t.Helper()
	boots := func() string { return strings.TrimSpace(s.login(ip, "cat /proc/sys/kernel/random/boot_id")) }
	last := boots()
	for _, step := range [][]string{{"reboot", "--soft", "--wait", "a"}, {"reboot", "--hard", "--wait", "a"}} {
		s.demo(append([]string{"server"}, step...)...)
		var now string
		s.until("another boot", func() bool {
			out, err := s.ssh(ip, "cat /proc/sys/kernel/random/boot_id")
			now = strings.TrimSpace(out)
			return err == nil && now != last
		})
		last = now
	}
	s.demo("server", "stop", "a")
	s.status("a", "SHUTOFF")
	s.demo("server", "start", "a")
	s.status("a", "ACTIVE")
	s.login(ip, "true")
	s.demo("server", "pause", "a")
	s.status("a", "PAUSED")
	s.demo("server", "unpause", "a")
	s.status("a", "ACTIVE")
	s.login(ip, "true")
}

// survives kills the whole cloud: guests go on, and a new process finds them as they are.
func (s *site) survives(ip string) {
	s.t.Helper()
	boot := s.login(ip, "cat /proc/sys/kernel/random/boot_id")
	s.Kill(s.t)
	if got, err := s.ssh(ip, "cat /proc/sys/kernel/random/boot_id"); err != nil || got != boot {
		s.t.Errorf("while the cloud is dead: %q, %v", got, err)
	}
	s.Cloud = running.Up(s.t, s.dir, "--virt", "libvirt")
	s.status("a", "ACTIVE")
	if got := s.login(ip, "cat /proc/sys/kernel/random/boot_id"); got != boot {
		s.t.Error("the guest was restarted with the cloud")
	}
}
