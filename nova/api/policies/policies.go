// Package policies declares the rules of the Compute API. A rule's variable has the rule's name in Go's form, without
// os_compute_api and os: os_compute_api:os-server-tags:index is ServerTagsIndex.
package policies

import "hypernova/oslo/policy"

// Checks that most rules are made of.
const (
	admin          = "rule:context_is_admin"
	member         = "rule:project_member_or_admin"
	reader         = "rule:project_reader_or_admin"
	manager        = "rule:project_manager_or_admin"
	anyone         = "@"
	ownKey         = "(rule:context_is_admin) or user_id:%(user_id)s"
	serviceOrAdmin = "rule:service_or_admin"
)

var set policy.Set

// Rules lists all rules in the order of their declaration, for the enforcer and for documents.
func Rules() []*policy.Rule { return set.Rules() }

// rule declares the rule of an operation. Those are for tokens of a project: an administrator of a domain or of the
// whole system asks for a token of a project first, as with nova.
func rule(name, check, doc string) *policy.Rule {
	return set.Add(policy.Rule{Name: name, Check: check, Doc: doc, Scopes: []string{"project"}})
}

// term declares a rule that only others refer to: it has no scope of its own.
func term(name, check, doc string) *policy.Rule {
	return set.Add(policy.Rule{Name: name, Check: check, Doc: doc})
}

// The rules that others refer to.
var (
	ContextIsAdmin    = term("context_is_admin", "role:admin", "Who is an administrator.")
	AdminAPI          = term("admin_api", "rule:context_is_admin", "Operations of operators.")
	ProjectManagerAPI = term("project_manager_api", "role:manager and project_id:%(project_id)s",
		"Managers of the project.")
	ProjectMemberAPI = term("project_member_api", "role:member and project_id:%(project_id)s",
		"Members of the project.")
	ProjectReaderAPI = term("project_reader_api", "role:reader and project_id:%(project_id)s",
		"Readers of the project.")
	ProjectManagerOrAdmin = term("project_manager_or_admin", "rule:project_manager_api or rule:context_is_admin",
		"Managers and administrators.")
	ProjectMemberOrAdmin = term("project_member_or_admin", "rule:project_member_api or rule:context_is_admin",
		"Members and administrators.")
	ProjectReaderOrAdmin = term("project_reader_or_admin", "rule:project_reader_api or rule:context_is_admin",
		"Readers and administrators.")
	ServiceAPI     = term("service_api", "role:service", "Other services of the cloud.")
	ServiceOrAdmin = term("service_or_admin", "rule:service_api or rule:context_is_admin",
		"Other services and administrators.")
)

// Servers.
var (
	ServersIndex              = rule("os_compute_api:servers:index", reader, "List servers.")
	ServersDetail             = rule("os_compute_api:servers:detail", reader, "List servers with details.")
	ServersIndexGetAllTenants = rule("os_compute_api:servers:index:get_all_tenants", admin,
		"List the servers of all projects.")
	ServersDetailGetAllTenants = rule("os_compute_api:servers:detail:get_all_tenants", admin,
		"List the servers of all projects with details.")
	ServersAllowAllFilters = rule("os_compute_api:servers:allow_all_filters", admin, "Filter by everything.")
	ServersShow            = rule("os_compute_api:servers:show", reader, "Show a server.")
	ServersShowHostStatus  = rule("os_compute_api:servers:show:host_status", admin,
		"See the status of a server's host.")
	ServersShowHostStatusUnknownOnly = rule("os_compute_api:servers:show:host_status:unknown-only", admin,
		"See the status of a server's host where it is UNKNOWN.")
	ServersShowFlavorExtraSpecs = rule("os_compute_api:servers:show:flavor-extra-specs", reader,
		"See the extra specs of a server's flavor.")
	ServersCreate           = rule("os_compute_api:servers:create", member, "Create a server.")
	ServersCreateForcedHost = rule("os_compute_api:servers:create:forced_host", admin,
		"Create a server on a host that the scheduler does not look at.")
	ServersCreateRequestedDestination = rule("compute:servers:create:requested_destination", admin,
		"Create a server on a host that the scheduler checks.")
	ServersCreateAttachNetwork = rule("os_compute_api:servers:create:attach_network", member,
		"Create a server with networks of choice.")
	ServersCreateAttachVolume = rule("os_compute_api:servers:create:attach_volume", member,
		"Create a server with a block device mapping of choice.")
	NetworkAttachExternalNetwork = rule("network:attach_external_network", admin,
		"Attach servers to external networks.")
	ServersCreateTrustedCerts = rule("os_compute_api:servers:create:trusted_certs", member,
		"Create a server with trusted image certificates.")
	ServersCreateZeroDiskFlavor = rule("os_compute_api:servers:create:zero_disk_flavor", admin,
		"Create a server whose flavor has no disk size.")
	ServersUpdate              = rule("os_compute_api:servers:update", member, "Update a server.")
	ServersDelete              = rule("os_compute_api:servers:delete", member, "Delete a server.")
	ServersStart               = rule("os_compute_api:servers:start", member, "Start a server.")
	ServersStop                = rule("os_compute_api:servers:stop", member, "Stop a server.")
	ServersReboot              = rule("os_compute_api:servers:reboot", member, "Reboot a server.")
	ServersRebuild             = rule("os_compute_api:servers:rebuild", member, "Rebuild a server.")
	ServersRebuildTrustedCerts = rule("os_compute_api:servers:rebuild:trusted_certs", member,
		"Rebuild a server with trusted image certificates.")
	ServersTriggerCrashDump = rule("os_compute_api:servers:trigger_crash_dump", member,
		"Have a server write a crash dump.")
	DeferredDeleteRestore = rule("os_compute_api:os-deferred-delete:restore", member, "Restore a deleted server.")
	DeferredDeleteForce   = rule("os_compute_api:os-deferred-delete:force", member,
		"Delete a server whatever its state.")
	PauseServerPause     = rule("os_compute_api:os-pause-server:pause", member, "Pause a server.")
	PauseServerUnpause   = rule("os_compute_api:os-pause-server:unpause", member, "Unpause a server.")
	SuspendServerSuspend = rule("os_compute_api:os-suspend-server:suspend", member, "Suspend a server.")
	SuspendServerResume  = rule("os_compute_api:os-suspend-server:resume", member, "Resume a server.")
	Rescue               = rule("os_compute_api:os-rescue", member, "Rescue a server.")
	Unrescue             = rule("os_compute_api:os-unrescue", member, "End the rescue of a server.")
	AdminPassword        = rule("os_compute_api:os-admin-password", member,
		"Change the administrator's password of a server.")
	ServerPasswordShow = rule("os_compute_api:os-server-password:show", reader,
		"Show the encrypted password that a server's guest has written.")
	ServerPasswordClear = rule("os_compute_api:os-server-password:clear", member,
		"Remove the encrypted password that a server's guest has written.")
	ServerDiagnostics       = rule("os_compute_api:os-server-diagnostics", admin, "Show what a server's guest uses.")
	ServerTopologyIndex     = rule("compute:server:topology:index", reader, "Show a server's NUMA topology.")
	ServerTopologyHostIndex = rule("compute:server:topology:host:index", admin,
		"Show a server's NUMA topology with the places on its host.")
	LockServerLock                 = rule("os_compute_api:os-lock-server:lock", member, "Lock a server.")
	LockServerUnlock               = rule("os_compute_api:os-lock-server:unlock", member, "Unlock a server.")
	LockServerUnlockUnlockOverride = rule("os_compute_api:os-lock-server:unlock:unlock_override", admin,
		"Unlock a server that somebody else locked.")
	ConsoleOutput     = rule("os_compute_api:os-console-output", member, "Read a server's console log.")
	RemoteConsoles    = rule("os_compute_api:os-remote-consoles", member, "Open a server's console.")
	ConsoleAuthTokens = rule("os_compute_api:os-console-auth-tokens", admin,
		"Show what a console's token stands for.")
	AdminActionsResetState        = rule("os_compute_api:os-admin-actions:reset_state", admin, "Set a server's state.")
	AdminActionsInjectNetworkInfo = rule("os_compute_api:os-admin-actions:inject_network_info", admin,
		"Put the network configuration into a server's guest.")
	ExtendedServerAttributes = rule("os_compute_api:os-extended-server-attributes", admin,
		"See where a server is and what the hypervisor calls it.")
	ServerMetadataIndex = rule("os_compute_api:server-metadata:index", reader, "List a server's metadata.")
	ServerMetadataShow  = rule("os_compute_api:server-metadata:show", reader,
		"Show an item of a server's metadata.")
	ServerMetadataCreate = rule("os_compute_api:server-metadata:create", member,
		"Add to a server's metadata.")
	ServerMetadataUpdate = rule("os_compute_api:server-metadata:update", member,
		"Set an item of a server's metadata.")
	ServerMetadataUpdateAll = rule("os_compute_api:server-metadata:update_all", member,
		"Replace a server's metadata.")
	ServerMetadataDelete = rule("os_compute_api:server-metadata:delete", member,
		"Delete an item of a server's metadata.")
	ServerTagsIndex     = rule("os_compute_api:os-server-tags:index", reader, "List a server's tags.")
	ServerTagsShow      = rule("os_compute_api:os-server-tags:show", reader, "Ask for a tag of a server.")
	ServerTagsUpdate    = rule("os_compute_api:os-server-tags:update", member, "Add a tag to a server.")
	ServerTagsUpdateAll = rule("os_compute_api:os-server-tags:update_all", member,
		"Replace a server's tags.")
	ServerTagsDelete    = rule("os_compute_api:os-server-tags:delete", member, "Delete a tag of a server.")
	ServerTagsDeleteAll = rule("os_compute_api:os-server-tags:delete_all", member, "Delete a server's tags.")
	IPsIndex            = rule("os_compute_api:ips:index", reader, "List a server's addresses.")
	IPsShow             = rule("os_compute_api:ips:show", reader,
		"List a server's addresses on one network.")
	SecurityGroupsList = rule("os_compute_api:os-security-groups:list", reader,
		"List a server's security groups.")
	ServersCreateImage       = rule("os_compute_api:servers:create_image", member, "Make an image of a server.")
	CreateBackup             = rule("os_compute_api:os-create-backup", member, "Back up a server as an image.")
	SecurityGroupsGet        = rule("os_compute_api:os-security-groups:get", reader, "List security groups.")
	SecurityGroupsShow       = rule("os_compute_api:os-security-groups:show", reader, "Show a security group.")
	SecurityGroupsCreate     = rule("os_compute_api:os-security-groups:create", member, "Create a security group.")
	SecurityGroupsUpdate     = rule("os_compute_api:os-security-groups:update", member, "Update a security group.")
	SecurityGroupsDelete     = rule("os_compute_api:os-security-groups:delete", member, "Delete a security group.")
	SecurityGroupsRuleCreate = rule("os_compute_api:os-security-groups:rule:create", member,
		"Create a rule of a security group.")
	SecurityGroupsRuleDelete = rule("os_compute_api:os-security-groups:rule:delete", member,
		"Delete a rule of a security group.")
	NetworksList           = rule("os_compute_api:os-networks:list", reader, "List networks.")
	NetworksShow           = rule("os_compute_api:os-networks:show", reader, "Show a network.")
	TenantNetworksList     = rule("os_compute_api:os-tenant-networks:list", reader, "List a project's networks.")
	TenantNetworksShow     = rule("os_compute_api:os-tenant-networks:show", reader, "Show a network of a project.")
	AttachInterfacesCreate = rule("os_compute_api:os-attach-interfaces:create", member, "Attach a port to a server.")
	AttachInterfacesDelete = rule("os_compute_api:os-attach-interfaces:delete", member, "Detach a port of a server.")
	MultinicAdd            = rule("os_compute_api:os-multinic:add", member, "Give a server one more address.")
	MultinicRemove         = rule("os_compute_api:os-multinic:remove", member, "Take an address from a server.")
	SecurityGroupsAdd      = rule("os_compute_api:os-security-groups:add", member,
		"Give a security group to the ports of a server.")
	SecurityGroupsRemove = rule("os_compute_api:os-security-groups:remove", member,
		"Take a security group from the ports of a server.")
	AttachInterfacesList = rule("os_compute_api:os-attach-interfaces:list", reader, "List a server's ports.")
	AttachInterfacesShow = rule("os_compute_api:os-attach-interfaces:show", reader,
		"Show a port of a server.")
	VolumesAttachmentsIndex = rule("os_compute_api:os-volumes-attachments:index", reader,
		"List a server's volumes.")
	VolumesAttachmentsShow = rule("os_compute_api:os-volumes-attachments:show", reader,
		"Show a volume of a server.")
	ServerSharesIndex   = rule("os_compute_api:os-server-shares:index", reader, "List a server's shares.")
	ServerSharesCreate  = rule("os_compute_api:os-server-shares:create", member, "Attach a share to a server.")
	ServerSharesShow    = rule("os_compute_api:os-server-shares:show", reader, "Show a share of a server.")
	ServerSharesDelete  = rule("os_compute_api:os-server-shares:delete", member, "Detach a share of a server.")
	InstanceActionsList = rule("os_compute_api:os-instance-actions:list", reader,
		"List what was asked of a server.")
	InstanceActionsShow = rule("os_compute_api:os-instance-actions:show", reader,
		"Show what one request did to a server.")
	InstanceActionsEvents = rule("os_compute_api:os-instance-actions:events", admin,
		"See hosts and tracebacks of a server's action.")
	InstanceActionsEventsDetails = rule("os_compute_api:os-instance-actions:events:details", admin,
		"See why a server's action failed.")
	ServerExternalEventsCreate = rule("os_compute_api:os-server-external-events:create",
		serviceOrAdmin, "Tell compute about events of other services.")
)

// Flavors, key pairs, quotas and what everybody may know.
var (
	FlavorManageCreate          = rule("os_compute_api:os-flavor-manage:create", admin, "Create a flavor.")
	FlavorManageUpdate          = rule("os_compute_api:os-flavor-manage:update", admin, "Describe a flavor.")
	FlavorManageDelete          = rule("os_compute_api:os-flavor-manage:delete", admin, "Delete a flavor.")
	FlavorAccess                = rule("os_compute_api:os-flavor-access", admin, "List who may use a private flavor.")
	FlavorAccessAddTenantAccess = rule("os_compute_api:os-flavor-access:add_tenant_access", admin,
		"Let a project use a private flavor.")
	FlavorAccessRemoveTenantAccess = rule("os_compute_api:os-flavor-access:remove_tenant_access", admin,
		"Take a private flavor from a project.")
	FlavorExtraSpecsIndex = rule("os_compute_api:os-flavor-extra-specs:index", reader,
		"List a flavor's extra specs.")
	FlavorExtraSpecsShow = rule("os_compute_api:os-flavor-extra-specs:show", reader,
		"Show an extra spec of a flavor.")
	FlavorExtraSpecsCreate = rule("os_compute_api:os-flavor-extra-specs:create", admin,
		"Add extra specs to a flavor.")
	FlavorExtraSpecsUpdate = rule("os_compute_api:os-flavor-extra-specs:update", admin,
		"Set an extra spec of a flavor.")
	FlavorExtraSpecsDelete = rule("os_compute_api:os-flavor-extra-specs:delete", admin,
		"Delete an extra spec of a flavor.")
	KeypairsIndex   = rule("os_compute_api:os-keypairs:index", ownKey, "List key pairs.")
	KeypairsShow    = rule("os_compute_api:os-keypairs:show", ownKey, "Show a key pair.")
	KeypairsCreate  = rule("os_compute_api:os-keypairs:create", ownKey, "Create a key pair.")
	KeypairsDelete  = rule("os_compute_api:os-keypairs:delete", ownKey, "Delete a key pair.")
	QuotaSetsShow   = rule("os_compute_api:os-quota-sets:show", reader, "Show quotas.")
	QuotaSetsDetail = rule("os_compute_api:os-quota-sets:detail", reader,
		"Show quotas and what is in use.")
	QuotaSetsDefaults    = rule("os_compute_api:os-quota-sets:defaults", anyone, "Show default quotas.")
	QuotaSetsUpdate      = rule("os_compute_api:os-quota-sets:update", admin, "Set quotas.")
	QuotaSetsDelete      = rule("os_compute_api:os-quota-sets:delete", admin, "Go back to default quotas.")
	QuotaClassSetsShow   = rule("os_compute_api:os-quota-class-sets:show", admin, "Show the quotas of a class.")
	QuotaClassSetsUpdate = rule("os_compute_api:os-quota-class-sets:update", admin, "Set the quotas of a class.")
	Limits               = rule("os_compute_api:limits", anyone, "Show the limits of a project.")
	LimitsOtherProject   = rule("os_compute_api:limits:other_project", admin,
		"Show the limits of another project.")
	SimpleTenantUsageList = rule("os_compute_api:os-simple-tenant-usage:list", admin,
		"List the usage of all projects.")
	SimpleTenantUsageShow = rule("os_compute_api:os-simple-tenant-usage:show", reader,
		"Show the usage of a project.")
	AvailabilityZoneList   = rule("os_compute_api:os-availability-zone:list", anyone, "List availability zones.")
	AvailabilityZoneDetail = rule("os_compute_api:os-availability-zone:detail", admin,
		"List availability zones with their hosts.")
	Extensions = rule("os_compute_api:extensions", anyone, "List extensions.")
)

// Hosts.
var (
	HypervisorsList       = rule("os_compute_api:os-hypervisors:list", admin, "List hypervisors.")
	HypervisorsListDetail = rule("os_compute_api:os-hypervisors:list-detail", admin,
		"List hypervisors with details.")
	HypervisorsShow       = rule("os_compute_api:os-hypervisors:show", admin, "Show a hypervisor.")
	HypervisorsStatistics = rule("os_compute_api:os-hypervisors:statistics", admin, "Sum up hypervisors.")
	HypervisorsUptime     = rule("os_compute_api:os-hypervisors:uptime", admin, "Show a hypervisor's uptime.")
	HypervisorsSearch     = rule("os_compute_api:os-hypervisors:search", admin, "Find hypervisors by name.")
	HypervisorsServers    = rule("os_compute_api:os-hypervisors:servers", admin, "List the servers of hypervisors.")
	ServicesList          = rule("os_compute_api:os-services:list", admin, "List services.")
	ServicesUpdate        = rule("os_compute_api:os-services:update", admin,
		"Enable, disable or force down a service.")
	ServicesDelete               = rule("os_compute_api:os-services:delete", admin, "Delete a service.")
	ServerGroupsIndex            = rule("os_compute_api:os-server-groups:index", reader, "List server groups.")
	ServerGroupsIndexAllProjects = rule("os_compute_api:os-server-groups:index:all_projects", admin,
		"List the server groups of all projects.")
	ServerGroupsShow   = rule("os_compute_api:os-server-groups:show", reader, "Show a server group.")
	ServerGroupsCreate = rule("os_compute_api:os-server-groups:create", member, "Create a server group.")
	ServerGroupsDelete = rule("os_compute_api:os-server-groups:delete", member, "Delete a server group.")

	AggregatesIndex       = rule("os_compute_api:os-aggregates:index", admin, "List aggregates.")
	AggregatesShow        = rule("os_compute_api:os-aggregates:show", admin, "Show an aggregate.")
	AggregatesCreate      = rule("os_compute_api:os-aggregates:create", admin, "Create an aggregate.")
	AggregatesUpdate      = rule("os_compute_api:os-aggregates:update", admin, "Rename an aggregate or change its zone.")
	AggregatesDelete      = rule("os_compute_api:os-aggregates:delete", admin, "Delete an aggregate.")
	AggregatesAddHost     = rule("os_compute_api:os-aggregates:add_host", admin, "Add a host to an aggregate.")
	AggregatesRemoveHost  = rule("os_compute_api:os-aggregates:remove_host", admin, "Remove a host from an aggregate.")
	AggregatesSetMetadata = rule("os_compute_api:os-aggregates:set_metadata", admin, "Set an aggregate's metadata.")
	AggregatesImages      = rule("compute:aggregates:images", admin,
		"Have the hosts of an aggregate fetch images ahead of servers.")
)

// Hosts as old clients see them, reports of use, and moves.
var (
	HostsList     = rule("os_compute_api:os-hosts:list", admin, "List hosts.")
	HostsShow     = rule("os_compute_api:os-hosts:show", admin, "Show what a host has and what is used of it.")
	HostsUpdate   = rule("os_compute_api:os-hosts:update", admin, "Change a host's status.")
	HostsStart    = rule("os_compute_api:os-hosts:start", admin, "Power on a host.")
	HostsShutdown = rule("os_compute_api:os-hosts:shutdown", admin, "Power off a host.")
	HostsReboot   = rule("os_compute_api:os-hosts:reboot", admin, "Reboot a host.")

	InstanceUsageAuditLogList = rule("os_compute_api:os-instance-usage-audit-log:list", admin,
		"See which hosts reported use for the last month.")
	InstanceUsageAuditLogShow = rule("os_compute_api:os-instance-usage-audit-log:show", admin,
		"See which hosts reported use for a month.")

	MigrationsIndex            = rule("os_compute_api:os-migrations:index", manager, "List a project's moves.")
	MigrationsIndexAllProjects = rule("os_compute_api:os-migrations:index:all_projects", admin,
		"List the moves of all projects.")
	ServersMigrationsIndex = rule("os_compute_api:servers:migrations:index", manager,
		"List a server's running moves.")
	ServersMigrationsShow          = rule("os_compute_api:servers:migrations:show", admin, "Show a running move.")
	ServersMigrationsDelete        = rule("os_compute_api:servers:migrations:delete", manager, "Abort a running move.")
	ServersMigrationsForceComplete = rule("os_compute_api:servers:migrations:force_complete", manager,
		"Let a running move end soon.")
)
