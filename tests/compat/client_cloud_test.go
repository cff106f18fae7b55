package compat

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func network(t *testing.T, admin, demo desk) {
	n := demo.show("network", "create", "--description", "d", "n1")
	has(t, n, map[string]any{"name": "n1", "description": "d", "status": "ACTIVE", "shared": false,
		"admin_state_up": true})
	demo.refused("403", "network", "create", "--share", "nope")
	s := demo.show("subnet", "create", "--network", "n1", "--subnet-range", "10.1.0.0/24", "--allocation-pool",
		"start=10.1.0.10,end=10.1.0.20",
		"--dns-nameserver", "9.9.9.9", "--host-route", "destination=10.9.0.0/16,gateway=10.1.0.9", "s1")
	has(t, s, map[string]any{"name": "s1", "cidr": "10.1.0.0/24", "gateway_ip": "10.1.0.1", "enable_dhcp": true,
		"ip_version":      4,
		"dns_nameservers": []string{"9.9.9.9"}, "network_id": n["id"]})
	demo.refused("overlap", "subnet", "create", "--network", "n1", "--subnet-range", "10.1.0.128/25", "s2")
	demo.run("subnet", "set", "--name", "s2", "--no-dhcp", "s1")
	has(t, demo.show("subnet", "show", "s2"), map[string]any{"enable_dhcp": false})
	p := demo.show("port", "create", "--network", "n1", "--fixed-ip", "subnet=s2,ip-address=10.1.0.15", "p1")
	has(t, p, map[string]any{"name": "p1", "status": "DOWN", "network_id": n["id"]})
	if mac, _ := p["mac_address"].(string); !strings.HasPrefix(mac, "fa:16:3e:") {
		t.Errorf("mac_address: %v", p["mac_address"])
	}
	demo.refused("409", "port", "create", "--network", "n1", "--fixed-ip", "ip-address=10.1.0.15", "p2")
	demo.run("port", "set", "--name", "p2", "--disable", "p1")
	has(t, demo.show("port", "show", "p2"), map[string]any{"admin_state_up": false})
	find(t, demo.list("port", "list", "--network", "n1"), "Name", "p2")
	demo.refused("409", "network", "delete", "n1")
	demo.run("port", "delete", "p2")
	demo.run("subnet", "delete", "s2")
	demo.run("network", "set", "--name", "n2", "n1")
	demo.run("network", "set", "--tag", "red", "n2")
	find(t, demo.list("network", "list", "--tags", "red"), "Name", "n2")
	demo.run("network", "delete", "n2")
	lacks(t, demo.list("network", "list"), "Name", "n2")
	if rows := admin.list("network", "agent", "list"); len(rows) == 0 {
		t.Error("no network agent is listed")
	} else if rows[0]["Alive"] != true {
		t.Errorf("the agent is not alive: %v", rows[0])
	}
	if rows := demo.list("extension", "list", "--network"); len(rows) == 0 {
		t.Error("no extension is listed")
	}
}

func securityGroup(t *testing.T, _, demo desk) {
	find(t, demo.list("security", "group", "list"), "Name", "default")
	g := demo.show("security", "group", "create", "--description", "web", "g1")
	has(t, g, map[string]any{"name": "g1", "description": "web"})
	r := demo.show("security", "group", "rule", "create", "--protocol", "tcp", "--dst-port", "80:81",
		"--remote-ip", "10.0.0.0/8", "g1")
	has(t, r, map[string]any{"protocol": "tcp", "port_range_min": 80, "port_range_max": 81,
		"remote_ip_prefix": "10.0.0.0/8", "direction": "ingress", "ether_type": "IPv4"})
	demo.refused("409", "security", "group", "rule", "create", "--protocol", "tcp", "--dst-port", "80:81",
		"--remote-ip", "10.0.0.0/8", "g1")
	demo.run("security", "group", "rule", "create", "--protocol", "icmp", "g1")
	demo.run("security", "group", "rule", "create", "--protocol", "tcp", "--remote-group", "g1", "g1")
	if rows := demo.list("security", "group", "rule", "list", "g1"); len(rows) != 5 { // each group has two egress rules
		t.Errorf("%d rules: %v", len(rows), rows)
	}
	demo.run("security", "group", "rule", "delete", r["id"].(string))
	demo.run("security", "group", "set", "--name", "g2", "g1")
	has(t, demo.show("security", "group", "show", "g2"), map[string]any{"id": g["id"]})
	demo.run("security", "group", "delete", "g2")
	lacks(t, demo.list("security", "group", "list"), "Name", "g2")
	demo.refused("409", "security", "group", "delete", "default")
}

func server(t *testing.T, admin, demo desk) {
	data := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(data, []byte("#!/bin/sh\necho hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	demo.run("keypair", "create", "sk")
	demo.run("network", "create", "sn")
	demo.run("subnet", "create", "--network", "sn", "--subnet-range", "10.2.0.0/24", "sn")
	s := demo.show("server", "create", "--image", "guest", "--flavor", "m1.nano", "--network", "demo", "--nic",
		"net-id=sn", "--key-name", "sk",
		"--user-data", data, "--config-drive", "true", "--property", "a=b", "--security-group", "default", "--wait", "s1")
	has(t, s, map[string]any{"name": "s1", "status": "ACTIVE", "key_name": "sk", "config_drive": "True"})
	id := s["id"].(string)
	got := admin.show("server", "show", id)
	has(t, got, map[string]any{"OS-EXT-STS:vm_state": "active", "OS-EXT-STS:task_state": nil, "OS-EXT-STS:power_state": 1})
	if host, _ := got["OS-EXT-SRV-ATTR:host"].(string); host == "" {
		t.Errorf("an administrator does not see the host: %v", got)
	}
	if _, ok := demo.show("server", "show", id)["OS-EXT-SRV-ATTR:host"]; ok {
		t.Error("an ordinary user sees the host")
	}
	addresses, _ := got["addresses"].(map[string]any)
	if len(addresses) != 2 {
		t.Errorf("addresses: %v", got["addresses"])
	}
	row := find(t, demo.list("server", "list", "--long"), "Name", "s1")
	has(t, row, map[string]any{"Status": "ACTIVE", "Task State": nil, "Image Name": "guest"})
	if log := demo.run("console", "log", "show", "s1"); log == "" {
		t.Error("the console's log is empty")
	}
	events := demo.list("server", "event", "list", "s1")
	e := find(t, events, "Action", "create")
	has(t, demo.show("server", "event", "show", "s1", e["Request ID"].(string)),
		map[string]any{"action": "create", "message": nil})
	// before 2.51 only administrators see an action's events
	shown := admin.show("server", "event", "show", id, e["Request ID"].(string))
	if text := fmt.Sprint(shown["events"]); !strings.Contains(text, "Success") {
		t.Errorf("events: %v", shown["events"])
	}
	demo.run("server", "set", "--name", "s2", "--property", "c=d", "s1")
	demo.run("server", "unset", "--property", "a", "s2")
	has(t, demo.show("server", "show", "s2"), map[string]any{"properties": map[string]string{"c": "d"}})
	find(t, demo.list("port", "list", "--server", id), "Status", "ACTIVE")
	demo.refused("No server with a name or ID", "server", "show", "nope")
	demo.run("server", "delete", "--wait", "s2")
	lacks(t, demo.list("server", "list"), "ID", id)
	if rows := demo.list("port", "list", "--network", "sn", "--device-owner", "compute:nova"); len(rows) != 0 {
		t.Errorf("ports are left: %v", rows)
	}
	demo.run("network", "delete", "sn")
}

func power(t *testing.T, _, demo desk) {
	demo.run("server", "create", "--image", "guest", "--flavor", "m1.nano", "--network", "demo", "--wait", "w1")
	state := func(want string) {
		t.Helper()
		// stop and start are asynchronous, and the client has no --wait for them.
		got := ""
		for range 30 {
			if got = fmt.Sprint(demo.show("server", "show", "w1")["status"]); got == want {
				return
			}
		}
		t.Errorf("the server is %s, want %s", got, want)
	}
	for _, step := range []struct {
		want string
		args []string
	}{
		{"SHUTOFF", []string{"stop", "w1"}},
		{"ACTIVE", []string{"start", "w1"}},
		{"ACTIVE", []string{"reboot", "--soft", "--wait", "w1"}},
		{"ACTIVE", []string{"reboot", "--hard", "--wait", "w1"}},
		{"PAUSED", []string{"pause", "w1"}},
		{"ACTIVE", []string{"unpause", "w1"}},
	} {
		demo.run(append([]string{"server"}, step.args...)...)
		state(step.want)
	}
	demo.run("server", "pause", "w1")
	state("PAUSED")
	demo.refused("409", "server", "stop", "w1")
	demo.run("server", "delete", "--wait", "w1")
}

func many(t *testing.T, admin, demo desk) {
	demo.run("server", "create", "--image", "guest", "--flavor", "m1.nano", "--network", "demo", "--min", "2",
		"--max", "3", "--wait", "m")
	names := map[string]bool{}
	for _, r := range demo.list("server", "list", "--name", "^m-") {
		names[r["Name"].(string)] = true
		has(t, r, map[string]any{"Status": "ACTIVE"})
	}
	for _, n := range []string{"m-1", "m-2", "m-3"} {
		if !names[n] {
			t.Errorf("%s is missing: %v", n, names)
		}
	}
	demo.run("server", "delete", "--wait", "m-1", "m-2", "m-3")
	admin.run("flavor", "create", "--ram", "128", "--disk", "99999999", "--vcpus", "1", "huge")
	if out, err := demo.Try(t, demo.as, "server", "create", "--image", "guest", "--flavor", "huge", "--network", "demo",
		"--wait", "huge"); err == nil && !strings.Contains(out, "Error creating server") {
		t.Errorf("a server larger than all hosts was made: %s", out)
	}
	lost := demo.show("server", "show", "huge")
	has(t, lost, map[string]any{"status": "ERROR"})
	if text := fmt.Sprint(lost["fault"]); !strings.Contains(text, "No valid host was found") ||
		!strings.Contains(text, "99999999") {
		t.Errorf("the fault does not explain itself: %s", text)
	}
	demo.run("server", "delete", "--wait", "huge")
}

func operator(t *testing.T, admin, demo desk) {
	rows := admin.list("hypervisor", "list")
	if len(rows) == 0 {
		t.Fatal("no hypervisor is listed")
	}
	h := admin.show("hypervisor", "show", rows[0]["Hypervisor Hostname"].(string))
	has(t, h, map[string]any{"state": "up", "status": "enabled"})
	demo.refused("403", "hypervisor", "list")
	services := admin.list("compute", "service", "list")
	for _, binary := range []string{"nova-conductor", "nova-scheduler", "nova-compute"} {
		has(t, find(t, services, "Binary", binary), map[string]any{"State": "up", "Status": "enabled"})
	}
	host := find(t, services, "Binary", "nova-compute")["Host"].(string)
	admin.run("compute", "service", "set", "--disable", "--disable-reason", "test", host, "nova-compute")
	long := find(t, admin.list("compute", "service", "list", "--long"), "Binary", "nova-compute")
	has(t, long, map[string]any{"Status": "disabled", "Disabled Reason": "test"})
	out := demo.run("server", "create", "--image", "guest", "--flavor", "m1.nano", "--network", "demo", "--wait", "o1")
	if text := fmt.Sprint(demo.show("server", "show", "o1")["fault"]); !strings.Contains(out, "Error creating server") ||
		!strings.Contains(text, "disabled") {
		t.Errorf("a server on a disabled host: %s %s", out, text)
	}
	demo.run("server", "delete", "--wait", "o1")
	admin.run("compute", "service", "set", "--enable", host, "nova-compute")
	find(t, demo.list("availability", "zone", "list"), "Zone Name", "nova")
	find(t, demo.list("limits", "show", "--absolute"), "Name", "maxTotalInstances")
}

func quota(t *testing.T, admin, demo desk) {
	admin.run("project", "create", "qp")
	admin.run("quota", "set", "--instances", "1", "--cores", "4", "--ram", "2048", "--networks", "1", "--ports", "3", "qp")
	q := quotaOf(t, admin)
	for name, want := range map[string]float64{"instances": 1, "cores": 4, "ram": 2048, "networks": 1, "ports": 3} {
		if q[name] != want {
			t.Errorf("%s: got %v, want %v", name, q[name], want)
		}
	}
	admin.run("user", "create", "--password", "pw", "qu")
	admin.run("role", "add", "--user", "qu", "--project", "qp", "member")
	demo.As(t, "q", "qu", "pw", "qp")
	user := desk{demo.Cloud, t, "q", demo.seen}
	user.run("network", "create", "q1")
	user.refused("Quota exceeded", "network", "create", "q2")
	user.run("subnet", "create", "--network", "q1", "--subnet-range", "10.3.0.0/24", "q1")
	user.run("server", "create", "--image", "guest", "--flavor", "m1.nano", "--network", "q1", "--wait", "q1")
	user.refused("Quota exceeded for instances", "server", "create", "--image", "guest", "--flavor", "m1.nano",
		"--network", "q1", "q2")
	user.refused("403", "quota", "set", "--instances", "100", "qp")
	user.run("server", "delete", "--wait", "q1")
}

// quotaOf returns the output of "quota show" by name. The client prints one object, or rows in later versions.
func quotaOf(t *testing.T, d desk) map[string]any {
	switch v := d.JSON(t, d.as, "quota", "show", "qp").(type) {
	case map[string]any:
		return v
	case []any:
		out := map[string]any{}
		for _, r := range v {
			row := r.(map[string]any)
			out[row["Resource"].(string)] = row["Limit"]
		}
		return out
	}
	t.Fatal("quota show printed something else")
	return nil
}

// subnetPools gets the prefixes of subnets from a pool.
func subnetPools(t *testing.T, admin, demo desk) {
	scope := demo.show("address", "scope", "create", "--ip-version", "4", "as")
	p := demo.show("subnet", "pool", "create", "--pool-prefix", "10.91.0.0/16", "--default-prefix-length", "26",
		"--address-scope", "as", "sp")
	has(t, p, map[string]any{"name": "sp", "prefixes": []string{"10.91.0.0/16"}, "address_scope_id": scope["id"]})
	demo.run("network", "create", "pn")
	has(t, demo.show("subnet", "create", "--network", "pn", "--subnet-pool", "sp", "ps"),
		map[string]any{"cidr": "10.91.0.0/26", "subnetpool_id": p["id"]})
	has(t, demo.show("network", "show", "pn"), map[string]any{"ipv4_address_scope": scope["id"]})
	demo.run("subnet", "pool", "set", "--pool-prefix", "10.92.0.0/16", "--name", "sq", "sp")
	demo.run("subnet", "pool", "set", "--tag", "red", "sq")
	demo.run("subnet", "pool", "unset", "--all-tag", "sq")
	find(t, demo.list("subnet", "pool", "list"), "Name", "sq")
	demo.refused("400", "subnet", "pool", "delete", "sq")
	demo.run("network", "delete", "pn")
	demo.run("subnet", "pool", "delete", "sq")
	demo.run("address", "scope", "set", "--name", "at", "as")
	find(t, demo.list("address", "scope", "list"), "Name", "at")
	demo.show("address", "scope", "show", "at")
	demo.run("address", "scope", "delete", "at")
	admin.run("subnet", "pool", "create", "--pool-prefix", "10.93.0.0/16", "--share", "shared")
	demo.show("subnet", "pool", "show", "shared")
	admin.run("subnet", "pool", "delete", "shared")
}
