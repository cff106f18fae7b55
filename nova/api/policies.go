package api

import "hypernova/oslo/policy"

// Checks that most rules are made of.
const (
	admin         = "rule:context_is_admin"
	member        = "rule:project_member_or_admin"
	reader        = "rule:project_reader_or_admin"
	anyone        = "@"
	ownKey        = "(rule:context_is_admin) or user_id:%(user_id)s"
	projectReader = "(rule:project_reader_api) or role:admin"
)

// rule is the rule of operations, which are for tokens of a project: as with nova, whoever is an administrator of a domain or of the whole
// system asks for a token of a project first.
func rule(name, check, doc string) *policy.Rule {
	return &policy.Rule{Name: name, Check: check, Doc: doc, Scopes: []string{"project"}}
}

// term is a rule that only others refer to: it has no scope of its own.
func term(name, check, doc string) *policy.Rule {
	return &policy.Rule{Name: name, Check: check, Doc: doc}
}

// The rules that others refer to.
var (
	ruleIsAdmin    = term("context_is_admin", "role:admin", "Who is an administrator.")
	ruleAdminAPI   = term("admin_api", "rule:context_is_admin", "Operations of operators.")
	ruleManagerAPI = term("project_manager_api", "role:manager and project_id:%(project_id)s", "Managers of the project.")
	ruleMemberAPI  = term("project_member_api", "role:member and project_id:%(project_id)s", "Members of the project.")
	ruleReaderAPI  = term("project_reader_api", "role:reader and project_id:%(project_id)s", "Readers of the project.")
	ruleManager    = term("project_manager_or_admin", "rule:project_manager_api or rule:context_is_admin", "Managers and administrators.")
	ruleMember     = term("project_member_or_admin", "rule:project_member_api or rule:context_is_admin", "Members and administrators.")
	ruleReader     = term("project_reader_or_admin", "rule:project_reader_api or rule:context_is_admin", "Readers and administrators.")
)

// Servers.
var (
	policyServersIndex     = rule("os_compute_api:servers:index", reader, "List servers.")
	policyServersDetail    = rule("os_compute_api:servers:detail", reader, "List servers with details.")
	policyIndexAll         = rule("os_compute_api:servers:index:get_all_tenants", admin, "List the servers of all projects.")
	policyDetailAll        = rule("os_compute_api:servers:detail:get_all_tenants", admin, "List the servers of all projects with details.")
	policyAllFilters       = rule("os_compute_api:servers:allow_all_filters", admin, "Filter by everything.")
	policyServersShow      = rule("os_compute_api:servers:show", reader, "Show a server.")
	policyHostStatus       = rule("os_compute_api:servers:show:host_status", admin, "See the status of a server's host.")
	policyServersCreate    = rule("os_compute_api:servers:create", member, "Create a server.")
	policyForcedHost       = rule("os_compute_api:servers:create:forced_host", admin, "Create a server on a host that the scheduler does not look at.")
	policyRequestedHost    = rule("compute:servers:create:requested_destination", admin, "Create a server on a host that the scheduler checks.")
	policyAttachNetwork    = rule("os_compute_api:servers:create:attach_network", member, "Create a server with networks of choice.")
	policyAttachExternal   = rule("network:attach_external_network", admin, "Attach servers to external networks.")
	policyTrustedCerts     = rule("os_compute_api:servers:create:trusted_certs", member, "Create a server with trusted image certificates.")
	policyZeroDisk         = rule("os_compute_api:servers:create:zero_disk_flavor", admin, "Create a server whose flavor has no disk size.")
	policyServersUpdate    = rule("os_compute_api:servers:update", member, "Update a server.")
	policyServersDelete    = rule("os_compute_api:servers:delete", member, "Delete a server.")
	policyServersStart     = rule("os_compute_api:servers:start", member, "Start a server.")
	policyServersStop      = rule("os_compute_api:servers:stop", member, "Stop a server.")
	policyServersReboot    = rule("os_compute_api:servers:reboot", member, "Reboot a server.")
	policyForceDelete      = rule("os_compute_api:os-deferred-delete:force", member, "Delete a server whatever its state.")
	policyPause            = rule("os_compute_api:os-pause-server:pause", member, "Pause a server.")
	policyUnpause          = rule("os_compute_api:os-pause-server:unpause", member, "Unpause a server.")
	policySuspend          = rule("os_compute_api:os-suspend-server:suspend", member, "Suspend a server.")
	policyResume           = rule("os_compute_api:os-suspend-server:resume", member, "Resume a server.")
	policyLock             = rule("os_compute_api:os-lock-server:lock", member, "Lock a server.")
	policyUnlock           = rule("os_compute_api:os-lock-server:unlock", member, "Unlock a server.")
	policyUnlockOverride   = rule("os_compute_api:os-lock-server:unlock:unlock_override", admin, "Unlock a server that somebody else locked.")
	policyConsoleOutput    = rule("os_compute_api:os-console-output", member, "Read a server's console log.")
	policyResetState       = rule("os_compute_api:os-admin-actions:reset_state", admin, "Set a server's state.")
	policyServerAttributes = rule("os_compute_api:os-extended-server-attributes", admin, "See where a server is and what the hypervisor calls it.")
	policyMetaIndex        = rule("os_compute_api:server-metadata:index", reader, "List a server's metadata.")
	policyMetaShow         = rule("os_compute_api:server-metadata:show", reader, "Show an item of a server's metadata.")
	policyMetaCreate       = rule("os_compute_api:server-metadata:create", member, "Add to a server's metadata.")
	policyMetaUpdate       = rule("os_compute_api:server-metadata:update", member, "Set an item of a server's metadata.")
	policyMetaUpdateAll    = rule("os_compute_api:server-metadata:update_all", member, "Replace a server's metadata.")
	policyMetaDelete       = rule("os_compute_api:server-metadata:delete", member, "Delete an item of a server's metadata.")
	policyTagsIndex        = rule("os_compute_api:os-server-tags:index", reader, "List a server's tags.")
	policyTagsShow         = rule("os_compute_api:os-server-tags:show", reader, "Ask for a tag of a server.")
	policyTagsUpdate       = rule("os_compute_api:os-server-tags:update", member, "Add a tag to a server.")
	policyTagsUpdateAll    = rule("os_compute_api:os-server-tags:update_all", member, "Replace a server's tags.")
	policyTagsDelete       = rule("os_compute_api:os-server-tags:delete", member, "Delete a tag of a server.")
	policyTagsDeleteAll    = rule("os_compute_api:os-server-tags:delete_all", member, "Delete a server's tags.")
	policyIPsIndex         = rule("os_compute_api:ips:index", reader, "List a server's addresses.")
	policyIPsShow          = rule("os_compute_api:ips:show", reader, "List a server's addresses on one network.")
	policyServerGroups     = rule("os_compute_api:os-security-groups:list", reader, "List a server's security groups.")
	policyInterfaces       = rule("os_compute_api:os-attach-interfaces:list", reader, "List a server's ports.")
	policyInterface        = rule("os_compute_api:os-attach-interfaces:show", reader, "Show a port of a server.")
	policyVolumesIndex     = rule("os_compute_api:os-volumes-attachments:index", reader, "List a server's volumes.")
	policyVolumesShow      = rule("os_compute_api:os-volumes-attachments:show", reader, "Show a volume of a server.")
	policyActions          = rule("os_compute_api:os-instance-actions:list", reader, "List what was asked of a server.")
	policyAction           = rule("os_compute_api:os-instance-actions:show", reader, "Show what one request did to a server.")
	policyActionEvents     = rule("os_compute_api:os-instance-actions:events", admin, "See hosts and tracebacks of a server's action.")
	policyActionDetails    = rule("os_compute_api:os-instance-actions:events:details", admin, "See why a server's action failed.")
	policyExternalEvents   = rule("os_compute_api:os-server-external-events:create", "rule:context_is_admin or role:service", "Tell compute about events of other services.")
)

// Flavors, key pairs, quotas and what everybody may know.
var (
	policyFlavorCreate  = rule("os_compute_api:os-flavor-manage:create", admin, "Create a flavor.")
	policyFlavorUpdate  = rule("os_compute_api:os-flavor-manage:update", admin, "Describe a flavor.")
	policyFlavorDelete  = rule("os_compute_api:os-flavor-manage:delete", admin, "Delete a flavor.")
	policyFlavorAccess  = rule("os_compute_api:os-flavor-access", admin, "List who may use a private flavor.")
	policyFlavorAllow   = rule("os_compute_api:os-flavor-access:add_tenant_access", admin, "Let a project use a private flavor.")
	policyFlavorDeny    = rule("os_compute_api:os-flavor-access:remove_tenant_access", admin, "Take a private flavor from a project.")
	policySpecsIndex    = rule("os_compute_api:os-flavor-extra-specs:index", reader, "List a flavor's extra specs.")
	policySpecsShow     = rule("os_compute_api:os-flavor-extra-specs:show", reader, "Show an extra spec of a flavor.")
	policySpecsCreate   = rule("os_compute_api:os-flavor-extra-specs:create", admin, "Add extra specs to a flavor.")
	policySpecsUpdate   = rule("os_compute_api:os-flavor-extra-specs:update", admin, "Set an extra spec of a flavor.")
	policySpecsDelete   = rule("os_compute_api:os-flavor-extra-specs:delete", admin, "Delete an extra spec of a flavor.")
	policyKeysIndex     = rule("os_compute_api:os-keypairs:index", ownKey, "List key pairs.")
	policyKeysShow      = rule("os_compute_api:os-keypairs:show", ownKey, "Show a key pair.")
	policyKeysCreate    = rule("os_compute_api:os-keypairs:create", ownKey, "Create a key pair.")
	policyKeysDelete    = rule("os_compute_api:os-keypairs:delete", ownKey, "Delete a key pair.")
	policyQuotaShow     = rule("os_compute_api:os-quota-sets:show", projectReader, "Show quotas.")
	policyQuotaDetail   = rule("os_compute_api:os-quota-sets:detail", projectReader, "Show quotas and what is in use.")
	policyQuotaDefaults = rule("os_compute_api:os-quota-sets:defaults", anyone, "Show default quotas.")
	policyQuotaUpdate   = rule("os_compute_api:os-quota-sets:update", admin, "Set quotas.")
	policyQuotaDelete   = rule("os_compute_api:os-quota-sets:delete", admin, "Go back to default quotas.")
	policyClassShow     = rule("os_compute_api:os-quota-class-sets:show", admin, "Show the quotas of a class.")
	policyClassUpdate   = rule("os_compute_api:os-quota-class-sets:update", admin, "Set the quotas of a class.")
	policyLimits        = rule("os_compute_api:limits", anyone, "Show the limits of a project.")
	policyLimitsOther   = rule("os_compute_api:limits:other_project", admin, "Show the limits of another project.")
	policyUsageList     = rule("os_compute_api:os-simple-tenant-usage:list", admin, "List the usage of all projects.")
	policyUsageShow     = rule("os_compute_api:os-simple-tenant-usage:show", reader, "Show the usage of a project.")
	policyZones         = rule("os_compute_api:os-availability-zone:list", anyone, "List availability zones.")
	policyZonesDetail   = rule("os_compute_api:os-availability-zone:detail", admin, "List availability zones with their hosts.")
	policyExtensions    = rule("os_compute_api:extensions", anyone, "List extensions.")
)

// Hosts.
var (
	policyNodesList      = rule("os_compute_api:os-hypervisors:list", admin, "List hypervisors.")
	policyNodesDetail    = rule("os_compute_api:os-hypervisors:list-detail", admin, "List hypervisors with details.")
	policyNodesShow      = rule("os_compute_api:os-hypervisors:show", admin, "Show a hypervisor.")
	policyNodesStats     = rule("os_compute_api:os-hypervisors:statistics", admin, "Sum up hypervisors.")
	policyNodesUptime    = rule("os_compute_api:os-hypervisors:uptime", admin, "Show a hypervisor's uptime.")
	policyNodesSearch    = rule("os_compute_api:os-hypervisors:search", admin, "Find hypervisors by name.")
	policyNodesServers   = rule("os_compute_api:os-hypervisors:servers", admin, "List the servers of hypervisors.")
	policyServicesList   = rule("os_compute_api:os-services:list", admin, "List services.")
	policyServicesUpdate = rule("os_compute_api:os-services:update", admin, "Enable, disable or force down a service.")
	policyServicesDelete = rule("os_compute_api:os-services:delete", admin, "Delete a service.")
	policyAggIndex       = rule("os_compute_api:os-aggregates:index", admin, "List aggregates.")
	policyAggShow        = rule("os_compute_api:os-aggregates:show", admin, "Show an aggregate.")
	policyAggCreate      = rule("os_compute_api:os-aggregates:create", admin, "Create an aggregate.")
	policyAggUpdate      = rule("os_compute_api:os-aggregates:update", admin, "Rename an aggregate or change its zone.")
	policyAggDelete      = rule("os_compute_api:os-aggregates:delete", admin, "Delete an aggregate.")
	policyAggAddHost     = rule("os_compute_api:os-aggregates:add_host", admin, "Add a host to an aggregate.")
	policyAggRemoveHost  = rule("os_compute_api:os-aggregates:remove_host", admin, "Remove a host from an aggregate.")
	policyAggMetadata    = rule("os_compute_api:os-aggregates:set_metadata", admin, "Set an aggregate's metadata.")
)

// Rules are all rules of compute, for the enforcer and for documents.
func Rules() []*policy.Rule {
	return []*policy.Rule{
		ruleIsAdmin, ruleAdminAPI, ruleManagerAPI, ruleMemberAPI, ruleReaderAPI, ruleManager, ruleMember, ruleReader,
		policyServersIndex, policyServersDetail, policyIndexAll, policyDetailAll, policyAllFilters, policyServersShow, policyHostStatus,
		policyServersCreate, policyForcedHost, policyRequestedHost, policyAttachNetwork, policyAttachExternal, policyTrustedCerts, policyZeroDisk,
		policyServersUpdate, policyServersDelete, policyServersStart, policyServersStop, policyServersReboot, policyForceDelete,
		policyPause, policyUnpause, policySuspend, policyResume, policyLock, policyUnlock, policyUnlockOverride, policyConsoleOutput, policyResetState, policyServerAttributes,
		policyMetaIndex, policyMetaShow, policyMetaCreate, policyMetaUpdate, policyMetaUpdateAll, policyMetaDelete,
		policyTagsIndex, policyTagsShow, policyTagsUpdate, policyTagsUpdateAll, policyTagsDelete, policyTagsDeleteAll,
		policyIPsIndex, policyIPsShow, policyServerGroups, policyInterfaces, policyInterface, policyVolumesIndex, policyVolumesShow,
		policyActions, policyAction, policyActionEvents, policyActionDetails, policyExternalEvents,
		policyFlavorCreate, policyFlavorUpdate, policyFlavorDelete, policyFlavorAccess, policyFlavorAllow, policyFlavorDeny,
		policySpecsIndex, policySpecsShow, policySpecsCreate, policySpecsUpdate, policySpecsDelete,
		policyKeysIndex, policyKeysShow, policyKeysCreate, policyKeysDelete,
		policyQuotaShow, policyQuotaDetail, policyQuotaDefaults, policyQuotaUpdate, policyQuotaDelete, policyClassShow, policyClassUpdate,
		policyLimits, policyLimitsOther, policyUsageList, policyUsageShow, policyZones, policyZonesDetail, policyExtensions,
		policyNodesList, policyNodesDetail, policyNodesShow, policyNodesStats, policyNodesUptime, policyNodesSearch, policyNodesServers,
		policyServicesList, policyServicesUpdate, policyServicesDelete,
		policyAggIndex, policyAggShow, policyAggCreate, policyAggUpdate, policyAggDelete, policyAggAddHost, policyAggRemoveHost, policyAggMetadata,
	}
}
