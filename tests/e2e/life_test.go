package e2e

import (
	"net/http"
	"strings"
)

// mine is a file that a guest has if its disk, or the image of its disk, is the one that the test wrote to.
const mine = "/root/mine"

// act asks for an action on a server as the administrator.
func (s *site) act(name, body string) {
	s.t.Helper()
	s.api.Do(s.t, "POST", "compute", "/servers/"+s.ids[name]+"/action", body, http.StatusAccepted, nil)
}

// sleeps suspends a guest while something happens to the cloud. The guest goes on where it was, with what it had in
// memory.
func (u *user) sleeps(name, ip string, meanwhile func()) {
	u.t.Helper()
	last := u.login(ip, boot)
	u.login(ip, "echo kept in memory >/run/kept")
	u.act(name, `{"suspend":null}`)
	u.status(name, "SUSPENDED")
	if state := strings.TrimSpace(u.virsh("domstate", u.ids[name])); state != "shut off" {
		u.t.Errorf("the domain of a suspended server is %q", state)
	}
	meanwhile()
	u.status(name, "SUSPENDED")
	u.act(name, `{"resume":null}`)
	u.status(name, "ACTIVE")
	if got, want := u.login(ip, boot+"; cat /run/kept"), last+"\nkept in memory"; got != want {
		u.t.Errorf("the resumed guest says %q, want %q", got, want)
	}
}

// shelves takes a server from its host and builds it again from the image of its disk, with its address.
func (u *user) shelves(name, ip string) {
	u.t.Helper()
	last := u.login(ip, "echo of "+name+" >"+mine+"; sync; "+boot)
	u.act(name, `{"shelve":null}`)
	u.status(name, "SHELVED_OFFLOADED")
	if left := u.virsh("domstate", u.ids[name]); left != "" {
		u.t.Errorf("the domain of an offloaded server is %q", left)
	}
	u.act(name, `{"unshelve":null}`)
	u.status(name, "ACTIVE")
	got := u.login(ip, "cat "+mine+"; "+boot)
	if file, now, _ := strings.Cut(got, "\n"); file != "of "+name || now == last {
		u.t.Errorf("the guest says %q after it was shelved", got)
	}
	if images := u.demo("image", "list", "-f", "value", "-c", "Name"); strings.Contains(images, "shelved") {
		u.t.Errorf("the image of the shelved server is left: %s", images)
	}
}

// copies makes an image of a running server and boots another server of it. The image says that its guest has an agent,
// which can set a password.
func (u *user) copies(from, ip, to string) {
	u.t.Helper()
	u.login(ip, "echo of "+from+" >"+mine+"; sync")
	shot := strings.TrimSpace(u.demo("server", "image", "create", "--name", "shot", from, "-f", "value", "-c", "id"))
	u.until("the image", func() bool {
		var image struct{ Status string }
		u.api.Do(u.t, "GET", "image", "/v2/images/"+shot, "", http.StatusOK, &image)
		return image.Status == "active"
	})
	u.demo("image", "set", "--property", "hw_qemu_guest_agent=yes", shot)
	u.create(to, "--image", "shot", "--key-name", "k", "--config-drive", "true")
	if got := u.login(u.address(to), "cat "+mine+"; hostname"); got != "of "+from+"\n"+to {
		u.t.Errorf("the guest of the snapshot says %q", got)
	}
}

// plugs gives a running guest one more NIC and takes it away. The guest gets its address by DHCP on it.
func (u *user) plugs(name, ip string) {
	u.t.Helper()
	const nics = "ls /sys/class/net | grep -c eth || true"
	if got := u.login(ip, nics); got != "1" {
		u.t.Fatalf("%s has %s NICs", name, got)
	}
	port := u.Show(u.t, "hypernova-demo", "port", "create", "--network", "demo", "hot")
	u.demo("server", "add", "port", name, "hot")
	u.until("the guest to see its new NIC", func() bool { return u.login(ip, nics) == "2" })
	mac, _ := port["mac_address"].(string)
	got := u.login(ip, "cat /sys/class/net/eth1/address; ip link set eth1 up; "+
		"udhcpc -i eth1 -n -q -f -t 10 -T 1 -s /bin/true 2>&1 | grep obtained")
	fixed, _ := port["fixed_ips"].([]any)
	if !strings.HasPrefix(got, mac+"\n") || len(fixed) != 1 ||
		!strings.Contains(got, fixed[0].(map[string]any)["ip_address"].(string)+" obtained") {
		u.t.Errorf("the guest says %q of its NIC %v", got, port)
	}
	u.demo("server", "remove", "port", name, "hot")
	u.until("the guest to lose its NIC", func() bool { return u.login(ip, nics) == "1" })
	u.demo("port", "delete", "hot")
}

// returns deletes a server, which is kept for a while, and restores it.
func (u *user) returns(name, ip string) {
	u.t.Helper()
	u.api.Do(u.t, "DELETE", "compute", "/servers/"+u.ids[name], "", http.StatusNoContent, nil)
	u.status(name, "SOFT_DELETED")
	if u.reachable(ip) {
		u.t.Error("a deleted guest answers")
	}
	u.act(name, `{"restore":null}`)
	u.status(name, "ACTIVE")
	if state := strings.TrimSpace(u.virsh("domstate", u.ids[name])); state != "running" {
		u.t.Errorf("the domain of a restored server is %q", state)
	}
}
