// Package policies declares the rules of the Identity API. A rule's variable has the rule's name in Go's form, without
// identity: identity:list_users is ListUsers.
package policies

import "hypernova/oslo/policy"

// Checks that the rules are made of.
const (
	adminRequired = "rule:admin_required"
	systemReader  = "rule:admin_required or (role:reader and system_scope:all)"

	own = " or user_id:%(target.user.id)s"

	inProjectDomain = "domain_id:%(target.project.domain_id)s"
	inUserDomain    = "domain_id:%(target.user.domain_id)s"
	inGroupDomain   = "domain_id:%(target.group.domain_id)s"

	// A manager of a domain hands out only the roles below admin.
	managedRole = "rule:domain_managed_target_role"

	grantRole = "(domain_id:%(target.role.domain_id)s or None:%(target.role.domain_id)s)"
	grantSpan = "((" + inUserDomain + " and " + inProjectDomain + ") or (" + inUserDomain +
		" and domain_id:%(target.domain.id)s) or (" +
		inGroupDomain + " and " + inProjectDomain + ") or (" + inGroupDomain + " and domain_id:%(target.domain.id)s))"
	readGrant  = systemReader + " or (role:reader and " + grantSpan + " and " + grantRole + ")"
	writeGrant = adminRequired + " or (role:manager and " + grantSpan + " and " + managedRole + ")"

	ownerOrReader = systemReader + " or rule:owner"
	keyOwner      = "user_id:%(target.credential.user_id)s"
	trustor       = "user_id:%(target.trust.trustor_user_id)s"
	trustee       = "user_id:%(target.trust.trustee_user_id)s"
	limitReader   = systemReader +
		" or domain_id:%(target.limit.domain.id)s or domain_id:%(target.limit.project.domain_id)s or " +
		"(project_id:%(target.limit.project_id)s and not None:%(target.limit.project_id)s)"
	serviceOrAdmin = "rule:service_or_admin"
)

var set policy.Set

// Rules lists all rules in the order of their declaration, for the enforcer and for documents.
func Rules() []*policy.Rule { return set.Rules() }

// term declares a rule that only others refer to.
func term(name, check, doc string) *policy.Rule {
	return set.Add(policy.Rule{Name: name, Check: check, Doc: doc})
}

// rule declares the rule of an operation.
func rule(name, check, doc string) *policy.Rule {
	return set.Add(policy.Rule{Name: "identity:" + name, Check: check, Doc: doc})
}

// central declares a rule about what belongs to no domain: tokens of a domain are not for it.
func central(name, check, doc string) *policy.Rule {
	return set.Add(policy.Rule{Name: "identity:" + name, Check: check, Doc: doc, Scopes: []string{"system", "project"}})
}

// personal declares a rule about rights in a project that a user delegates.
func personal(name, check, doc string) *policy.Rule {
	return set.Add(policy.Rule{Name: "identity:" + name, Check: check, Doc: doc, Scopes: []string{"project"}})
}

// Rules that others refer to.
var (
	AdminRequired = term("admin_required", "role:admin or is_admin:1", "An administrator.")
	ServiceRole   = term("service_role", "role:service", "A service of the cloud.")
	TokenSubject  = term("token_subject", "user_id:%(target.token.user_id)s",
		"The user that a token stands for.")
	DomainManagedTargetRole = term("domain_managed_target_role",
		"'manager':%(target.role.name)s or 'member':%(target.role.name)s or 'reader':%(target.role.name)s",
		"The roles that a manager of a domain may grant.")
)

// Tokens, domains, projects, users, groups, roles, grants and the catalog.
var (
	ValidateToken = rule("validate_token",
		adminRequired+" or rule:service_role or (role:reader and system_scope:all) or rule:token_subject",
		"Look into a token.")
	RevokeToken     = rule("revoke_token", adminRequired+" or rule:token_subject", "End a token.")
	GetAuthCatalog  = rule("get_auth_catalog", "@", "Read the catalog of one's own token.")
	GetAuthProjects = rule("get_auth_projects", "@", "List the projects one may have a token for.")
	GetAuthDomains  = rule("get_auth_domains", "@", "List the domains one may have a token for.")
	GetAuthSystem   = rule("get_auth_system", "@", "List the system scopes one may have a token for.")
	GetDomain       = rule("get_domain",
		systemReader+" or token.domain.id:%(target.domain.id)s or token.project.domain.id:%(target.domain.id)s",
		"Show a domain.")
	ListDomains = rule("list_domains", systemReader+" or (role:reader and not domain_id:None)",
		"List domains.")
	CreateDomain = central("create_domain", adminRequired, "Create a domain.")
	UpdateDomain = central("update_domain", adminRequired, "Change a domain.")
	DeleteDomain = central("delete_domain", adminRequired, "Delete a domain.")
	GetProject   = rule("get_project",
		systemReader+" or (role:reader and "+inProjectDomain+") or project_id:%(target.project.id)s", "Show a project.")
	ListProjects = rule("list_projects", systemReader+" or (role:reader and not domain_id:None)",
		"List projects.")
	CreateProject = rule("create_project", adminRequired+" or (role:manager and "+inProjectDomain+")",
		"Create a project.")
	UpdateProject = rule("update_project", adminRequired+" or (role:manager and "+inProjectDomain+")",
		"Change a project.")
	DeleteProject = rule("delete_project", adminRequired+" or (role:manager and "+inProjectDomain+")",
		"Delete a project.")
	ListProjectTags = rule("list_project_tags",
		systemReader+" or (role:reader and "+inProjectDomain+") or project_id:%(target.project.id)s",
		"List a project's tags.")
	GetProjectTag = rule("get_project_tag",
		systemReader+" or (role:reader and "+inProjectDomain+") or project_id:%(target.project.id)s",
		"Ask whether a project has a tag.")
	UpdateProjectTags = rule("update_project_tags", adminRequired+" or (role:manager and "+inProjectDomain+")",
		"Replace a project's tags.")
	CreateProjectTag = rule("create_project_tag", adminRequired+" or (role:manager and "+inProjectDomain+")",
		"Give a project a tag.")
	DeleteProjectTags = rule("delete_project_tags", adminRequired+" or (role:manager and "+inProjectDomain+")",
		"Take all tags from a project.")
	DeleteProjectTag = rule("delete_project_tag", adminRequired+" or (role:manager and "+inProjectDomain+")",
		"Take a tag from a project.")
	GetUser = rule("get_user", systemReader+" or (role:reader and "+inUserDomain+")"+own,
		"Show a user.")
	ListUsers  = rule("list_users", systemReader+" or (role:reader and not domain_id:None)", "List users.")
	CreateUser = rule("create_user", adminRequired+" or (role:manager and "+inUserDomain+")",
		"Create a user.")
	UpdateUser = rule("update_user", adminRequired+" or (role:manager and "+inUserDomain+")",
		"Change a user.")
	DeleteUser = rule("delete_user", adminRequired+" or (role:manager and "+inUserDomain+")",
		"Delete a user.")
	ChangePassword   = rule("change_password", "@", "Change one's own password, with the old one as the proof.")
	ListUserProjects = rule("list_user_projects", systemReader+" or (role:reader and "+inUserDomain+")"+own,
		"List the projects of a user.")
	ListGroupsForUser = rule("list_groups_for_user", systemReader+" or (role:reader and "+inUserDomain+")"+own,
		"List the groups of a user.")
	GetGroup   = rule("get_group", systemReader+" or (role:reader and "+inGroupDomain+")", "Show a group.")
	ListGroups = rule("list_groups", systemReader+" or (role:reader and not domain_id:None)",
		"List groups.")
	CreateGroup = rule("create_group", adminRequired+" or (role:manager and "+inGroupDomain+")",
		"Create a group.")
	UpdateGroup = rule("update_group", adminRequired+" or (role:manager and "+inGroupDomain+")",
		"Change a group.")
	DeleteGroup = rule("delete_group", adminRequired+" or (role:manager and "+inGroupDomain+")",
		"Delete a group.")
	ListUsersInGroup = rule("list_users_in_group", systemReader+" or (role:reader and "+inGroupDomain+")",
		"List the users of a group.")
	CheckUserInGroup = rule("check_user_in_group",
		systemReader+" or (role:reader and "+inGroupDomain+" and "+inUserDomain+")", "Ask whether a user is in a group.")
	AddUserToGroup = rule("add_user_to_group",
		adminRequired+" or (role:manager and "+inGroupDomain+" and "+inUserDomain+")", "Put a user into a group.")
	RemoveUserFromGroup = rule("remove_user_from_group",
		adminRequired+" or (role:manager and "+inGroupDomain+" and "+inUserDomain+")", "Take a user out of a group.")
	GetRole   = rule("get_role", systemReader+" or (role:manager and "+managedRole+")", "Show a role.")
	ListRoles = rule("list_roles", systemReader+" or (role:manager and not domain_id:None)",
		"List roles.")
	GetDomainRole          = central("get_domain_role", systemReader, "Show a role of a domain.")
	ListDomainRoles        = central("list_domain_roles", systemReader, "List the roles of a domain.")
	CreateDomainRole       = central("create_domain_role", adminRequired, "Create a role of a domain.")
	UpdateDomainRole       = central("update_domain_role", adminRequired, "Change a role of a domain.")
	DeleteDomainRole       = central("delete_domain_role", adminRequired, "Delete a role of a domain.")
	CreateRole             = central("create_role", adminRequired, "Create a role.")
	UpdateRole             = central("update_role", adminRequired, "Change a role.")
	DeleteRole             = central("delete_role", adminRequired, "Delete a role.")
	GetImpliedRole         = central("get_implied_role", systemReader, "Show an implication of roles.")
	ListImpliedRoles       = central("list_implied_roles", systemReader, "List implications of a role.")
	CreateImpliedRole      = central("create_implied_role", adminRequired, "Make a role imply another.")
	DeleteImpliedRole      = central("delete_implied_role", adminRequired, "Take an implication away.")
	ListRoleInferenceRules = central("list_role_inference_rules", systemReader, "List all implications of roles.")
	CheckGrant             = rule("check_grant", readGrant, "Ask whether a role is granted.")
	ListGrants             = rule("list_grants", readGrant, "List the roles granted to somebody on something.")
	CreateGrant            = rule("create_grant", writeGrant, "Grant a role.")
	RevokeGrant            = rule("revoke_grant", writeGrant, "Take a granted role away.")
	ListRoleAssignments    = rule("list_role_assignments", systemReader+" or (role:reader and not domain_id:None)",
		"List who holds which role where.")
	ListRoleAssignmentsForTree = rule("list_role_assignments_for_tree",
		systemReader+" or (role:reader and "+inProjectDomain+")", "List who holds which role in a tree of projects.")
	GetRegion      = rule("get_region", "@", "Show a region.")
	ListRegions    = rule("list_regions", "@", "List regions.")
	CreateRegion   = central("create_region", adminRequired, "Create a region.")
	UpdateRegion   = central("update_region", adminRequired, "Change a region.")
	DeleteRegion   = central("delete_region", adminRequired, "Delete a region.")
	GetService     = central("get_service", systemReader, "Show a service.")
	ListServices   = central("list_services", systemReader, "List services.")
	CreateService  = central("create_service", adminRequired, "Create a service.")
	UpdateService  = central("update_service", adminRequired, "Change a service.")
	DeleteService  = central("delete_service", adminRequired, "Delete a service.")
	GetEndpoint    = central("get_endpoint", systemReader, "Show an endpoint.")
	ListEndpoints  = central("list_endpoints", systemReader, "List endpoints.")
	CreateEndpoint = central("create_endpoint", adminRequired, "Create an endpoint.")
	UpdateEndpoint = central("update_endpoint", adminRequired, "Change an endpoint.")
	DeleteEndpoint = central("delete_endpoint", adminRequired, "Delete an endpoint.")
)

// Grants on the system.
var (
	ListSystemGrantsForUser = central("list_system_grants_for_user", systemReader,
		"List the roles of a user on the system.")
	CheckSystemGrantForUser = central("check_system_grant_for_user", systemReader,
		"Ask whether a user has a role on the system.")
	CreateSystemGrantForUser = central("create_system_grant_for_user", adminRequired,
		"Grant a user a role on the system.")
	RevokeSystemGrantForUser = central("revoke_system_grant_for_user", adminRequired,
		"Take a user's role on the system away.")
	ListSystemGrantsForGroup = central("list_system_grants_for_group", systemReader,
		"List the roles of a group on the system.")
	CheckSystemGrantForGroup = central("check_system_grant_for_group", systemReader,
		"Ask whether a group has a role on the system.")
	CreateSystemGrantForGroup = central("create_system_grant_for_group", adminRequired,
		"Grant a group a role on the system.")
	RevokeSystemGrantForGroup = central("revoke_system_grant_for_group", adminRequired,
		"Take a group's role on the system away.")
)

// What is handed out, kept and limited: tokens, application credentials, trusts, credentials and limits.
var (
	ServiceOrAdmin = term("service_or_admin", "rule:admin_required or rule:service_role",
		"A service of the cloud, or an administrator.")
	Owner                       = term("owner", "user_id:%(user_id)s", "The user that something belongs to.")
	DeleteUserTokens            = rule("delete_user_tokens", adminRequired+" or rule:owner", "End all tokens of a user.")
	CreateApplicationCredential = personal("create_application_credential", "user_id:%(user_id)s",
		"Make an application credential of one's own.")
	ListApplicationCredentials = central("list_application_credentials", ownerOrReader,
		"List a user's application credentials.")
	GetApplicationCredential    = central("get_application_credential", ownerOrReader, "Show an application credential.")
	DeleteApplicationCredential = central("delete_application_credential", adminRequired+" or rule:owner",
		"Delete an application credential.")
	ListAccessRules = central("list_access_rules", "(role:reader and system_scope:all)"+own,
		"List a user's access rules.")
	GetAccessRule = central("get_access_rule", "(role:reader and system_scope:all)"+own,
		"Show an access rule.")
	DeleteAccessRule = central("delete_access_rule", "(role:admin and system_scope:all)"+own,
		"Delete an access rule.")
	CreateTrust          = personal("create_trust", trustor, "Trust somebody.")
	ListTrusts           = central("list_trusts", systemReader, "List all trusts.")
	ListTrustsForTrustor = central("list_trusts_for_trustor", systemReader+" or "+trustor,
		"List the trusts that a user gives.")
	ListTrustsForTrustee = central("list_trusts_for_trustee", systemReader+" or "+trustee,
		"List the trusts that a user is given.")
	GetTrust          = central("get_trust", systemReader+" or "+trustor+" or "+trustee, "Show a trust.")
	DeleteTrust       = central("delete_trust", adminRequired+" or "+trustor, "End a trust.")
	ListRolesForTrust = central("list_roles_for_trust", systemReader+" or "+trustor+" or "+trustee,
		"List the roles of a trust.")
	GetRoleForTrust = central("get_role_for_trust", systemReader+" or "+trustor+" or "+trustee,
		"Show a role of a trust.")
	CreateCredential    = rule("create_credential", adminRequired+" or "+keyOwner, "Keep a credential.")
	ListCredentials     = rule("list_credentials", systemReader+" or "+keyOwner, "List credentials.")
	GetCredential       = rule("get_credential", systemReader+" or "+keyOwner, "Show a credential.")
	UpdateCredential    = rule("update_credential", adminRequired+" or "+keyOwner, "Change a credential.")
	DeleteCredential    = rule("delete_credential", adminRequired+" or "+keyOwner, "Delete a credential.")
	EC2CreateCredential = central("ec2_create_credential", adminRequired+" or (role:member and "+keyOwner+")",
		"Make an EC2 key.")
	EC2ListCredentials  = central("ec2_list_credentials", ownerOrReader, "List a user's EC2 keys.")
	EC2GetCredential    = central("ec2_get_credential", systemReader+" or "+keyOwner, "Show an EC2 key.")
	EC2DeleteCredential = central("ec2_delete_credential", adminRequired+" or (role:member and "+keyOwner+")",
		"Delete an EC2 key.")
	EC2TokensValidate = rule("ec2tokens_validate", serviceOrAdmin,
		"Get a token for a request that an EC2 key has signed.")
	S3TokensValidate = rule("s3tokens_validate", serviceOrAdmin, "Ask who has signed an S3 request.")
	RevocationList   = central("revocation_list", serviceOrAdmin,
		"List revoked tokens in the form of the PKI provider.")
	ListRevokeEvents       = central("list_revoke_events", serviceOrAdmin, "List what makes tokens worthless.")
	GetRegisteredLimit     = rule("get_registered_limit", "@", "Show a registered limit.")
	ListRegisteredLimits   = rule("list_registered_limits", "@", "List registered limits.")
	CreateRegisteredLimits = central("create_registered_limits", adminRequired, "Register limits.")
	UpdateRegisteredLimit  = central("update_registered_limit", adminRequired, "Change a registered limit.")
	DeleteRegisteredLimit  = central("delete_registered_limit", adminRequired, "Delete a registered limit.")
	GetLimitModel          = rule("get_limit_model", "@", "Show the model by which limits are enforced.")
	GetLimit               = rule("get_limit", limitReader, "Show a limit.")
	ListLimits             = rule("list_limits", "@", "List limits.")
	CreateLimits           = central("create_limits", adminRequired, "Set limits.")
	UpdateLimit            = central("update_limit", adminRequired, "Change a limit.")
	DeleteLimit            = central("delete_limit", adminRequired, "Delete a limit.")
)

// Filters of the catalog, stored policies, domain configuration and federation: administrators write, readers of the
// system read.
var (
	CreateEndpointGroup = central("create_endpoint_group", adminRequired,
		"Create an endpoint group.")
	ListEndpointGroups  = central("list_endpoint_groups", systemReader, "List endpoint groups.")
	GetEndpointGroup    = central("get_endpoint_group", systemReader, "Show an endpoint group.")
	UpdateEndpointGroup = central("update_endpoint_group", adminRequired,
		"Change an endpoint group.")
	DeleteEndpointGroup = central("delete_endpoint_group", adminRequired,
		"Delete an endpoint group.")
	ListProjectsAssociatedWithEndpointGroup = central("list_projects_associated_with_endpoint_group", systemReader,
		"List the projects of an endpoint group.")
	ListEndpointsAssociatedWithEndpointGroup = central("list_endpoints_associated_with_endpoint_group", systemReader,
		"List the endpoints of an endpoint group.")
	GetEndpointGroupInProject = central("get_endpoint_group_in_project", systemReader,
		"Ask whether a project has an endpoint group.")
	ListEndpointGroupsForProject = central("list_endpoint_groups_for_project", systemReader,
		"List the endpoint groups of a project.")
	AddEndpointGroupToProject = central("add_endpoint_group_to_project", adminRequired,
		"Give an endpoint group to a project.")
	RemoveEndpointGroupFromProject = central("remove_endpoint_group_from_project", adminRequired,
		"Take an endpoint group from a project.")
	ListProjectsForEndpoint = central("list_projects_for_endpoint", systemReader,
		"List the projects that an endpoint was given to.")
	AddEndpointToProject = central("add_endpoint_to_project", adminRequired,
		"Give an endpoint to a project.")
	CheckEndpointInProject = central("check_endpoint_in_project", systemReader,
		"Ask whether a project was given an endpoint.")
	ListEndpointsForProject = central("list_endpoints_for_project", systemReader,
		"List the endpoints that a project was given.")
	RemoveEndpointFromProject = central("remove_endpoint_from_project", adminRequired,
		"Take an endpoint from a project.")
	GetPolicy                          = central("get_policy", systemReader, "Show a policy.")
	ListPolicies                       = central("list_policies", systemReader, "List policies.")
	CreatePolicy                       = central("create_policy", adminRequired, "Keep a policy.")
	UpdatePolicy                       = central("update_policy", adminRequired, "Change a policy.")
	DeletePolicy                       = central("delete_policy", adminRequired, "Delete a policy.")
	CreatePolicyAssociationForEndpoint = central("create_policy_association_for_endpoint", adminRequired,
		"Make a policy that of an endpoint.")
	CheckPolicyAssociationForEndpoint = central("check_policy_association_for_endpoint", systemReader,
		"Ask whether a policy is that of an endpoint.")
	DeletePolicyAssociationForEndpoint = central("delete_policy_association_for_endpoint", adminRequired,
		"Make a policy not that of an endpoint.")
	CreatePolicyAssociationForService = central("create_policy_association_for_service", adminRequired,
		"Make a policy that of a service.")
	CheckPolicyAssociationForService = central("check_policy_association_for_service", systemReader,
		"Ask whether a policy is that of a service.")
	DeletePolicyAssociationForService = central("delete_policy_association_for_service", adminRequired,
		"Make a policy not that of a service.")
	CreatePolicyAssociationForRegionAndService = central("create_policy_association_for_region_and_service", adminRequired,
		"Make a policy that of a service in a region.")
	CheckPolicyAssociationForRegionAndService = central("check_policy_association_for_region_and_service", systemReader,
		"Ask whether a policy is that of a service in a region.")
	DeletePolicyAssociationForRegionAndService = central("delete_policy_association_for_region_and_service", adminRequired,
		"Make a policy not that of a service in a region.")
	GetPolicyForEndpoint = central("get_policy_for_endpoint", systemReader,
		"Show the policy of an endpoint.")
	ListEndpointsForPolicy = central("list_endpoints_for_policy", systemReader,
		"List the endpoints of a policy.")
	CreateDomainConfig = central("create_domain_config", adminRequired, "Configure a domain.")
	GetDomainConfig    = central("get_domain_config", systemReader,
		"Show the configuration of a domain.")
	GetSecurityComplianceDomainConfig = rule("get_security_compliance_domain_config", "@",
		"Show the rules that passwords must keep.")
	UpdateDomainConfig = central("update_domain_config", adminRequired,
		"Change the configuration of a domain.")
	DeleteDomainConfig = central("delete_domain_config", adminRequired,
		"Delete the configuration of a domain.")
	GetDomainConfigDefault = central("get_domain_config_default", systemReader,
		"Show the defaults of domain configurations.")
	CreateIdentityProvider = central("create_identity_provider", adminRequired,
		"Add an identity provider.")
	ListIdentityProviders = central("list_identity_providers", systemReader,
		"List identity providers.")
	GetIdentityProvider = central("get_identity_provider", systemReader,
		"Show an identity provider.")
	UpdateIdentityProvider = central("update_identity_provider", adminRequired,
		"Change an identity provider.")
	DeleteIdentityProvider = central("delete_identity_provider", adminRequired,
		"Delete an identity provider.")
	CreateProtocol = central("create_protocol", adminRequired,
		"Add a protocol to an identity provider.")
	UpdateProtocol = central("update_protocol", adminRequired, "Change a protocol.")
	GetProtocol    = central("get_protocol", systemReader, "Show a protocol.")
	ListProtocols  = central("list_protocols", systemReader,
		"List the protocols of an identity provider.")
	DeleteProtocol        = central("delete_protocol", adminRequired, "Delete a protocol.")
	CreateMapping         = central("create_mapping", adminRequired, "Add a mapping.")
	GetMapping            = central("get_mapping", systemReader, "Show a mapping.")
	ListMappings          = central("list_mappings", systemReader, "List mappings.")
	UpdateMapping         = central("update_mapping", adminRequired, "Change a mapping.")
	DeleteMapping         = central("delete_mapping", adminRequired, "Delete a mapping.")
	CreateServiceProvider = central("create_service_provider", adminRequired,
		"Add a service provider.")
	ListServiceProviders  = central("list_service_providers", systemReader, "List service providers.")
	GetServiceProvider    = central("get_service_provider", systemReader, "Show a service provider.")
	UpdateServiceProvider = central("update_service_provider", adminRequired,
		"Change a service provider.")
	DeleteServiceProvider = central("delete_service_provider", adminRequired,
		"Delete a service provider.")
)
