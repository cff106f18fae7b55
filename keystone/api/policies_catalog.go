package api

import "hypernova/oslo/policy"

// What filters the catalog, and who this cloud federates with: administrators write, readers of the system read.
var (
	groupsAdd      = rule("create_endpoint_group", adminRequired, "Create an endpoint group.")
	groupsList     = rule("list_endpoint_groups", systemReader, "List endpoint groups.")
	groupsGet      = rule("get_endpoint_group", systemReader, "Show an endpoint group.")
	groupsPut      = rule("update_endpoint_group", adminRequired, "Change an endpoint group.")
	groupsDrop     = rule("delete_endpoint_group", adminRequired, "Delete an endpoint group.")
	groupsProjects = rule("list_projects_associated_with_endpoint_group", systemReader, "List the projects of an endpoint group.")
	groupsMembers  = rule("list_endpoints_associated_with_endpoint_group", systemReader, "List the endpoints of an endpoint group.")
	groupsCheck    = rule("get_endpoint_group_in_project", systemReader, "Ask whether a project has an endpoint group.")
	groupsOf       = rule("list_endpoint_groups_for_project", systemReader, "List the endpoint groups of a project.")
	groupsGive     = rule("add_endpoint_group_to_project", adminRequired, "Give an endpoint group to a project.")
	groupsTake     = rule("remove_endpoint_group_from_project", adminRequired, "Take an endpoint group from a project.")

	filterProjects = rule("list_projects_for_endpoint", systemReader, "List the projects that an endpoint was given to.")
	filterGive     = rule("add_endpoint_to_project", adminRequired, "Give an endpoint to a project.")
	filterCheck    = rule("check_endpoint_in_project", systemReader, "Ask whether a project was given an endpoint.")
	filterList     = rule("list_endpoints_for_project", systemReader, "List the endpoints that a project was given.")
	filterTake     = rule("remove_endpoint_from_project", adminRequired, "Take an endpoint from a project.")

	policyGet  = rule("get_policy", systemReader, "Show a policy.")
	policyList = rule("list_policies", systemReader, "List policies.")
	policyAdd  = rule("create_policy", adminRequired, "Keep a policy.")
	policyPut  = rule("update_policy", adminRequired, "Change a policy.")
	policyDrop = rule("delete_policy", adminRequired, "Delete a policy.")
	linkAdd    = rule("create_policy_association_for_endpoint", adminRequired, "Make a policy that of an endpoint.")
	linkCheck  = rule("check_policy_association_for_endpoint", systemReader, "Ask whether a policy is that of an endpoint.")
	linkDrop   = rule("delete_policy_association_for_endpoint", adminRequired, "Make a policy not that of an endpoint.")
	linkAddS   = rule("create_policy_association_for_service", adminRequired, "Make a policy that of a service.")
	linkCheckS = rule("check_policy_association_for_service", systemReader, "Ask whether a policy is that of a service.")
	linkDropS  = rule("delete_policy_association_for_service", adminRequired, "Make a policy not that of a service.")
	linkAddR   = rule("create_policy_association_for_region_and_service", adminRequired, "Make a policy that of a service in a region.")
	linkCheckR = rule("check_policy_association_for_region_and_service", systemReader, "Ask whether a policy is that of a service in a region.")
	linkDropR  = rule("delete_policy_association_for_region_and_service", adminRequired, "Make a policy not that of a service in a region.")
	linkedOne  = rule("get_policy_for_endpoint", systemReader, "Show the policy of an endpoint.")
	linkedMany = rule("list_endpoints_for_policy", systemReader, "List the endpoints of a policy.")

	optionsAdd      = rule("create_domain_config", adminRequired, "Configure a domain.")
	optionsGet      = rule("get_domain_config", systemReader, "Show the configuration of a domain.")
	optionsSecurity = rule("get_security_compliance_domain_config", "@", "Show the rules that passwords must keep.")
	optionsPut      = rule("update_domain_config", adminRequired, "Change the configuration of a domain.")
	optionsDrop     = rule("delete_domain_config", adminRequired, "Delete the configuration of a domain.")
	optionsDefault  = rule("get_domain_config_default", systemReader, "Show the defaults of domain configurations.")

	idpAdd       = rule("create_identity_provider", adminRequired, "Add an identity provider.")
	idpList      = rule("list_identity_providers", systemReader, "List identity providers.")
	idpGet       = rule("get_identity_provider", systemReader, "Show an identity provider.")
	idpPut       = rule("update_identity_provider", adminRequired, "Change an identity provider.")
	idpDrop      = rule("delete_identity_provider", adminRequired, "Delete an identity provider.")
	protocolAdd  = rule("create_protocol", adminRequired, "Add a protocol to an identity provider.")
	protocolPut  = rule("update_protocol", adminRequired, "Change a protocol.")
	protocolGet  = rule("get_protocol", systemReader, "Show a protocol.")
	protocolList = rule("list_protocols", systemReader, "List the protocols of an identity provider.")
	protocolDrop = rule("delete_protocol", adminRequired, "Delete a protocol.")
	mappingAdd   = rule("create_mapping", adminRequired, "Add a mapping.")
	mappingGet   = rule("get_mapping", systemReader, "Show a mapping.")
	mappingList  = rule("list_mappings", systemReader, "List mappings.")
	mappingPut   = rule("update_mapping", adminRequired, "Change a mapping.")
	mappingDrop  = rule("delete_mapping", adminRequired, "Delete a mapping.")
	spAdd        = rule("create_service_provider", adminRequired, "Add a service provider.")
	spList       = rule("list_service_providers", systemReader, "List service providers.")
	spGet        = rule("get_service_provider", systemReader, "Show a service provider.")
	spPut        = rule("update_service_provider", adminRequired, "Change a service provider.")
	spDrop       = rule("delete_service_provider", adminRequired, "Delete a service provider.")
)

func catalogRules() []*policy.Rule {
	return []*policy.Rule{groupsAdd, groupsList, groupsGet, groupsPut, groupsDrop, groupsProjects, groupsMembers, groupsCheck, groupsOf, groupsGive, groupsTake,
		filterProjects, filterGive, filterCheck, filterList, filterTake, policyGet, policyList, policyAdd, policyPut, policyDrop,
		linkAdd, linkCheck, linkDrop, linkAddS, linkCheckS, linkDropS, linkAddR, linkCheckR, linkDropR, linkedOne, linkedMany,
		optionsAdd, optionsGet, optionsSecurity, optionsPut, optionsDrop, optionsDefault,
		idpAdd, idpList, idpGet, idpPut, idpDrop, protocolAdd, protocolPut, protocolGet, protocolList, protocolDrop,
		mappingAdd, mappingGet, mappingList, mappingPut, mappingDrop, spAdd, spList, spGet, spPut, spDrop}
}
