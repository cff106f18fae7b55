package api

import "hypernova/oslo/policy"

// What filters the catalog, and who this cloud federates with: administrators write, readers of the system read.
var (
	groupsAdd      = central("create_endpoint_group", adminRequired, "Create an endpoint group.")
	groupsList     = central("list_endpoint_groups", systemReader, "List endpoint groups.")
	groupsGet      = central("get_endpoint_group", systemReader, "Show an endpoint group.")
	groupsPut      = central("update_endpoint_group", adminRequired, "Change an endpoint group.")
	groupsDrop     = central("delete_endpoint_group", adminRequired, "Delete an endpoint group.")
	groupsProjects = central("list_projects_associated_with_endpoint_group", systemReader, "List the projects of an endpoint group.")
	groupsMembers  = central("list_endpoints_associated_with_endpoint_group", systemReader, "List the endpoints of an endpoint group.")
	groupsCheck    = central("get_endpoint_group_in_project", systemReader, "Ask whether a project has an endpoint group.")
	groupsOf       = central("list_endpoint_groups_for_project", systemReader, "List the endpoint groups of a project.")
	groupsGive     = central("add_endpoint_group_to_project", adminRequired, "Give an endpoint group to a project.")
	groupsTake     = central("remove_endpoint_group_from_project", adminRequired, "Take an endpoint group from a project.")

	filterProjects = central("list_projects_for_endpoint", systemReader, "List the projects that an endpoint was given to.")
	filterGive     = central("add_endpoint_to_project", adminRequired, "Give an endpoint to a project.")
	filterCheck    = central("check_endpoint_in_project", systemReader, "Ask whether a project was given an endpoint.")
	filterList     = central("list_endpoints_for_project", systemReader, "List the endpoints that a project was given.")
	filterTake     = central("remove_endpoint_from_project", adminRequired, "Take an endpoint from a project.")

	policyGet  = central("get_policy", systemReader, "Show a policy.")
	policyList = central("list_policies", systemReader, "List policies.")
	policyAdd  = central("create_policy", adminRequired, "Keep a policy.")
	policyPut  = central("update_policy", adminRequired, "Change a policy.")
	policyDrop = central("delete_policy", adminRequired, "Delete a policy.")
	linkAdd    = central("create_policy_association_for_endpoint", adminRequired, "Make a policy that of an endpoint.")
	linkCheck  = central("check_policy_association_for_endpoint", systemReader, "Ask whether a policy is that of an endpoint.")
	linkDrop   = central("delete_policy_association_for_endpoint", adminRequired, "Make a policy not that of an endpoint.")
	linkAddS   = central("create_policy_association_for_service", adminRequired, "Make a policy that of a service.")
	linkCheckS = central("check_policy_association_for_service", systemReader, "Ask whether a policy is that of a service.")
	linkDropS  = central("delete_policy_association_for_service", adminRequired, "Make a policy not that of a service.")
	linkAddR   = central("create_policy_association_for_region_and_service", adminRequired, "Make a policy that of a service in a region.")
	linkCheckR = central("check_policy_association_for_region_and_service", systemReader, "Ask whether a policy is that of a service in a region.")
	linkDropR  = central("delete_policy_association_for_region_and_service", adminRequired, "Make a policy not that of a service in a region.")
	linkedOne  = central("get_policy_for_endpoint", systemReader, "Show the policy of an endpoint.")
	linkedMany = central("list_endpoints_for_policy", systemReader, "List the endpoints of a policy.")

	optionsAdd      = central("create_domain_config", adminRequired, "Configure a domain.")
	optionsGet      = central("get_domain_config", systemReader, "Show the configuration of a domain.")
	optionsSecurity = rule("get_security_compliance_domain_config", "@", "Show the rules that passwords must keep.")
	optionsPut      = central("update_domain_config", adminRequired, "Change the configuration of a domain.")
	optionsDrop     = central("delete_domain_config", adminRequired, "Delete the configuration of a domain.")
	optionsDefault  = central("get_domain_config_default", systemReader, "Show the defaults of domain configurations.")

	idpAdd       = central("create_identity_provider", adminRequired, "Add an identity provider.")
	idpList      = central("list_identity_providers", systemReader, "List identity providers.")
	idpGet       = central("get_identity_provider", systemReader, "Show an identity provider.")
	idpPut       = central("update_identity_provider", adminRequired, "Change an identity provider.")
	idpDrop      = central("delete_identity_provider", adminRequired, "Delete an identity provider.")
	protocolAdd  = central("create_protocol", adminRequired, "Add a protocol to an identity provider.")
	protocolPut  = central("update_protocol", adminRequired, "Change a protocol.")
	protocolGet  = central("get_protocol", systemReader, "Show a protocol.")
	protocolList = central("list_protocols", systemReader, "List the protocols of an identity provider.")
	protocolDrop = central("delete_protocol", adminRequired, "Delete a protocol.")
	mappingAdd   = central("create_mapping", adminRequired, "Add a mapping.")
	mappingGet   = central("get_mapping", systemReader, "Show a mapping.")
	mappingList  = central("list_mappings", systemReader, "List mappings.")
	mappingPut   = central("update_mapping", adminRequired, "Change a mapping.")
	mappingDrop  = central("delete_mapping", adminRequired, "Delete a mapping.")
	spAdd        = central("create_service_provider", adminRequired, "Add a service provider.")
	spList       = central("list_service_providers", systemReader, "List service providers.")
	spGet        = central("get_service_provider", systemReader, "Show a service provider.")
	spPut        = central("update_service_provider", adminRequired, "Change a service provider.")
	spDrop       = central("delete_service_provider", adminRequired, "Delete a service provider.")
)

func catalogRules() []*policy.Rule {
	return []*policy.Rule{groupsAdd, groupsList, groupsGet, groupsPut, groupsDrop, groupsProjects, groupsMembers, groupsCheck, groupsOf, groupsGive, groupsTake,
		filterProjects, filterGive, filterCheck, filterList, filterTake, policyGet, policyList, policyAdd, policyPut, policyDrop,
		linkAdd, linkCheck, linkDrop, linkAddS, linkCheckS, linkDropS, linkAddR, linkCheckR, linkDropR, linkedOne, linkedMany,
		optionsAdd, optionsGet, optionsSecurity, optionsPut, optionsDrop, optionsDefault,
		idpAdd, idpList, idpGet, idpPut, idpDrop, protocolAdd, protocolPut, protocolGet, protocolList, protocolDrop,
		mappingAdd, mappingGet, mappingList, mappingPut, mappingDrop, spAdd, spList, spGet, spPut, spDrop}
}
