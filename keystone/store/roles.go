package store

import (
	"context"

	"hypernova/keystone"
	"hypernova/oslo/db"
)

type roleRow struct {
	ID          string `db:"id" list:"id"`
	Name        string `db:"name" list:"name"`
	DomainID    string `db:"domain_id,once" list:"domain_id"`
	Description string `db:"description"`
	Options     object `db:"options"`
	Extra       extra  `db:"extra"`
}

type implicationRow struct {
	Prior   string `db:"prior_id"`
	Implied string `db:"implied_id"`
}

// Implication is a role that implies another: a user with Prior has Implied too.
type Implication struct{ Prior, Implied string }

type grantRow struct {
	Actor     string `db:"actor"`
	ActorID   string `db:"actor_id"`
	Target    string `db:"target"`
	TargetID  string `db:"target_id"`
	RoleID    string `db:"role_id"`
	Inherited bool   `db:"inherited"`
}

var (
	roles      = db.NewTable[roleRow](Statements, "roles", "id")
	roleAll    = roles.Query("ORDER BY id")
	roleUpdate = roles.Update("")
	roleDelete = roles.Delete("")
	roleList   = roles.List()
	rolesOf    = db.NewExec(Statements, `DELETE FROM roles WHERE domain_id = ?`)

	impliedRoles = db.NewTable[implicationRow](Statements, "implied_roles", "prior_id", "implied_id")
	implications = impliedRoles.Query("ORDER BY prior_id, implied_id")
	implyDelete  = impliedRoles.Delete("")

	grants = db.NewTable[grantRow](Statements, "grants",
		"actor_id", "target_id", "role_id", "actor", "target", "inherited")
	grantExists = db.NewQuery[int64](
		Statements,
		`SELECT COUNT(*) FROM grants WHERE actor_id = ? AND target_id = ? AND role_id = ?
		AND actor = ? AND target = ? AND inherited = ?`,
	)
	grantDelete = grants.Delete("")
	grantAll    = grants.Query("ORDER BY actor_id, target_id, role_id")
	grantsOn    = db.NewExec(Statements, `DELETE FROM grants WHERE target_id = ?`)
	grantsBy    = db.NewExec(Statements, `DELETE FROM grants WHERE actor_id = ? AND actor = ?`)
	// The primary key begins with actor_id: a user's grants and those of the user's groups are two index lookups.
	grantsForUser = db.NewQuery[grantRow](
		Statements,
		`SELECT `+grants.Columns("")+` FROM grants WHERE actor_id = ? AND actor = 'user'
		UNION ALL
		SELECT `+grants.Columns("")+` FROM grants
		WHERE actor = 'group' AND actor_id IN (SELECT group_id FROM group_members WHERE user_id = ?)`,
	)
	grantsOnTarget = grants.Query("target_id = ? ORDER BY actor_id, role_id")
	grantsOfActor  = grants.Query("actor_id = ? ORDER BY target_id, role_id")
	grantsInDomain = db.NewExec(Statements, `DELETE FROM grants WHERE target = 'project'
		AND target_id IN (SELECT id FROM projects WHERE domain_id = ?)`)
	grantsOfUsersIn = db.NewExec(Statements, `DELETE FROM grants WHERE actor = 'user'
		AND actor_id IN (SELECT id FROM users WHERE domain_id = ?)`)
	grantsOfGroupsIn = db.NewExec(Statements, `DELETE FROM grants WHERE actor = 'group'
		AND actor_id IN (SELECT id FROM user_groups WHERE domain_id = ?)`)
)

func roleRowOf(r keystone.Role) roleRow {
	return roleRow{r.ID, r.Name, r.DomainID, r.Description, object{V: r.Options}, extra{V: r.Extra}}
}

func roleOf(r roleRow) keystone.Role {
	return keystone.Role{
		ID:          r.ID,
		Name:        r.Name,
		DomainID:    r.DomainID,
		Description: r.Description,
		Options:     r.Options.V,
		Extra:       r.Extra.V,
	}
}

func grant(r grantRow) keystone.Grant {
	return keystone.Grant{
		Actor:     r.Actor,
		ActorID:   r.ActorID,
		Target:    r.Target,
		TargetID:  r.TargetID,
		RoleID:    r.RoleID,
		Inherited: r.Inherited,
	}
}

// Role returns a role; fault.NotFound.
func Role(ctx context.Context, q db.Querier, id string) (keystone.Role, error) {
	r, err := roles.Get(ctx, q, id)
	return roleOf(r), err
}

// AllRoles returns all roles; a cloud has few.
func AllRoles(ctx context.Context, q db.Querier) ([]keystone.Role, error) {
	rs, err := roleAll.All(ctx, q)
	return convert(rs, roleOf), err
}

// Roles returns one page.
func Roles(ctx context.Context, q db.Querier, a db.ListArgs) ([]keystone.Role, error) {
	rs, err := roleList.Page(ctx, q, a)
	return convert(rs, roleOf), err
}

// InsertRole inserts a role; fault.Conflict for a taken name.
func InsertRole(ctx context.Context, tx *db.Tx, r keystone.Role) error {
	return roles.Insert(ctx, tx, roleRowOf(r))
}

// UpdateRole writes every attribute of a role but its domain; fault.Conflict for a taken name.
func UpdateRole(ctx context.Context, tx *db.Tx, r keystone.Role) error {
	_, err := roleUpdate.Do(ctx, tx, roleRowOf(r))
	return err
}

// DeleteRole deletes a role and every grant of it.
func DeleteRole(ctx context.Context, tx *db.Tx, id string) error {
	return gone(roleDelete.Do(ctx, tx, id))
}

// DeleteRolesOf deletes the roles of a domain.
func DeleteRolesOf(ctx context.Context, tx *db.Tx, domain string) error {
	_, err := rolesOf.Do(ctx, tx, domain)
	return err
}

// Implications returns all implications of roles.
func Implications(ctx context.Context, q db.Querier) ([]Implication, error) {
	rs, err := implications.All(ctx, q)
	return convert(rs, func(r implicationRow) Implication { return Implication(r) }), err
}

// Imply inserts an implication; fault.Conflict if it exists.
func Imply(ctx context.Context, tx *db.Tx, i Implication) error {
	return impliedRoles.Insert(ctx, tx, implicationRow(i))
}

// Unimply removes an implication and reports whether it was there.
func Unimply(ctx context.Context, tx *db.Tx, i Implication) (bool, error) {
	n, err := implyDelete.Do(ctx, tx, i.Prior, i.Implied)
	return n > 0, err
}

// Granted reports whether exactly this grant is there.
func Granted(ctx context.Context, q db.Querier, g keystone.Grant) (bool, error) {
	n, err := grantExists.One(ctx, q, g.ActorID, g.TargetID, g.RoleID, g.Actor, g.Target, g.Inherited)
	return n > 0, err
}

// InsertGrant adds a grant; there already is no error.
func InsertGrant(ctx context.Context, tx *db.Tx, g keystone.Grant) error {
	if there, err := Granted(ctx, tx, g); err != nil || there {
		return err
	}
	return grants.Insert(ctx, tx, grantRow{g.Actor, g.ActorID, g.Target, g.TargetID, g.RoleID, g.Inherited})
}

// DeleteGrant deletes a grant and reports whether it was there.
func DeleteGrant(ctx context.Context, tx *db.Tx, g keystone.Grant) (bool, error) {
	n, err := grantDelete.Do(ctx, tx, g.ActorID, g.TargetID, g.RoleID, g.Actor, g.Target, g.Inherited)
	return n > 0, err
}

// GrantsFor returns the grants of a user and of the groups the user is in.
func GrantsFor(ctx context.Context, q db.Querier, user string) ([]keystone.Grant, error) {
	rs, err := grantsForUser.All(ctx, q, user, user)
	return convert(rs, grant), err
}

// GrantsOn returns the grants on a target.
func GrantsOn(ctx context.Context, q db.Querier, target string) ([]keystone.Grant, error) {
	rs, err := grantsOnTarget.All(ctx, q, target)
	return convert(rs, grant), err
}

// GrantsOf returns the grants of an actor itself.
func GrantsOf(ctx context.Context, q db.Querier, actor string) ([]keystone.Grant, error) {
	rs, err := grantsOfActor.All(ctx, q, actor)
	return convert(rs, grant), err
}

// Grants returns all grants.
func Grants(ctx context.Context, q db.Querier) ([]keystone.Grant, error) {
	rs, err := grantAll.All(ctx, q)
	return convert(rs, grant), err
}

func deleteGrantsOn(ctx context.Context, tx *db.Tx, target string) error {
	_, err := grantsOn.Do(ctx, tx, target)
	return err
}

func deleteGrantsOf(ctx context.Context, tx *db.Tx, actor, id string) error {
	_, err := grantsBy.Do(ctx, tx, id, actor)
	return err
}

// DeleteGrantsOn deletes what was granted on a target.
func DeleteGrantsOn(ctx context.Context, tx *db.Tx, target string) error {
	return deleteGrantsOn(ctx, tx, target)
}
