package compat

import (
	"fmt"
	"strings"
	"testing"

	"hypernova/tests/running"
)

// at adds a microversion of compute to a command.
func at(version string, args ...string) []string {
	return append(args, "--os-compute-api-version", version)
}

// boot creates a server and waits until it runs.
func (d desk) boot(name string, args ...string) map[string]any {
	d.t.Helper()
	return d.show(append([]string{"server", "create", "--image", "guest", "--flavor", "m1.nano", "--network", "demo",
		"--wait", name}, args...)...)
}

// becomes waits until a server has a status. Many commands of the client have no --wait.
func (d desk) becomes(server, status string) {
	d.t.Helper()
	got := ""
	for range 60 {
		shown := d.show("server", "show", server)
		if got = fmt.Sprint(shown["status"]); got == status && shown["OS-EXT-STS:task_state"] == nil {
			return
		}
	}
	d.t.Errorf("%s is %s, want %s", server, got, status)
}

// lives takes a server through the actions of its owner.
func lives(t *testing.T, admin, demo desk) {
	demo.boot("life")
	demo.run("server", "suspend", "life")
	demo.becomes("life", "SUSPENDED")
	demo.run("server", "resume", "life")
	demo.becomes("life", "ACTIVE")
	demo.run(at("2.73", "server", "lock", "--reason", "held", "life")...)
	demo.run("server", "unlock", "life")
	admin.run("server", "lock", demo.id("server", "life"))
	demo.refused("409", "server", "stop", "life")
	admin.run("server", "unlock", demo.id("server", "life"))

	demo.run("server", "rebuild", "--image", "guest", "--name", "lived", "--property", "a=b", "--wait", "life")
	has(t, demo.show("server", "show", "lived"), map[string]any{"name": "lived", "status": "ACTIVE",
		"properties": map[string]string{"a": "b"}})
	demo.run("server", "rescue", "lived")
	demo.becomes("lived", "RESCUE")
	demo.refused("409", "server", "pause", "lived")
	demo.run("server", "unrescue", "lived")
	demo.becomes("lived", "ACTIVE")
	admin.run(at("2.17", "server", "dump", "create", demo.id("server", "lived"))...)

	demo.show("server", "image", "create", "--name", "shot", "--wait", "lived")
	has(t, demo.show("image", "show", "shot"), map[string]any{"status": "active"})
	demo.boot("again", "--image", "shot")
	demo.run("server", "delete", "--wait", "again")
	for i := range 3 { // the client finds an image by its name, and so needs one of its own each time
		demo.show("server", "backup", "create", "--name", fmt.Sprint("daily", i), "--type", "daily", "--rotate", "2",
			"--wait", "lived")
		demo.becomes("lived", "ACTIVE") // the image is there before the old ones are gone
	}
	rows := demo.list("image", "list", "--property", "backup_type=daily")
	if len(rows) != 2 {
		t.Errorf("%d backups, want the newest 2", len(rows))
	}
	find(t, rows, "Name", "daily2")

	demo.run("server", "shelve", "--wait", "lived")
	demo.becomes("lived", "SHELVED_OFFLOADED")
	demo.run("server", "unshelve", "--wait", "lived")
	demo.becomes("lived", "ACTIVE")
	demo.run("server", "delete", "--wait", "lived")
}

// id answers the ID of a thing with a name.
func (d desk) id(kind, name string) string {
	d.t.Helper()
	return fmt.Sprint(d.show(kind, "show", name)["id"])
}

// deletedSoftly restores a server in a cloud that keeps deleted servers for a while.
func deletedSoftly(t *testing.T, admin, demo desk) {
	cloud := running.Up(t, t.TempDir(), "--memory", "--virt", "fake", "--set", "DEFAULT.reclaim_instance_interval=3600")
	cloud.Shell = demo.Shell
	own := desk{cloud, t, "hypernova-demo", demo.seen}
	own.boot("soft")
	own.run("server", "delete", "soft")
	own.admin().becomes(own.admin().deletedID("soft"), "SOFT_DELETED")
	own.admin().run("server", "restore", own.admin().deletedID("soft"))
	own.becomes("soft", "ACTIVE")
	own.run("server", "delete", "--force", "--wait", "soft")
}

// admin is the same cloud's administrator.
func (d desk) admin() desk { return desk{d.Cloud, d.t, "hypernova", d.seen} }

// deletedID answers the ID of a deleted server of any project, which may be one that can be restored.
func (d desk) deletedID(name string) string {
	d.t.Helper()
	for _, r := range d.list("server", "list", "--all-projects", "--deleted", "--name", "^"+name+"$") {
		return fmt.Sprint(r["ID"])
	}
	d.t.Fatalf("no server %s", name)
	return ""
}

// interfaces adds to a server and removes again ports, networks, addresses and security groups.
func interfaces(t *testing.T, _, demo desk) {
	demo.boot("if")
	demo.run("network", "create", "in")
	demo.run("subnet", "create", "--network", "in", "--subnet-range", "10.4.0.0/24", "in")
	demo.run("server", "add", "network", "if", "in")
	if nets := fmt.Sprint(demo.show("server", "show", "if")["addresses"]); !strings.Contains(nets, "10.4.0.") {
		t.Errorf("addresses after a network was added: %s", nets)
	}
	demo.run("server", "remove", "network", "if", "in")
	demo.run("port", "create", "--network", "in", "ip")
	demo.run(at("2.49", "server", "add", "port", "--tag", "blue", "if", "ip")...)
	find(t, demo.list("port", "list", "--server", demo.id("server", "if")), "Name", "ip")
	demo.run("server", "remove", "port", "if", "ip")
	demo.show("port", "show", "ip") // the user's port is kept

	demo.run("server", "add", "fixed", "ip", "if", "in")
	if nets := fmt.Sprint(demo.show("server", "show", "if")["addresses"]); !strings.Contains(nets, "10.4.0.") {
		t.Errorf("addresses after a fixed IP was added: %s", nets)
	}
	demo.run("security", "group", "create", "ig")
	demo.run("server", "add", "security", "group", "if", "ig")
	if groups := fmt.Sprint(demo.show("server", "show", "if")["security_groups"]); !strings.Contains(groups, "ig") {
		t.Errorf("security groups: %s", groups)
	}
	demo.run("server", "remove", "security", "group", "if", "ig")
	demo.list("server", "volume", "list", "if")
	demo.run("server", "delete", "--wait", "if")
	demo.run("port", "delete", "ip")
	demo.run("network", "delete", "in")
}

// consoles asks for addresses of consoles.
func consoles(t *testing.T, _, demo desk) {
	demo.boot("con")
	for kind, want := range map[string]string{"--novnc": "token", "--serial": "ws://"} {
		shown := demo.show("console", "url", "show", kind, "con")
		if url := fmt.Sprint(shown["url"]); !strings.Contains(url, want) {
			t.Errorf("%s: %s", kind, url)
		}
	}
	demo.run("server", "delete", "--wait", "con")
}

// serverGroups creates a group and a server in it.
func serverGroups(t *testing.T, _, demo desk) {
	g := demo.show("server", "group", "create", "--policy", "anti-affinity", "sg")
	demo.boot("member", "--hint", "group="+fmt.Sprint(g["id"]))
	find(t, demo.list("server", "group", "list"), "Name", "sg")
	if members := fmt.Sprint(demo.show("server", "group", "show", "sg")["members"]); !strings.Contains(members,
		demo.id("server", "member")) {
		t.Errorf("members: %s", members)
	}
	demo.run("server", "delete", "--wait", "member")
	demo.run("server", "group", "delete", "sg")
}

// hosts runs the commands of operators. No server is on the host then.
func hosts(t *testing.T, admin, demo desk) {
	a := admin.show("aggregate", "create", "--property", "ssd=true", "ag")
	has(t, a, map[string]any{"name": "ag"})
	rows := admin.list("compute", "service", "list", "--service", "nova-compute")
	host := fmt.Sprint(rows[0]["Host"])
	admin.run("aggregate", "add", "host", "ag", host)
	admin.run("aggregate", "set", "--name", "ah", "--property", "disk=fast", "ag")
	admin.run("aggregate", "unset", "--property", "ssd", "ah")
	if text := fmt.Sprint(admin.show("aggregate", "show", "ah")); !strings.Contains(text, "fast") ||
		strings.Contains(text, "ssd") || !strings.Contains(text, host) {
		t.Errorf("aggregate show: %s", text)
	}
	find(t, admin.list("aggregate", "list"), "Name", "ah")
	admin.run(at("2.81", "aggregate", "cache", "image", "ah", "guest")...)
	admin.run("aggregate", "remove", "host", "ah", host)
	admin.run("aggregate", "delete", "ah")

	find(t, admin.list("host", "list"), "Host Name", host)
	admin.list("host", "show", host)
	disable := []string{"host", "set", "--disable", host}
	admin.refused("501", disable...) // as with every driver of nova that runs on Linux hosts
	admin.seen.add(disable)
	admin.show("hypervisor", "stats", "show")
	demo.boot("used")
	admin.list("usage", "list")
	demo.show("usage", "show")
	demo.run("server", "delete", "--wait", "used")
	admin.list("server", "migration", "list")
	unknown := at("2.53", "compute", "service", "delete", "0c1d3b65-8d02-4e35-9a47-3f5b0b9c8d11")
	admin.refused("404", unknown...) // a host that is up comes back by itself
	admin.seen.add(unknown)
	demo.refused("403", "aggregate", "list")
}
