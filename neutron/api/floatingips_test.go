package api_test

import (
	"sync"
	"testing"

	"hypernova/neutron/store"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
)

// floating is the body of a request about a floating IP.
func floating(attributes string) string { return `{"floatingip":{` + attributes + `}}` }

// TestFloatingIPs follows floating IPs and their ports on both engines.
func TestFloatingIPs(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := serverOn(t, d)
		s.carry(t, "net1")
		runSteps(t, s, append(outside(), floatingSteps...))
	}, dbtest.Migrations{Name: "neutron", FS: store.Migrations()})
}

// TestPortForwardings follows the port forwardings of a floating IP on both engines.
func TestPortForwardings(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := serverOn(t, d)
		s.carry(t, "net1")
		runSteps(t, s, append(outside(), forwardingSteps...))
	}, dbtest.Migrations{Name: "neutron", FS: store.Migrations()})
}

// forwarding is the body of a request about a port forwarding.
func forwarding(attributes string) string { return `{"port_forwarding":{` + attributes + `}}` }

const (
	forwards = "/floatingips/{f}/port_forwardings"
	toPort   = `"protocol":"TCP","internal_port_id":"{p}","internal_ip_address":"10.0.0.20"`
)

var forwardingSteps = []poolStep{
	{"member", "POST /floatingips", floating(`"floating_network_id":"{ext}"`), 201, "port_forwardings:[]", "f"},
	{"member", "POST /ports", `{"port":{"network_id":"{n}","fixed_ips":[{"subnet_id":"{s}","ip_address":"10.0.0.20"}]}}`,
		201, "", "p"},
	{"member", "POST " + forwards, forwarding(toPort + `,"external_port":80,"internal_port":8080`), 400,
		"External network {ext} is not reachable from subnet {s}. Cannot set Port forwarding", ""},
	{"member", "POST /routers", router(`"external_gateway_info":{"network_id":"{ext}"}`), 201, "", "r"},
	{"member", "PUT /routers/{r}/add_router_interface", `{"subnet_id":"{s}"}`, 200, "", "rp=port_id"},
	{"member", "POST " + forwards, forwarding(`"protocol":"tcp"`), 400, "Required attribute 'internal_port_id'", ""},
	{"member", "POST " + forwards, forwarding(toPort + `,"external_port":0,"internal_port":80`), 400, "external_port", ""},
	{"member", "POST " + forwards, forwarding(toPort + `,"external_port_range":"90:80","internal_port":8080`), 400,
		"'90:80' is not a valid range of ports", ""},
	{"member", "POST " + forwards, forwarding(toPort + `,"external_port_range":"80:90","internal_port_range":"80:85"`), 400,
		"must be N-N or 1-N", ""},
	{"member", "POST " + forwards, forwarding(`"protocol":"gre","internal_port_id":"{p}","internal_ip_address":` +
		`"10.0.0.20","external_port":80,"internal_port":80`), 400, "'gre' is not in", ""},
	{"member", "POST " + forwards, forwarding(`"protocol":"tcp","internal_port_id":"{p}","internal_ip_address":` +
		`"10.0.0.21","external_port":80,"internal_port":80`), 400, "is not suitable for internal neutron port {p}", ""},
	{"reader", "POST " + forwards, forwarding(toPort + `,"external_port":80,"internal_port":8080`), 403, "", ""},
	{"stranger", "POST " + forwards, forwarding(toPort + `,"external_port":80,"internal_port":8080`), 404,
		"Floating IP {f} could not be found", ""},
	{"member", "POST " + forwards, forwarding(toPort + `,"external_port":80,"internal_port":8080,"description":"web"`), 201,
		"external_port:80 external_port_range:80:80", "w"},
	{"member", "GET " + forwards + "/{w}", "", 200, "internal_port_range:8080:8080 protocol:tcp", ""},
	{"stranger", "GET " + forwards + "/{w}", "", 404, "", ""},
	{"reader", "GET " + forwards + "/{n}", "", 404, "Port Forwarding {n} could not be found.", ""},
	{"member", "GET /floatingips/{f}", "", 200, "internal_port:8080 internal_port_id:{p} protocol:tcp", ""},
	{"member", "GET /floatingips/{f}", "", 200, "port_id:<nil>", ""},
	{"member", "GET /floatingips/{f}", "", 200, "router_id:{r} status:ACTIVE", ""},
	{"member", "POST " + forwards, forwarding(toPort + `,"external_port":80,"internal_port":81`), 400,
		"port collision with the external_port_range. The following ranges collides: 80:80 and 80:80", ""},
	{"member", "POST " + forwards, forwarding(toPort + `,"external_port":81,"internal_port":8080`), 400,
		"port collision with the internal_port_range", ""},
	{"member", "POST " + forwards, forwarding(toPort + `,"external_port_range":"100:110","internal_port_range":"200:210"`),
		201, "external_port:<nil> external_port_range:100:110", "many"},
	{"member", "GET " + forwards + "?external_port=80&fields=id", "", 200, "port_forwardings:[map[id:{w}]]", ""},
	{"member", "GET " + forwards + "?external_port_range=100:110&fields=id", "", 200, "port_forwardings:[map[id:{many}]]",
		""},
	{"member", "GET " + forwards + "?external_port=x", "", 200, "port_forwardings:[]", ""},
	{"member", "GET " + forwards + "?internal_port=80", "", 400, "Port Forwarding filter internal_port is not supported.",
		""},
	{"member", "PUT " + forwards + "/{many}", forwarding(`"external_port":80,"internal_port":300`), 400,
		"external_port_range", ""},
	{"member", "PUT " + forwards + "/{many}", forwarding(`"external_port":82,"internal_port":300`), 200,
		"external_port:82", ""},
	{"member", "PUT " + forwards + "/{many}", forwarding(`"protocol":"udp","description":"d"`), 200, "protocol:udp", ""},
	{"member", "PUT " + forwards + "/{many}", forwarding(`"internal_ip_address":"10.0.0.99"`), 400, "not suitable", ""},
	{"reader", "PUT " + forwards + "/{many}", forwarding(`"description":"d"`), 403, "", ""},
	{"member", "PUT /floatingips/{f}", floating(`"port_id":"{p}"`), 409, "FipInUseByPortForwarding", ""},
	{"member", "PUT /floatingips/{f}", floating(`"port_id":null`), 200, "router_id:{r}", ""},
	{"member", "DELETE /floatingips/{f}", "", 409, "Floating IP {f} in use by Port Forwarding resources.", ""},
	{"member", "PUT /routers/{r}/remove_router_interface", `{"port_id":"{rp}"}`, 409, "RouterInterfaceInUseByFloatingIP",
		""},
	{"member", "PUT /routers/{r}", router(`"external_gateway_info":null`), 409, "RouterExternalGatewayInUseByFloatingIp",
		""},
	{"member", "POST /floatingips", floating(`"floating_network_id":"{ext}","port_id":"{p}"`), 201, "port_id:{p}", "own"},
	{"member", "POST " + forwards, forwarding(toPort + `,"external_port":99,"internal_port":99`), 409,
		"PortHasBindingFloatingIP", ""},
	{"member", "POST /floatingips/{own}/port_forwardings", forwarding(toPort + `,"external_port":9,"internal_port":9`),
		409,
		"FloatingIPPortAlreadyAssociated", ""},
	{"member", "DELETE /floatingips/{own}", "", 204, "", ""},
	{"reader", "DELETE " + forwards + "/{w}", "", 403, "", ""},
	{"member", "DELETE " + forwards + "/{w}", "", 204, "", ""},
	{"member", "DELETE " + forwards + "/{w}", "", 404, "PortForwardingNotFound", ""},
	{"member", "PUT /ports/{p}", `{"port":{"fixed_ips":[{"subnet_id":"{s}","ip_address":"10.0.0.30"}]}}`, 200, "", ""},
	{"member", "GET " + forwards, "", 200, "port_forwardings:[]", ""},
	{"member", "GET /floatingips/{f}", "", 200, "router_id:<nil> status:DOWN", ""},
	{"member", "POST " + forwards, forwarding(`"protocol":"icmp","internal_port_id":"{p}","internal_ip_address":` +
		`"10.0.0.30","external_port":1,"internal_port":1`), 201, "", ""},
	{"member", "DELETE /ports/{p}", "", 204, "", ""},
	{"member", "GET /floatingips/{f}", "", 200, "port_forwardings:[]", ""},
	{"member", "DELETE /floatingips/{f}", "", 204, "", ""},
}

var floatingSteps = []poolStep{
	{"member", "POST /floatingips", floating(`"description":"d"`), 400, "floating_network_id", ""},
	{"reader", "POST /floatingips", floating(`"floating_network_id":"{ext}"`), 403, "", ""},
	{"member", "POST /floatingips", floating(`"floating_network_id":"{n}"`), 400,
		"Bad floatingip request: Network {n} is not a valid external network.", ""},
	{"member", "POST /floatingips", floating(`"floating_network_id":"{ext}","floating_ip_address":"198.51.100.9"`), 403,
		"PolicyNotAuthorized", ""},
	{"member", "POST /floatingips", floating(`"floating_network_id":"{ext}","fixed_ip_address":"10.0.0.9"`), 400,
		"fixed_ip_address cannot be specified without a port_id", ""},
	{"member", "POST /floatingips", floating(`"floating_network_id":"{ext}","subnet_id":"{exts}","description":"d"`), 201,
		"fixed_ip_address:<nil> floating_ip_address:198.51.100.", "f"},
	{"member", "GET /floatingips/{f}", "", 200, "port_details:<nil> port_forwardings:[] port_id:<nil>", ""},
	{"member", "GET /floatingips/{f}", "", 200, "router_id:<nil> status:DOWN", ""},
	{"stranger", "GET /floatingips/{f}", "", 404, "Floating IP {f} could not be found", ""},
	{"stranger", "GET /floatingips", "", 200, "floatingips:[]", ""},
	{"member", "GET /floatingips?name=x", "", 400, "['name'] is invalid attribute for filtering", ""},
	{"member", "GET /floatingips?floating_network_id={ext}&status=DOWN&fields=id", "", 200, "floatingips:[map[id:{f}]]",
		""},
	{"admin", "GET /ports?network_id={ext}", "", 200, "device_owner:network:floatingip", ""},
	{"admin", "GET /ports?network_id={ext}", "", 200, "status:N/A", ""},
	{"member", "GET /floatingip-pools", "", 200, "cidr:198.51.100.0/24 network_id:{ext}", ""},
	{"none", "GET /floatingip-pools", "", 200, "floatingip_pools:[]", ""},
	{"admin", "POST /floatingips", floating(`"floating_network_id":"{ext}","floating_ip_address":"198.51.100.250"`), 201,
		"198.51.100.250", "fixed"},
	{"admin", "POST /floatingips", floating(`"floating_network_id":"{ext}","floating_ip_address":"198.51.100.250"`), 409,
		"IpAddressInUse", ""},
	{"admin", "DELETE /floatingips/{fixed}", "", 204, "", ""},

	{"member", "POST /ports", `{"port":{"network_id":"{n}","fixed_ips":[{"subnet_id":"{s}"}],"device_id":"d"}}`, 201, "",
		"p"},
	{"member", "POST /ports", `{"port":{"network_id":"{n}","fixed_ips":[{"subnet_id":"{s}"},{"subnet_id":"{s}"}]}}`, 201,
		"", "two"},
	{"member", "PUT /floatingips/{f}", floating(`"port_id":"{p}"`), 404,
		"External network {ext} is not reachable from subnet {s}.  Therefore, cannot associate Port {p} with a Floating IP.",
		""},
	{"member", "POST /routers", router(`"external_gateway_info":{"network_id":"{ext}"}`), 201, "", "r"},
	{"member", "PUT /routers/{r}/add_router_interface", `{"subnet_id":"{s}"}`, 200, "", "rp=port_id"},
	{"member", "PUT /floatingips/{f}", floating(`"port_id":"{two}"`), 400, "has multiple fixed IPv4 addresses", ""},
	{"member", "PUT /floatingips/{f}", floating(`"port_id":"{p}","fixed_ip_address":"10.0.0.250"`), 400,
		"does not have fixed ip 10.0.0.250", ""},
	{"member", "PUT /floatingips/{f}", floating(`"port_id":"{n}"`), 404, "PortNotFound", ""},
	{"member", "PUT /floatingips/{f}", floating(`"port_id":"{p}"`), 200, "status:ACTIVE", ""},
	{"member", "GET /floatingips?port_id={p}", "", 200, "device_id:d", ""},
	{"member", "GET /floatingips?router_id={r}", "", 200, "id:{f}", ""},
	{"member", "PUT /floatingips/{f}", floating(`"description":"other"`), 200, "port_id:{p}", ""},
	{"member", "POST /floatingips", floating(`"floating_network_id":"{ext}","port_id":"{p}"`), 409,
		"FloatingIPPortAlreadyAssociated", ""},
	{"member", "PUT /ports/{p}", `{"port":{"fixed_ips":[{"subnet_id":"{s}","ip_address":"10.0.0.200"}]}}`, 400,
		"its original fixed_ip has been associated to a floating ip", ""},
	{"member", "PUT /routers/{r}/remove_router_interface", `{"port_id":"{rp}"}`, 409, "RouterInterfaceInUseByFloatingIP",
		""},
	{"member", "PUT /routers/{r}", router(`"external_gateway_info":null`), 409, "RouterExternalGatewayInUseByFloatingIp",
		""},
	{"member", "PUT /routers/{r}", router(`"external_gateway_info":{"network_id":"{ext}"}`), 200, "", ""},
	{"stranger", "PUT /floatingips/{f}", floating(`"port_id":null`), 404, "", ""},
	{"reader", "PUT /floatingips/{f}", floating(`"port_id":null`), 403, "", ""},
	{"member", "PUT /floatingips/{f}", floating(`"port_id":null`), 200, "router_id:<nil> status:DOWN", ""},
	{"member", "PUT /floatingips/{f}", floating(`"port_id":"{p}"`), 200, "router_id:{r}", ""},
	{"member", "DELETE /ports/{p}", "", 204, "", ""},
	{"member", "GET /floatingips/{f}", "", 200, "port_details:<nil> port_forwardings:[] port_id:<nil>", ""},

	{"admin", "POST /floatingips", floating(`"floating_network_id":"{ext}","port_id":"{two}"`), 400, "multiple", ""},
	{"member", "POST /ports", `{"port":{"network_id":"{n}","fixed_ips":[{"subnet_id":"{s}"}]}}`, 201, "", "q"},
	{"admin", "POST /floatingips", floating(`"floating_network_id":"{ext}","port_id":"{q}"`), 201, "", "theirs"},
	{"member", "DELETE /ports/{q}", "", 409, "FipAssociated", ""},
	{"admin", "DELETE /floatingips/{theirs}", "", 204, "", ""},
	{"member", "PUT /floatingips/{f}/tags/red", "", 201, "", ""},
	{"member", "GET /floatingips?tags=red", "", 200, "id:{f}", ""},
	{"admin", "PUT /quotas/p", `{"quota":{"floatingip":1}}`, 200, "", ""},
	{"member", "POST /floatingips", floating(`"floating_network_id":"{ext}"`), 409,
		"Quota exceeded for resources: ['floatingip'].", ""},
	{"admin", "DELETE /subnets/{exts}", "", 409, "SubnetInUse", ""},
	{"member", "PUT /routers/{r}", router(`"external_gateway_info":null`), 200, "", ""},
	{"admin", "DELETE /networks/{ext}", "", 204, "", ""}, // with the floating IP that no port has
	{"member", "GET /floatingips/{f}", "", 404, "FloatingIPNotFound", ""},
}

// TestRacesOfFloatingIPs has several clients ask for the last address of a network, and for the port of one.
func TestRacesOfFloatingIPs(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := serverOn(t, d)
		s.carry(t, "net1")
		made := func(who, path, kind, body string) string {
			_, doc := s.call(t, who, "POST", "/v2.0"+path, body)
			m, _ := doc[kind].(map[string]any)
			id, _ := m["id"].(string)
			if id == "" {
				t.Fatalf("not made: %v", doc)
			}
			return id
		}
		race := func(clients int, call func(i int) int) map[int]int {
			var mu sync.Mutex
			got := map[int]int{}
			var all sync.WaitGroup
			for i := range clients {
				all.Go(func() {
					status := call(i)
					mu.Lock()
					defer mu.Unlock()
					got[status]++
				})
			}
			all.Wait()
			return got
		}
		ext := made("admin", "/networks", "network", `{"network":{"router:external":true}}`)
		made("admin", "/subnets", "subnet", `{"subnet":{"network_id":"`+ext+`","ip_version":4,"enable_dhcp":false,
			"cidr":"198.51.100.0/24","allocation_pools":[{"start":"198.51.100.10","end":"198.51.100.12"}]}}`)
		n := made("member", "/networks", "network", `{"network":{}}`)
		sub := made("member", "/subnets", "subnet", `{"subnet":{"network_id":"`+n+`","ip_version":4,"cidr":"10.0.0.0/24"}}`)
		r := made("member", "/routers", "router", router(`"external_gateway_info":{"network_id":"`+ext+`"}`))
		status, _ := s.call(t, "member", "PUT", "/v2.0/routers/"+r+"/add_router_interface", `{"subnet_id":"`+sub+`"}`)
		if status != 200 {
			t.Fatal("no interface:", status)
		}
		one := made("member", "/floatingips", "floatingip", floating(`"floating_network_id":"`+ext+`"`))
		got := race(4, func(int) int {
			status, _ := s.call(t, "member", "POST", "/v2.0/floatingips", floating(`"floating_network_id":"`+ext+`"`))
			return status
		})
		if got[201] != 1 || got[409] != 3 {
			t.Errorf("the last address: got %v, want one 201 and three 409", got)
		}
		all, err := s.n.Floating.List(t.Context(), db.ListArgs{})
		if err != nil || len(all) != 2 {
			t.Fatalf("got %d floating IPs, %v, want 2", len(all), err)
		}
		two := all[0].ID
		if two == one {
			two = all[1].ID
		}
		port := made("member", "/ports", "port", `{"port":{"network_id":"`+n+`"}}`)
		got = race(2, func(i int) int {
			status, _ := s.call(t, "member", "PUT", "/v2.0/floatingips/"+[]string{one, two}[i],
				floating(`"port_id":"`+port+`"`))
			return status
		})
		if got[200] != 1 || got[409] != 1 {
			t.Errorf("two floating IPs for an address: got %v, want one 200 and one 409", got)
		}
	}, dbtest.Migrations{Name: "neutron", FS: store.Migrations()})
}
