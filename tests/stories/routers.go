package stories

// routerSteps are the operations on routers, their interfaces and extra routes.
func routerSteps() []Step {
	out := []Step{
		newNetwork(),
		newSubnet(),
		{Call: "POST /v2.0/routers", Body: `{"router":{"name":"{new}","description":"d","admin_state_up":true}}`, Want: 201,
			Keep: "r=router.id", Own: true},
		{Call: "GET /v2.0/routers", Want: 200},
		{Call: "GET /v2.0/routers?admin_state_up=true&fields=id&limit=1", Want: 200},
		{Call: "GET /v2.0/routers/{r}", Want: 200},
		{Call: "PUT /v2.0/routers/{r}", Body: `{"router":{"name":"{new}","description":"other"}}`, Want: 200,
			Keep: "rev=router.revision_number"},
		{Call: "PUT /v2.0/routers/{r}", Body: `{"router":{"description":"third"}}`, Header: "If-Match: revision_number={rev}",
			Want: 200, Again: 412},
		{Call: "PUT /v2.0/routers/{r}/add_router_interface", Body: `{"subnet_id":"{sub}"}`, Want: 200, Again: 400},
		{Call: "PUT /v2.0/routers/{r}/add_extraroutes",
			Body: `{"router":{"routes":[{"destination":"10.77.0.0/16","nexthop":"10.20.0.9"}]}}`, Want: 200, Again: 200},
		{Call: "PUT /v2.0/routers/{r}/remove_extraroutes",
			Body: `{"router":{"routes":[{"destination":"10.77.0.0/16","nexthop":"10.20.0.9"}]}}`, Want: 200, Again: 200},
		{Call: "PUT /v2.0/routers/{r}", Body: `{"router":{"routes":[]}}`, Want: 200},
		{Call: "PUT /v2.0/routers/{r}/remove_router_interface", Body: `{"subnet_id":"{sub}"}`, Want: 200, Again: 404},
	}
	out = append(out, taggedSteps("/v2.0/routers/{r}")...)
	return append(out, Step{Call: "DELETE /v2.0/routers/{r}", Want: 204, Again: 404}, noNetwork())
}

var operatedRouterSteps = []Step{
	{Call: "POST /v2.0/networks", Body: `{"network":{"name":"{new}","router:external":true}}`, Want: 201,
		Keep: "n=network.id", Case: "of operators"},
	{Call: "POST /v2.0/subnets",
		Body: `{"subnet":{"network_id":"{n}","ip_version":4,"cidr":"198.51.100.0/24","enable_dhcp":false}}`, Want: 201,
		Again: 400, Case: "of operators"},
	{Call: "POST /v2.0/routers",
		Body: `{"router":{"name":"{new}","external_gateway_info":{"network_id":"{n}","enable_snat":true}}}`, Want: 201,
		Keep: "r=router.id", Case: "of operators"},
	{Call: "PUT /v2.0/routers/{r}", Body: `{"router":{"external_gateway_info":{"network_id":"{n}","enable_snat":false,
		"external_fixed_ips":[{"ip_address":"198.51.100.9"}]}}}`, Want: 200, Case: "of operators"},
	{Call: "GET /v2.0/routers/{r}/l3-agents", Want: 200, Unknown: -1},
	{Call: "GET /v2.0/routers/{r}/l3-agents?fields=id", Want: 200, Unknown: -1, Keep: "agent=agents.0.id",
		Needs: "agents"},
	{Call: "DELETE /v2.0/agents/{agent}/l3-routers/{r}", Want: 204, Again: 204, Needs: "agents"},
	{Call: "POST /v2.0/agents/{agent}/l3-routers", Body: `{"router_id":"{r}"}`, Want: 201, Again: 201, Needs: "agents"},
	{Call: "GET /v2.0/agents/{agent}/l3-routers", Want: 200, Needs: "agents"},
	{Call: "PUT /v2.0/routers/{r}", Body: `{"router":{"external_gateway_info":null}}`, Want: 200, Case: "of operators"},
	{Call: "DELETE /v2.0/routers/{r}", Want: 204, Case: "of operators"},
	{Call: "DELETE /v2.0/networks/{n}", Want: 204, Case: "of operators"},
}

// floatingSteps are the operations on floating IPs.
func floatingSteps() []Step {
	out := []Step{
		{Call: "POST /v2.0/networks", Who: "admin", Body: `{"network":{"name":"{new}","router:external":true}}`, Want: 201,
			Keep: "ext=network.id", Case: "of operators"},
		{Call: "POST /v2.0/subnets", Who: "admin",
			Body: `{"subnet":{"network_id":"{ext}","ip_version":4,"cidr":"203.0.113.0/24","enable_dhcp":false,
			"allocation_pools":[{"start":"203.0.113.100","end":"203.0.113.250"}]}}`, Want: 201,
			Case: "of operators"},
		newNetwork(),
		newSubnet(),
		{Call: "POST /v2.0/routers", Body: `{"router":{"name":"{new}"}}`, Want: 201, Keep: "r=router.id", Own: true},
		{Call: "PUT /v2.0/routers/{r}", Body: `{"router":{"external_gateway_info":{"network_id":"{ext}"}}}`, Want: 200},
		{Call: "PUT /v2.0/routers/{r}/add_router_interface", Body: `{"subnet_id":"{sub}"}`, Want: 200},
		{Call: "POST /v2.0/ports", Body: `{"port":{"network_id":"{n}","project_id":"{home}"}}`, Want: 201,
			Keep: "p=port.id pip=port.fixed_ips.0.ip_address"},
		{Call: "GET /v2.0/floatingip-pools", Want: 200},
		{Call: "GET /v2.0/network-ip-availabilities?network_id={n}&ip_version=4", Who: "admin", Want: 200},
		{Call: "GET /v2.0/network-ip-availabilities/{n}", Who: "admin", Want: 200},
		{Call: "POST /v2.0/floatingips", Body: `{"floatingip":{"floating_network_id":"{ext}","description":"d"}}`, Want: 201,
			Keep: "f=floatingip.id", Own: true},
		{Call: "GET /v2.0/floatingips", Want: 200},
		{Call: "GET /v2.0/floatingips?floating_network_id={ext}&status=DOWN", Want: 200},
		{Call: "GET /v2.0/floatingips/{f}", Want: 200},
		{Call: "POST /v2.0/floatingips/{f}/port_forwardings", Body: `{"port_forwarding":{"protocol":"tcp",
			"internal_port_id":"{p}","internal_ip_address":"{pip}","internal_port":8080,"external_port":80}}`, Want: 201,
			Keep: "w=port_forwarding.id", Again: 400},
		{Call: "GET /v2.0/floatingips/{f}/port_forwardings", Want: 200},
		{Call: "GET /v2.0/floatingips/{f}/port_forwardings?external_port=80&protocol=tcp", Want: 200},
		{Call: "GET /v2.0/floatingips/{f}/port_forwardings/{w}", Want: 200},
		{Call: "PUT /v2.0/floatingips/{f}/port_forwardings/{w}",
			Body: `{"port_forwarding":{"external_port_range":"90:99","internal_port_range":"90:99","description":"d"}}`,
			Want: 200},
		{Call: "DELETE /v2.0/floatingips/{f}/port_forwardings/{w}", Want: 204, Again: 404},
		{Call: "PUT /v2.0/floatingips/{f}", Body: `{"floatingip":{"port_id":"{p}"}}`, Want: 200,
			Keep: "rev=floatingip.revision_number"},
		{Call: "PUT /v2.0/floatingips/{f}", Body: `{"floatingip":{"description":"third"}}`,
			Header: "If-Match: revision_number={rev}", Want: 200, Again: 412},
		{Call: "PUT /v2.0/floatingips/{f}", Body: `{"floatingip":{"port_id":null}}`, Want: 200},
	}
	out = append(out, taggedSteps("/v2.0/floatingips/{f}")...)
	return append(out, Step{Call: "DELETE /v2.0/floatingips/{f}", Want: 204, Again: 404},
		Step{Call: "POST /v2.0/floatingips", Who: "manager",
			Body: `{"floatingip":{"floating_network_id":"{ext}","floating_ip_address":"203.0.113.77"}}`, Want: 201, Again: 409,
			Keep: "g=floatingip.id", Case: "address"},
		Step{Call: "DELETE /v2.0/floatingips/{g}", Want: 204},
		Step{Call: "DELETE /v2.0/ports/{p}", Want: 204},
		Step{Call: "PUT /v2.0/routers/{r}/remove_router_interface", Body: `{"subnet_id":"{sub}"}`, Want: 200},
		Step{Call: "DELETE /v2.0/routers/{r}", Want: 204},
		noNetwork(),
		Step{Call: "DELETE /v2.0/networks/{ext}", Who: "admin", Want: 204, Case: "of operators"})
}
