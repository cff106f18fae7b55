package compat

import (
	"fmt"
	"strings"
	"testing"
)

// Why commands of networking are not tested.
const (
	noResource = "networking has no such resource yet"
	noDHCP     = "which agents serve DHCP is not a choice: each host serves its own servers"
)

// undoneNetwork are the commands of networking that are not tested, by their first words.
var undoneNetwork = map[string]string{
	"address group": noResource, "local ip": noResource,
	"network auto allocated topology": noResource, "network flavor": noResource,
	"network l3 conntrack helper": noResource, "network meter": noResource, "network qos": noResource,
	"network rbac": noResource, "network segment": noResource, "network service provider list": noResource,
	"network agent add network": noDHCP, "network agent remove network": noDHCP,
	"floating ip pool list": "the client itself refuses it where networking is Neutron",
	"network agent delete":  "tests/surface deletes agents; here they are the cloud's own",
}

// networkReason is why a command of networking is not tested; empty for others.
func networkReason(command string) string {
	for words, why := range undoneNetwork {
		if command == words || strings.HasPrefix(command, words+" ") {
			return why
		}
	}
	return ""
}

func routers(t *testing.T, admin, demo desk) {
	n := demo.show("network", "create", "rn")
	demo.run("subnet", "create", "--network", "rn", "--subnet-range", "10.30.0.0/24", "rs1")
	demo.run("subnet", "create", "--network", "rn", "--subnet-range", "10.31.0.0/24", "--gateway", "none", "rs2")
	find(t, demo.list("subnet", "list", "--network", "rn"), "Name", "rs2")
	demo.run("subnet", "set", "--dns-nameserver", "9.9.9.9", "rs1")
	demo.run("subnet", "unset", "--dns-nameserver", "9.9.9.9", "rs1")
	has(t, demo.show("subnet", "show", "rs1"), map[string]any{"dns_nameservers": []string{}})
	r := demo.show("router", "create", "--description", "d", "r1")
	has(t, r, map[string]any{"name": "r1", "description": "d", "admin_state_up": true, "external_gateway_info": nil})
	demo.run("router", "set", "--external-gateway", "public", "--name", "r2", "--tag", "red", "r1")
	demo.run("router", "add", "subnet", "r2", "rs1")
	demo.refused("already has a port on subnet", "router", "add", "subnet", "r2", "rs1")
	p := demo.show("port", "create", "--network", "rn", "--fixed-ip", "subnet=rs2,ip-address=10.31.0.1", "rp")
	demo.run("router", "add", "port", "r2", "rp")
	demo.run("router", "add", "route", "--route", "destination=10.99.0.0/16,gateway=10.30.0.9", "r2")
	shown := demo.show("router", "show", "r2")
	has(t, shown, map[string]any{"id": r["id"], "tags": []string{"red"},
		"routes": []any{map[string]string{"destination": "10.99.0.0/16", "nexthop": "10.30.0.9"}}})
	if text := fmt.Sprint(shown["interfaces_info"]); !strings.Contains(text, "10.30.0.1") ||
		!strings.Contains(text, fmt.Sprint(p["id"])) {
		t.Errorf("interfaces: %s", text)
	}
	if text := fmt.Sprint(shown["external_gateway_info"]); !strings.Contains(text, "enable_snat:true") {
		t.Errorf("gateway: %s", text)
	}
	find(t, demo.list("router", "list", "--tags", "red"), "Name", "r2")
	demo.refused("has ports still attached", "router", "delete", "r2")

	has(t, admin.show("ip", "availability", "show", n["id"].(string)), map[string]any{"network_name": "rn", "used_ips": 2})
	find(t, admin.list("ip", "availability", "list", "--ip-version", "4"), "Network Name", "rn")
	agents := admin.list("network", "agent", "list", "--agent-type", "l3")
	if len(agents) != 1 {
		t.Fatalf("L3 agents: %v", agents)
	}
	id := fmt.Sprint(agents[0]["ID"])
	admin.run("network", "agent", "set", "--description", "first", id)
	has(t, admin.show("network", "agent", "show", id), map[string]any{"agent_type": "L3 agent", "description": "first"})
	find(t, admin.list("router", "list", "--agent", id), "ID", r["id"])
	admin.run("network", "agent", "remove", "router", "--l3", id, r["id"].(string))
	lacks(t, admin.list("router", "list", "--agent", id), "ID", r["id"])
	admin.run("network", "agent", "add", "router", "--l3", id, r["id"].(string))

	demo.run("router", "remove", "route", "--route", "destination=10.99.0.0/16,gateway=10.30.0.9", "r2")
	demo.run("router", "remove", "port", "r2", "rp")
	demo.run("router", "remove", "subnet", "r2", "rs1")
	demo.run("router", "unset", "--external-gateway", "--tag", "red", "r2")
	has(t, demo.show("router", "show", "r2"), map[string]any{"external_gateway_info": nil, "tags": []string{}})
	demo.run("router", "delete", "r2")
	lacks(t, demo.list("router", "list"), "ID", r["id"])
	demo.run("network", "set", "--tag", "blue", "rn")
	demo.run("network", "unset", "--tag", "blue", "rn")
	has(t, demo.show("network", "show", "rn"), map[string]any{"id": n["id"], "tags": []string{}})
	demo.run("network", "delete", "rn")
}

func floatingIPs(t *testing.T, _, demo desk) {
	demo.boot("fs")
	f := demo.show("floating", "ip", "create", "--description", "d", "public")
	address := f["floating_ip_address"].(string)
	has(t, f, map[string]any{"description": "d", "status": "DOWN", "port_id": nil})
	demo.run("server", "add", "floating", "ip", "fs", address)
	find(t, demo.list("floating", "ip", "list", "--status", "ACTIVE"), "Floating IP Address", address)
	port := demo.list("port", "list", "--server", "fs")[0]
	has(t, demo.show("floating", "ip", "show", address), map[string]any{"port_id": port["ID"], "status": "ACTIVE"})
	demo.run("server", "remove", "floating", "ip", "fs", address)
	has(t, demo.show("floating", "ip", "show", address), map[string]any{"port_id": nil})

	fixed := demo.show("port", "show", port["ID"].(string))["fixed_ips"].([]any)[0].(map[string]any)
	inner := fmt.Sprint(fixed["ip_address"])
	w := demo.show("floating", "ip", "port", "forwarding", "create", "--port", port["ID"].(string),
		"--internal-ip-address", inner, "--protocol", "tcp", "--internal-protocol-port", "22",
		"--external-protocol-port", "2222", address)
	has(t, w, map[string]any{"external_port": 2222, "internal_port": 22, "internal_ip_address": inner})
	demo.refused("in use by Port Forwarding", "floating", "ip", "delete", address)
	id := w["id"].(string)
	demo.run("floating", "ip", "port", "forwarding", "set", "--external-protocol-port", "2223", "--description", "ssh",
		address, id)
	has(t, demo.show("floating", "ip", "port", "forwarding", "show", address, id),
		map[string]any{"external_port": 2223, "description": "ssh"})
	find(t, demo.list("floating", "ip", "port", "forwarding", "list", address), "External Port", float64(2223))
	demo.run("floating", "ip", "port", "forwarding", "delete", address, id)
	if rows := demo.list("floating", "ip", "port", "forwarding", "list", address); len(rows) != 0 {
		t.Errorf("port forwardings are left: %v", rows)
	}
	demo.run("floating", "ip", "set", "--port", port["ID"].(string), "--tag", "red", address)
	demo.run("floating", "ip", "unset", "--port", "--tag", "red", address)
	has(t, demo.show("floating", "ip", "show", address), map[string]any{"port_id": nil, "tags": []string{}})
	demo.run("floating", "ip", "delete", address)
	lacks(t, demo.list("floating", "ip", "list"), "Floating IP Address", address)
	demo.run("server", "delete", "--wait", "fs")
}

func unsets(t *testing.T, _, demo desk) {
	demo.run("network", "create", "un")
	demo.run("subnet", "create", "--network", "un", "--subnet-range", "10.32.0.0/24", "us")
	demo.run("port", "create", "--network", "un", "--fixed-ip", "subnet=us,ip-address=10.32.0.9", "up")
	demo.run("port", "unset", "--fixed-ip", "subnet=us,ip-address=10.32.0.9", "up")
	has(t, demo.show("port", "show", "up"), map[string]any{"fixed_ips": []any{}})
	g := demo.show("security", "group", "create", "ug")
	demo.run("security", "group", "set", "--tag", "red", "ug")
	demo.run("security", "group", "unset", "--tag", "red", "ug")
	has(t, demo.show("security", "group", "show", "ug"), map[string]any{"id": g["id"], "tags": []string{}})
	r := demo.show("security", "group", "rule", "create", "--protocol", "udp", "--dst-port", "53", "ug")
	has(t, demo.show("security", "group", "rule", "show", r["id"].(string)), map[string]any{"protocol": "udp"})
	demo.run("security", "group", "delete", "ug")
	demo.run("port", "delete", "up")
	demo.run("network", "delete", "un")
}
