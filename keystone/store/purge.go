package store

import "hypernova/oslo/db"

var (
	purgeTrusts = db.NewDelete(Statements, "trusts",
		"id IN (SELECT id FROM trusts WHERE (expires_at < ? OR remaining_uses = 0) ORDER BY id LIMIT ?)")
	purgeExpiring = db.NewDelete(Statements, "expiring_members", `(user_id, group_id, idp_id) IN (
		SELECT user_id, group_id, idp_id FROM expiring_members WHERE expires_at < ? ORDER BY user_id, group_id, idp_id LIMIT ?)`)
)

// Ends says how the rows of each table of identity end.
func Ends() []db.End {
	var all []db.End
	for _, t := range []string{"projects", "users", "user_groups", "roles", "regions", "services", "endpoints",
		"endpoint_groups", "policies",
		"identity_providers", "mappings", "service_providers", "registered_limits", "credentials", "application_credentials",
		"access_rules"} {
		all = append(all, db.End{Table: t, How: "a client deletes them, or what they belong to"})
	}
	return append(
		all,
		db.End{Table: "group_members", How: "with their user or group"},
		db.End{Table: "implied_roles", How: "with either role"},
		db.End{Table: "grants", How: "with their role, user, group, project or domain"},
		db.End{Table: "revocations", How: "an hourly task deletes those that no living token can match"},
		db.End{Table: "used_passcodes", How: "an hourly task deletes those that are too old to be shown again"},
		db.End{Table: "epochs", How: "one row"},
		db.End{
			Table: "trusts",
			How:   "a trust that has expired or was used up is kept until a purge",
			Sweep: purgeTrusts.Before(),
		},
		db.End{Table: "limits", How: "with their project or domain"},
		db.End{Table: "project_endpoint_groups", How: "with their project or group"},
		db.End{Table: "project_endpoints", How: "with their project or endpoint"},
		db.End{Table: "policy_associations", How: "with their policy"},
		db.End{Table: "domain_options", How: "with their domain"},
		db.End{Table: "old_passwords", How: "only as many as a new password must differ from are kept; with their user"},
		db.End{Table: "federation_protocols", How: "with their provider"},
		db.End{Table: "federated_users", How: "with their user"},
		db.End{
			Table: "expiring_members",
			How:   "a membership that has expired is kept until a purge",
			Sweep: purgeExpiring.Before(),
		},
		db.End{Table: "directory_ids", How: "with their domain"},
	)
}
