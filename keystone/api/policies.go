package api

import "hypernova/oslo/policy"

// The words that identity's rules are made of: keystone's current defaults with the roles admin, manager, member and
// reader.
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
	grantSpan = "((" + inUserDomain + " and " + inProjectDomain + ") or (" + inUserDomain + " and domain_id:%(target.domain.id)s) or (" +
		inGroupDomain + " and " + inProjectDomain + ") or (" + inGroupDomain + " and domain_id:%(target.domain.id)s))"
	readGrant  = systemReader + " or (role:reader and " + grantSpan + " and " + grantRole + ")"
	writeGrant = adminRequired + " or (role:manager and " + grantSpan + " and " + managedRole + ")"
)

func rule(name, check, doc string) *policy.Rule {
	return &policy.Rule{Name: "identity:" + name, Check: check, Doc: doc}
}

// central is a rule about what belongs to no domain: tokens of a domain are not for it.
func central(name, check, doc string) *policy.Rule {
	r := rule(name, check, doc)
	r.Scopes = []string{"system", "project"}
	return r
}

// personal is a rule about what users hand out of their power in a project.
func personal(name, check, doc string) *policy.Rule {
	r := rule(name, check, doc)
	r.Scopes = []string{"project"}
	return r
}

var (
	base = []*policy.Rule{
		{Name: "admin_required", Check: "role:admin or is_admin:1", Doc: "An administrator."},
		{Name: "service_role", Check: "role:service", Doc: "A service of the cloud."},
		{Name: "token_subject", Check: "user_id:%(target.token.user_id)s", Doc: "The user that a token stands for."},
		{Name: "domain_managed_target_role", Check: "'manager':%(target.role.name)s or 'member':%(target.role.name)s or 'reader':%(target.role.name)s",
			Doc: "The roles that a manager of a domain may grant."},
	}

	validateToken = rule("validate_token", adminRequired+" or rule:service_role or (role:reader and system_scope:all) or rule:token_subject", "Look into a token.")
	revokeToken   = rule("revoke_token", adminRequired+" or rule:token_subject", "End a token.")
	getCatalog    = rule("get_auth_catalog", "@", "Read the catalog of one's own token.")
	getProjects   = rule("get_auth_projects", "@", "List the projects one may have a token for.")
	getDomains    = rule("get_auth_domains", "@", "List the domains one may have a token for.")
	getSystem     = rule("get_auth_system", "@", "List the system scopes one may have a token for.")

	domainGet    = rule("get_domain", systemReader+" or token.domain.id:%(target.domain.id)s or token.project.domain.id:%(target.domain.id)s", "Show a domain.")
	domainList   = rule("list_domains", systemReader+" or (role:reader and not domain_id:None)", "List domains.")
	domainCreate = central("create_domain", adminRequired, "Create a domain.")
	domainUpdate = central("update_domain", adminRequired, "Change a domain.")
	domainDelete = central("delete_domain", adminRequired, "Delete a domain.")

	projectGet        = rule("get_project", systemReader+" or (role:reader and "+inProjectDomain+") or project_id:%(target.project.id)s", "Show a project.")
	projectList       = rule("list_projects", systemReader+" or (role:reader and not domain_id:None)", "List projects.")
	projectCreateRule = rule("create_project", adminRequired+" or (role:manager and "+inProjectDomain+")", "Create a project.")
	projectUpdateRule = rule("update_project", adminRequired+" or (role:manager and "+inProjectDomain+")", "Change a project.")
	projectDelete     = rule("delete_project", adminRequired+" or (role:manager and "+inProjectDomain+")", "Delete a project.")
	tagsList          = rule("list_project_tags", systemReader+" or (role:reader and "+inProjectDomain+") or project_id:%(target.project.id)s", "List a project's tags.")
	tagGet            = rule("get_project_tag", systemReader+" or (role:reader and "+inProjectDomain+") or project_id:%(target.project.id)s", "Ask whether a project has a tag.")
	tagsSet           = rule("update_project_tags", adminRequired+" or (role:manager and "+inProjectDomain+")", "Replace a project's tags.")
	tagAdd            = rule("create_project_tag", adminRequired+" or (role:manager and "+inProjectDomain+")", "Give a project a tag.")
	tagsDrop          = rule("delete_project_tags", adminRequired+" or (role:manager and "+inProjectDomain+")", "Take all tags from a project.")
	tagDrop           = rule("delete_project_tag", adminRequired+" or (role:manager and "+inProjectDomain+")", "Take a tag from a project.")

	userGet        = rule("get_user", systemReader+" or (role:reader and "+inUserDomain+")"+own, "Show a user.")
	userList       = rule("list_users", systemReader+" or (role:reader and not domain_id:None)", "List users.")
	userCreateRule = rule("create_user", adminRequired+" or (role:manager and "+inUserDomain+")", "Create a user.")
	userUpdateRule = rule("update_user", adminRequired+" or (role:manager and "+inUserDomain+")", "Change a user.")
	userDelete     = rule("delete_user", adminRequired+" or (role:manager and "+inUserDomain+")", "Delete a user.")
	userPassword   = rule("change_password", "@", "Change one's own password, with the old one as the proof.")
	userProjects   = rule("list_user_projects", systemReader+" or (role:reader and "+inUserDomain+")"+own, "List the projects of a user.")
	userGroups     = rule("list_groups_for_user", systemReader+" or (role:reader and "+inUserDomain+")"+own, "List the groups of a user.")

	groupGet     = rule("get_group", systemReader+" or (role:reader and "+inGroupDomain+")", "Show a group.")
	groupList    = rule("list_groups", systemReader+" or (role:reader and not domain_id:None)", "List groups.")
	groupCreate  = rule("create_group", adminRequired+" or (role:manager and "+inGroupDomain+")", "Create a group.")
	groupUpdate  = rule("update_group", adminRequired+" or (role:manager and "+inGroupDomain+")", "Change a group.")
	groupDelete  = rule("delete_group", adminRequired+" or (role:manager and "+inGroupDomain+")", "Delete a group.")
	groupUsers   = rule("list_users_in_group", systemReader+" or (role:reader and "+inGroupDomain+")", "List the users of a group.")
	memberCheck  = rule("check_user_in_group", systemReader+" or (role:reader and "+inGroupDomain+" and "+inUserDomain+")", "Ask whether a user is in a group.")
	memberAdd    = rule("add_user_to_group", adminRequired+" or (role:manager and "+inGroupDomain+" and "+inUserDomain+")", "Put a user into a group.")
	memberRemove = rule("remove_user_from_group", adminRequired+" or (role:manager and "+inGroupDomain+" and "+inUserDomain+")", "Take a user out of a group.")

	roleGet     = rule("get_role", systemReader+" or (role:manager and "+managedRole+")", "Show a role.")
	roleList    = rule("list_roles", systemReader+" or (role:manager and not domain_id:None)", "List roles.")
	localGet    = central("get_domain_role", systemReader, "Show a role of a domain.")
	localList   = central("list_domain_roles", systemReader, "List the roles of a domain.")
	localCreate = central("create_domain_role", adminRequired, "Create a role of a domain.")
	localUpdate = central("update_domain_role", adminRequired, "Change a role of a domain.")
	localDelete = central("delete_domain_role", adminRequired, "Delete a role of a domain.")
	roleCreate  = central("create_role", adminRequired, "Create a role.")
	roleUpdate  = central("update_role", adminRequired, "Change a role.")
	roleDelete  = central("delete_role", adminRequired, "Delete a role.")
	impliedGet  = central("get_implied_role", systemReader, "Show an implication of roles.")
	impliedList = central("list_implied_roles", systemReader, "List implications of a role.")
	impliedAdd  = central("create_implied_role", adminRequired, "Make a role imply another.")
	impliedDrop = central("delete_implied_role", adminRequired, "Take an implication away.")
	inferences  = central("list_role_inference_rules", systemReader, "List all implications of roles.")

	grantCheck  = rule("check_grant", readGrant, "Ask whether a role is granted.")
	grantList   = rule("list_grants", readGrant, "List the roles granted to somebody on something.")
	grantCreate = rule("create_grant", writeGrant, "Grant a role.")
	grantRevoke = rule("revoke_grant", writeGrant, "Take a granted role away.")
	assignList  = rule("list_role_assignments", systemReader+" or (role:reader and not domain_id:None)", "List who holds which role where.")
	assignTree  = rule("list_role_assignments_for_tree", systemReader+" or (role:reader and "+inProjectDomain+")", "List who holds which role in a tree of projects.")

	regionGet      = rule("get_region", "@", "Show a region.")
	regionList     = rule("list_regions", "@", "List regions.")
	regionCreate   = central("create_region", adminRequired, "Create a region.")
	regionUpdate   = central("update_region", adminRequired, "Change a region.")
	regionDelete   = central("delete_region", adminRequired, "Delete a region.")
	serviceGet     = central("get_service", systemReader, "Show a service.")
	serviceList    = central("list_services", systemReader, "List services.")
	serviceCreate  = central("create_service", adminRequired, "Create a service.")
	serviceUpdate  = central("update_service", adminRequired, "Change a service.")
	serviceDelete  = central("delete_service", adminRequired, "Delete a service.")
	endpointGet    = central("get_endpoint", systemReader, "Show an endpoint.")
	endpointList   = central("list_endpoints", systemReader, "List endpoints.")
	endpointCreate = central("create_endpoint", adminRequired, "Create an endpoint.")
	endpointUpdate = central("update_endpoint", adminRequired, "Change an endpoint.")
	endpointDelete = central("delete_endpoint", adminRequired, "Delete an endpoint.")
)

// grantRules guard the grants of one kind of actor on one kind of target.
type grantRules struct{ list, check, create, revoke *policy.Rule }

func (g grantRules) all() []*policy.Rule { return []*policy.Rule{g.list, g.check, g.create, g.revoke} }

var (
	plainGrants = grantRules{grantList, grantCheck, grantCreate, grantRevoke}
	systemUser  = systemGrants("user")
	systemGroup = systemGrants("group")
)

func systemGrants(actor string) grantRules {
	return grantRules{
		central("list_system_grants_for_"+actor, systemReader, "List the roles of a "+actor+" on the system."),
		central("check_system_grant_for_"+actor, systemReader, "Ask whether a "+actor+" has a role on the system."),
		central("create_system_grant_for_"+actor, adminRequired, "Grant a "+actor+" a role on the system."),
		central("revoke_system_grant_for_"+actor, adminRequired, "Take a "+actor+"'s role on the system away."),
	}
}

// Rules are identity's declared policies, for the enforcer and the reference.
func Rules() []*policy.Rule {
	rs := append(append([]*policy.Rule{}, base...),
		validateToken, revokeToken, getCatalog, getProjects, getDomains, getSystem,
		domainGet, domainList, domainCreate, domainUpdate, domainDelete,
		projectGet, projectList, projectCreateRule, projectUpdateRule, projectDelete, tagsList, tagGet, tagsSet, tagAdd, tagsDrop, tagDrop,
		userGet, userList, userCreateRule, userUpdateRule, userDelete, userPassword, userProjects, userGroups,
		groupGet, groupList, groupCreate, groupUpdate, groupDelete, groupUsers, memberCheck, memberAdd, memberRemove,
		roleGet, roleList, localGet, localList, localCreate, localUpdate, localDelete, roleCreate, roleUpdate, roleDelete,
		impliedGet, impliedList, impliedAdd, impliedDrop, inferences,
		grantCheck, grantList, grantCreate, grantRevoke, assignList, assignTree,
		regionGet, regionList, regionCreate, regionUpdate, regionDelete, serviceGet, serviceList, serviceCreate, serviceUpdate, serviceDelete,
		endpointGet, endpointList, endpointCreate, endpointUpdate, endpointDelete)
	rs = append(append(rs, systemUser.all()...), systemGroup.all()...)
	return append(append(rs, delegationRules()...), catalogRules()...)
}
