package stories

// Network returns the sequences of networking. They are independent of each other.
func Network() []Sequence {
	var out []Sequence
	for _, c := range []struct {
		caller string
		steps  []Step
	}{
		{"member", networkSteps()}, {"admin", providerNetworkSteps}, {"member", subnetSteps()}, {"member", subnetPoolSteps()},
		{"admin", sharedPoolSteps},
		{"member", routerSteps()}, {"admin", operatedRouterSteps},
		{"member", floatingSteps()},
		{"member", portSteps()},
		{"admin", boundPortSteps},
		{"member", securityGroupSteps()}, {"member", networkQuotaSteps}, {"member", networkInfoSteps},
		{"admin", networkAgentSteps},
	} {
		out = append(out, Sequence{Service: "network", Caller: c.caller, Steps: c.steps})
	}
	return out
}

func newNetwork() Step {
	return Step{Call: "POST /v2.0/networks",
		Body: `{"network":{"name":"{new}","description":"d","admin_state_up":true,"port_security_enabled":true,"mtu":1400}}`,
		Want: 201, Keep: "n=network.id", Own: true}
}

func newSubnet() Step {
	return Step{Call: "POST /v2.0/subnets", Want: 201, Keep: "sub=subnet.id", Again: 400,
		Body: `{"subnet":{"network_id":"{n}","ip_version":4,"cidr":"10.20.0.0/16","name":"{new}",
		"gateway_ip":"10.20.0.1","enable_dhcp":true,"dns_nameservers":["10.20.0.2"],"allocation_pools":[{"start":"10.20.1.0","end":"10.20.255.250"}],
		"host_routes":[{"destination":"10.30.0.0/24","nexthop":"10.20.0.3"}]}}`}
}

func noNetwork() Step { return Step{Call: "DELETE /v2.0/networks/{n}", Want: 204, Again: 404} }

// taggedSteps are the operations on a resource's tags.
func taggedSteps(path string) []Step {
	return []Step{
		{Call: "PUT " + path + "/tags/red", Want: 201},
		{Call: "GET " + path + "/tags/red", Want: 204},
		{Call: "GET " + path + "/tags", Want: 200},
		{Call: "PUT " + path + "/tags", Body: `{"tags":["blue","green"]}`, Want: 200},
		{Call: "DELETE " + path + "/tags/blue", Want: 204, Again: 404},
		{Call: "DELETE " + path + "/tags", Want: 204},
	}
}

func networkSteps() []Step {
	out := []Step{
		newNetwork(),
		{Call: "GET /v2.0/networks", Want: 200},
		{Call: "GET /v2.0/networks?status=ACTIVE&admin_state_up=true&shared=false&fields=id&limit=1", Want: 200},
		{Call: "GET /v2.0/networks/{n}", Want: 200},
		{Call: "PUT /v2.0/networks/{n}", Body: `{"network":{"name":"{new}","description":"other","admin_state_up":true}}`,
			Want: 200, Keep: "rev=network.revision_number"},
		{Call: "PUT /v2.0/networks/{n}", Body: `{"network":{"description":"third"}}`,
			Header: "If-Match: revision_number={rev}", Want: 200, Again: 412},
	}
	out = append(append(out, taggedSteps("/v2.0/networks/{n}")...), noNetwork(),
		Step{Call: "POST /v2.0/networks", Body: `{"networks":[{"name":"{new}"},{"name":"{new}"}]}`, Want: 201,
			Keep: "n=networks.0.id second=networks.1.id", Own: true},
		Step{Call: "DELETE /v2.0/networks/{second}", Want: 204})
	return append(out, noNetwork())
}

var providerNetworkSteps = []Step{
	{Call: "POST /v2.0/networks",
		Body: `{"network":{"name":"{new}","shared":true,"router:external":false,"provider:network_type":"vxlan"}}`, Want: 201,
		Keep: "n=network.id", Case: "of operators"},
	{Call: "PUT /v2.0/networks/{n}", Body: `{"network":{"shared":false}}`, Want: 200, Case: "of operators"},
	{Call: "DELETE /v2.0/networks/{n}", Want: 204, Case: "of operators"},
}

func subnetSteps() []Step {
	out := []Step{
		newNetwork(),
		newSubnet(),
		{Call: "GET /v2.0/subnets", Want: 200},
		{Call: "GET /v2.0/subnets?network_id={n}&ip_version=4&enable_dhcp=true", Want: 200},
		{Call: "GET /v2.0/subnets/{sub}", Want: 200},
		{Call: "PUT /v2.0/subnets/{sub}",
			Body: `{"subnet":{"name":"{new}","description":"other","dns_nameservers":[],"enable_dhcp":true}}`, Want: 200,
			Keep: "rev=subnet.revision_number"},
		{Call: "PUT /v2.0/subnets/{sub}", Body: `{"subnet":{"description":"third"}}`,
			Header: "If-Match: revision_number={rev}", Want: 200, Again: 412},
	}
	out = append(out, taggedSteps("/v2.0/subnets/{sub}")...)
	return append(out, Step{Call: "DELETE /v2.0/subnets/{sub}", Want: 204, Again: 404}, noNetwork())
}

// subnetPoolSteps are the operations on subnet pools and address scopes.
func subnetPoolSteps() []Step {
	out := []Step{
		newNetwork(),
		{Call: "POST /v2.0/address-scopes", Body: `{"address_scope":{"name":"{new}","ip_version":4}}`, Want: 201,
			Keep: "as=address_scope.id", Own: true},
		{Call: "GET /v2.0/address-scopes", Want: 200},
		{Call: "GET /v2.0/address-scopes/{as}", Want: 200},
		{Call: "PUT /v2.0/address-scopes/{as}", Body: `{"address_scope":{"name":"{new}"}}`, Want: 200},
		{Call: "POST /v2.0/subnetpools", Body: `{"subnetpool":{"name":"{new}","description":"d","prefixes":["10.44.0.0/16"],
			"default_prefixlen":26,"min_prefixlen":24,"max_prefixlen":28}}`, Want: 201, Keep: "sp=subnetpool.id", Own: true},
		{Call: "GET /v2.0/subnetpools", Want: 200},
		{Call: "GET /v2.0/subnetpools?ip_version=4&is_default=false&shared=false", Want: 200},
		{Call: "GET /v2.0/subnetpools/{sp}", Want: 200},
		{Call: "PUT /v2.0/subnetpools/{sp}", Body: `{"subnetpool":{"name":"{new}","address_scope_id":"{as}",
			"default_quota":5000}}`, Want: 200, Keep: "rev=subnetpool.revision_number"},
		{Call: "PUT /v2.0/subnetpools/{sp}", Body: `{"subnetpool":{"description":"third"}}`,
			Header: "If-Match: revision_number={rev}", Want: 200, Again: 412},
		{Call: "PUT /v2.0/subnetpools/{sp}/add_prefixes", Body: `{"prefixes":["10.45.0.0/16"]}`, Want: 200},
		{Call: "PUT /v2.0/subnetpools/{sp}/remove_prefixes", Body: `{"prefixes":["10.45.128.0/17"]}`, Want: 200},
		{Call: "POST /v2.0/subnets", Body: `{"subnet":{"network_id":"{n}","ip_version":4,"cidr":"10.46.0.0/24"}}`, Want: 201,
			Again: 400},
		{Call: "PUT /v2.0/subnetpools/{sp}/onboard_network_subnets", Body: `{"network_id":"{n}"}`, Want: 200, Again: 400},
		{Call: "POST /v2.0/subnets", Body: `{"subnet":{"network_id":"{n}","ip_version":4,"subnetpool_id":"{sp}"}}`,
			Want: 201},
		noNetwork(),
	}
	out = append(out, taggedSteps("/v2.0/subnetpools/{sp}")...)
	return append(out, Step{Call: "DELETE /v2.0/subnetpools/{sp}", Want: 204, Again: 404},
		Step{Call: "DELETE /v2.0/address-scopes/{as}", Want: 204, Again: 404})
}

var sharedPoolSteps = []Step{
	{Call: "POST /v2.0/address-scopes", Body: `{"address_scope":{"name":"{new}","ip_version":6,"shared":true}}`, Want: 201,
		Keep: "as=address_scope.id", Case: "of operators"},
	{Call: "POST /v2.0/subnetpools", Body: `{"subnetpool":{"name":"{new}","prefixes":["fd44::/48"],"shared":true,
		"address_scope_id":"{as}"}}`, Want: 201, Keep: "sp=subnetpool.id", Case: "of operators"},
	{Call: "PUT /v2.0/subnetpools/{sp}", Body: `{"subnetpool":{"is_default":false}}`, Want: 200, Case: "of operators"},
	{Call: "DELETE /v2.0/subnetpools/{sp}", Want: 204, Case: "of operators"},
	{Call: "PUT /v2.0/address-scopes/{as}", Body: `{"address_scope":{"shared":true}}`, Want: 200, Case: "of operators"},
	{Call: "DELETE /v2.0/address-scopes/{as}", Want: 204, Case: "of operators"},
}

func portSteps() []Step {
	out := []Step{
		newNetwork(),
		newSubnet(),
		{Call: "POST /v2.0/ports", Body: `{"port":{"network_id":"{n}","name":"{new}","description":"d","admin_state_up":true,"fixed_ips":[{"subnet_id":"{sub}"}],
			"device_id":"","device_owner":"","project_id":"{home}"}}`, Want: 201, Keep: "p=port.id"},
		{Call: "GET /v2.0/ports", Want: 200},
		{Call: "GET /v2.0/ports?network_id={n}&fixed_ips=subnet_id={sub}", Want: 200},
		{Call: "GET /v2.0/ports/{p}", Want: 200},
		{Call: "PUT /v2.0/ports/{p}", Body: `{"port":{"name":"{new}","device_id":"d","security_groups":[],
			"allowed_address_pairs":[{"ip_address":"10.9.0.0/24","mac_address":"fa:16:3e:00:00:01"}],"fixed_ips":[{"subnet_id":"{sub}"}]}}`, Want: 200, Keep: "rev=port.revision_number"},
		{Call: "PUT /v2.0/ports/{p}", Body: `{"port":{"description":"third"}}`, Header: "If-Match: revision_number={rev}",
			Want: 200, Again: 412},
		{Call: "PUT /v2.0/ports/{p}", Body: `{"port":{"mac_address":"{mac}"}}`, Who: "manager", Want: 200, Case: "mac",
			Prepare: func(n Names) { n["mac"] = "fa:16:3e:77:00:01" }},
	}
	out = append(out, taggedSteps("/v2.0/ports/{p}")...)
	out = append(out,
		Step{Call: "POST /v2.0/ports",
			Body: `{"port":{"network_id":"{n}","fixed_ips":[{"subnet_id":"{sub}","ip_address":"10.20.3.3"}],"project_id":"{home}"}}`,
			Want: 201, Keep: "at=port.id", Again: 409},
		Step{Call: "POST /v2.0/ports",
			Body: `{"port":{"network_id":"{n}","mac_address":"fa:16:3e:77:00:02","project_id":"{home}"}}`, Want: 201,
			Keep: "mac_port=port.id", Again: 409},
		Step{Call: "DELETE /v2.0/ports/{at}", Want: 204},
		Step{Call: "DELETE /v2.0/ports/{mac_port}", Want: 204})
	return append(out, Step{Call: "DELETE /v2.0/ports/{p}", Want: 204, Again: 404}, noNetwork())
}

var boundPortSteps = []Step{
	{Call: "POST /v2.0/ports",
		Body: `{"port":{"network_id":"{network}","binding:host_id":"{host}","binding:vnic_type":"normal"}}`, Want: 201,
		Keep: "p=port.id", Case: "bound"},
	{Call: "PUT /v2.0/ports/{p}", Body: `{"port":{"binding:host_id":""}}`, Want: 200, Case: "bound"},
	{Call: "DELETE /v2.0/ports/{p}", Want: 204, Case: "bound"},
}

func securityGroupSteps() []Step {
	out := []Step{
		{Call: "POST /v2.0/security-groups", Body: `{"security_group":{"name":"{new}","description":"d","stateful":true}}`,
			Want: 201, Keep: "g=security_group.id", Own: true},
		{Call: "GET /v2.0/security-groups", Want: 200},
		{Call: "GET /v2.0/security-groups/{g}", Want: 200},
		{Call: "PUT /v2.0/security-groups/{g}", Body: `{"security_group":{"name":"{new}","description":"other"}}`, Want: 200,
			Keep: "rev=security_group.revision_number"},
		{Call: "PUT /v2.0/security-groups/{g}", Body: `{"security_group":{"description":"third"}}`,
			Header: "If-Match: revision_number={rev}", Want: 200, Again: 412},
		{Call: "POST /v2.0/security-group-rules",
			Body: `{"security_group_rule":{"security_group_id":"{g}","direction":"ingress","ethertype":"IPv4","protocol":"tcp",
			"port_range_min":80,"port_range_max":80,"remote_ip_prefix":"10.0.0.0/8","description":"d"}}`, Want: 201, Keep: "sgr=security_group_rule.id", Again: 409},
		{Call: "GET /v2.0/security-group-rules", Want: 200},
		{Call: "GET /v2.0/security-group-rules?security_group_id={g}&direction=ingress", Want: 200},
		{Call: "GET /v2.0/security-group-rules/{sgr}", Want: 200},
		{Call: "DELETE /v2.0/security-group-rules/{sgr}", Want: 204, Again: 404},
	}
	out = append(out, taggedSteps("/v2.0/security-groups/{g}")...)
	return append(out, Step{Call: "DELETE /v2.0/security-groups/{g}", Want: 204, Again: 404})
}

var networkQuotaSteps = []Step{
	{Call: "GET /v2.0/quotas", Who: "admin", Want: 200},
	{Call: "GET /v2.0/quotas/tenant", Want: 200},
	{Call: "GET /v2.0/quotas/project", Want: 200},
	{Call: "PUT /v2.0/quotas/{away}", Who: "admin", Body: `{"quota":{"network":50,"subnet":-1}}`, Want: 200, Unknown: -1},
	{Call: "GET /v2.0/quotas/{away}", Who: "admin", Want: 200, Case: "of another", Unknown: -1},
	{Call: "GET /v2.0/quotas/{home}", Want: 200, Unknown: -1},
	{Call: "GET /v2.0/quotas/{home}/default", Want: 200, Unknown: -1},
	{Call: "GET /v2.0/quotas/{home}/details", Want: 200, Unknown: -1},
	{Call: "DELETE /v2.0/quotas/{away}", Who: "admin", Want: 204, Unknown: -1},
}

var networkInfoSteps = []Step{
	{Call: "GET /v2.0/extensions", Want: 200, Keep: "ext=extensions.0.alias"},
	{Call: "GET /v2.0/extensions/{ext}", Want: 200},
	{Call: "GET /v2.0/availability_zones", Want: 200},
	{Call: "GET /v2.0/availability_zones?resource=network", Want: 200},
	{Call: "GET /v2.0/agents", Want: 200},
}

var networkAgentSteps = []Step{
	{Call: "GET /v2.0/agents?host=elsewhere&binary=neutron-dhcp-agent", Want: 200, Until: "agents.0.host=elsewhere",
		Keep: "agent=agents.0.id", Needs: "agents"},
	{Call: "GET /v2.0/agents/{agent}", Want: 200, Needs: "agents"},
	{Call: "PUT /v2.0/agents/{agent}", Body: `{"agent":{"description":"d","admin_state_up":true}}`, Want: 200,
		Needs: "agents"},
	{Call: "DELETE /v2.0/agents/{agent}", Want: 204, Again: 404, Needs: "agents"},
}
