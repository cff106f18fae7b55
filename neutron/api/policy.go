package api

import (
	"hypernova/neutron/plugin"
	"hypernova/oslo/policy"
)

// Checks that rules are made of, by OpenStack's names so that operators' overrides may use them.
const (
	admin     = "rule:admin_only"
	svc       = "rule:admin_only or rule:service_api"
	member    = "(role:member and project_id:%(project_id)s)"
	reader    = "(role:reader and project_id:%(project_id)s)"
	netMember = "(role:member and rule:network_owner)"
	netReader = "(role:reader and rule:network_owner)"
	manager   = "(role:manager and project_id:%(project_id)s)"
	netBoss   = "(role:manager and rule:network_owner)"
	sgMember  = "(role:member and rule:sg_owner)"
	extMember = "(role:member and rule:ext_parent_owner)"
	extReader = "(role:reader and rule:ext_parent_owner)"
	sgReader  = "(role:reader and rule:sg_owner)"
)

// rule is the rule of operations and their attributes, which are for tokens of a project.
func rule(name, check, doc string) *policy.Rule {
	return &policy.Rule{Name: name, Check: check, Doc: doc, Scopes: []string{"project"}}
}

// term is a rule that only others refer to: it has no scope of its own.
func term(name, check, doc string) *policy.Rule {
	return &policy.Rule{Name: name, Check: check, Doc: doc}
}

var (
	ruleAdmin   = term("context_is_admin", "role:admin", "Cloud administrators.")
	ruleOnly    = term("admin_only", "rule:context_is_admin", "Cloud administrators, in other rules.")
	ruleService = term("service_api", "role:service", "Services that call each other.")
	ruleOwner   = term("network_owner", "project_id:%(network:tenant_id)s",
		"The project that owns the network of a subnet or port.")
	ruleSGOwner = term("sg_owner", "project_id:%(security_group:tenant_id)s",
		"The project that owns the security group of a rule.")
	ruleExtParent = term("ext_parent_owner", "project_id:%(ext_parent:project_id)s",
		"The project that owns the resource that a resource is part of.")
	ruleShared = term("shared", "'True':%(network:shared)s", "Networks that are shared with all projects.")
	ruleExt    = term("external", "'True':%(network:router:external)s", "External networks.")

	createNetwork         = rule("create_network", admin+" or "+member, "Create a network.")
	createNetworkShared   = rule("create_network:shared", admin, "Create a shared network.")
	createNetworkExternal = rule("create_network:router:external", admin, "Create an external network.")
	createNetworkDefault  = rule("create_network:is_default", admin, "Create the default external network.")
	createNetworkPortSec  = rule("create_network:port_security_enabled", admin+" or "+member,
		"Choose port security of a new network.")
	createNetworkType     = rule("create_network:provider:network_type", admin, "Choose the type of a new network.")
	createNetworkPhysical = rule("create_network:provider:physical_network", admin,
		"Choose the physical network of a new network.")
	createNetworkSegment = rule("create_network:provider:segmentation_id", admin, "Choose the segment of a new network.")
	getNetwork           = rule("get_network", admin+" or "+reader+" or rule:shared or rule:external or rule:service_api",
		"Show or list networks.")
	getNetworkType        = rule("get_network:provider:network_type", admin, "See a network's type.")
	getNetworkPhysical    = rule("get_network:provider:physical_network", admin, "See a network's physical network.")
	getNetworkSegment     = rule("get_network:provider:segmentation_id", admin, "See a network's segment.")
	updateNetwork         = rule("update_network", admin+" or "+member, "Change a network.")
	updateNetworkShared   = rule("update_network:shared", admin, "Share a network, or stop to.")
	updateNetworkExternal = rule("update_network:router:external", admin, "Make a network external, or not.")
	updateNetworkDefault  = rule("update_network:is_default", admin, "Make a network the default external one, or not.")
	updateNetworkPortSec  = rule("update_network:port_security_enabled", admin+" or "+member,
		"Change port security of a network.")
	deleteNetwork = rule("delete_network", admin+" or "+member, "Delete a network.")

	createSubnet = rule("create_subnet", admin+" or "+netMember, "Create a subnet on a network.")
	getSubnet    = rule("get_subnet", admin+" or "+reader+" or "+netReader+" or rule:shared or rule:service_api",
		"Show or list subnets.")
	updateSubnet = rule("update_subnet", admin+" or "+netMember+" or "+member, "Change a subnet.")
	deleteSubnet = rule("delete_subnet", admin+" or "+netMember+" or "+member, "Delete a subnet.")

	termSharedPool  = term("shared_subnetpools", "'True':%(shared)s", "Subnet pools that are shared with all projects.")
	termSharedScope = term("shared_address_scopes", "'True':%(shared)s",
		"Address scopes that are shared with all projects.")

	createScope       = rule("create_address_scope", admin+" or "+member, "Create an address scope.")
	createScopeShared = rule("create_address_scope:shared", admin, "Create a shared address scope.")
	getScope          = rule("get_address_scope", admin+" or "+reader+" or rule:shared_address_scopes",
		"Show or list address scopes.")
	updateScope       = rule("update_address_scope", admin+" or "+member, "Change an address scope.")
	updateScopeShared = rule("update_address_scope:shared", admin, "Share an address scope.")
	deleteScope       = rule("delete_address_scope", admin+" or "+member, "Delete an address scope.")

	createSubnetPool        = rule("create_subnetpool", admin+" or "+member, "Create a subnet pool.")
	createSubnetPoolShared  = rule("create_subnetpool:shared", admin, "Create a shared subnet pool.")
	createSubnetPoolDefault = rule("create_subnetpool:is_default", admin, "Create the default subnet pool.")
	getSubnetPool           = rule("get_subnetpool", admin+" or "+reader+" or rule:shared_subnetpools",
		"Show or list subnet pools.")
	updateSubnetPool        = rule("update_subnetpool", admin+" or "+member, "Change a subnet pool.")
	updateSubnetPoolDefault = rule("update_subnetpool:is_default", admin, "Make a subnet pool the default one, or not.")
	deleteSubnetPool        = rule("delete_subnetpool", admin+" or "+member, "Delete a subnet pool.")
	onboardSubnets          = rule("onboard_network_subnets", admin+" or "+member,
		"Make a network's subnets those of a pool.")
	addPrefixes    = rule("add_prefixes", admin+" or "+member, "Add prefixes to a subnet pool.")
	removePrefixes = rule("remove_prefixes", admin+" or "+member, "Take prefixes from a subnet pool.")

	createPort      = rule("create_port", svc+" or "+member, "Create a port.")
	createPortOwner = rule("create_port:device_owner", svc+" or "+netMember,
		"Create a port whose device_owner begins with network:.")
	createPortMAC = rule("create_port:mac_address", svc+" or "+netMember, "Choose the MAC of a new port.")
	createPortIPs = rule("create_port:fixed_ips", svc+" or "+netMember+" or rule:shared",
		"Choose addresses of a new port.")
	createPortIP = rule("create_port:fixed_ips:ip_address", svc+" or "+netMember,
		"Choose a certain address for a new port.")
	createPortIPSubnet = rule("create_port:fixed_ips:subnet_id", svc+" or "+netMember+" or rule:shared",
		"Choose the subnet of a new port's address.")
	createPortSecurity = rule("create_port:port_security_enabled", svc+" or "+netMember,
		"Choose port security of a new port.")
	createPortHost    = rule("create_port:binding:host_id", svc, "Bind a new port to a host.")
	createPortProfile = rule("create_port:binding:profile", "rule:service_api",
		"Choose the binding profile of a new port.")
	createPortVNIC  = rule("create_port:binding:vnic_type", svc+" or "+member, "Choose the vnic_type of a new port.")
	createPortPairs = rule("create_port:allowed_address_pairs", svc+" or "+netMember,
		"Choose allowed address pairs of a new port.")
	getPort           = rule("get_port", svc+" or "+netReader+" or "+reader, "Show or list ports.")
	getPortHost       = rule("get_port:binding:host_id", svc, "See a port's host.")
	getPortProfile    = rule("get_port:binding:profile", svc, "See a port's binding profile.")
	getPortVIFType    = rule("get_port:binding:vif_type", svc, "See how a port is bound.")
	getPortVIFDetails = rule("get_port:binding:vif_details", svc, "See details of a port's binding.")
	updatePort        = rule("update_port", svc+" or "+member, "Change a port.")
	updatePortOwner   = rule("update_port:device_owner", svc+" or "+netMember,
		"Give a port a device_owner that begins with network:.")
	updatePortMAC      = rule("update_port:mac_address", svc+" or "+netBoss, "Change a port's MAC.")
	updatePortIPs      = rule("update_port:fixed_ips", svc+" or "+netMember, "Change a port's addresses.")
	updatePortIP       = rule("update_port:fixed_ips:ip_address", svc+" or "+netMember, "Give a port a certain address.")
	updatePortIPSubnet = rule("update_port:fixed_ips:subnet_id", svc+" or "+netMember+" or rule:shared",
		"Give a port an address of a certain subnet.")
	updatePortSecurity = rule("update_port:port_security_enabled", svc+" or "+netMember, "Change port security of a port.")
	updatePortHost     = rule("update_port:binding:host_id", svc, "Bind a port to a host, or free it.")
	updatePortProfile  = rule("update_port:binding:profile", "rule:service_api", "Change a port's binding profile.")
	updatePortVNIC     = rule("update_port:binding:vnic_type", svc+" or "+member, "Change a port's vnic_type.")
	updatePortPairs    = rule("update_port:allowed_address_pairs", svc+" or "+netMember,
		"Change a port's allowed address pairs.")
	deletePort = rule("delete_port", svc+" or "+netMember+" or "+member, "Delete a port.")

	createGroup = rule("create_security_group", admin+" or "+member, "Create a security group.")
	getGroup    = rule("get_security_group", admin+" or "+reader, "Show or list security groups.")
	updateGroup = rule("update_security_group", admin+" or "+member, "Change a security group.")
	deleteGroup = rule("delete_security_group", admin+" or "+member, "Delete a security group.")
	createRule  = rule("create_security_group_rule", admin+" or "+sgMember, "Create a security group rule.")
	getRule     = rule("get_security_group_rule", admin+" or "+reader+" or "+sgReader,
		"Show or list security group rules.")
	deleteRule = rule("delete_security_group_rule", admin+" or "+sgMember, "Delete a security group rule.")

	createRouter        = rule("create_router", admin+" or "+member, "Create a router.")
	createRouterGateway = rule("create_router:external_gateway_info", admin+" or "+member,
		"Create a router with a gateway.")
	createRouterGatewayNetwork = rule("create_router:external_gateway_info:network_id", admin+" or "+member,
		"Choose the external network of a new router.")
	createRouterGatewaySNAT = rule("create_router:external_gateway_info:enable_snat", admin,
		"Choose whether a new router translates inner addresses.")
	createRouterGatewayIPs = rule("create_router:external_gateway_info:external_fixed_ips", admin,
		"Choose the external addresses of a new router.")
	getRouter           = rule("get_router", admin+" or "+reader, "Show or list routers.")
	updateRouter        = rule("update_router", admin+" or "+member, "Change a router.")
	updateRouterGateway = rule("update_router:external_gateway_info", admin+" or "+member,
		"Change the gateway of a router.")
	updateRouterGatewayNetwork = rule("update_router:external_gateway_info:network_id", admin+" or "+member,
		"Change the external network of a router.")
	updateRouterGatewaySNAT = rule("update_router:external_gateway_info:enable_snat", admin,
		"Change whether a router translates inner addresses.")
	updateRouterGatewayIPs = rule("update_router:external_gateway_info:external_fixed_ips", admin,
		"Change the external addresses of a router.")
	deleteRouter            = rule("delete_router", admin+" or "+member, "Delete a router.")
	addRouterInterface      = rule("add_router_interface", admin+" or "+member, "Give a router an interface.")
	removeRouterInterface   = rule("remove_router_interface", admin+" or "+member, "Take an interface from a router.")
	addExtraRoutes          = rule("add_extraroutes", admin+" or "+member, "Give a router extra routes.")
	removeExtraRoutes       = rule("remove_extraroutes", admin+" or "+member, "Take extra routes from a router.")
	createFloatingIP        = rule("create_floatingip", admin+" or "+member, "Create a floating IP.")
	createFloatingIPAddress = rule("create_floatingip:floating_ip_address", admin+" or "+manager,
		"Choose the address of a new floating IP.")
	getFloatingIP     = rule("get_floatingip", svc+" or "+reader, "Show or list floating IPs.")
	updateFloatingIP  = rule("update_floatingip", admin+" or "+member, "Change a floating IP, or its port.")
	deleteFloatingIP  = rule("delete_floatingip", admin+" or "+member, "Delete a floating IP.")
	getFloatingIPPool = rule("get_floatingip_pool", admin+" or "+reader, "List the subnets that floating IPs are of.")
	createForwarding  = rule("create_floatingip_port_forwarding", admin+" or "+extMember,
		"Forward ports of a floating IP.")
	getForwarding = rule("get_floatingip_port_forwarding", admin+" or "+extReader,
		"Show or list the port forwardings of a floating IP.")
	updateForwarding = rule("update_floatingip_port_forwarding", admin+" or "+extMember, "Change a port forwarding.")
	deleteForwarding = rule("delete_floatingip_port_forwarding", admin+" or "+extMember, "Delete a port forwarding.")
	createL3Router   = rule("create_l3-router", admin, "Make an L3 agent carry a router.")
	getL3Routers     = rule("get_l3-routers", admin, "List the routers that an L3 agent carries.")
	deleteL3Router   = rule("delete_l3-router", admin, "Take a router from an L3 agent.")
	getL3Agents      = rule("get_l3-agents", admin, "List the L3 agents that carry a router.")

	getQuota = rule("get_quota", admin+" or "+manager,
		"See a project's quotas. Everybody sees those of the own project.")
	updateQuota     = rule("update_quota", admin, "Change a project's quotas.")
	deleteQuota     = rule("delete_quota", admin, "Give a project the default quotas again.")
	getAgent        = rule("get_agent", admin, "Show or list agents.")
	updateAgent     = rule("update_agent", admin, "Change an agent's record.")
	deleteAgent     = rule("delete_agent", admin, "Forget an agent.")
	getAvailability = rule("get_network_ip_availability", "(rule:admin_only) or (rule:service_api)",
		"See how many addresses networks have and use.")
	getZone = rule("get_availability_zone", "role:reader", "List availability zones.")
)

// Rules are the rules of networking, for the enforcer and for documentation.
func Rules() []*policy.Rule {
	rs := []*policy.Rule{ruleAdmin, ruleOnly, ruleService, ruleOwner, ruleSGOwner, ruleExtParent, ruleShared, ruleExt,
		termSharedPool, termSharedScope}
	all := resources(&plugin.Plugin{}, nil)
	for _, r := range all {
		rs = append(rs, r.rules...)
	}
	for _, r := range all {
		rs = append(rs, r.tags.all()...)
	}
	return rs
}

// tagRules guard the tags of one kind of resource.
type tagRules struct{ get, update, delete *policy.Rule }

var (
	networkTags = tagRulesOf("networks", admin+" or "+reader+" or rule:shared or rule:external", updateNetwork.Check,
		updateNetwork.Check)
	subnetTags = tagRulesOf("subnets", admin+" or "+reader+" or "+netReader+" or rule:shared", updateSubnet.Check,
		updateSubnet.Check)
	portTags = tagRulesOf("ports", admin+" or "+netReader+" or "+reader, admin+" or "+member, admin+" or "+netMember+
		" or "+member)
	subnetPoolTags = tagRulesOf("subnetpools", getSubnetPool.Check, updateSubnetPool.Check, updateSubnetPool.Check)
	floatingTags   = tagRulesOf("floatingips", admin+" or "+reader, updateFloatingIP.Check, deleteFloatingIP.Check)
	routerTags     = tagRulesOf("routers", getRouter.Check, updateRouter.Check, updateRouter.Check)
	groupTags      = tagRulesOf("security_groups", getGroup.Check, updateGroup.Check, updateGroup.Check)
)

// all are the rules in the order of declaration.
func (t tagRules) all() []*policy.Rule {
	if t.get == nil {
		return nil
	}
	return []*policy.Rule{t.get, t.update, t.delete}
}

// tagRulesOf makes the rules for the tags of a resource. They allow nothing to other services.
func tagRulesOf(plural, get, update, remove string) tagRules {
	return tagRules{rule("get_"+plural+"_tags", get, "See the tags of "+plural+"."), rule("update_"+plural+"_tags", update,
		"Tag "+plural+"."),
		rule("delete_"+plural+"_tags", remove, "Take tags from "+plural+".")}
}

func networkRules() []*policy.Rule {
	return []*policy.Rule{
		createNetwork, createNetworkShared, createNetworkExternal, createNetworkDefault, createNetworkPortSec,
		createNetworkType, createNetworkPhysical, createNetworkSegment,
		getNetwork, getNetworkType, getNetworkPhysical, getNetworkSegment,
		updateNetwork, updateNetworkShared, updateNetworkExternal, updateNetworkDefault, updateNetworkPortSec,
		deleteNetwork,
	}
}

func portRules() []*policy.Rule {
	return []*policy.Rule{
		createPort, createPortOwner, createPortMAC, createPortIPs, createPortIP, createPortIPSubnet, createPortSecurity,
		createPortHost, createPortProfile, createPortVNIC, createPortPairs,
		getPort, getPortHost, getPortProfile, getPortVIFType, getPortVIFDetails,
		updatePort, updatePortOwner, updatePortMAC, updatePortIPs, updatePortIP, updatePortIPSubnet, updatePortSecurity,
		updatePortHost, updatePortProfile, updatePortVNIC, updatePortPairs,
		deletePort,
	}
}
