package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hypernova/tests/running"
)

// user is a user of the demo project with a key, who logs in to guests.
type user struct {
	*site
	key string // file with the private key
}

func (u *user) ssh(ip, command string) (string, error) {
	return u.inside(time.Minute, "ssh", "-i", u.key, "-o", "StrictHostKeyChecking=no", "-o",
		"UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
		"-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "root@"+ip, command)
}

// login runs a command over SSH. It retries until patience ends.
func (u *user) login(ip, command string) string {
	u.t.Helper()
	var out string
	var err error
	u.until("SSH to "+ip, func() bool { out, err = u.ssh(ip, command); return err == nil })
	return strings.TrimSpace(out)
}

func (u *user) reachable(ip string) bool {
	_, err := u.inside(10*time.Second, "nc", "-z", "-w", "3", ip, "22")
	return err == nil
}

// boot prints an id that changes with each boot of a guest.
const boot = "cat /proc/sys/kernel/random/boot_id"

func TestGuests(t *testing.T) {
	u := &user{site: newSite(t, "--set", "serial_console.enabled=true", "--set",
		"DEFAULT.reclaim_instance_interval=3600")}
	u.key = filepath.Join(u.dir, "key")
	if err := os.WriteFile(u.key, []byte(u.demo("keypair", "create", "k")), 0o600); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(u.dir, "user-data")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho user data was here >/root/proof\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	u.create("a", "--key-name", "k", "--user-data", script)
	u.create("b", "--key-name", "k", "--user-data", script, "--config-drive", "true")
	u.learnOwner()
	a, b := u.address("a"), u.address("b")

	u.boots("a", a, "http://169.254.169.254")
	u.boots("b", b, "config drive")
	gone := u.neighbour()
	u.groups(a, b)
	gone()
	u.powers(a)
	u.screens("a", a)
	u.rebuilds("b", b)
	u.copies("a", a, "c")
	u.serials("c")
	u.plugs("c", u.address("c"))
	u.returns("c", u.address("c"))
	u.sleeps("b", b, func() { u.survives(a) })
	u.shelves("b", b)

	u.demo("server", "delete", "--force", "a", "b", "c")
	u.clean()
	if found := u.check(); len(found) > 0 {
		t.Errorf("the check finds %v", found)
	}
}

// boots checks the report of a guest on its console.
func (u *user) boots(name, ip, from string) {
	u.t.Helper()
	text := u.console(name, "guest: ready after")
	for _, want := range []string{ip, "guest: metadata from " + from, "guest: instance-id " + u.ids[name],
		"guest: name " + name, "guest: hostname " + name,
		"guest: ssh keys 1", "guest: user-data: ran, exit 0"} {
		if !strings.Contains(text, want) {
			u.t.Errorf("the console of %s lacks %q:\n%s", name, want, text)
		}
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "guest: ") {
			u.t.Logf("%s | %s", name, strings.TrimSpace(line))
		}
	}
}

// neighbour starts another cloud on the same machine, with the same names and addresses and its own guest. The returned
// function destroys that cloud. Neither may affect the site's guests.
func (u *user) neighbour() (destroy func()) {
	u.t.Helper()
	n := newSite(u.t)
	n.create("a")
	return func() {
		u.t.Helper()
		n.learnOwner()
		n.Stop(u.t)
		running.Destroy(u.t, n.dir)
		if left := n.left(); left != "" {
			u.t.Errorf("the other cloud was destroyed, and left %s", left)
		}
	}
}

// groups tests that the security group rejects and allows traffic, and that servers of one group reach each other.
func (u *user) groups(a, b string) {
	u.t.Helper()
	if u.reachable(a) {
		u.t.Error("SSH from outside the group is let in by the default group")
	}
	rule := u.demo("security", "group", "rule", "create", "--protocol", "tcp", "--dst-port", "22", "default",
		"-f", "value", "-c", "id")
	if got := u.login(a, "cat /root/proof; hostname"); got != "user data was here\na" {
		u.t.Errorf("got %q", got)
	}
	if got, err := u.ssh(a, "ping -c 2 -W 5 "+b); err != nil {
		u.t.Errorf("a does not reach b: %v: %s", err, got)
	}
	u.demo("security", "group", "rule", "delete", strings.TrimSpace(rule))
	u.until("the rule to be gone", func() bool { return !u.reachable(a) })
	u.demo("security", "group", "rule", "create", "--protocol", "tcp", "--dst-port", "22", "default")
}

// powers stops, starts, reboots and pauses a guest.
func (u *user) powers(ip string) {
	u.t.Helper()
	last := u.login(ip, boot)
	for _, how := range []string{`{"reboot":{"type":"SOFT"}}`, `{"reboot":{"type":"HARD"}}`} {
		u.act("a", how)
		now := ""
		u.until("another boot", func() bool {
			out, err := u.ssh(ip, boot)
			now = strings.TrimSpace(out)
			return err == nil && now != last
		})
		last = now
	}
	u.act("a", `{"os-stop":null}`)
	u.status("a", "SHUTOFF")
	u.act("a", `{"os-start":null}`)
	u.status("a", "ACTIVE")
	last = u.login(ip, boot)
	u.act("a", `{"pause":null}`)
	u.status("a", "PAUSED")
	if u.reachable(ip) {
		u.t.Error("a paused guest answers")
	}
	u.act("a", `{"unpause":null}`)
	u.status("a", "ACTIVE")
	if u.login(ip, boot) != last {
		u.t.Error("the guest did not go on where it was paused")
	}
}

// rebuilds starts a guest from a rescue disk and then from its own again, and gives it a new disk.
func (u *user) rebuilds(name, ip string) {
	u.t.Helper()
	const look = "ls /root/mine 2>/dev/null || echo another disk"
	u.login(ip, "touch /root/mine && sync")
	u.demo("server", "rescue", "--password", "secret", name)
	u.status(name, "RESCUE")
	if got := u.login(ip, look+"; ls /dev/vdb"); got != "another disk\n/dev/vdb" {
		u.t.Errorf("the rescue guest says %q", got)
	}
	u.act(name, `{"unrescue":null}`)
	u.status(name, "ACTIVE")
	if got := u.login(ip, look); got != "/root/mine" {
		u.t.Errorf("the guest says %q after its rescue", got)
	}
	u.demo("server", "rebuild", name)
	u.status(name, "ACTIVE")
	if got := u.login(ip, look+"; cat /root/proof"); got != "another disk\nuser data was here" {
		u.t.Errorf("the rebuilt guest says %q", got)
	}
}

// survives kills the whole cloud. Guests continue to run, and a new process finds them.
func (u *user) survives(ip string) {
	u.t.Helper()
	last := u.login(ip, boot)
	u.Kill(u.t)
	if got, err := u.ssh(ip, boot); err != nil || strings.TrimSpace(got) != last {
		u.t.Errorf("while the cloud is dead: %q, %v", got, err)
	}
	u.checked()
	u.up()
	u.status("a", "ACTIVE")
	if u.login(ip, boot) != last {
		u.t.Error("the guest was restarted with the cloud")
	}
}
