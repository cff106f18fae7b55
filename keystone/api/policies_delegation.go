package api

import "hypernova/oslo/policy"

// What is handed out, kept and limited: keystone's current defaults.
const (
	ownerOrReader = systemReader + " or rule:owner"
	keyOwner      = "user_id:%(target.credential.user_id)s"
	trustor       = "user_id:%(target.trust.trustor_user_id)s"
	trustee       = "user_id:%(target.trust.trustee_user_id)s"
	limitReader   = systemReader + " or domain_id:%(target.limit.domain.id)s or domain_id:%(target.limit.project.domain_id)s or " +
		"(project_id:%(target.limit.project_id)s and not None:%(target.limit.project_id)s)"
	serviceOrAdmin = "rule:service_or_admin"
)

var (
	delegationBase = []*policy.Rule{
		{Name: "service_or_admin", Check: "rule:admin_required or rule:service_role", Doc: "A service of the cloud, or an administrator."},
		{Name: "owner", Check: "user_id:%(user_id)s", Doc: "The user that something belongs to."},
	}

	userTokensDrop = rule("delete_user_tokens", adminRequired+" or rule:owner", "End all tokens of a user.")

	appCredentialAdd  = personal("create_application_credential", "user_id:%(user_id)s", "Make an application credential of one's own.")
	appCredentialList = central("list_application_credentials", ownerOrReader, "List a user's application credentials.")
	appCredentialGet  = central("get_application_credential", ownerOrReader, "Show an application credential.")
	appCredentialDrop = central("delete_application_credential", adminRequired+" or rule:owner", "Delete an application credential.")
	accessRuleList    = central("list_access_rules", "(role:reader and system_scope:all)"+own, "List a user's access rules.")
	accessRuleGet     = central("get_access_rule", "(role:reader and system_scope:all)"+own, "Show an access rule.")
	accessRuleDrop    = central("delete_access_rule", "(role:admin and system_scope:all)"+own, "Delete an access rule.")

	trustAdd         = personal("create_trust", trustor, "Trust somebody.")
	trustList        = central("list_trusts", systemReader, "List all trusts.")
	trustListTrustor = central("list_trusts_for_trustor", systemReader+" or "+trustor, "List the trusts that a user gives.")
	trustListTrustee = central("list_trusts_for_trustee", systemReader+" or "+trustee, "List the trusts that a user is given.")
	trustGet         = central("get_trust", systemReader+" or "+trustor+" or "+trustee, "Show a trust.")
	trustDrop        = central("delete_trust", adminRequired+" or "+trustor, "End a trust.")
	trustRoles       = central("list_roles_for_trust", systemReader+" or "+trustor+" or "+trustee, "List the roles of a trust.")
	trustRole        = central("get_role_for_trust", systemReader+" or "+trustor+" or "+trustee, "Show a role of a trust.")

	credentialAdd    = rule("create_credential", adminRequired+" or "+keyOwner, "Keep a credential.")
	credentialList   = rule("list_credentials", systemReader+" or "+keyOwner, "List credentials.")
	credentialGet    = rule("get_credential", systemReader+" or "+keyOwner, "Show a credential.")
	credentialChange = rule("update_credential", adminRequired+" or "+keyOwner, "Change a credential.")
	credentialDrop   = rule("delete_credential", adminRequired+" or "+keyOwner, "Delete a credential.")
	ec2Add           = central("ec2_create_credential", adminRequired+" or (role:member and "+keyOwner+")", "Make an EC2 key.")
	ec2List          = central("ec2_list_credentials", ownerOrReader, "List a user's EC2 keys.")
	ec2Get           = central("ec2_get_credential", systemReader+" or "+keyOwner, "Show an EC2 key.")
	ec2Drop          = central("ec2_delete_credential", adminRequired+" or (role:member and "+keyOwner+")", "Delete an EC2 key.")
	ec2Validate      = rule("ec2tokens_validate", serviceOrAdmin, "Get a token for a request that an EC2 key has signed.")
	s3Validate       = rule("s3tokens_validate", serviceOrAdmin, "Ask who has signed an S3 request.")

	revokedList  = central("revocation_list", serviceOrAdmin, "List revoked tokens in the form of the PKI provider.")
	revokeEvents = central("list_revoke_events", serviceOrAdmin, "List what makes tokens worthless.")

	registeredGet  = rule("get_registered_limit", "@", "Show a registered limit.")
	registeredAll  = rule("list_registered_limits", "@", "List registered limits.")
	registeredAdd  = central("create_registered_limits", adminRequired, "Register limits.")
	registeredPut  = central("update_registered_limit", adminRequired, "Change a registered limit.")
	registeredDrop = central("delete_registered_limit", adminRequired, "Delete a registered limit.")
	limitModelGet  = rule("get_limit_model", "@", "Show the model by which limits are enforced.")
	limitGet       = rule("get_limit", limitReader, "Show a limit.")
	limitAll       = rule("list_limits", "@", "List limits.")
	limitAdd       = central("create_limits", adminRequired, "Set limits.")
	limitPut       = central("update_limit", adminRequired, "Change a limit.")
	limitDrop      = central("delete_limit", adminRequired, "Delete a limit.")
)

func delegationRules() []*policy.Rule {
	return append(append([]*policy.Rule{}, delegationBase...), userTokensDrop,
		appCredentialAdd, appCredentialList, appCredentialGet, appCredentialDrop, accessRuleList, accessRuleGet, accessRuleDrop,
		trustAdd, trustList, trustListTrustor, trustListTrustee, trustGet, trustDrop, trustRoles, trustRole,
		credentialAdd, credentialList, credentialGet, credentialChange, credentialDrop, ec2Add, ec2List, ec2Get, ec2Drop, ec2Validate, s3Validate,
		revokedList, revokeEvents, registeredGet, registeredAll, registeredAdd, registeredPut, registeredDrop,
		limitModelGet, limitGet, limitAll, limitAdd, limitPut, limitDrop)
}
