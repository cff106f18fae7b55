package api_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"hypernova/neutron"
	"hypernova/neutron/rpcapi"
	"hypernova/neutron/store"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
)

// router is the body of a request about a router.
func router(attributes string) string { return `{"router":{` + attributes + `}}` }

// carry makes L3 agents known on hosts.
func (s *server) carry(t *testing.T, hosts ...string) {
	t.Helper()
	for _, h := range hosts {
		err := s.agents.Report(t.Context(), rpcapi.AgentReportArgs{Host: h, Started: time.Now(),
			Agents: []rpcapi.AgentFacts{{Type: "L3 agent", Binary: "neutron-l3-agent", Topic: "l3_agent"},
				{Type: "DHCP agent", Binary: "neutron-dhcp-agent", Topic: "dhcp_agent"}}})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// outside are the steps that make an external network "ext" with a subnet "exts", and a network "n" of a member with
// two subnets, "s" with a gateway and "t" with none. Addresses that tests name are in no allocation pool, so that
// nothing else gets them.
func outside() []poolStep {
	return []poolStep{
		{"admin", "POST /networks", `{"network":{"name":"ext","router:external":true}}`, 201, "", "ext"},
		{"admin", "POST /subnets", sub("ext", `"cidr":"198.51.100.0/24","enable_dhcp":false,
			"allocation_pools":[{"start":"198.51.100.100","end":"198.51.100.199"}]`), 201, "", "exts"},
		{"member", "POST /networks", `{"network":{"name":"n"}}`, 201, "", "n"},
		{"member", "POST /subnets", sub("n", `"cidr":"10.0.0.0/24",
			"allocation_pools":[{"start":"10.0.0.100","end":"10.0.0.199"}]`), 201, "", "s"},
		{"member", "POST /subnets", sub("n", `"cidr":"10.1.0.0/24","gateway_ip":null`), 201, "", "t"},
	}
}

// TestRouters follows routers, their gateways, interfaces and routes on both engines.
func TestRouters(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := serverOn(t, d)
		s.carry(t, "net1")
		runSteps(t, s, append(append(outside(), routerSteps...), routeSteps...))
	}, dbtest.Migrations{Name: "neutron", FS: store.Migrations()})
}

var routerSteps = []poolStep{
	{"reader", "POST /routers", router(`"name":"r"`), 403, "PolicyNotAuthorized", ""},
	{"member", "POST /routers", router(`"name":"r","nonsense":1`), 400, "Unrecognized attribute(s) 'nonsense'", ""},
	{"member", "POST /routers", router(`"name":"r","routes":[]`), 400, "Unrecognized attribute(s) 'routes'", ""},
	{"member", "POST /routers", router(`"name":"r","availability_zone_hints":["mars"]`), 404, "AvailabilityZoneNotFound",
		""},
	{"member", "POST /routers", router(`"external_gateway_info":{"network_id":"{n}"}`), 400, "is not an external network",
		""},
	{"member", "POST /routers", router(`"external_gateway_info":{"enable_snat":true}`), 403, "", ""},
	{"member", "POST /routers", router(`"external_gateway_info":{"network_id":"{ext}","enable_snat":false}`), 403,
		"PolicyNotAuthorized", ""},
	{"member", "POST /routers",
		router(`"external_gateway_info":{"network_id":"{ext}","external_fixed_ips":[{"subnet_id":"{exts}"}]}`), 403, "", ""},
	{"member", "POST /routers", router(`"external_gateway_info":{"network_id":"11111111-1111-1111-1111-111111111111"}`),
		404, "NetworkNotFound", ""},
	{"member", "POST /routers", router(`"name":"plain","description":"d","admin_state_up":false`), 201,
		"external_gateway_info:<nil>", "r"},
	{"member", "GET /routers/{r}", "", 200, "admin_state_up:false availability_zone_hints:[] availability_zones:[]", ""},
	{"stranger", "GET /routers/{r}", "", 404, "Router {r} could not be found", ""},
	{"stranger", "GET /routers", "", 200, "routers:[]", ""},
	{"member", "GET /routers?name=plain&admin_state_up=false&fields=name", "", 200, "routers:[map[name:plain]]", ""},
	{"member", "GET /routers?status=ACTIVE", "", 400, "['status'] is invalid attribute for filtering", ""},
	{"member", "PUT /routers/{r}", router(`"external_gateway_info":{"network_id":"{ext}"},"name":"gated"`), 200,
		"enable_snat:true external_fixed_ips:[map[ip_address:198.51.100.", ""},
	{"member", "GET /routers/{r}", "", 200, "availability_zones:[nova]", ""},
	{"member", "GET /ports?device_id={r}", "", 200, "ports:[]", ""},
	{"admin", "GET /ports?device_id={r}&device_owner=network:router_gateway", "", 200, "binding:host_id:net1", ""},
	{"admin", "PUT /routers/{r}",
		router(`"external_gateway_info":{"network_id":"{ext}","enable_snat":false,"external_fixed_ips":[{"ip_address":"198.51.100.1"}]}`),
		400, "External IP 198.51.100.1 is the same as the gateway IP", ""},
	{"admin", "PUT /routers/{r}",
		router(`"external_gateway_info":{"network_id":"{ext}","enable_snat":false,"external_fixed_ips":[{"ip_address":"198.51.100.77"}]}`),
		200, "enable_snat:false external_fixed_ips:[map[ip_address:198.51.100.77", ""},
	{"admin", "PUT /networks/{ext}", `{"network":{"router:external":false}}`, 409, "ExternalNetworkInUse", ""},
	{"admin", "DELETE /networks/{ext}", "", 409, "NetworkInUse", ""},
	{"admin", "DELETE /subnets/{exts}", "", 409, "SubnetInUse", ""},
	{"admin", "POST /subnets",
		`{"subnet":{"network_id":"{ext}","ip_version":6,"cidr":"2001:db8::/64","enable_dhcp":false}}`, 201, "", "exts6"},
	{"member", "GET /routers/{r}", "", 200, "2001:db8::", ""},

	{"member", "PUT /routers/{r}/add_router_interface", `{}`, 400,
		"Bad router request: Either subnet_id or port_id must be specified.", ""},
	{"member", "PUT /routers/{r}/add_router_interface", `{"subnet_id":"{s}","port_id":"{s}"}`, 400,
		"Cannot specify both subnet-id and port-id", ""},
	{"member", "PUT /routers/{r}/add_router_interface", `{"subnet_id":"x"}`, 400, "'x' is not a valid UUID", ""},
	{"member", "PUT /routers/{r}/add_router_interface", `{"subnet_id":"{n}"}`, 404, "SubnetNotFound", ""},
	{"member", "PUT /routers/{r}/add_router_interface", `{"subnet_id":"{t}"}`, 400,
		"Subnet for router interface must have a gateway IP", ""},
	{"stranger", "PUT /routers/{r}/add_router_interface", `{"subnet_id":"{s}"}`, 404, "RouterNotFound", ""},
	{"reader", "PUT /routers/{r}/add_router_interface", `{"subnet_id":"{s}"}`, 403, "", ""},
	{"member", "PUT /routers/{r}/add_router_interface", `{"subnet_id":"{s}"}`, 200, "subnet_ids:[{s}]", "rp=port_id"},
	{"member", "GET /ports/{rp}", "", 200, "device_owner:network:router_interface fixed_ips:[map[ip_address:10.0.0.1", ""},
	{"member", "GET /ports/{rp}", "", 200, "port_security_enabled:false", ""},
	{"member", "PUT /routers/{r}/add_router_interface", `{"subnet_id":"{s}"}`, 400,
		"Router already has a port on subnet {s}", ""},
	{"member", "POST /networks", `{"network":{"name":"m"}}`, 201, "", "m"},
	{"member", "POST /subnets", sub("m", `"cidr":"10.0.0.128/25"`), 201, "", "over"},
	{"member", "PUT /routers/{r}/add_router_interface", `{"subnet_id":"{over}"}`, 400,
		"Cidr 10.0.0.128/25 of subnet {over} overlaps with cidr 10.0.0.0/24 of subnet {s}", ""},
	{"member", "POST /subnets", sub("m", `"cidr":"198.51.100.128/25"`), 201, "", "over2"},
	{"member", "PUT /routers/{r}/add_router_interface", `{"subnet_id":"{over2}"}`, 400, "overlaps", ""},
	{"member", "DELETE /ports/{rp}", "", 409,
		"Port {rp} cannot be deleted directly via the port API: has device owner network:router_interface.", ""},
	{"member", "PUT /ports/{rp}", `{"port":{"device_id":""}}`, 409, "PortInUse", ""},
	{"member", "PUT /ports/{rp}", `{"port":{"name":"inner"}}`, 200, "name:inner", ""},
	{"member", "DELETE /subnets/{s}", "", 409, "SubnetInUse", ""},
	{"member", "DELETE /networks/{n}", "", 409, "NetworkInUse", ""},
	{"member", "PUT /subnets/{s}", `{"subnet":{"gateway_ip":null}}`, 409,
		"Current gateway ip 10.0.0.1 already in use by port {rp}. Unable to update.", ""},
	{"member", "DELETE /routers/{r}", "", 409, "Router {r} has ports still attached: {rp}", ""},

	{"member", "POST /ports", `{"port":{"network_id":"{n}","fixed_ips":[{"subnet_id":"{t}"}]}}`, 201, "", "p"},
	{"member", "POST /ports", `{"port":{"network_id":"{n}","fixed_ips":[]}}`, 201, "", "bare"},
	{"member", "POST /ports", `{"port":{"network_id":"{n}","device_id":"x"}}`, 201, "", "used"},
	{"stranger", "POST /networks", `{"network":{"name":"of another"}}`, 201, "", "o"},
	{"stranger", "POST /ports",
		`{"port":{"network_id":"{o}","device_owner":"network:router_interface","device_id":"{r}"}}`, 409,
		"DeviceIDNotOwnedByTenant", ""},
	{"member", "PUT /routers/{r}/add_router_interface", `{"port_id":"{bare}"}`, 400, "at least one fixed IP", ""},
	{"member", "PUT /routers/{r}/add_router_interface", `{"port_id":"{used}"}`, 409, "PortInUse", ""},
	{"member", "PUT /routers/{r}/add_router_interface", `{"port_id":"{p}"}`, 200, "subnet_ids:[{t}]", ""},
	{"member", "PUT /routers/{r}/add_router_interface", `{"port_id":"{p}"}`, 409, "PortInUse", ""},
	{"admin", "GET /ports/{p}", "", 200, "binding:host_id:net1", ""},
	{"member", "PUT /routers/{r}/remove_router_interface", `{"port_id":"{p}","subnet_id":"{s}"}`, 400,
		"SubnetMismatchForPort", ""},
	{"member", "PUT /routers/{r}/remove_router_interface", `{"port_id":"{p}"}`, 200, "port_id:{p}", ""},
	{"member", "GET /ports/{p}", "", 404, "PortNotFound", ""},
	{"member", "PUT /routers/{r}/remove_router_interface", `{"port_id":"{p}"}`, 404, "RouterInterfaceNotFound", ""},
	{"member", "PUT /routers/{r}/remove_router_interface", `{"subnet_id":"{t}"}`, 404, "RouterInterfaceNotFoundForSubnet",
		""},
}

var routeSteps = []poolStep{
	{"member", "PUT /routers/{r}", router(`"routes":[{"destination":"172.16.0.0/16","nexthop":"10.9.0.1"}]`), 400,
		"Invalid format for routes: [{'destination': '172.16.0.0/16', 'nexthop': '10.9.0.1'}], " +
			"the nexthop is not connected with router",
		""},
	{"member", "PUT /routers/{r}", router(`"routes":[{"destination":"172.16.0.0/16","nexthop":"10.0.0.1"}]`), 400,
		"the nexthop is used by router", ""},
	{"member", "PUT /routers/{r}", router(`"routes":[{"destination":"172.16.0.0","nexthop":"10.0.0.7"}]`), 400,
		"Invalid input for routes", ""},
	{"member", "PUT /routers/{r}", router(`"routes":[{"destination":"172.16.0.0/16","nexthop":"10.0.0.7"}]`), 200,
		"routes:[map[destination:172.16.0.0/16 nexthop:10.0.0.7]]", ""},
	{"member", "PUT /routers/{r}/add_extraroutes", router(`"routes":[{"destination":"172.16.0.0/16","nexthop":"10.0.0.7"},
		{"destination":"172.17.0.0/16","nexthop":"10.0.0.8"}]`), 200, "172.17.0.0/16", ""},
	{"member", "PUT /routers/{r}/remove_extraroutes",
		router(`"routes":[{"destination":"172.16.0.0/16","nexthop":"10.0.0.7"},
		{"destination":"172.18.0.0/16","nexthop":"10.0.0.8"}]`), 200,
		"routes:[map[destination:172.17.0.0/16 nexthop:10.0.0.8]]", ""},
	{"member", "PUT /routers/{r}/remove_router_interface", `{"subnet_id":"{s}"}`, 409, "RouterInterfaceInUseByRoute", ""},
	{"admin", "PUT /quotas/p", `{"quota":{"router_route":1,"router":1}}`, 200, "", ""},
	{"member", "PUT /routers/{r}/add_extraroutes",
		router(`"routes":[{"destination":"172.19.0.0/16","nexthop":"10.0.0.8"}]`), 409, "Quota exceeded for resources: ['router_route'].", ""},
	{"member", "POST /routers", router(`"name":"second"`), 409, "Quota exceeded for resources: ['router'].", ""},
	{"member", "PUT /routers/{r}", router(`"routes":null`), 200, "routes:[]", ""},
	{"member", "PUT /routers/{r}/remove_router_interface", `{"subnet_id":"{s}"}`, 200, "port_id:{rp}", ""},
	{"member", "PUT /routers/{r}/tags/red", "", 201, "", ""},
	{"member", "GET /routers?tags=red", "", 200, "id:{r}", ""},
	{"stranger", "PUT /routers/{r}/tags/red", "", 404, "", ""},
	{"member", "PUT /routers/{r}", router(`"external_gateway_info":{}`), 200, "external_gateway_info:<nil>", ""},
	{"admin", "GET /ports?network_id={ext}", "", 200, "ports:[]", ""},
	{"member", "DELETE /routers/{r}", "", 204, "", ""},
	{"member", "DELETE /routers/{r}", "", 404, "RouterNotFound", ""},
	{"admin", "PUT /networks/{ext}", `{"network":{"router:external":false}}`, 200, "", ""},
}

// TestRoutersAndAgents moves routers between the hosts that carry them.
func TestRoutersAndAgents(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := serverOn(t, d)
		steps := append(outside(), poolStep{"member", "POST /routers",
			router(`"external_gateway_info":{"network_id":"{ext}"}`), 201, "availability_zones:[]", "r"},
			poolStep{"admin", "GET /routers/{r}/l3-agents", "", 200, "agents:[]", ""})
		runSteps(t, s, steps)
		s.carry(t, "net1") // the router that waits gets the first host
		status, doc := s.call(t, "admin", "GET", "/v2.0/routers", "")
		if !strings.Contains(fmt.Sprint(doc), "availability_zones:[nova]") {
			t.Fatalf("the router has no host: %d %v", status, doc)
		}
		id := listed(t, doc, "routers")[0]["id"].(string)
		_, doc = s.call(t, "admin", "GET", "/v2.0/routers/"+id+"/l3-agents", "")
		one := listed(t, doc, "agents")[0]
		if one["host"] != "net1" || one["alive"] != true || one["ha_state"] != nil || one["availability_zone"] != "nova" {
			t.Errorf("got agent %v", one)
		}
		s.carry(t, "net2")
		_, doc = s.call(t, "admin", "GET", "/v2.0/agents?host=net2&binary=neutron-l3-agent", "")
		two := listed(t, doc, "agents")[0]
		at1, at2 := "/agents/"+one["id"].(string)+"/l3-routers", "/agents/"+two["id"].(string)+"/l3-routers"
		body := `{"router_id":"` + id + `"}`
		runSteps(t, s, []poolStep{
			{"member", "GET " + at1, "", 403, "", ""},
			{"member", "POST " + at1, body, 403, "", ""},
			{"member", "GET /routers/" + id + "/l3-agents", "", 403, "", ""},
			{"admin", "GET " + at1, "", 200, "id:" + id, ""},
			{"admin", "POST " + at2, body, 409, "RouterHostedByL3Agent", ""},
			{"admin", "POST " + at2, `{"router_id":"` + neutronNone + `"}`, 404, "RouterNotFound", ""},
			{"admin", "DELETE " + at1 + "/" + id, "", 204, "", ""},
			{"admin", "GET " + at1, "", 200, "routers:[]", ""},
			{"admin", "GET /ports?device_id=" + id, "", 200, "binding:vif_type:unbound", ""},
			{"admin", "POST " + at2, body, 201, "", ""},
			{"admin", "POST " + at2, body, 201, "", ""},
			{"admin", "GET /ports?device_id=" + id, "", 200, "binding:host_id:net2", ""},
			{"admin", "PUT /agents/" + one["id"].(string), `{"agent":{"admin_state_up":false}}`, 200, "", ""},
			{"admin", "DELETE " + at2 + "/" + id, "", 204, "", ""},
			{"admin", "POST " + at1, body, 404, "InvalidL3Agent", ""},
		})
	}, dbtest.Migrations{Name: "neutron", FS: store.Migrations()})
}

// neutronNone is the id of nothing.
const neutronNone = "11111111-1111-1111-1111-111111111111"

// TestRacesOfRouters has two clients add overlapping subnets to a router, and one add while the other one deletes.
func TestRacesOfRouters(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := serverOn(t, d)
		s.carry(t, "net1")
		made := func(path, kind, body string) string {
			_, doc := s.call(t, "member", "POST", "/v2.0"+path, body)
			m, _ := doc[kind].(map[string]any)
			id, _ := m["id"].(string)
			if id == "" {
				t.Fatalf("not made: %v", doc)
			}
			return id
		}
		var subs []string
		for range 4 { // four networks with the same block
			n := made("/networks", "network", `{"network":{}}`)
			subs = append(subs, made("/subnets", "subnet",
				`{"subnet":{"network_id":"`+n+`","ip_version":4,"cidr":"10.0.0.0/24"}}`))
		}
		r := made("/routers", "router", router(`"name":"r"`))
		var mu sync.Mutex
		got := map[int]int{}
		var all sync.WaitGroup
		for _, id := range subs {
			all.Go(func() {
				status, _ := s.call(t, "member", "PUT", "/v2.0/routers/"+r+"/add_router_interface", `{"subnet_id":"`+id+`"}`)
				mu.Lock()
				defer mu.Unlock()
				got[status]++
			})
		}
		all.Wait()
		if got[200] != 1 || got[400] != len(subs)-1 {
			t.Errorf("adding overlapping subnets: got %v, want one 200 and the others 400", got)
		}
		ports, err := s.n.Ports.List(t.Context(), db.ListArgs{Where: []db.Cond{db.EqTo("device_owner",
			neutron.OwnerRouterInterface)}}, "")
		if err != nil || len(ports) != 1 {
			t.Errorf("ports of the router: got %d, %v, want 1", len(ports), err)
		}

		idle := made("/routers", "router", router(`"name":"idle"`))
		var added, removed int
		all.Go(func() {
			added, _ = s.call(t, "member", "PUT", "/v2.0/routers/"+idle+"/add_router_interface", `{"subnet_id":"`+subs[0]+`"}`)
		})
		all.Go(func() { removed, _ = s.call(t, "member", "DELETE", "/v2.0/routers/"+idle, "") })
		all.Wait()
		if (added == 200) == (removed == 204) {
			t.Errorf("adding answered %d and deleting %d: one of them must have failed", added, removed)
		}
	}, dbtest.Migrations{Name: "neutron", FS: store.Migrations()})
}

// listed are the items of a list.
func listed(t *testing.T, doc map[string]any, plural string) []map[string]any {
	t.Helper()
	items, _ := doc[plural].([]any)
	out := make([]map[string]any, len(items))
	for i, x := range items {
		out[i], _ = x.(map[string]any)
	}
	if len(out) == 0 {
		t.Fatalf("no %s in %v", plural, doc)
	}
	return out
}
