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
		Again: 400},
	{Call: "POST /v2.0/routers", Body: `{"router":{"name":"{new}"}}`, Want: 201, Keep: "r=router.id"},
	{Call: "PUT /v2.0/routers/{r}", Body: `{"router":{"external_gateway_info":{"network_id":"{n}","enable_snat":false,
		"external_fixed_ips":[{"ip_address":"198.51.100.9"}]}}}`, Want: 200, Case: "of operators"},
	{Call: "GET /v2.0/routers/{r}/l3-agents", Want: 200, Unknown: -1},
	{Call: "GET /v2.0/agents?host=elsewhere&binary=neutron-l3-agent", Want: 200, Until: "agents.0.host=elsewhere",
		Keep: "agent=agents.0.id", Needs: "agents"},
	{Call: "PUT /v2.0/routers/{r}", Body: `{"router":{"external_gateway_info":null}}`, Want: 200},
	{Call: "DELETE /v2.0/agents/{agent}/l3-routers/{r}", Want: 204, Again: 204, Needs: "agents"},
	{Call: "POST /v2.0/agents/{agent}/l3-routers", Body: `{"router_id":"{r}"}`, Want: 201, Again: 201, Unknown: -1,
		Needs: "agents"},
	{Call: "GET /v2.0/agents/{agent}/l3-routers", Want: 200, Needs: "agents"},
	{Call: "DELETE /v2.0/routers/{r}", Want: 204},
	{Call: "DELETE /v2.0/networks/{n}", Want: 204, Case: "of operators"},
}
